"""Files and folders going up, by every way the client has."""

import io
import secrets

from huggingface_hub import CommitOperationAdd, HfApi

from clients.scenarios.world import World, noise, sha256
from harness.proxy import Proxy

# The hub of these tests is told to want parts above 20 MB, of 5 MB each.
MORE_THAN_ONE_PART = 21_000_000
PART = 5_000_000
# Above the threshold from which a file is large whatever its name.
LARGE = 6_000_000


def entry(world: World, repo_id: str, path: str, **options):
    (found,) = world.api.get_paths_info(repo_id, [path], **options)
    return found


def puts_of(world: World, repo_id: str, path: str, content: bytes) -> int:
    """Uploads a large file and answers how many PUT requests that took."""
    operation = CommitOperationAdd(path, io.BytesIO(content))
    with Proxy(world.endpoint) as proxy:
        # Only the bytes go through the proxy: a client believes an answer that names a repository only on its own hub.
        HfApi(endpoint=proxy.url, token=world.token).preupload_lfs_files(repo_id, [operation])
        puts = [head for head in proxy.requests() if head.startswith("put ")]
    world.api.create_commit(repo_id, operations=[operation], commit_message=f"Add {path}")
    return len(puts)


def a_small_file_comes_back_from_bytes_path_and_stream(world: World) -> None:
    repo_id = world.repository("small")
    content = "Größe\n".encode()
    path = world.workdir / "local.txt"
    path.write_bytes(content)
    for name, source in {"bytes.txt": content, "path.txt": str(path), "stream.txt": io.BytesIO(content)}.items():
        world.api.upload_file(path_or_fileobj=source, path_in_repo=f"deep/{name}", repo_id=repo_id)
        assert world.download(repo_id, f"deep/{name}") == content
        assert entry(world, repo_id, f"deep/{name}").lfs is None


def a_large_file_comes_back_from_path_and_stream_as_lfs(world: World) -> None:
    repo_id = world.repository("large")
    path = world.workdir / "local"
    for seed, name in enumerate(("path.txt", "stream.txt")):
        content = noise(LARGE, seed)
        path.write_bytes(content)
        source = path if name == "path.txt" else io.BytesIO(content)
        world.api.upload_file(path_or_fileobj=source, path_in_repo=name, repo_id=repo_id)
        assert world.download(repo_id, name) == content
        found = entry(world, repo_id, name)
        assert (found.size, found.lfs["sha256"]) == (LARGE, sha256(content))


