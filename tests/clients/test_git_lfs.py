"""The real git-lfs against the batch API. Its clone of the git side is played by a commit through the hub's API."""

import hashlib
import json
import os
import random
import secrets
import subprocess
import urllib.request
from urllib.parse import urlsplit

import pytest

LIMIT = 60


class Clone:
    """A local git repository that knows the hub as the LFS server of its remote."""

    def __init__(self, folder, hub, repository: str, token: str | None):
        self.folder = folder
        folder.mkdir()
        address = urlsplit(hub.endpoint)
        credentials = folder.parent / f"{folder.name}-credentials"
        if token:
            credentials.write_text(f"http://{hub.user}:{token}@{address.netloc}\n")
        self._variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "false",
            "NO_PROXY": "127.0.0.1",
        }
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("lfs", "install", "--local")
        self.git("remote", "add", "origin", f"{hub.endpoint}/{repository}.git")
        self.git("config", "credential.helper", f"store --file={credentials}")
        self.git("config", "lfs.url", f"{hub.endpoint}/{repository}.git/info/lfs")
        self.git("config", "lfs.transfer.maxretries", "1")

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        done = self.try_git(*arguments, stdin=stdin)
        assert done.returncode == 0, f"git {' '.join(arguments)}:\n{done.stderr.decode(errors='replace')}"
        return done.stdout

    def try_git(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
        return subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self._variables, input=stdin, capture_output=True, timeout=LIMIT
        )

    def store(self, content: bytes) -> str:
        """Puts content among the local large objects, as `git add` of a tracked file does; answers its oid."""
        self.git("lfs", "clean", "--", "file.bin", stdin=content)
        return hashlib.sha256(content).hexdigest()


def pointer(content: bytes) -> bytes:
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()


def call(hub, method: str, path: str, body: bytes, content_type: str = "application/json") -> dict:
    request = urllib.request.Request(
        f"{hub.endpoint}{path}",
        data=body,
        method=method,
        headers={"Authorization": f"Bearer {hub.token}", "Content-Type": content_type},
    )
    with urllib.request.urlopen(request, timeout=LIMIT) as answer:
        return json.load(answer)


def new_repository(hub, **options) -> str:
    name = f"git-lfs-{secrets.token_hex(4)}"
    call(hub, "POST", "/api/repos/create", json.dumps({"name": name, "type": "model", **options}).encode())
    return f"{hub.user}/{name}"


def commit_pointers(hub, repository: str, contents: list[bytes]) -> None:
    lines = [{"key": "header", "value": {"summary": "What git-lfs brought"}}]
    for number, content in enumerate(contents):
        oid = hashlib.sha256(content).hexdigest()
        value = {"path": f"{number}.bin", "algo": "sha256", "oid": oid, "size": len(content)}
        lines.append({"key": "lfsFile", "value": value})
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    call(hub, "POST", f"/api/models/{repository}/commit/main", body, "application/x-ndjson")


@pytest.mark.parametrize("private", [False, True])
def test_objects_pushed_by_git_lfs_come_back_by_git_lfs(hub, tmp_path, private):
    repository = new_repository(hub, private=private)
    contents = [random.randbytes(size) for size in (1, 70_000, 25_000_000)]
    sender = Clone(tmp_path / "sender", hub, repository, hub.token)
    oids = [sender.store(content) for content in contents]
    sender.git("lfs", "push", "--object-id", "origin", *oids)
    commit_pointers(hub, repository, contents)

    receiver = Clone(tmp_path / "receiver", hub, repository, hub.token)
    for content in contents:
        assert receiver.git("lfs", "smudge", stdin=pointer(content)) == content


def test_what_is_public_is_fetched_by_git_lfs_without_credentials(hub, tmp_path):
    repository = new_repository(hub)
    content = random.randbytes(70_000)
    sender = Clone(tmp_path / "sender", hub, repository, hub.token)
    sender.git("lfs", "push", "--object-id", "origin", sender.store(content))
    commit_pointers(hub, repository, [content])

    receiver = Clone(tmp_path / "receiver", hub, repository, token=None)
    assert receiver.git("lfs", "smudge", stdin=pointer(content)) == content


def test_git_lfs_without_credentials_neither_pushes_nor_fetches_what_is_private(hub, tmp_path):
    repository = new_repository(hub, private=True)
    content = random.randbytes(70_000)
    sender = Clone(tmp_path / "sender", hub, repository, hub.token)
    sender.git("lfs", "push", "--object-id", "origin", sender.store(content))
    commit_pointers(hub, repository, [content])

    stranger = Clone(tmp_path / "stranger", hub, repository, token=None)
    assert stranger.try_git("lfs", "smudge", stdin=pointer(content)).returncode != 0
    assert stranger.try_git("lfs", "push", "--object-id", "origin", stranger.store(b"new")).returncode != 0
