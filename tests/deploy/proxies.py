"""nginx and Caddy, started by the examples of deploy/ with other ports and a certificate of this run."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

from harness.environments import ROOT

DEPLOY = ROOT / "deploy"
NAME = "hub.example.org"
LIMIT = 30
TRIES = 5


def free_ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


class Proxy:
    """A running proxy: `http` and `https` are its ports, `authority` the certificates that clients trust."""

    # What it says when it listens.
    SAYS = ""

    def __init__(self, folder: Path, *upstream: str):
        self.folder = folder
        self.upstream = upstream
        self._lines: list[str] = []
        # Somebody else may take the free ports before the proxy does.
        for _ in range(TRIES):
            self.http, self.https = free_ports(2)
            self._process = subprocess.Popen(
                self.command(self.configure()),
                env=os.environ | self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            self._listens, said = False, threading.Event()
            self._reader = threading.Thread(target=self._read, args=(said,), daemon=True)
            self._reader.start()
            if said.wait(LIMIT) and self._listens:
                break
            self.stop()
        else:
            raise RuntimeError(f"the proxy does not start:\n{self.log()}")
        self.trust = ssl.create_default_context(cafile=self.authority)
        self.site = f"{NAME}:{self.https}"
        self._wait_for_certificate()

    def _wait_for_certificate(self) -> None:
        """Caddy listens before it has made one."""
        end = time.monotonic() + LIMIT
        while True:
            try:
                self.connect().close()
                return
            except ssl.SSLError:
                if time.monotonic() > end:
                    raise

    def _read(self, said: threading.Event) -> None:
        for line in self._process.stderr:
            self._lines.append(line)
            if self.SAYS in line:
                self._listens = True
                said.set()
        said.set()

    def variables(self) -> dict[str, str]:
        return {}

    def log(self, last: int = 100) -> str:
        return "".join(self._lines[-last:])

    def connect(self, client: str = "127.0.0.1") -> http.client.HTTPSConnection:
        """A connection of the client at this address, by the hub's name."""
        raw = socket.create_connection(("127.0.0.1", self.https), LIMIT, source_address=(client, 0))
        connection = http.client.HTTPSConnection(NAME, self.https, timeout=LIMIT)
        connection.sock = self.trust.wrap_socket(raw, server_hostname=NAME)
        return connection

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(LIMIT)
        self._reader.join(LIMIT)


class Nginx(Proxy):
    SAYS = "start worker process"
    EXAMPLE = DEPLOY / "nginx" / "ballast.conf"

    def configure(self) -> Path:
        certificate, key = self.folder / "hub.pem", self.folder / "hub.key"
        self.authority = certificate
        if not certificate.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
                + ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", key, "-out", certificate],
                check=True,
                capture_output=True,
                timeout=LIMIT,
            )
        example = self.EXAMPLE.read_text()
        for written, here in {
            "server 127.0.0.1:28080;": "".join(f"server {node};" for node in self.upstream),
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "    listen [::]:80;\n": "",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.https} ssl http2;",
            "    listen [::]:443 ssl http2;\n": "",
            "/etc/ssl/hub.example.org.pem": str(certificate),
            "/etc/ssl/private/hub.example.org.key": str(key),
        }.items():
            assert example.count(written) == 1, f"{written!r} stands {example.count(written)} times in {self.EXAMPLE}"
            example = example.replace(written, here)
        site = self.folder / "ballast.conf"
        site.write_text(example)
        config = self.folder / "nginx.conf"
        # Like Debian's own: gzip is on there. Whatever lies on disk for a while lies in `spool`.
        spool = "".join(
            f"{kind}_temp_path {self.folder}/spool/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "spool").mkdir(exist_ok=True)
        config.write_text(
            f"{'user root;' if os.getuid() == 0 else ''}\n"
            f"daemon off;\npid {self.folder}/pid;\nerror_log stderr notice;\nworker_processes 2;\n"
            "events { worker_connections 512; }\n"
            f"http {{\naccess_log off;\nsendfile on;\ngzip on;\n{spool}include {site};\n}}\n"
        )
        return config

    def command(self, config: Path) -> list:
        return ["nginx", "-p", self.folder, "-e", "stderr", "-c", config]

    def check(self, config: Path) -> list:
        return [*self.command(config), "-t"]


class Caddy(Proxy):
    SAYS = "serving initial configuration"
    EXAMPLE = DEPLOY / "caddy" / "Caddyfile"

    def configure(self) -> Path:
        """The example as it is, below options for a machine without a name: its own authority, other ports."""
        storage = self.folder / "storage"
        self.authority = storage / "pki" / "authorities" / "local" / "root.crt"
        config = self.folder / "Caddyfile"
        config.write_text(
            "{\n\tadmin off\n\tgrace_period 1s\n\tdefault_bind 127.0.0.1\n\tlocal_certs\n\tskip_install_trust\n"
            f"\thttp_port {self.http}\n\thttps_port {self.https}\n\tstorage file_system {storage}\n}}\n\n"
            f"import {self.EXAMPLE}\n"
        )
        return config

    def variables(self) -> dict[str, str]:
        return {"BALLAST_UPSTREAM": " ".join(self.upstream), "HOME": str(self.folder)}

    def command(self, config: Path) -> list:
        return ["caddy", "run", "--config", config, "--adapter", "caddyfile"]

    def check(self, config: Path) -> list:
        return ["caddy", "validate", "--config", config, "--adapter", "caddyfile"]


PROXIES = [Nginx, Caddy]
