"""git as somebody runs it who uses the hub, and other clients that speak its protocol."""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from harness.environments import TESTS, python_of
from harness.hub import Hub

LIMIT = 300


class Git:
    """git as somebody runs it who has a token."""

    def __init__(self, home: Path, hub: Hub, token: str | None):
        self.hub, self.home = hub, home
        home.mkdir(parents=True)
        if token:
            address = urlsplit(hub.endpoint)
            (home / ".git-credentials").write_text(f"http://{hub.user}:{token}@{address.netloc}\n")
        (home / ".gitconfig").write_text(
            "[user]\n name = Ada\n email = ada@example.org\n[init]\n defaultBranch = main\n[advice]\n detachedHead = false\n"
            f"[credential]\n helper = store --file={home}/.git-credentials\n"
        )
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "false",
            "NO_PROXY": "127.0.0.1",
        }

    def attempt(self, folder: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
        return subprocess.run(
            ["git", *words], cwd=folder, env=self.variables, input=stdin, capture_output=True, timeout=LIMIT
        )

    def __call__(self, folder: Path, *words: str, stdin: bytes = b"") -> str:
        done = self.attempt(folder, *words, stdin=stdin)
        assert done.returncode == 0, f"git {' '.join(words)}:\n{done.stderr.decode(errors='replace')}"
        return done.stdout.decode(errors="replace").strip()

    def refs(self, folder: Path) -> str:
        return self(folder, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags")


def create(hub: Hub, name: str, **more) -> str:
    hub.call("POST", "/api/repos/create", {"type": "model", "name": name} | more)
    return f"{hub.endpoint}/{hub.user}/{name}"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def packed(folder: Path) -> int:
    """How long the packs of a bare repository are."""
    return sum(path.stat().st_size for path in folder.glob("objects/pack/*.pack"))


def by_another_client(git: Git, program: str, address: str, folder: Path, name: str, *secret: str) -> dict:
    """What a client made that is not git; it has cloned, fetched, pushed to `main` and to a branch, and deleted that."""
    command = [python_of("git"), "-B", TESTS / "clients" / "programs" / program, address, folder, name, *secret]
    done = subprocess.run([str(word) for word in command], env=git.variables, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pkt(text: bytes) -> bytes:
    return b"%04x" % (len(text) + 4) + text
