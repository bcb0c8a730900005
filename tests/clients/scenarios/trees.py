"""Listings of what a revision holds."""

from huggingface_hub import CommitOperationAdd
from huggingface_hub.hf_api import RepoFile, RepoFolder
from huggingface_hub.utils import EntryNotFoundError, RevisionNotFoundError

from clients.scenarios.world import World, git_blob_id, lfs_pointer, noise, refusal, sha256

FILES = {
    "config.json": b"{}",
    "deep/er/c.txt": b"c",
    "deep/b.txt": b"b",
    "deep/model.safetensors": noise(1000),
}


def listed(world: World, repo_id: str, *arguments, **options) -> dict:
    entries = world.api.list_repo_tree(repo_id, *arguments, **options)
    return {entry.path: entry for entry in entries if entry.path != ".gitattributes"}


def a_tree_shows_one_level_or_all(world: World) -> None:
    repo_id = world.repository("tree", FILES)
    assert set(listed(world, repo_id)) == {"config.json", "deep"}
    assert set(listed(world, repo_id, "deep")) == {"deep/er", "deep/b.txt", "deep/model.safetensors"}
    assert set(listed(world, repo_id, recursive=True)) == set(FILES) | {"deep", "deep/er"}
    assert set(listed(world, repo_id, "deep/er", recursive=True)) == {"deep/er/c.txt"}


def a_tree_tells_sizes_and_digests(world: World) -> None:
    repo_id = world.repository("tree", FILES)
    entries = listed(world, repo_id, recursive=True)
    config, weights, folder = entries["config.json"], entries["deep/model.safetensors"], entries["deep"]
    large = FILES["deep/model.safetensors"]
    assert isinstance(config, RepoFile) and isinstance(weights, RepoFile) and isinstance(folder, RepoFolder)
    assert (config.size, config.blob_id, config.lfs) == (2, git_blob_id(b"{}"), None)
    assert (weights.size, weights.blob_id) == (len(large), git_blob_id(lfs_pointer(large)))
    assert (weights.lfs["sha256"], weights.lfs["size"]) == (sha256(large), len(large))
    assert weights.lfs["pointer_size"] == len(lfs_pointer(large))
    assert len(folder.tree_id) == 40


def an_expanded_tree_tells_who_changed_what_last(world: World) -> None:
    repo_id = world.repository("history", {"a.txt": b"a", "deep/b.txt": b"b"})
    first = world.head(repo_id)
    world.api.upload_file(
        path_or_fileobj=b"c", path_in_repo="deep/c.txt", repo_id=repo_id, commit_message="Add the third"
    )
    second = world.head(repo_id)
    entries = listed(world, repo_id, recursive=True, expand=True)
    last = {path: entry.last_commit["oid"] for path, entry in entries.items()}
    assert last == {"a.txt": first, "deep/b.txt": first, "deep/c.txt": second, "deep": second}
    assert entries["deep/c.txt"].last_commit["title"] == "Add the third"
    assert entries["deep/c.txt"].last_commit["date"].year >= 2025


def a_tree_of_a_revision_shows_that_revision(world: World) -> None:
    repo_id = world.repository("versions", {"a.txt": b"a"})
    first = world.head(repo_id)
    world.api.create_branch(repo_id, branch="other/branch")
    world.api.upload_file(path_or_fileobj=b"b", path_in_repo="b.txt", repo_id=repo_id, revision="other/branch")
    assert set(listed(world, repo_id, revision="other/branch")) == {"a.txt", "b.txt"}
    assert set(listed(world, repo_id, revision=first)) == set(listed(world, repo_id)) == {"a.txt"}


def a_tree_of_what_is_no_folder_is_refused(world: World) -> None:
    repo_id = world.repository("tree", FILES)
    for path in ("missing", "deep/missing", "config.json"):
        refusal(EntryNotFoundError, listed, world, repo_id, path)
    refusal(RevisionNotFoundError, listed, world, repo_id, revision="no-such-branch")


def a_tree_of_more_than_a_page_is_listed_whole(world: World) -> None:
    repo_id = world.repository("wide")
    names = {f"{n:04}.txt" for n in range(1100)}
    world.api.create_commit(
        repo_id,
        operations=[CommitOperationAdd(f"wide/{name}", name.encode()) for name in sorted(names)],
        commit_message="Many files",
    )
    assert {path.removeprefix("wide/") for path in listed(world, repo_id, "wide")} == names
    assert len(listed(world, repo_id, recursive=True)) == len(names) + 1
    expanded = listed(world, repo_id, "wide", expand=True)
    assert {entry.last_commit["oid"] for entry in expanded.values()} == {world.head(repo_id)}
    assert len(expanded) == len(names)


def paths_are_described_and_unknown_ones_left_out(world: World) -> None:
    repo_id = world.repository("paths", FILES)
    asked = ["config.json", "deep", "deep/model.safetensors", "missing.txt", "deep/missing"]
    found = {entry.path: entry for entry in world.api.get_paths_info(repo_id, asked)}
    assert set(found) == {"config.json", "deep", "deep/model.safetensors"}
    assert isinstance(found["deep"], RepoFolder)
    assert found["config.json"].blob_id == git_blob_id(b"{}")
    assert found["deep/model.safetensors"].lfs["sha256"] == sha256(FILES["deep/model.safetensors"])
    assert world.api.get_paths_info(repo_id, ["missing.txt"]) == []
    (one,) = world.api.get_paths_info(repo_id, "config.json", expand=True)
    assert one.last_commit["oid"] == world.head(repo_id)
    refusal(RevisionNotFoundError, world.api.get_paths_info, repo_id, asked, revision="no-such-branch")


def a_list_of_files_names_them_all(world: World) -> None:
    for kind in ("model", "dataset"):
        repo_id = world.repository("names", FILES, repo_type=kind)
        assert world.paths(repo_id, repo_type=kind) == set(FILES)
