"""Large files as a client brings them that nobody told anything: by Xet."""

import io
import random
import secrets
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    HfApi,
    HfFileSystem,
    get_hf_file_metadata,
    hf_hub_url,
)

from clients.scenarios.world import World, noise, refusal, sha256
from harness.proxy import Proxy

LARGE = 12_000_000


def fresh(size: int) -> bytes:
    """Bytes that nobody has sent before."""
    return noise(size, secrets.randbits(64))


def entry(world: World, repo_id: str, path: str):
    (found,) = world.api.get_paths_info(repo_id, [path])
    return found


def xet_hash(world: World, repo_id: str, path: str) -> str | None:
    """What the client learns before it fetches a file; nothing where that does not go by Xet."""
    url = hf_hub_url(repo_id, path, endpoint=world.endpoint)
    found = get_hf_file_metadata(url, token=world.token).xet_file_data
    return found and found.file_hash


def plain(world: World, repo_id: str, path: str, byte_range: str | None = None) -> bytes:
    """What a client gets that knows nothing of Xet."""
    request = urllib.request.Request(hf_hub_url(repo_id, path, endpoint=world.endpoint))
    request.add_header("Authorization", f"Bearer {world.token}")
    if byte_range:
        request.add_header("Range", f"bytes={byte_range}")
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def upload(world: World, repo_id: str, path: str, content: bytes) -> None:
    local = world.workdir / secrets.token_hex(4)
    local.write_bytes(content)
    world.api.upload_file(path_or_fileobj=local, path_in_repo=path, repo_id=repo_id)


def a_large_file_goes_up_and_comes_back_in_chunks(world: World) -> None:
    repo_id = world.repository("by-xet")
    content = fresh(LARGE)
    upload(world, repo_id, "model.safetensors", content)

    found = entry(world, repo_id, "model.safetensors")
    assert (found.size, found.lfs["sha256"]) == (LARGE, sha256(content))
    assert len(xet_hash(world, repo_id, "model.safetensors")) == 64
    if hasattr(found, "xet_hash"):
        assert found.xet_hash == xet_hash(world, repo_id, "model.safetensors")
    assert world.download(repo_id, "model.safetensors") == content


def it_goes_by_xet_whether_the_client_asks_for_that_or_takes_it_for_granted(world: World) -> None:
    repo_id = world.repository("asked")
    content = fresh(LARGE)
    path = world.workdir / "model.safetensors"
    path.write_bytes(content)
    operation = CommitOperationAdd("model.safetensors", path)
    with Proxy(world.endpoint) as proxy:
        # Only the bytes go through the proxy: a client believes an answer that names a repository only on its own hub.
        HfApi(endpoint=proxy.url, token=world.token).preupload_lfs_files(repo_id, [operation])
        requests = [head.split("\r\n")[0] for head in proxy.requests()]
    world.api.create_commit(repo_id, operations=[operation], commit_message="Add a model")

    ways = ("/v1/xorbs/", "/v1/xorb-commits/", "/shards ", "put ")
    sent = {way for way in ways if any(way in line for line in requests)}
    assert sent == {"/v1/xorb-commits/" if world.signed else "/v1/xorbs/", "/shards "}, requests
    assert xet_hash(world, repo_id, "model.safetensors")
    assert world.download(repo_id, "model.safetensors") == content


def a_file_that_came_by_lfs_comes_back_without_xet(world: World) -> None:
    content = fresh(LARGE)
    by_lfs, by_xet = world.repository("by-lfs"), world.repository("by-xet")
    # What is no file of its own the client sends by LFS.
    stream = CommitOperationAdd("model.safetensors", io.BytesIO(content))
    world.api.create_commit(by_lfs, operations=[stream], commit_message="Add a model")
    assert entry(world, by_lfs, "model.safetensors").lfs["sha256"] == sha256(content)
    assert xet_hash(world, by_lfs, "model.safetensors") is None
    assert world.download(by_lfs, "model.safetensors") == content

    # Now the same bytes lie there in both ways.
    upload(world, by_xet, "model.safetensors", content)
    assert xet_hash(world, by_xet, "model.safetensors")
    for repo_id in (by_lfs, by_xet):
        assert world.download(repo_id, "model.safetensors") == content
        assert plain(world, repo_id, "model.safetensors", "70000-4200001") == content[70_000:4_200_002]


def a_file_system_reads_it_anywhere(world: World) -> None:
    repo_id = world.repository("seek")
    content = fresh(LARGE)
    upload(world, repo_id, "model.safetensors", content)
    file_system = HfFileSystem(endpoint=world.endpoint, token=world.token, skip_instance_cache=True)
    path, places = f"{repo_id}/model.safetensors", random.Random(7)
    for cache in ("readahead", "none"):
        with file_system.open(path, "rb", block_size=300_000, cache_type=cache) as file:
            for _ in range(40):
                at, length = places.randrange(LARGE), places.choice((1, 100, 65_536, 400_000))
                file.seek(at)
                assert file.read(length) == content[at : at + length], (cache, at, length)
            file.seek(-5, 2)
            assert file.read() == content[-5:]
    assert file_system.cat_file(path, start=1_000_000, end=3_000_000) == content[1_000_000:3_000_000]
    assert file_system.cat_file(path) == content


