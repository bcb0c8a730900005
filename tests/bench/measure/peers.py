"""Servers that ours is held against."""

import http.client
import os
import shutil
import subprocess
import sys
from pathlib import Path

from measure.machine import ROOT, TOOLS
from measure.process import Server, free_port

NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    types {{ }}
    default_type application/octet-stream;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        {sending}
        # A POST is answered with a file too.
        error_page 405 =200 $uri;
    }}
}}
"""

SENDING = {"sendfile": "sendfile on;", "copy": "sendfile off; output_buffers 2 512k;"}


class Nginx(Server):
    """Files of a folder. `sending` is `sendfile` or `copy`."""

    def __init__(self, folder: Path, root: Path, sending: str):
        folder = folder / f"nginx-{sending}"
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, root=root, port=self.port, sending=SENDING[sending]))
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        super().__init__([program, "-c", config, "-p", folder], folder / "log")
        self.listening_on(self.port)


class S3sFs(Server):
    """An S3 server over the same stack as ours (hyper and Tokio). Objects are files of `root/BUCKET`."""

    def __init__(self, folder: Path, root: Path):
        root.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        command = [TOOLS / "bin" / "s3s-fs", "--host", "127.0.0.1", "--port", self.port, root]
        super().__init__(command, folder / "s3s-fs.log")
        self.listening_on(self.port)


class LocalCas(Server):
    """The store that comes with the client for Xet, on disk in `data`. Its xorbs are files of `data/xorbs`."""

    def __init__(self, folder: Path):
        subprocess.run([ROOT / "tests" / "setup" / "local-cas-server"], check=True)
        self.data = folder / "local-cas"
        self.data.mkdir(parents=True)
        self.port = free_port()
        program = TOOLS / "bin" / "local_cas_server"
        super().__init__([program, "--data-directory", self.data, "--port", self.port], folder / "local-cas.log")
        self.listening_on(self.port)


class StandIn(Server):
    """The hub in front of it, of which stand_in.py tells. `cas` and `files` are addresses."""

    def __init__(self, folder: Path, cas: str = "", files: str = ""):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        program = Path(__file__).parent / "stand_in.py"
        super().__init__([sys.executable, "-B", program, self.port, cas, files, folder], folder / "stand-in.log")
        self.listening_on(self.port)

    def knows(self, sha256: str, xet: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("PUT", f"/known/{sha256}/{xet}", headers={"Content-Length": "0"})
        assert connection.getresponse().status == 200