def a_file_above_the_threshold_goes_up_in_parts(world: World) -> None:
    # A seed of its own each time: bytes that the hub already has are not sent again.
    content = noise(MORE_THAN_ONE_PART, secrets.randbits(64))
    repo_id = world.repository("parts")
    parts = -(-MORE_THAN_ONE_PART // PART)
    assert puts_of(world, repo_id, "model.safetensors", content) == (0 if world.signed else parts)
    assert world.download(repo_id, "model.safetensors") == content
    assert entry(world, repo_id, "model.safetensors").lfs["sha256"] == sha256(content)


def bytes_that_the_hub_holds_for_the_repository_are_not_sent_again(world: World) -> None:
    content = noise(LARGE, secrets.randbits(64))
    repo_id = world.repository("again", {"one.bin": content})
    assert puts_of(world, repo_id, "two.bin", content) == 0
    assert world.download(repo_id, "two.bin") == content


def an_empty_file_is_a_regular_file_whatever_its_name(world: World) -> None:
    repo_id = world.repository("empty")
    world.api.upload_file(path_or_fileobj=b"", path_in_repo="nothing.bin", repo_id=repo_id)
    found = entry(world, repo_id, "nothing.bin")
    assert (found.size, found.lfs) == (0, None)
    assert world.download(repo_id, "nothing.bin") == b""


def odd_names_come_back_unchanged(world: World) -> None:
    files = {
        "with space/a b.txt": b"space",
        "über/naïve-日本.txt": b"letters",
        "signs/a+b&c=d#e%20f.txt": b"signs",
        "signs/it's (1) [2] {3}~!@$,;.txt": b"more signs",
        ".hidden/.dot": b"dot",
    }
    repo_id = world.repository("odd", files)
    assert world.paths(repo_id) == set(files)
    assert world.snapshot(repo_id) == files
    for path, content in files.items():
        assert world.download(repo_id, path) == content
        assert world.api.file_exists(repo_id, path)


def a_folder_of_many_nested_files_comes_back_whole(world: World) -> None:
    files = {f"shard-{n % 7}/level/{n:03}.json": b'{"n": %d}' % n for n in range(150)}
    files |= {"model.safetensors": noise(300_000), "README.txt": b"read me\n"}
    repo_id = world.unused_name("folder")
    world.api.create_repo(repo_id, repo_type="dataset")
    before = len(world.api.list_repo_commits(repo_id, repo_type="dataset"))

    world.api.upload_folder(
        repo_id=repo_id, folder_path=world.folder(files), repo_type="dataset", commit_message="All at once"
    )
    assert world.paths(repo_id, repo_type="dataset") == set(files)
    assert world.snapshot(repo_id, repo_type="dataset") == files
    commits = world.api.list_repo_commits(repo_id, repo_type="dataset")
    assert (commits[0].title, len(commits)) == ("All at once", before + 1)


def a_folder_can_go_below_a_path(world: World) -> None:
    repo_id = world.repository("below", {"kept.txt": b"kept"})
    folder = world.folder({"a.txt": b"a", "b/c.txt": b"c"})
    world.api.upload_folder(repo_id=repo_id, folder_path=folder, path_in_repo="under/here")
    assert world.snapshot(repo_id) == {
        "kept.txt": b"kept",
        "under/here/a.txt": b"a",
        "under/here/b/c.txt": b"c",
    }


def patterns_choose_what_goes_up(world: World) -> None:
    repo_id = world.repository("chosen")
    files = {"a.json": b"{}", "deep/b.json": b"{}", "deep/secret.json": b"{}", "c.txt": b"c"}
    world.api.upload_folder(
        repo_id=repo_id, folder_path=world.folder(files), allow_patterns="*.json", ignore_patterns=["*secret*"]
    )
    assert world.paths(repo_id) == {"a.json", "deep/b.json"}


def patterns_choose_what_an_upload_deletes(world: World) -> None:
    files = {"old-1.txt": b"1", "logs/old-2.txt": b"2", "logs/x.json": b"{}", "kept.md": b"kept"}
    repo_id = world.repository("renewed", files)
    world.api.upload_folder(
        repo_id=repo_id, folder_path=world.folder({"new.txt": b"new", "old-1.txt": b"one"}), delete_patterns="*.txt"
    )
    assert world.snapshot(repo_id) == {
        "new.txt": b"new",
        "old-1.txt": b"one",
        "logs/x.json": b"{}",
        "kept.md": b"kept",
    }


def what_gitignore_names_stays_at_home(world: World) -> None:
    repo_id = world.repository("ignoring")
    files = {".gitignore": b"*.log\n/build/\n!keep.log\n", "a.log": b"a", "b.txt": b"b"}
    files |= {"deep/c.log": b"c", "build/d.txt": b"d", "keep.log": b"keep"}
    world.api.upload_folder(repo_id=repo_id, folder_path=world.folder(files))
    assert world.paths(repo_id) == {".gitignore", "b.txt", "keep.log"}

    # From now on the repository's own .gitignore holds, also for an upload that brings none.
    world.api.upload_folder(repo_id=repo_id, folder_path=world.folder({"e.log": b"e", "f.txt": b"f"}))
    assert world.paths(repo_id) == {".gitignore", "b.txt", "keep.log", "f.txt"}


def gitattributes_of_the_revision_make_a_file_large(world: World) -> None:
    repo_id = world.repository("attributes", {".gitattributes": b"*.png filter=lfs diff=lfs merge=lfs -text\n"})
    world.api.upload_file(path_or_fileobj=b"no picture", path_in_repo="image.png", repo_id=repo_id)
    assert entry(world, repo_id, "image.png").lfs["sha256"] == sha256(b"no picture")
    assert world.download(repo_id, "image.png") == b"no picture"


def the_same_content_twice_makes_one_commit(world: World) -> None:
    repo_id = world.repository("same", {"a.txt": b"same", "b.bin": b"same too"})
    head = world.head(repo_id)
    world.api.upload_file(path_or_fileobj=b"same", path_in_repo="a.txt", repo_id=repo_id)
    world.api.upload_file(path_or_fileobj=b"same too", path_in_repo="b.bin", repo_id=repo_id)
    assert world.head(repo_id) == head


def an_upload_to_a_branch_leaves_the_others_alone(world: World) -> None:
    repo_id = world.repository("branched", {"a.txt": b"main"})
    head = world.head(repo_id)
    world.api.create_branch(repo_id, branch="feature/new.one")
    world.api.upload_file(path_or_fileobj=b"branch", path_in_repo="a.txt", repo_id=repo_id, revision="feature/new.one")
    assert world.download(repo_id, "a.txt", revision="feature/new.one") == b"branch"
    assert world.download(repo_id, "a.txt") == b"main"
    assert world.head(repo_id) == head


def a_large_folder_goes_up_in_many_commits(world: World) -> None:
    world.need("upload_large_folder")
    # How long an idle worker of the client naps; its ten seconds would be most of this scenario.
    import huggingface_hub._upload_large_folder as large_folder

    large_folder.WAITING_TIME_IF_NO_TASKS = 0.2

    files = {f"part-{n % 3}/{n:03}.json": b'{"n": %d}' % n for n in range(120)}
    files |= {f"weights/{n}.safetensors": noise(200_000, n) for n in range(3)} | {"big.txt": noise(LARGE)}
    repo_id = world.unused_name("large-folder")
    world.api.upload_large_folder(
        repo_id=repo_id, repo_type="model", folder_path=world.folder(files), num_workers=3, print_report=False
    )
    assert world.paths(repo_id) == set(files)
    assert world.snapshot(repo_id) == files
