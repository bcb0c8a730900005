"""The real git against the hub: clone, fetch and push over HTTP, in both versions of its protocol."""

import http.client
import json
import os
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness import git_history
from harness.git import LIMIT, Git, by_another_client, create, packed, pkt, write
from harness.hub import Hub


@pytest.fixture(params=["hub", "hub_on_postgres"], scope="module")
def any_hub(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def git(any_hub, tmp_path) -> Git:
    return Git(tmp_path / "home", any_hub, any_hub.token)


@pytest.fixture
def repository(any_hub, request) -> str:
    """The address of a new repository."""
    return create(any_hub, f"git-{abs(hash(request.node.nodeid)) % 10**12}")


def keeps_every_id(git: Git, repository: str, history: Path, tmp_path: Path) -> None:
    git(history, "push", "--quiet", "--force", repository, "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")
    for version in ("0", "2"):
        clone = tmp_path / f"clone-{version}"
        git(tmp_path, "-c", f"protocol.version={version}", "clone", "--quiet", "--mirror", repository, str(clone))
        git(clone, "fsck", "--strict", "--no-dangling")
        assert git.refs(clone) == git.refs(history)
        everything = ("rev-list", "--objects", "--branches", "--tags", "--no-object-names")
        assert sorted(git(clone, *everything).split()) == sorted(git(history, *everything).split())
    assert "Everything up-to-date" in git.attempt(history, "push", repository, "refs/heads/*:refs/heads/*").stderr.decode()


def test_a_history_from_elsewhere_keeps_every_id(git, repository, history, tmp_path):
    keeps_every_id(git, repository, history, tmp_path)


@pytest.mark.heavy
@pytest.mark.skipif("BALLAST_TEST_GIT_REPOSITORY" not in os.environ, reason="BALLAST_TEST_GIT_REPOSITORY names none")
def test_a_real_repository_keeps_every_id(git, repository, tmp_path):
    real = tmp_path / "real"
    git(tmp_path, "clone", "--quiet", "--mirror", os.environ["BALLAST_TEST_GIT_REPOSITORY"], str(real))
    keeps_every_id(git, repository, real, tmp_path)


@pytest.mark.parametrize("program", ["libgit2.py", "dulwich_git.py"])
def test_clients_that_are_not_git_clone_fetch_and_push(git, any_hub, repository, history, tmp_path, program):
    git(history, "push", "--quiet", "--force", repository, "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")
    name, folder = urlsplit(repository).path[1:], tmp_path / "clone"
    for turn in range(2):
        made = by_another_client(git, program, repository, folder, f"turn-{turn}", "--password", any_hub.token)
        mirror = tmp_path / f"mirror-{turn}"
        git(tmp_path, "clone", "--quiet", "--mirror", repository, str(mirror))
        refs = {line.split()[0] for line in git.refs(mirror).splitlines()}
        assert refs == set(made["cloned"])
        for ref, oid in made["cloned"].items():
            if ref != "refs/heads/main":
                assert git(mirror, "rev-parse", f"{ref}^{{commit}}") == oid
        assert git(mirror, "rev-parse", "main") == made["made"]
        assert git(mirror, "rev-parse", "main~") == made["cloned"]["refs/heads/main"]
        assert git(mirror, "show", f"main:turn-{turn}.txt") == f"turn-{turn}" * 1000
        git(mirror, "fsck", "--strict", "--no-dangling")
        any_hub.commit(name, "between", {f"api/{turn}.txt": f"{turn}"})


def test_what_the_api_commits_git_fetches_and_what_git_pushes_the_api_sees(git, any_hub, repository, tmp_path):
    work, name = tmp_path / "work", urlsplit(repository).path[1:]
    git(tmp_path, "clone", "--quiet", repository, str(work))
    for turn in range(5):
        made = any_hub.commit(name, f"turn {turn}", {f"api/{turn}.txt": f"{turn}"})
        git(work, "pull", "--quiet", "--ff-only")
        assert git(work, "rev-parse", "HEAD") == made
        assert (work / f"api/{turn}.txt").read_text() == f"{turn}"
        write(work, {f"git/{turn}/a.txt": "from git", "git/again.txt": f"{turn}"})
        git(work, "add", ".")
        git(work, "commit", "--quiet", "--message", f"from git {turn}")
        git(work, "push", "--quiet")
        head = git(work, "rev-parse", "HEAD")
        assert any_hub.call("GET", f"/api/models/{name}/revision/main")["sha"] == head
        listed = any_hub.call("GET", f"/api/models/{name}/tree/main?recursive=true")
        tree = dict(reversed(line.split("\t")) for line in git(work, "ls-tree", "-rt", "HEAD").splitlines())
        assert {entry["path"]: entry["oid"] for entry in listed} == {
            path: about.split()[2] for path, about in tree.items()
        }


def test_a_pack_that_was_sent_before_is_whole_and_only_for_those_who_may_fetch(git, any_hub, tmp_path):
    private = create(any_hub, "git-asked-again", private=True)
    tips = []
    for turn in range(2):
        files = {f"{turn}/{number}.txt": f"{turn} {number}" * 50 for number in range(100)}
        tips.append(any_hub.commit(urlsplit(private).path[1:], f"turn {turn}", files))
        for again in range(3):
            clone = tmp_path / f"clone-{turn}-{again}"
            told = git.attempt(tmp_path, "clone", "--progress", private, str(clone)).stderr.decode()
            git(clone, "fsck", "--strict", "--no-dangling")
            assert git(clone, "rev-parse", "HEAD") == tips[-1]
            objects = len(git(clone, "rev-list", "--objects", "--all").splitlines())
            assert f"remote: Enumerating objects: {objects}, done." in told
    stranger = Git(tmp_path / "stranger", any_hub, None)
    refused = stranger.attempt(tmp_path, "clone", private, str(tmp_path / "refused"))
    assert refused.returncode != 0 and not (tmp_path / "refused").exists()
    other = create(any_hub, "git-not-asked")
    body = pkt(b"command=fetch") + b"0001" + pkt(f"want {tips[-1]}\n".encode()) + pkt(b"done\n") + b"0000"
    headers = {"Git-Protocol": "version=2", "Content-Type": "application/x-git-upload-pack-request"}
    request = urllib.request.Request(f"{other}/git-upload-pack", body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=LIMIT) as answer:
        told = answer.read()
    assert b"not our ref" in told and b"PACK" not in told


def test_a_history_is_cut_off_deepened_and_made_whole_again(git, repository, history, tmp_path):
    git(history, "push", "--quiet", "--force", repository, "main")
    whole = int(git(history, "rev-list", "--count", "main"))
    for version in ("0", "2"):
        clone = tmp_path / f"shallow-{version}"
        with_version = ("-c", f"protocol.version={version}")
        git(tmp_path, *with_version, "clone", "--quiet", "--depth=3", repository, str(clone))
        depth = lambda: len(git(clone, "log", "--first-parent", "--format=%H").split())
        assert depth() == 3
        git(clone, *with_version, "fetch", "--quiet", "--deepen=4")
        assert depth() == 7
        git(clone, *with_version, "fetch", "--quiet", "--unshallow")
        assert int(git(clone, "rev-list", "--count", "HEAD")) == whole
        git(clone, "fsck", "--strict", "--no-dangling")


def test_history_since_a_moment_or_without_a_branch_is_what_git_itself_would_send(git, repository, history, tmp_path):
    git(history, "push", "--quiet", "--force", repository, "refs/*:refs/*")
    moment = git(history, "log", "-1", "--format=%ct", "main~40")
    for number, option in enumerate((f"--shallow-since={moment}", "--shallow-exclude=light")):
        ours, theirs = tmp_path / f"ours-{number}", tmp_path / f"theirs-{number}"
        git(tmp_path, "clone", "--quiet", "--single-branch", option, repository, str(ours))
        git(tmp_path, "clone", "--quiet", "--single-branch", option, f"file://{history}", str(theirs))
        assert git(ours, "rev-list", "HEAD") == git(theirs, "rev-list", "HEAD")


def test_a_clone_without_blobs_fetches_them_when_they_are_wanted(git, repository, history, tmp_path):
    git(history, "push", "--quiet", "--force", repository, "main")
    for filter in ("blob:none", "blob:limit=500", "tree:0"):
        clone = tmp_path / filter.replace(":", "-")
        git(tmp_path, "clone", "--quiet", "--no-checkout", f"--filter={filter}", repository, str(clone))
        missing = git(clone, "rev-list", "--objects", "--all", "--missing=print").count("?")
        assert missing > 0
        git(clone, "checkout", "--quiet", "main")
        assert git(clone, "status", "--porcelain") == ""
        assert git(clone, "rev-parse", "HEAD^{tree}") == git(history, "rev-parse", "main^{tree}")


def test_a_fetch_brings_what_is_missing_and_nothing_else(git, repository, history, tmp_path):
    git(history, "push", "--quiet", "--force", repository, "main~30:refs/heads/main")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--bare", repository, str(clone))
    git(history, "push", "--quiet", "--force", repository, "main")
    expected = git(history, "rev-list", "--objects", "--no-object-names", "main", "^main~30").split()
    before = set(git(clone, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split())
    git(clone, "-c", "fetch.unpackLimit=1", "fetch", "--quiet", repository, "main:main")
    after = set(git(clone, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split())
    assert set(expected) <= after
    # What a revert brings back, git itself sends again as well.
    assert len(after - before) <= len(expected) * 1.05
    git(clone, "fsck", "--strict", "--no-dangling")


def test_a_flat_folder_with_many_commits_travels_as_what_changed(git, repository, tmp_path):
    flat = tmp_path / "flat"
    git_history.make(flat, 150, seed=2, flat=5000)
    git(flat, "push", "--quiet", repository, "main", "--force")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--bare", repository, str(clone))
    trees = sum(
        int(line.split()[2])
        for line in git(
            clone, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype) %(objectsize)"
        ).splitlines()
        if " tree " in line
    )
    assert packed(clone) < trees / 2
    assert git.refs(clone).splitlines()[0].split()[1] == git(flat, "rev-parse", "main")


def test_a_text_that_is_edited_again_and_again_travels_as_its_edits(git, any_hub, repository, tmp_path):
    name, lines = urlsplit(repository).path[1:], [f"{os.urandom(30).hex()}" for _ in range(2000)]
    for turn in range(12):
        lines[turn * 100] = f"edited in turn {turn}"
        any_hub.commit(name, f"turn {turn}", {"vocab.txt": "\n".join(lines), "vocab.json": json.dumps(lines)})
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--bare", repository, str(clone))
    git(clone, "fsck", "--strict")
    # Two files with twelve versions each. In hexadecimal digits half is noise.
    one = len("".join(lines)) // 2
    assert packed(clone) < 24 * one / 6
    lines.insert(0, "one more")
    any_hub.commit(name, "once more", {"vocab.txt": "\n".join(lines), "vocab.json": json.dumps(lines)})
    git(clone, "fetch", "--quiet", "origin", "main:main")
    git(clone, "fsck", "--strict")
    assert git(clone, "show", "main:vocab.txt") == "\n".join(lines)


def test_refs_are_made_moved_and_deleted_by_push(git, repository, tmp_path):
    work = tmp_path / "work"
    git(tmp_path, "clone", "--quiet", repository, str(work))
    write(work, {"a.txt": "1"})
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message", "one")
    git(work, "tag", "light")
    git(work, "tag", "--annotate", "--message", "about it", "heavy")
    git(work, "push", "--quiet", "origin", "HEAD:main", "HEAD:feature/x", "light", "heavy")
    listed = git(work, "ls-remote", "origin")
    assert f"{git(work, 'rev-parse', 'heavy')}\trefs/tags/heavy" in listed
    assert f"{git(work, 'rev-parse', 'HEAD')}\trefs/tags/heavy^{{}}" in listed
    git(work, "commit", "--quiet", "--amend", "--message", "two")
    refused = git.attempt(work, "push", "origin", "HEAD:feature/x")
    assert refused.returncode != 0 and b"non-fast-forward" in refused.stderr
    git(work, "push", "--quiet", "--force", "origin", "HEAD:feature/x")
    git(work, "push", "--quiet", "origin", "--delete", "light", "heavy", "feature/x")
    assert "feature" not in git(work, "ls-remote", "origin") and "tags" not in git(work, "ls-remote", "origin")
    kept = git.attempt(work, "push", "origin", "--delete", "main")
    assert kept.returncode != 0 and b"default branch" in kept.stderr


def test_an_atomic_push_moves_all_refs_or_none(git, repository, tmp_path):
    work = tmp_path / "work"
    git(tmp_path, "clone", "--quiet", repository, str(work))
    git(work, "commit", "--quiet", "--allow-empty", "--message", "more")
    refused = git.attempt(work, "push", "--atomic", "origin", "HEAD:main", "HEAD:refs/other/x")
    assert refused.returncode != 0
    assert git(work, "ls-remote", "origin", "main").split()[0] != git(work, "rev-parse", "HEAD")
    half = git.attempt(work, "push", "origin", "HEAD:main", "HEAD:refs/other/x")
    assert half.returncode != 0 and b"only branches, tags" in half.stderr
    assert git(work, "ls-remote", "origin", "main").split()[0] == git(work, "rev-parse", "HEAD")
    git(work, "push", "--quiet", "--push-option=ci.skip", "origin", "HEAD:refs/heads/optional")


def test_a_file_that_belongs_to_lfs_is_refused_by_name(git, repository, tmp_path):
    work = tmp_path / "work"
    git(tmp_path, "clone", "--quiet", repository, str(work))
    (work / "weights.dat").write_bytes(os.urandom(10_000_001))
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message", "too large")
    refused = git.attempt(work, "push", "origin", "main")
    assert refused.returncode != 0 and b"weights.dat" in refused.stderr and b"git lfs migrate" in refused.stderr
    git(work, "reset", "--quiet", "--hard", "HEAD~1")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 7\n"
    write(work, {"model.dat": pointer})
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message", "a pointer to nothing")
    refused = git.attempt(work, "push", "origin", "main")
    assert refused.returncode != 0 and b"git lfs push" in refused.stderr and b"ab" * 32 in refused.stderr


def test_a_large_file_goes_by_lfs_and_deduplicates_with_the_api(git, any_hub, repository, tmp_path):
    work, other = tmp_path / "work", tmp_path / "other"
    git(tmp_path, "clone", "--quiet", repository, str(work))
    git(work, "lfs", "install", "--local")
    content = os.urandom(300_000)
    (work / "weights.bin").write_bytes(content)
    git(work, "add", ".")
    assert git(work, "show", ":weights.bin").startswith("version https://git-lfs")
    git(work, "commit", "--quiet", "--message", "weights")
    git(work, "push", "--quiet", "origin", "main")
    name = urlsplit(repository).path[1:]
    request = urllib.request.Request(
        f"{any_hub.endpoint}/{name}/resolve/main/weights.bin", headers={"Authorization": f"Bearer {any_hub.token}"}
    )
    assert urllib.request.urlopen(request, timeout=60).read() == content
    entry = any_hub.call("GET", f"/api/models/{name}/tree/main")[-1]
    assert entry["lfs"]["size"] == len(content)
    git(tmp_path, "clone", "--quiet", repository, str(other))
    git(other, "lfs", "install", "--local")
    git(other, "lfs", "pull")
    assert (other / "weights.bin").read_bytes() == content


def test_who_has_a_lock_keeps_others_from_pushing_the_file(git, any_hub, repository, tmp_path):
    work = tmp_path / "work"
    git(tmp_path, "clone", "--quiet", repository, str(work))
    git(work, "lfs", "install", "--local")
    write(work, {"weights.bin": "one"})
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message", "weights")
    git(work, "push", "--quiet", "origin", "main")
    assert "Locked weights.bin" in git(work, "lfs", "lock", "weights.bin")
    again = git.attempt(work, "lfs", "lock", "weights.bin")
    assert again.returncode != 0 and b"already" in again.stderr
    (lock,) = json.loads(git(work, "lfs", "locks", "--json"))
    assert (lock["path"], lock["owner"]["name"]) == ("weights.bin", any_hub.user)
    ours = git(work, "lfs", "locks", "--verify")
    assert ours.startswith("O weights.bin")
    assert "Unlocked weights.bin" in git(work, "lfs", "unlock", "weights.bin")
    assert json.loads(git(work, "lfs", "locks", "--json")) == []


def test_nobody_is_asked_who_they_are_where_it_matters(git, any_hub, tmp_path):
    private = create(any_hub, "git-private", private=True)
    stranger = Git(tmp_path / "stranger", any_hub, None)
    for address in (private, f"{any_hub.endpoint}/{any_hub.user}/git-nothing"):
        refused = stranger.attempt(tmp_path, "ls-remote", address)
        assert refused.returncode != 0 and b"could not read Username" in refused.stderr, refused.stderr
    assert "refs/heads/main" in git(tmp_path, "ls-remote", private)
    public = create(any_hub, "git-public")
    clone = tmp_path / "public"
    stranger(tmp_path, "clone", "--quiet", public + ".git", str(clone))
    stranger(clone, "commit", "--quiet", "--allow-empty", "--message", "mine")
    refused = stranger.attempt(clone, "push", "origin", "main")
    assert refused.returncode != 0 and b"could not read Username" in refused.stderr


def test_datasets_and_spaces_are_repositories_too_and_follow_their_names(git, any_hub, tmp_path):
    for kind, prefix in (("dataset", "datasets"), ("space", "spaces")):
        hub_name = f"git-{kind}"
        create(any_hub, hub_name, type=kind, **({"sdk": "static"} if kind == "space" else {}))
        git(tmp_path, "clone", "--quiet", f"{any_hub.endpoint}/{prefix}/{any_hub.user}/{hub_name}", str(tmp_path / kind))
    any_hub.call(
        "POST",
        "/api/repos/move",
        {"fromRepo": f"{any_hub.user}/git-dataset", "toRepo": f"{any_hub.user}/git-moved", "type": "dataset"},
    )
    git(tmp_path, "clone", "--quiet", f"{any_hub.endpoint}/datasets/{any_hub.user}/git-dataset.git", str(tmp_path / "moved"))


def test_a_pull_request_takes_pushes_to_its_ref_and_no_other(git, any_hub, repository, tmp_path):
    name = urlsplit(repository).path[1:]
    work = tmp_path / "work"
    git(tmp_path, "clone", "--quiet", repository, str(work))
    git(work, "commit", "--quiet", "--allow-empty", "--message", "mine")
    refused = git.attempt(work, "push", "origin", "HEAD:refs/pr/1")
    assert refused.returncode != 0 and b"no such pull request" in refused.stderr
    number = any_hub.call("POST", f"/api/models/{name}/discussions", {"title": "A", "pullRequest": True})["num"]
    git(work, "push", "--quiet", "origin", f"HEAD:refs/pr/{number}")
    assert git(work, "ls-remote", "origin", f"refs/pr/{number}").split()[0] == git(work, "rev-parse", "HEAD")
    any_hub.call("POST", f"/api/models/{name}/discussions/{number}/merge", {})
    git(work, "fetch", "--quiet")
    assert git(work, "merge-base", "--is-ancestor", "HEAD", "origin/main") == ""


class Raw:
    """git's requests as bytes."""

    def __init__(self, hub: Hub, repository: str):
        self.hub, self.path = hub, urlsplit(repository).path

    def post(self, service: str, body: bytes, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.hub.endpoint).netloc, timeout=LIMIT)
        headers = {"Authorization": f"Bearer {self.hub.token}", "Git-Protocol": "version=2"} | headers
        connection.request("POST", f"{self.path}.git/{service}", body, headers)
        answer = connection.getresponse()
        status, text = answer.status, answer.read()
        connection.close()
        return status, text


def test_fetches_that_make_no_sense_are_refused_with_a_sentence(git, any_hub, repository):
    raw = Raw(any_hub, repository)
    tip = any_hub.call("GET", f"/api/models{raw.path}/revision/main")["sha"].encode()
    fetch = pkt(b"command=fetch") + b"0001"
    for body, why in {
        b"": b"",
        b"0000": b"",
        b"zzzz": b"no length",
        b"0003": b"no length",
        b"00ff": b"ended early",
        pkt(b"command=fetch"): b"ended early",
        pkt(b"command=steal") + b"0000": b"unknown command",
        fetch + pkt(b"want " + b"1" * 40) + pkt(b"done") + b"0000": b"not our ref",
        fetch + pkt(b"want nothing") + b"0000": b"no object's id",
        fetch + pkt(b"want " + tip) + pkt(b"filter combine:x") + pkt(b"done") + b"0000": b"not offered",
        fetch + pkt(b"want " + tip) + pkt(b"deepen 0") + pkt(b"done") + b"0000": b"makes no sense",
        fetch + pkt(b"want " + tip) + pkt(b"deepen-since 99999999999") + pkt(b"done") + b"0000": b"older",
        pkt(b"command=ls-refs") + pkt(b"object-format=sha256") + b"0000": b"SHA-1",
    }.items():
        status, text = raw.post("git-upload-pack", body)
        assert status == 200 and why in text, (body, status, text)
    haves = b"".join(pkt(b"have " + b"%040x" % n) for n in range(100_000))
    status, text = raw.post("git-upload-pack", fetch + pkt(b"want " + tip) + haves + b"0000")
    assert status == 200 and b"NAK" in text
    assert raw.post("git-upload-pack", haves * 4)[0] == 413
    assert raw.post("git-upload-pack", b"no gzip", **{"Content-Encoding": "gzip"})[0] == 400
    assert raw.post("git-upload-pack", b"0000", **{"Content-Encoding": "br"})[0] in (400, 415)


def test_a_push_that_is_cut_off_or_damaged_anywhere_changes_nothing(git, any_hub, repository, tmp_path):
    work = tmp_path / "work"
    git(tmp_path, "clone", "--quiet", repository, str(work))
    before = git(work, "rev-parse", "HEAD")
    write(work, {"a.txt": "a\n" * 100, "b/c.txt": "c"})
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message", "pushed")
    after = git(work, "rev-parse", "HEAD")
    pack = subprocess.run(
        ["git", "pack-objects", "--revs", "--stdout", "--quiet"],
        cwd=work, env=git.variables, input=f"{after}\n^{before}\n".encode(), capture_output=True, timeout=LIMIT, check=True,
    ).stdout
    command = pkt(f"{before} {after} refs/heads/main".encode() + b"\0report-status")
    whole, raw = command + b"0000" + pack, Raw(any_hub, repository)
    for end in range(0, len(whole), max(1, len(whole) // 40)):
        status, text = raw.post("git-receive-pack", whole[:end])
        assert status in (200, 400) and b"ok refs/heads/main" not in text, (end, status, text)
    for at in range(len(command) + 4, len(whole), max(1, len(pack) // 30)):
        damaged = whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
        status, text = raw.post("git-receive-pack", damaged)
        assert status == 200 and b"ng refs/heads/main" in text, (at, status, text)
    assert git(work, "ls-remote", "origin", "main").split()[0] == before
    status, text = raw.post("git-receive-pack", whole)
    assert b"unpack ok" in text and b"ok refs/heads/main" in text
    assert git(work, "ls-remote", "origin", "main").split()[0] == after


def test_pushes_and_commits_that_race_lose_nothing(git, any_hub, repository, tmp_path):
    name = urlsplit(repository).path[1:]
    work = tmp_path / "work"
    git(tmp_path, "clone", "--quiet", repository, str(work))
    attempted, done, made = threading.Semaphore(0), threading.Event(), []

    def commit() -> None:
        while attempted.acquire() and not done.is_set():
            made.append(any_hub.commit(name, "raced", {f"api/{len(made)}.txt": "x"}))

    racing = threading.Thread(target=commit)
    racing.start()
    try:
        pushed, attempts = [], 0
        while len(pushed) < 3 and attempts < 200:
            attempts += 1
            git(work, "fetch", "--quiet")
            git(work, "reset", "--quiet", "--hard", "origin/main")
            git(work, "commit", "--quiet", "--allow-empty", "--message", f"pushed {attempts}")
            # Whoever pushes is the slower one, and wins when it is alone.
            if attempts % 2:
                attempted.release()
            if git.attempt(work, "push", "--quiet", "origin", "main").returncode == 0:
                pushed.append(git(work, "rev-parse", "HEAD"))
    finally:
        done.set()
        attempted.release()
        racing.join(LIMIT)
    git(work, "fetch", "--quiet")
    history = set(git(work, "rev-list", "origin/main").split())
    assert pushed and made and set(pushed) | set(made) <= history
    git(work, "fsck", "--strict", "--no-dangling")
