"""The real git, git-lfs and libgit2 against the hub over SSH."""

import json
import os
import subprocess
import urllib.error
import urllib.request

import pytest

from harness.git import LIMIT, Git, by_another_client, create, pkt, write
from harness.ssh import Ssh


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    listening = Ssh(tmp_path_factory.mktemp("ssh"))
    yield listening
    listening.hub.stop()


@pytest.mark.parametrize("sort", ["ed25519", "ecdsa", "rsa"])
def test_a_key_of_the_api_opens_the_door_until_it_is_taken_away(ssh, sort):
    assert "Permission denied" in ssh.run(sort).stderr
    key = ssh.admit(sort)
    greeted = ssh.run(sort)
    assert greeted.returncode == 0 and f"Hi {ssh.hub.user}" in greeted.stdout, greeted.stderr
    for refused in ("rm -rf /", "git-upload-archive 'a/b'", "sh"):
        assert "no command here" in ssh.run(sort, refused).stderr
    ssh.hub.call("DELETE", f"/api/user/keys/{key}")
    assert "Permission denied" in ssh.run(sort).stderr


def test_clone_push_and_large_files_go_over_ssh(ssh, tmp_path, history):
    git = Git(tmp_path / "home", ssh.hub, None)
    key = ssh.admit("ed25519")
    git.variables["GIT_SSH_COMMAND"] = ssh.command("ed25519")
    name = create(ssh.hub, "over-ssh").removeprefix(ssh.hub.endpoint)
    address = f"ssh://{ssh.address}{name}.git"
    git(history, "push", "--quiet", "--force", address, "refs/*:refs/*")
    for version in ("0", "2"):
        clone = tmp_path / f"clone-{version}"
        git(tmp_path, "-c", f"protocol.version={version}", "clone", "--quiet", "--mirror", address, str(clone))
        assert git.refs(clone) == git.refs(history)
    work = tmp_path / "work"
    git(tmp_path, "clone", "--quiet", "--depth=2", address, str(work))
    git(work, "lfs", "install", "--local")
    content = os.urandom(200_000)
    (work / "weights.safetensors").write_bytes(content)
    write(work, {".gitattributes": "*.safetensors filter=lfs diff=lfs merge=lfs -text\n"})
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message", "weights")
    git(work, "push", "--quiet", "origin", "main")
    other = tmp_path / "other"
    git(tmp_path, "-c", "filter.lfs.required=false", "clone", "--quiet", address, str(other))
    git(other, "lfs", "install", "--local")
    git(other, "lfs", "pull")
    assert (other / "weights.safetensors").read_bytes() == content
    absent = git.attempt(tmp_path, "clone", f"ssh://{ssh.address}/{ssh.hub.user}/nothing", str(tmp_path / "nothing"))
    assert absent.returncode != 0 and b"Repository not found" in absent.stderr
    ssh.hub.call("DELETE", f"/api/user/keys/{key}")


def test_libgit2_pushes_over_ssh_and_never_closes_its_side(ssh, tmp_path, history):
    git = Git(tmp_path / "home", ssh.hub, None)
    key = ssh.admit("ed25519")
    git.variables["GIT_SSH_COMMAND"] = ssh.command("ed25519")
    name = create(ssh.hub, "libgit2-over-ssh").removeprefix(ssh.hub.endpoint)
    address = f"ssh://{ssh.address}{name}"
    git(history, "push", "--quiet", "--force", address, "refs/heads/main")
    made = by_another_client(
        git, "libgit2.py", address, tmp_path / "clone", "by-libgit2", "--key", str(ssh.keys["ed25519"])
    )
    assert git(tmp_path, "ls-remote", address, "refs/heads/*") == f"{made['made']}\trefs/heads/main"
    ssh.hub.call("DELETE", f"/api/user/keys/{key}")


def test_a_fetch_over_ssh_ends_when_its_client_is_gone(ssh, tmp_path):
    git = Git(tmp_path / "home", ssh.hub, None)
    key = ssh.admit("ed25519")
    git.variables["GIT_SSH_COMMAND"] = ssh.command("ed25519")
    name = create(ssh.hub, "left-in-the-middle").removeprefix(ssh.hub.endpoint)
    work = tmp_path / "work"
    git(tmp_path, "init", "--quiet", str(work))
    for number in range(8):
        (work / f"noise-{number}").write_bytes(os.urandom(2 << 20))
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message", "more than fits into a window")
    git(work, "push", "--quiet", "--force", f"ssh://{ssh.address}{name}", "main")
    head = git(work, "rev-parse", "HEAD")

    asked = f"git-upload-pack '{name}'"
    host, port = ssh.address.split(":")
    command = [*ssh.command("ed25519").split(), "-p", port, "-T", host, asked]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    client.stdin.write(pkt(f"want {head} ofs-delta\n".encode()) + b"0000" + pkt(b"done\n"))
    client.stdin.flush()
    came = b""
    while b"PACK" not in came:
        came += os.read(client.stdout.fileno(), 4096)
    client.kill()
    client.communicate(timeout=LIMIT)
    ssh.hub.wait_for_line(asked, "answered")
    ssh.hub.call("DELETE", f"/api/user/keys/{key}")


def test_a_pass_of_git_lfs_is_good_for_its_repository_and_what_was_asked(ssh):
    key = ssh.admit("ed25519")
    one, other = (create(ssh.hub, name, private=True).removeprefix(ssh.hub.endpoint) for name in ("pass-one", "pass-other"))
    answer = json.loads(ssh.run("ed25519", f"git-lfs-authenticate {one} download").stdout)
    assert answer["href"] == f"{ssh.hub.endpoint}{one}.git/info/lfs" and answer["expires_in"] > 0

    def status(repository: str, operation: str) -> int:
        body = json.dumps({"operation": operation, "objects": [{"oid": "ab" * 32, "size": 1}]}).encode()
        headers = answer["header"] | {"Content-Type": "application/vnd.git-lfs+json"}
        url = f"{ssh.hub.endpoint}{repository}.git/info/lfs/objects/batch"
        try:
            return urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60).status
        except urllib.error.HTTPError as error:
            return error.code

    assert status(one, "download") == 200
    assert status(one, "upload") == 403
    assert status(other, "download") in (401, 404)
    ssh.hub.call("DELETE", f"/api/user/keys/{key}")
    assert status(one, "download") == 401, "the key is gone, and the pass with it"
