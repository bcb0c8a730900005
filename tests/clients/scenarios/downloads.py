"""Files and snapshots coming down: right bytes, right revision, right cache, and after a broken connection."""

import re
from pathlib import Path

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
from huggingface_hub.utils import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

from clients.scenarios.world import World, accepts, files_below, git_blob_id, noise, refusal, sha256
from harness.proxy import Proxy

# The client keeps what arrives in pieces of 10 MB: one must be whole for it to go on from there.
MORE_THAN_TWO_PIECES = 24_000_000
BETWEEN_THE_PIECES = 15_000_000


def a_snapshot_of_a_revision_stays_as_it_was(world: World) -> None:
    before = {"config.json": b'{"v": 1}', "model.safetensors": noise(100_000, 1)}
    repo_id = world.repository("pinned", before)
    first = world.head(repo_id)
    world.api.create_tag(repo_id, tag="v1.0")
    after = {"config.json": b'{"v": 2}', "model.safetensors": noise(100_000, 2), "more.txt": b"more"}
    world.api.upload_folder(repo_id=repo_id, folder_path=world.folder(after))

    assert world.snapshot(repo_id) == after
    assert world.snapshot(repo_id, revision=first) == before
    assert world.snapshot(repo_id, revision="v1.0") == before
    assert world.snapshot(repo_id, revision="main") == after


def patterns_choose_what_a_snapshot_brings(world: World) -> None:
    repo_id = world.repository("chosen", {"a.json": b"{}", "deep/b.json": b"[]", "deep/c.txt": b"c", "d.bin": b"d"})
    assert world.snapshot(repo_id, allow_patterns="*.json") == {"a.json": b"{}", "deep/b.json": b"[]"}
    assert world.snapshot(repo_id, ignore_patterns=["deep/*", "*.bin"]) == {"a.json": b"{}"}


def the_cache_is_named_by_commit_and_digest(world: World) -> None:
    small, large = b"{}", noise(100_000)
    repo_id = world.repository("cached", {"config.json": small, "model.safetensors": large})
    head = world.head(repo_id)
    for name, etag in {"config.json": git_blob_id(small), "model.safetensors": sha256(large)}.items():
        path = Path(world.download_path(repo_id, name))
        assert path.parent.name == head
        # One step: where clients share blobs between repositories, these are links as well.
        assert path.readlink().name == etag


def a_second_download_is_answered_from_the_cache(world: World) -> None:
    repo_id = world.repository("twice", {"model.safetensors": noise(100_000)})
    cache = world.workdir / "cache"
    first = world.download_path(repo_id, "model.safetensors", cache_dir=cache)
    with Proxy(world.endpoint) as proxy:
        api = HfApi(endpoint=proxy.url, token=world.token)
        assert api.hf_hub_download(repo_id, "model.safetensors", cache_dir=cache) == first
        assert not [head for head in proxy.requests() if head.startswith("get ")]


def a_file_can_be_put_where_the_user_wants_it(world: World) -> None:
    files = {"config.json": b"{}", "deep/model.safetensors": noise(100_000)}
    repo_id = world.repository("placed", files, repo_type="dataset")
    folder = world.workdir / "here"
    world.api.snapshot_download(repo_id, repo_type="dataset", local_dir=folder, cache_dir=world.workdir / "cache")
    assert files_below(folder) == files


def metadata_of_a_file_say_commit_digest_and_size(world: World) -> None:
    small, large = b"{}", noise(100_000)
    repo_id = world.repository("described", {"config.json": small, "model.safetensors": large})
    for name, etag, size in (("config.json", git_blob_id(small), 2), ("model.safetensors", sha256(large), 100_000)):
        url = hf_hub_url(repo_id, name, endpoint=world.endpoint)
        found = get_hf_file_metadata(url, token=world.token)
        assert (found.commit_hash, found.etag, found.size) == (world.head(repo_id), etag, size)


def a_download_goes_on_where_the_connection_fell_silent(world: World) -> None:
    world.need_http()
    world.need_bytes_from_the_hub()
    content = noise(MORE_THAN_TWO_PIECES)
    repo_id = world.repository("resumed", {"model.safetensors": content})
    with Proxy(world.endpoint, break_after=BETWEEN_THE_PIECES, silently=True) as proxy:
        api = HfApi(endpoint=proxy.url, token=world.token)
        path = api.hf_hub_download(repo_id, "model.safetensors", cache_dir=world.workdir / "cache")
        assert proxy.breaks == 1
        assert any(re.search(r"\r\nrange: bytes=[1-9]", head) for head in proxy.requests())
    assert Path(path).read_bytes() == content


def a_download_is_finished_after_the_connection_was_cut(world: World) -> None:
    world.need_bytes_from_the_hub()
    content = noise(MORE_THAN_TWO_PIECES)
    repo_id = world.repository("resumed", {"model.safetensors": content})
    with Proxy(world.endpoint, break_after=BETWEEN_THE_PIECES) as proxy:
        api = HfApi(endpoint=proxy.url, token=world.token)
        options = {"cache_dir": world.workdir / "cache"}
        if accepts(api.hf_hub_download, "resume_download"):
            options["resume_download"] = True
        try:
            path = api.hf_hub_download(repo_id, "model.safetensors", **options)
        except Exception:
            # Some versions go on by themselves, others when they are asked again, and 1.19 begins anew.
            path = api.hf_hub_download(repo_id, "model.safetensors", **options)
        assert proxy.breaks == 1
    assert Path(path).read_bytes() == content


def what_is_missing_is_told_apart(world: World) -> None:
    repo_id = world.repository("partial", {"a.txt": b"a"})
    refusal(EntryNotFoundError, world.download, repo_id, "missing.txt")
    refusal(RevisionNotFoundError, world.download, repo_id, "a.txt", revision="no-such-branch")
    refusal(RevisionNotFoundError, world.download, repo_id, "a.txt", revision="0" * 40)
    refusal(RepositoryNotFoundError, world.download, world.unused_name("missing"), "a.txt")
    refusal(RevisionNotFoundError, world.api.repo_info, repo_id, revision="no-such-branch")
    refusal(RevisionNotFoundError, world.snapshot, repo_id, revision="no-such-branch")
    refusal(RepositoryNotFoundError, world.snapshot, world.unused_name("missing"))


def existence_can_be_asked(world: World) -> None:
    repo_id = world.repository("asked", {"a/b.txt": b"b"})
    assert world.api.repo_exists(repo_id)
    assert world.api.file_exists(repo_id, "a/b.txt")
    assert not world.api.file_exists(repo_id, "a/missing.txt")
    assert not world.api.file_exists(repo_id, "a")
    assert not world.api.file_exists(world.unused_name("missing"), "a/b.txt")
    assert not world.api.file_exists(repo_id, "a/b.txt", revision="no-such-branch")


def existence_of_a_revision_can_be_asked(world: World) -> None:
    world.need("revision_exists")
    repo_id = world.repository("asked", {"a.txt": b"a"})
    assert world.api.revision_exists(repo_id, "main")
    assert world.api.revision_exists(repo_id, world.head(repo_id))
    assert not world.api.revision_exists(repo_id, "no-such-branch")
    assert not world.api.revision_exists(world.unused_name("missing"), "main")


def everyone_may_download_what_is_public(world: World) -> None:
    files = {"a.txt": b"a", "model.safetensors": noise(100_000)}
    repo_id = world.repository("public", files)
    assert world.snapshot(repo_id, token=False) == files
