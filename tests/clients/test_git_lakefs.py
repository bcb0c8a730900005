"""The real git against a hub whose commits are in lakeFS: it clones and fetches, with the ids that the API tells, and its
pushes are refused with a sentence."""

import os
from pathlib import Path

import pytest

from harness.git import Git, create, write
from harness.hub import Hub
from harness.lakefs import LakeFs
from harness.ssh import Ssh

NO_PUSHES = b"takes no pushes by git"


class Moved:
    """A hub on lakeFS, by HTTP and SSH, with a history in it that was pushed to the native engine and moved over."""

    def __init__(self, folder: Path, history: Path):
        self.lakefs = LakeFs()
        native = {"repositories.versioning": "main", "versioning.main.plugin": "versioning.native"}
        both = native | self.lakefs.settings("lake")
        hub = Hub(folder / "data", both)
        git = Git(folder / "home-before", hub, hub.token)
        address = create(hub, "moved")
        self.weights = os.urandom(100_000)
        self.history = self._with_weights(git, history, folder / "history", address)
        hub.command("versioning", "migrate", "--from", "main", "--to", "lake", "--while-serving")
        hub.stop()
        hub.command("versioning", "migrate", "--from", "main", "--to", "lake")
        self.ssh = Ssh(folder, both | {"repositories.versioning": "lake"})
        self.hub = self.ssh.hub
        self.name = f"{self.hub.user}/moved"
        self.address = f"{self.hub.endpoint}/{self.name}"

    def _with_weights(self, git: Git, history: Path, folder: Path, address: str) -> Path:
        """The history with a commit on top that has a large file, which stands in git as a pointer."""
        git(history, "push", "--quiet", "--force", address, "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")
        work = folder.with_name("work")
        git(folder.parent, "clone", "--quiet", address, str(work))
        git(work, "lfs", "install", "--local")
        (work / "weights.safetensors").write_bytes(self.weights)
        write(work, {".gitattributes": "*.safetensors filter=lfs diff=lfs merge=lfs -text\n"})
        git(work, "add", ".")
        git(work, "commit", "--quiet", "--message", "weights")
        git(work, "push", "--quiet", "origin", "HEAD:main")
        git(folder.parent, "clone", "--quiet", "--mirror", address, str(folder))
        return folder

    def stop(self) -> None:
        self.hub.stop()
        self.lakefs.stop()


@pytest.fixture(scope="module")
def moved(tmp_path_factory, history):
    moved = Moved(tmp_path_factory.mktemp("moved"), history)
    yield moved
    moved.stop()


@pytest.fixture
def git(moved, tmp_path) -> Git:
    return Git(tmp_path / "home", moved.hub, moved.hub.token)


def everything(git: Git, folder: Path) -> list[str]:
    return sorted(git(folder, "rev-list", "--objects", "--all", "--no-object-names").split())


def listed(hub: Hub, name: str, revision: str) -> dict[str, str]:
    """What the API says that lies where, by its ids; folders too."""
    entries = hub.call("GET", f"/api/models/{name}/tree/{revision}?recursive=true&limit=1000")
    return {entry["path"]: entry["oid"] for entry in entries}


def in_git(git: Git, folder: Path, revision: str) -> dict[str, str]:
    lines = git(folder, "-c", "core.quotePath=false", "ls-tree", "-rt", revision).splitlines()
    return {path: about.split()[2] for about, path in (line.split("\t") for line in lines)}


def test_a_history_that_moved_into_lakefs_is_cloned_with_every_id(git, moved, tmp_path):
    for version in ("0", "2"):
        clone = tmp_path / f"clone-{version}"
        git(tmp_path, "-c", f"protocol.version={version}", "clone", "--quiet", "--mirror", moved.address, str(clone))
        git(clone, "fsck", "--strict", "--no-dangling")
        assert git.refs(clone) == git.refs(moved.history)
        assert everything(git, clone) == everything(git, moved.history)
    assert listed(moved.hub, moved.name, "main") == in_git(git, clone, "main")
    work = tmp_path / "work"
    git(tmp_path, "-c", "filter.lfs.required=false", "clone", "--quiet", moved.address, str(work))
    git(work, "lfs", "install", "--local")
    git(work, "lfs", "pull")
    assert (work / "weights.safetensors").read_bytes() == moved.weights