def who_does_not_speak_xet_reads_the_same_bytes(world: World) -> None:
    repo_id = world.repository("plain")
    content = fresh(LARGE)
    upload(world, repo_id, "model.safetensors", content)

    assert plain(world, repo_id, "model.safetensors") == content
    for first, last in ((0, 0), (1, 65_535), (4_000_000, 4_200_001), (LARGE - 1, LARGE - 1), (70_000, LARGE - 7)):
        assert plain(world, repo_id, "model.safetensors", f"{first}-{last}") == content[first : last + 1], (first, last)
    assert plain(world, repo_id, "model.safetensors", "-1000") == content[-1000:]


def text_and_zeros_and_repetition_come_back(world: World) -> None:
    repo_id = world.repository("compressible")
    line = fresh(1000).hex().encode()
    files = {
        "zeros.bin": bytes(20_000_000),
        "lines.bin": b"".join(b"%d %s\n" % (number, line) for number in range(6_000)),
        "twice.bin": (once := fresh(6_000_000)) + once,
        "floats.safetensors": b"".join((number % 977).to_bytes(4, "little") for number in range(3_000_000)),
    }
    world.api.upload_folder(repo_id=repo_id, folder_path=world.folder(files))
    assert world.snapshot(repo_id) == files
    for path, content in files.items():
        assert plain(world, repo_id, path) == content, path


def a_file_that_is_edited_comes_back_in_both_versions(world: World) -> None:
    repo_id = world.repository("edited")
    before = fresh(LARGE)
    upload(world, repo_id, "model.safetensors", before)
    first = world.head(repo_id)
    after = before[:5_000_000] + b"something else" + before[5_100_000:] + fresh(50_000)
    upload(world, repo_id, "model.safetensors", after)

    assert world.download(repo_id, "model.safetensors", revision=first) == before
    assert world.download(repo_id, "model.safetensors") == after
    assert plain(world, repo_id, "model.safetensors") == after


def the_same_file_goes_to_another_repository(world: World) -> None:
    content = fresh(LARGE)
    one, other = world.repository("one"), world.repository("other")
    upload(world, one, "model.safetensors", content)
    upload(world, other, "renamed.safetensors", content)
    assert world.download(other, "renamed.safetensors") == content
    world.api.delete_repo(one)
    assert world.download(other, "renamed.safetensors") == content


def a_file_is_copied_within_a_repository(world: World) -> None:
    repo_id = world.repository("copied")
    content = fresh(LARGE)
    upload(world, repo_id, "model.safetensors", content)
    copy = CommitOperationCopy("model.safetensors", "deep/copy.safetensors")
    world.api.create_commit(repo_id, operations=[copy], commit_message="Copy")
    assert world.download(repo_id, "deep/copy.safetensors") == content
    assert xet_hash(world, repo_id, "deep/copy.safetensors") == xet_hash(world, repo_id, "model.safetensors")


def every_kind_and_every_branch_takes_it(world: World) -> None:
    for kind in ("dataset", "space"):
        options = {"repo_type": kind} | ({"space_sdk": "static"} if kind == "space" else {})
        repo_id = world.repository("kind", **options)
        world.api.create_branch(repo_id, branch="feature/new.one", repo_type=kind)
        for revision in ("main", "feature/new.one"):
            content = fresh(1_000_000)
            path = world.workdir / secrets.token_hex(4)
            path.write_bytes(content)
            where = {"repo_id": repo_id, "repo_type": kind, "revision": revision}
            world.api.upload_file(path_or_fileobj=path, path_in_repo="deep/weights.safetensors", **where)
            url = hf_hub_url(filename="deep/weights.safetensors", endpoint=world.endpoint, **where)
            assert get_hf_file_metadata(url, token=world.token).xet_file_data, where
            assert world.download(path="deep/weights.safetensors", **where) == content, where


def the_same_bytes_come_from_everybody_at_once(world: World) -> None:
    content = fresh(LARGE)
    repo_ids = [world.repository("at-once") for _ in range(4)]
    with ThreadPoolExecutor(len(repo_ids)) as threads:
        list(threads.map(lambda repo_id: upload(world, repo_id, "model.safetensors", content), repo_ids))
    for repo_id in repo_ids:
        assert world.download(repo_id, "model.safetensors") == content
        assert plain(world, repo_id, "model.safetensors") == content


def many_files_of_every_size_go_up_together(world: World) -> None:
    repo_id = world.repository("many")
    sizes = (1, 100, 8_191, 65_536, 131_072, 131_073, 1_000_000, 5_999_999, 6_000_001)
    files = {f"deep/{size}.bin": fresh(size) for size in sizes} | {"README.md": b"# many\n"}
    world.api.upload_folder(repo_id=repo_id, folder_path=world.folder(files))
    assert world.snapshot(repo_id) == files


def several_large_files_go_up_in_one_commit(world: World) -> None:
    repo_id = world.repository("several")
    files = {f"part-{number}.safetensors": fresh(3_000_000) for number in range(4)}
    paths = {name: world.workdir / name for name in files}
    for name, path in paths.items():
        path.write_bytes(files[name])
    operations = [CommitOperationAdd(name, str(path)) for name, path in paths.items()]
    world.api.create_commit(repo_id, operations=operations, commit_message="Add parts")
    assert world.snapshot(repo_id) == files


def a_private_file_is_nobody_elses(world: World) -> None:
    repo_id = world.repository("private", private=True)
    content = fresh(LARGE)
    upload(world, repo_id, "model.safetensors", content)
    assert world.download(repo_id, "model.safetensors") == content
    url = f"{world.endpoint}/api/models/{repo_id}/xet-read-token/main"
    assert refusal(urllib.error.HTTPError, urllib.request.urlopen, url).code in (401, 404)
