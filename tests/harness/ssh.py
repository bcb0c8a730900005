"""A hub that git reaches by SSH."""

import re
import subprocess
from pathlib import Path

from harness.git import LIMIT
from harness.hub import Hub


class Ssh:
    """A hub that listens for SSH, and keys that are its administrator's."""

    def __init__(self, folder: Path, settings: dict[str, object] | None = None):
        self.folder = folder
        self.hub = Hub(folder / "data", {"ssh.listen": "127.0.0.1:0"} | (settings or {}))
        self.address = re.search(r"listening on ssh://(git@127\.0\.0\.1:\d+)", self.hub.log()).group(1)
        self.keys = {sort: self._key(sort) for sort in ("ed25519", "ecdsa", "rsa")}

    def _key(self, sort: str) -> Path:
        path = self.folder / sort
        subprocess.run(["ssh-keygen", "-q", "-t", sort, "-N", "", "-f", str(path)], check=True, timeout=LIMIT)
        return path

    def admit(self, sort: str) -> int:
        body = {"title": sort, "key": self.keys[sort].with_suffix(".pub").read_text()}
        return self.hub.call("POST", "/api/user/keys", body)["id"]

    def command(self, sort: str) -> str:
        """What git calls ssh with."""
        options = f"-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={self.folder}/known -o BatchMode=yes"
        return f"ssh -F none -o IdentitiesOnly=yes -o IdentityAgent=none -i {self.keys[sort]} {options}"

    def run(self, sort: str, *words: str) -> subprocess.CompletedProcess:
        host, port = self.address.split(":")
        command = [*self.command(sort).split(), "-p", port, "-T", host, *words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, text=True)
