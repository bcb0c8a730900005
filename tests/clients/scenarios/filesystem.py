"""HfFileSystem: the hub as a file system, as pandas and others use it."""

from huggingface_hub import HfFileSystem
from huggingface_hub.utils import EntryNotFoundError

from clients.scenarios.world import World, noise, refusal, sha256

FILES = {
    "config.json": b"{}",
    "data/a.csv": b"x\n1\n",
    "data/b.csv": b"x\n2\n",
    "data/deep/c.csv": b"x\n3\n",
    "weights.safetensors": noise(400_000),
}


def file_system(world: World) -> HfFileSystem:
    # Instances share what they remember, which another scenario's writes would make stale.
    return HfFileSystem(endpoint=world.endpoint, token=world.token, skip_instance_cache=True)


def below(root: str, *paths: str) -> set[str]:
    return {f"{root}/{path}" for path in paths}


def without_attributes(paths) -> set[str]:
    return {path for path in paths if not path.endswith("/.gitattributes")}


def folders_are_listed_found_and_globbed(world: World) -> None:
    fs, root = file_system(world), world.repository("fs", FILES)
    assert without_attributes(fs.ls(root, detail=False)) == below(root, "config.json", "data", "weights.safetensors")
    assert set(fs.ls(f"{root}/data", detail=False)) == below(root, "data/a.csv", "data/b.csv", "data/deep")
    assert without_attributes(fs.find(root)) == below(root, *FILES)
    assert set(fs.glob(f"{root}/data/*.csv")) == below(root, "data/a.csv", "data/b.csv")
    assert set(fs.glob(f"{root}/**/*.csv")) == below(root, "data/a.csv", "data/b.csv", "data/deep/c.csv")
    assert [entry["name"] for entry in fs.ls(f"{root}/config.json")] == [f"{root}/config.json"]
    refusal(FileNotFoundError, fs.ls, f"{root}/missing")


def paths_are_described(world: World) -> None:
    fs, root = file_system(world), world.repository("fs", FILES)
    weights = fs.info(f"{root}/weights.safetensors")
    content = FILES["weights.safetensors"]
    assert (weights["type"], weights["size"], weights["lfs"]["sha256"]) == ("file", len(content), sha256(content))
    assert fs.info(f"{root}/data")["type"] == "directory"
    assert fs.info(root)["type"] == "directory"
    assert fs.isfile(f"{root}/config.json") and not fs.isdir(f"{root}/config.json")
    assert fs.isdir(f"{root}/data") and not fs.isfile(f"{root}/data")
    assert fs.exists(f"{root}/data/a.csv")
    assert not fs.exists(f"{root}/data/missing.csv")
    assert not fs.exists(f"{world.unused_name('missing')}/config.json")
    refusal(FileNotFoundError, fs.info, f"{root}/missing")


def a_file_is_read_whole_and_in_ranges(world: World) -> None:
    fs, root = file_system(world), world.repository("fs", FILES)
    content = FILES["weights.safetensors"]
    path = f"{root}/weights.safetensors"
    assert fs.cat_file(path) == content
    assert fs.read_text(f"{root}/data/a.csv") == "x\n1\n"
    with fs.open(path, "rb", block_size=10_000) as file:
        assert file.read(16) == content[:16]
        file.seek(200_000)
        assert file.read(50_000) == content[200_000:250_000]
        file.seek(-10, 2)
        assert file.read() == content[-10:]
    with fs.open(path, "rb", block_size=0) as stream:
        assert stream.read() == content
    refusal(FileNotFoundError, fs.cat_file, f"{root}/missing")


def a_file_is_written(world: World) -> None:
    fs, root = file_system(world), world.repository("fs")
    with fs.open(f"{root}/notes/a.txt", "w") as file:
        file.write("one\n")
    assert fs.read_text(f"{root}/notes/a.txt") == "one\n"
    assert world.download(root, "notes/a.txt") == b"one\n"

    content = noise(300_000, 5)
    with fs.open(f"{root}/weights.safetensors", "wb") as file:
        file.write(content)
    assert world.download(root, "weights.safetensors") == content


def files_and_folders_are_removed(world: World) -> None:
    fs, root = file_system(world), world.repository("fs", FILES)
    fs.rm(f"{root}/config.json")
    assert not fs.exists(f"{root}/config.json")
    fs.rm(f"{root}/data", recursive=True)
    assert world.paths(root) == {"weights.safetensors"}
    refusal(EntryNotFoundError, fs.rm, f"{root}/missing")


def files_are_copied_and_moved(world: World) -> None:
    fs, root = file_system(world), world.repository("fs", FILES)
    fs.cp_file(f"{root}/weights.safetensors", f"{root}/copy/weights.safetensors")
    fs.cp_file(f"{root}/config.json", f"{root}/copy/config.json")
    fs.mv(f"{root}/data/a.csv", f"{root}/data/z.csv")
    found = world.snapshot(root)
    assert found["copy/weights.safetensors"] == found["weights.safetensors"] == FILES["weights.safetensors"]
    assert found["copy/config.json"] == b"{}"
    assert found["data/z.csv"] == FILES["data/a.csv"]
    assert "data/a.csv" not in found


def a_revision_is_part_of_a_path(world: World) -> None:
    fs, root = file_system(world), world.repository("fs", {"a.txt": b"main"})
    world.api.create_branch(root, branch="dev")
    with fs.open(f"{root}@dev/a.txt", "wb") as file:
        file.write(b"dev")
    assert fs.cat_file(f"{root}@dev/a.txt") == b"dev"
    assert fs.cat_file(f"{root}/a.txt") == b"main"
    assert fs.cat_file(f"{root}/a.txt", revision="dev") == b"dev"
    refusal(FileNotFoundError, fs.cat_file, f"{root}@no-such-branch/a.txt")


def datasets_have_their_own_prefix(world: World) -> None:
    fs, repo_id = file_system(world), world.repository("fs", FILES, repo_type="dataset")
    root = f"datasets/{repo_id}"
    assert without_attributes(fs.find(root)) == below(root, *FILES)
    assert fs.cat_file(f"{root}/data/b.csv") == b"x\n2\n"
    assert {path for path, _, _ in fs.walk(f"{root}/data")} == below(root, "data", "data/deep")
    assert not fs.exists(f"{repo_id}/data/b.csv")
