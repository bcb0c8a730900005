"""Large files as a client brings them that nobody told anything: by Xet."""

import secrets
import urllib.error
import urllib.request

from huggingface_hub import CommitOperationAdd, CommitOperationCopy, get_hf_file_metadata, hf_hub_url

from clients.scenarios.world import World, noise, refusal, sha256

LARGE = 12_000_000


def fresh(size: int) -> bytes:
    """Bytes that nobody has sent before."""
    return noise(size, secrets.randbits(64))


def entry(world: World, repo_id: str, path: str):
    (found,) = world.api.get_paths_info(repo_id, [path])
    return found


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
    assert len(found.xet_hash) == 64
    metadata = get_hf_file_metadata(
        hf_hub_url(repo_id, "model.safetensors", endpoint=world.endpoint), token=world.token
    )
    assert metadata.xet_file_data.file_hash == found.xet_hash
    assert world.download(repo_id, "model.safetensors") == content


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
    assert entry(world, repo_id, "deep/copy.safetensors").xet_hash == entry(world, repo_id, "model.safetensors").xet_hash


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
