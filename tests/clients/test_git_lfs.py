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

from harness.environments import client_variables, environment, run

LIMIT = 60
# A client that sends large files by Xet and fetches by it what the hub has in that form.
HF = environment("hub-2.4") / "bin" / "hf"


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


def test_what_came_by_xet_is_fetched_by_git_lfs_and_by_curl(hub, tmp_path):
    repository = new_repository(hub, private=True)
    content = random.randbytes(25_000_000)
    (tmp_path / "model.safetensors").write_bytes(content)
    variables = client_variables(hub.endpoint, hub.token, tmp_path / "home", xet=True)
    run([HF, "upload", repository, tmp_path / "model.safetensors"], variables, LIMIT)
    assert "xetHash" in described(hub, repository, "model.safetensors")

    receiver = Clone(tmp_path / "receiver", hub, repository, hub.token)
    assert receiver.git("lfs", "smudge", stdin=pointer(content)) == content
    url = f"{hub.endpoint}/{repository}/resolve/main/model.safetensors"
    for first, last in ((0, 0), (4_000_000, 9_200_001), (24_999_990, 24_999_999), (0, 24_999_999)):
        curl = ["curl", "--silent", "--fail", "--location", "--oauth2-bearer", hub.token, "--range", f"{first}-{last}"]
        assert subprocess.check_output([*curl, url], timeout=LIMIT) == content[first : last + 1], (first, last)


def test_what_came_by_git_lfs_is_fetched_by_a_client_that_knows_xet(hub, tmp_path):
    repository = new_repository(hub, private=True)
    content = random.randbytes(25_000_000)
    sender = Clone(tmp_path / "sender", hub, repository, hub.token)
    sender.git("lfs", "push", "--object-id", "origin", sender.store(content))
    commit_pointers(hub, repository, [content])
    assert "xetHash" not in described(hub, repository, "0.bin")

    variables = client_variables(hub.endpoint, hub.token, tmp_path / "home", xet=True)
    run([HF, "download", repository, "0.bin", "--local-dir", tmp_path], variables, LIMIT)
    assert (tmp_path / "0.bin").read_bytes() == content


def test_what_came_by_git_lfs_is_cut_into_chunks_that_a_client_does_not_send_again(hub, tmp_path):
    repository = new_repository(hub)
    content = random.randbytes(25_000_000)
    sender = Clone(tmp_path / "sender", hub, repository, hub.token)
    sender.git("lfs", "push", "--object-id", "origin", sender.store(content))
    commit_pointers(hub, repository, [content])
    hub.command("storage", "chunk")

    assert "xetHash" in described(hub, repository, "0.bin")
    before = hub.storage_stats()["xet"]
    edited = content[:10_000_000] + b"something else" + content[10_000_000:]
    (tmp_path / "1.bin").write_bytes(edited)
    variables = client_variables(hub.endpoint, hub.token, tmp_path / "home", xet=True)
    run([HF, "upload", repository, tmp_path / "1.bin"], variables, LIMIT)
    assert hub.storage_stats()["xet"]["stored_bytes"] - before["stored_bytes"] < 1_000_000

    run([HF, "download", repository, "--local-dir", tmp_path / "down"], variables, LIMIT)
    receiver = Clone(tmp_path / "receiver", hub, repository, hub.token)
    for path, expected in (("0.bin", content), ("1.bin", edited)):
        assert (tmp_path / "down" / path).read_bytes() == expected
        assert receiver.git("lfs", "smudge", stdin=pointer(expected)) == expected


def described(hub, repository: str, path: str) -> dict:
    (found,) = call(hub, "POST", f"/api/models/{repository}/paths-info/main", json.dumps({"paths": [path]}).encode())
    return found


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_what_another_client_uploaded_is_stored_once_when_git_lfs_pushes_it_elsewhere(hub, tmp_path, xet):
    content = random.randbytes(25_000_000)
    (tmp_path / "model.safetensors").write_bytes(content)
    variables = client_variables(hub.endpoint, hub.token, tmp_path / "home", xet=xet)
    run([HF, "upload", new_repository(hub), tmp_path / "model.safetensors"], variables, LIMIT)
    before = hub.storage_stats()["stored_bytes"]

    repository = new_repository(hub)
    sender = Clone(tmp_path / "sender", hub, repository, hub.token)
    sender.git("lfs", "push", "--object-id", "origin", sender.store(content))
    commit_pointers(hub, repository, [content])
    assert hub.storage_stats()["stored_bytes"] - before < 10_000
    receiver = Clone(tmp_path / "receiver", hub, repository, hub.token)
    assert receiver.git("lfs", "smudge", stdin=pointer(content)) == content
