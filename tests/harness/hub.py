"""Starts the real `ballast` on a data folder of its own, and ends it by its process id."""

import base64
import json
import os
import re
import signal
import subprocess
import threading
import urllib.request
from pathlib import Path

from harness.environments import ROOT

START_LIMIT = 60
STOP_LIMIT = 30
COMMAND_LIMIT = 120
LISTENING = re.compile(r"listening on (http://127\.0\.0\.1:\d+)")


class Hub:
    """A running hub: where it listens, its administrator's name and token."""

    def __init__(self, data_dir: Path, settings: dict[str, object], config: Path | None = None):
        self.data_dir = data_dir
        self._lines: list[str] = []
        self._endpoint: str | None = None
        self._said_where_or_ended = threading.Event()
        self._said = threading.Condition()

        self._binary = str(os.environ.get("BALLAST_BIN", ROOT / "target" / "debug" / "ballast"))
        # Whether clients send bytes to the storage, and get them from it, by signed URLs.
        self.signed = settings.get("storage.main.config.presign") == "on"
        self._settings = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        if config:
            self._settings += ["--config", str(config)]
        command = [self._binary, "serve", "--data-dir", str(data_dir), "--listen", "127.0.0.1:0", *self._settings]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

        try:
            self._said_where_or_ended.wait(START_LIMIT)
            if self._endpoint is None:
                raise RuntimeError(f"the hub did not say where it listens:\n{self.log()}")
            self.endpoint = self._endpoint
            self.token = (data_dir / "admin-token").read_text().strip()
            self.user = self._name_of_administrator()
        except BaseException:
            self._process.kill()
            self._process.wait(STOP_LIMIT)
            raise

    def _read_output(self) -> None:
        for line in self._process.stdout:
            with self._said:
                self._lines.append(line)
                self._said.notify_all()
            found = LISTENING.search(line)
            if found and self._endpoint is None:
                self._endpoint = found.group(1)
                self._said_where_or_ended.set()
        self._said_where_or_ended.set()

    def _name_of_administrator(self) -> str:
        request = urllib.request.Request(
            f"{self.endpoint}/api/whoami-v2", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=START_LIMIT) as answer:
            return json.load(answer)["name"]

    def call(self, method: str, path: str, body: dict | None = None):
        """What the hub's API answers its administrator."""
        return self._send(method, path, json.dumps(body).encode() if body is not None else None, "application/json")

    def commit(self, repository: str, summary: str, files: dict[str, str], kind: str = "models") -> str:
        """A commit of small files to the main branch; answers its id."""
        lines = [{"key": "header", "value": {"summary": summary}}]
        for path, text in files.items():
            content = base64.b64encode(text.encode()).decode()
            lines.append({"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}})
        body = "".join(json.dumps(line) + "\n" for line in lines).encode()
        answer = self._send("POST", f"/api/{kind}/{repository}/commit/main", body, "application/x-ndjson")
        return answer["commitOid"]

    def _send(self, method: str, path: str, body: bytes | None, media: str):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": media}
        request = urllib.request.Request(f"{self.endpoint}{path}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=START_LIMIT) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def storage_stats(self) -> dict:
        return json.loads(self.command("storage", "stats", "--json"))

    def command(self, *words: str) -> str:
        """What another command of the same binary prints, beside the running hub."""
        command = [self._binary, *words, "--data-dir", str(self.data_dir), *self._settings]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=COMMAND_LIMIT, text=True)
        return done.stdout

    def log(self, last: int = 200) -> str:
        """The last lines that the hub printed."""
        return "".join(self._lines[-last:])

    def wait_for_line(self, *parts: str) -> str:
        """The first line that the hub printed, or prints by and by, with all of these in it."""

        def found() -> str | None:
            return next((line for line in self._lines if all(part in line for part in parts)), None)

        with self._said:
            line = self._said.wait_for(found, COMMAND_LIMIT)
        assert line, f"no line says {parts}:\n{self.log()}"
        return line

    def stop(self) -> None:
        """Asks the hub to end, and insists that it does so by itself and without a complaint."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise RuntimeError(f"the hub did not end within {STOP_LIMIT} s of SIGTERM:\n{self.log()}") from None
        self._reader.join(STOP_LIMIT)
        if status != 0:
            raise RuntimeError(f"the hub ended with {status} on SIGTERM:\n{self.log()}")
