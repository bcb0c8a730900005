"""create_commit with every operation it has."""

from huggingface_hub import CommitOperationAdd as Add
from huggingface_hub import CommitOperationCopy as Copy
from huggingface_hub import CommitOperationDelete as Delete
from huggingface_hub.utils import EntryNotFoundError, HfHubHTTPError, RevisionNotFoundError

from clients.scenarios.world import Skip, World, noise, refusal, status_of


def commit(world: World, repo_id: str, *operations, **options):
    options.setdefault("commit_message", "Change")
    return world.api.create_commit(repo_id, operations=list(operations), **options)


def one_commit_adds_replaces_and_deletes_files_and_folders(world: World) -> None:
    weights = noise(50_000)
    repo_id = world.repository(
        "mixed",
        {"old.txt": b"old", "stale.txt": b"stale", "gone/a.txt": b"a", "gone/deep/b.bin": b"b", "gone.txt": b"c"},
    )
    made = commit(
        world,
        repo_id,
        Add("new/config.json", b"{}"),
        Add("new/model.safetensors", weights),
        Add("stale.txt", b"fresh"),
        Delete("old.txt"),
        Delete("gone/", is_folder=True),
        commit_message="Much at once",
        commit_description="In one step,\nor not at all.",
    )
    assert made.oid == world.head(repo_id)
    assert made.commit_url == f"{world.endpoint}/{repo_id}/commit/{made.oid}"
    assert made.pr_url is None
    assert world.snapshot(repo_id) == {
        "new/config.json": b"{}",
        "new/model.safetensors": weights,
        "stale.txt": b"fresh",
        "gone.txt": b"c",
    }
    latest = world.api.list_repo_commits(repo_id)[0]
    assert (latest.commit_id, latest.title) == (made.oid, "Much at once")
    assert latest.message.strip() == "In one step,\nor not at all."


def a_large_file_is_copied_without_being_sent(world: World) -> None:
    weights = noise(50_000)
    repo_id = world.repository("copied", {"a/model.safetensors": weights})
    commit(world, repo_id, Copy("a/model.safetensors", "b/model.safetensors"))
    assert world.snapshot(repo_id) == {"a/model.safetensors": weights, "b/model.safetensors": weights}


def a_large_file_is_copied_from_another_revision(world: World) -> None:
    old, new = noise(50_000, 1), noise(50_000, 2)
    repo_id = world.repository("recalled", {"model.safetensors": old})
    first = world.head(repo_id)
    commit(world, repo_id, Add("model.safetensors", new))
    commit(world, repo_id, Copy("model.safetensors", "previous.safetensors", src_revision=first))
    assert world.snapshot(repo_id) == {"model.safetensors": new, "previous.safetensors": old}


def a_large_file_is_renamed_by_a_copy_and_a_delete(world: World) -> None:
    weights = noise(50_000)
    repo_id = world.repository("renamed", {"old.safetensors": weights})
    commit(world, repo_id, Copy("old.safetensors", "new.safetensors"), Delete("old.safetensors"))
    assert world.snapshot(repo_id) == {"new.safetensors": weights}


def a_regular_file_is_copied_within_and_across_revisions(world: World) -> None:
    repo_id = world.repository("regular", {"a.txt": b"first"})
    first = world.head(repo_id)
    commit(world, repo_id, Add("a.txt", b"second"))
    try:
        commit(world, repo_id, Copy("a.txt", "now.txt"), Copy("a.txt", "then.txt", src_revision=first))
    except NotImplementedError as error:
        raise Skip(str(error)) from None
    assert world.snapshot(repo_id) == {"a.txt": b"second", "now.txt": b"second", "then.txt": b"first"}


def a_copy_of_what_is_not_there_is_refused(world: World) -> None:
    repo_id = world.repository("uncopied", {"a.txt": b"a"})
    head = world.head(repo_id)
    refusal(EntryNotFoundError, commit, world, repo_id, Copy("missing.safetensors", "b.safetensors"))
    assert world.head(repo_id) == head


def a_commit_on_the_tip_is_taken_and_one_on_an_older_parent_is_not(world: World) -> None:
    repo_id = world.repository("contended", {"a.txt": b"0"})
    tip = world.head(repo_id)
    made = commit(world, repo_id, Add("a.txt", b"1"), parent_commit=tip)
    assert world.head(repo_id) == made.oid != tip

    error = refusal(HfHubHTTPError, commit, world, repo_id, Add("a.txt", b"2"), parent_commit=tip)
    assert status_of(error) == 412
    assert world.head(repo_id) == made.oid
    assert world.download(repo_id, "a.txt") == b"1"


def a_commit_that_deletes_what_is_not_there_changes_nothing(world: World) -> None:
    repo_id = world.repository("careful", {"a.txt": b"a"})
    head = world.head(repo_id)
    error = refusal(EntryNotFoundError, commit, world, repo_id, Add("b.txt", b"b"), Delete("missing.txt"))
    assert "A file with this name doesn't exist" in str(error)
    assert world.head(repo_id) == head
    assert world.paths(repo_id) == {"a.txt"}


def a_commit_to_a_revision_that_is_not_there_is_refused(world: World) -> None:
    repo_id = world.repository("nowhere")
    refusal(RevisionNotFoundError, commit, world, repo_id, Add("a.txt", b"a"), revision="no-such-branch")


def a_file_cannot_also_be_a_folder(world: World) -> None:
    repo_id = world.repository("solid", {"a": b"file"})
    head = world.head(repo_id)
    error = refusal(HfHubHTTPError, commit, world, repo_id, Add("a/b.txt", b"below a file"))
    assert status_of(error) == 400
    assert world.head(repo_id) == head


def delete_file_and_delete_folder_take_away_what_they_name(world: World) -> None:
    repo_id = world.repository("tidied", {"a.txt": b"a", "b/c.txt": b"c", "b/d/e.bin": b"e", "bb.txt": b"bb"})
    world.api.delete_file("a.txt", repo_id)
    world.api.delete_folder("b", repo_id)
    assert world.paths(repo_id) == {"bb.txt"}


def the_first_commit_can_be_made_in_a_dataset_and_a_space(world: World) -> None:
    for kind, options in {"dataset": {}, "space": {"space_sdk": "static"}}.items():
        repo_id = world.repository(kind, repo_type=kind, **options)
        made = commit(world, repo_id, Add("data/a.csv", b"x\n1\n"), repo_type=kind)
        assert made.commit_url == f"{world.endpoint}/{kind}s/{repo_id}/commit/{made.oid}"
        assert world.download(repo_id, "data/a.csv", repo_type=kind) == b"x\n1\n"