def test_what_the_api_commits_is_cloned_and_fetched_with_the_ids_of_a_native_hub(git, moved, hub, tmp_path):
    name = create(moved.hub, "by-the-api").removeprefix(f"{moved.hub.endpoint}/")
    files = {"README.md": "one\n", "data/train/0.txt": "0", "data.csv": "a,b", "données/é.txt": "é", "data/x y": "x"}
    commits = [moved.hub.commit(name, "first", files)]
    clone, address = tmp_path / "clone", f"{moved.hub.endpoint}/{name}"
    git(tmp_path, "clone", "--quiet", address, str(clone))
    for number in range(4):
        more = {f"data/train/{number}.txt": f"{number} again", f"new/{number}/deep.txt": f"{number}"}
        commits.append(moved.hub.commit(name, f"more {number}", more))
        git(clone, "fetch", "--quiet")
        git(clone, "merge", "--quiet", "--ff-only", "origin/main")
        git(clone, "fsck", "--strict", "--no-dangling")
        assert git(clone, "rev-list", "--reverse", "HEAD").split()[-len(commits) :] == commits
        assert listed(moved.hub, name, "main") == in_git(git, clone, "HEAD")
    # The native engine works the same trees out by itself.
    native = create(hub, "by-the-api-of-lakefs")
    with_token = native.replace("://", f"://{hub.user}:{hub.token}@")
    git(clone, "push", "--quiet", "--force", with_token, "HEAD:refs/heads/main")
    told = listed(hub, native.removeprefix(f"{hub.endpoint}/"), "main")
    assert told == listed(moved.hub, name, "main")
    log = lambda hub, name: [commit["id"] for commit in hub.call("GET", f"/api/models/{name}/commits/main")]
    assert log(hub, native.removeprefix(f"{hub.endpoint}/")) == log(moved.hub, name)


def test_a_clone_of_what_is_in_lakefs_may_be_cut_off_deepened_and_without_files(git, moved, tmp_path):
    whole = int(git(moved.history, "rev-list", "--count", "main"))
    clone = tmp_path / "shallow"
    git(tmp_path, "-c", "filter.lfs.required=false", "clone", "--quiet", "--depth=3", moved.address, str(clone))
    depth = lambda: len(git(clone, "log", "--first-parent", "--format=%H").split())
    assert depth() == 3
    git(clone, "fetch", "--quiet", "--deepen=4")
    assert depth() == 7
    git(clone, "fetch", "--quiet", "--unshallow")
    assert int(git(clone, "rev-list", "--count", "HEAD")) == whole
    git(clone, "fsck", "--strict", "--no-dangling")
    for filter in ("blob:none", "blob:limit=500", "tree:0"):
        clone = tmp_path / filter.replace(":", "-")
        options = ("clone", "--quiet", "--no-checkout", f"--filter={filter}")
        git(tmp_path, *options, moved.address, str(clone))
        assert git(clone, "rev-list", "--objects", "main", "--missing=print").count("?") > 0
        git(clone, "-c", "filter.lfs.smudge=cat", "-c", "filter.lfs.process=", "checkout", "--quiet", "main")
        assert git(clone, "rev-parse", "HEAD^{tree}") == git(moved.history, "rev-parse", "main^{tree}")


def test_a_push_to_what_is_in_lakefs_is_refused_with_a_sentence_and_changes_nothing(git, moved, tmp_path):
    work, key = tmp_path / "work", moved.ssh.admit("ed25519")
    git.variables["GIT_SSH_COMMAND"] = moved.ssh.command("ed25519")
    by_ssh = f"ssh://{moved.ssh.address}/{moved.name}.git"
    mirror = tmp_path / "mirror"
    git(tmp_path, "clone", "--quiet", "--mirror", by_ssh, str(mirror))
    assert git.refs(mirror) == git.refs(moved.history), "by SSH as by HTTP"
    git(tmp_path, "-c", "filter.lfs.required=false", "clone", "--quiet", "--depth=1", moved.address, str(work))
    write(work, {"mine.txt": "mine"})
    git(work, "add", "mine.txt")
    git(work, "commit", "--quiet", "--message", "mine")
    before = git(tmp_path, "ls-remote", moved.address)
    for address in (moved.address, by_ssh):
        for what in ("HEAD:refs/heads/main", "HEAD:refs/heads/new", ":refs/heads/main"):
            refused = git.attempt(work, "push", address, what)
            assert refused.returncode != 0 and NO_PUSHES in refused.stderr, refused.stderr
    assert git(tmp_path, "ls-remote", moved.address) == before
    moved.hub.call("DELETE", f"/api/user/keys/{key}")
