"""Branches, tags and the history behind them."""

from huggingface_hub.utils import HfHubHTTPError, RevisionNotFoundError

from clients.scenarios.world import Skip, World, accepts, refusal, status_of


def branches(world: World, repo_id: str) -> dict[str, str]:
    return {ref.name: ref.target_commit for ref in world.api.list_repo_refs(repo_id).branches}


def tags(world: World, repo_id: str) -> dict[str, str]:
    return {ref.name: ref.target_commit for ref in world.api.list_repo_refs(repo_id).tags}


def a_new_repository_has_main_and_nothing_else(world: World) -> None:
    repo_id = world.repository("refs")
    refs = world.api.list_repo_refs(repo_id)
    assert [(ref.name, ref.ref) for ref in refs.branches] == [("main", "refs/heads/main")]
    assert (refs.tags, refs.converts) == ([], [])


def branches_begin_where_they_are_told(world: World) -> None:
    repo_id = world.repository("branches", {"a.txt": b"1"})
    first = world.head(repo_id)
    world.api.upload_file(path_or_fileobj=b"2", path_in_repo="a.txt", repo_id=repo_id)
    second = world.head(repo_id)
    world.api.create_branch(repo_id, branch="from-main")
    world.api.create_branch(repo_id, branch="from/commit", revision=first)
    world.api.create_branch(repo_id, branch="from.branch", revision="from/commit")
    assert branches(world, repo_id) == {
        "main": second,
        "from-main": second,
        "from/commit": first,
        "from.branch": first,
    }
    assert world.download(repo_id, "a.txt", revision="from/commit") == b"1"

    world.api.delete_branch(repo_id, branch="from/commit")
    assert set(branches(world, repo_id)) == {"main", "from-main", "from.branch"}


def a_branch_that_is_there_is_refused_unless_it_may_exist(world: World) -> None:
    repo_id = world.repository("branches")
    world.api.create_branch(repo_id, branch="dev")
    error = refusal(HfHubHTTPError, world.api.create_branch, repo_id, branch="dev")
    assert status_of(error) == 409
    world.api.create_branch(repo_id, branch="dev", exist_ok=True)
    refusal(RevisionNotFoundError, world.api.create_branch, repo_id, branch="lost", revision="no-such-branch")
    assert set(branches(world, repo_id)) == {"main", "dev"}


def main_and_missing_branches_cannot_be_deleted(world: World) -> None:
    repo_id = world.repository("branches")
    assert status_of(refusal(HfHubHTTPError, world.api.delete_branch, repo_id, branch="main")) == 403
    assert status_of(refusal(HfHubHTTPError, world.api.delete_branch, repo_id, branch="no-such-branch")) == 404
    assert set(branches(world, repo_id)) == {"main"}


def tags_stay_where_they_were_put(world: World) -> None:
    repo_id = world.repository("tags", {"a.txt": b"1"})
    first = world.head(repo_id)
    world.api.create_tag(repo_id, tag="v1")
    world.api.upload_file(path_or_fileobj=b"2", path_in_repo="a.txt", repo_id=repo_id)
    world.api.create_tag(repo_id, tag="v2/rc.1", tag_message="A candidate", revision="main")
    world.api.create_tag(repo_id, tag="again", revision=first)
    names = tags(world, repo_id)
    assert set(names) == {"v1", "v2/rc.1", "again"}
    assert names["v1"] == first
    assert world.download(repo_id, "a.txt", revision="v1") == b"1"
    assert world.download(repo_id, "a.txt", revision="v2/rc.1") == b"2"
    assert world.api.repo_info(repo_id, revision="again").sha == first

    world.api.delete_tag(repo_id, tag="v2/rc.1")
    assert set(tags(world, repo_id)) == {"v1", "again"}


def a_tag_that_is_there_is_refused_unless_it_may_exist(world: World) -> None:
    repo_id = world.repository("tags")
    world.api.create_tag(repo_id, tag="v1")
    assert status_of(refusal(HfHubHTTPError, world.api.create_tag, repo_id, tag="v1")) == 409
    world.api.create_tag(repo_id, tag="v1", exist_ok=True)
    refusal(RevisionNotFoundError, world.api.create_tag, repo_id, tag="lost", revision="no-such-branch")
    refusal(RevisionNotFoundError, world.api.delete_tag, repo_id, tag="no-such-tag")
    assert set(tags(world, repo_id)) == {"v1"}


def history_is_listed_from_the_newest(world: World) -> None:
    repo_id = world.repository("history")
    for n in range(25):
        world.api.upload_file(
            path_or_fileobj=b"%d" % n, path_in_repo="n.txt", repo_id=repo_id, commit_message=f"Step {n}"
        )
    commits = world.api.list_repo_commits(repo_id)
    assert [commit.title for commit in commits[:25]] == [f"Step {n}" for n in reversed(range(25))]
    assert commits[0].commit_id == world.head(repo_id)
    assert commits[0].authors == [world.user]
    assert commits[0].created_at >= commits[24].created_at
    assert len({commit.commit_id for commit in commits}) == len(commits)

    tenth = next(commit for commit in commits if commit.title == "Step 10")
    assert world.api.list_repo_commits(repo_id, revision=tenth.commit_id)[0].title == "Step 10"
    assert world.download(repo_id, "n.txt", revision=tenth.commit_id) == b"10"


def history_is_formatted_on_request(world: World) -> None:
    repo_id = world.repository("formatted", {"a.txt": b"a"})
    latest = world.api.list_repo_commits(repo_id, formatted=True)[0]
    assert latest.title in latest.formatted_title
    assert latest.formatted_message is not None


def history_of_a_missing_revision_is_refused(world: World) -> None:
    repo_id = world.repository("history")
    refusal(RevisionNotFoundError, world.api.list_repo_commits, repo_id, revision="no-such-branch")


def a_squashed_history_is_one_commit_with_every_file(world: World) -> None:
    world.need("super_squash_history")
    repo_id = world.repository("squashed", {"a.txt": b"1"})
    for n in range(3):
        world.api.upload_file(path_or_fileobj=b"%d" % n, path_in_repo=f"{n}.txt", repo_id=repo_id)
    world.api.create_tag(repo_id, tag="before")
    before = world.snapshot(repo_id)
    world.api.super_squash_history(repo_id, commit_message="All of it")
    [commit] = world.api.list_repo_commits(repo_id)
    assert (commit.title, commit.commit_id) == ("All of it", world.head(repo_id))
    assert world.snapshot(repo_id) == before == world.snapshot(repo_id, revision="before")

    world.api.create_branch(repo_id, branch="side")
    world.api.upload_file(path_or_fileobj=b"side", path_in_repo="side.txt", repo_id=repo_id, revision="side")
    world.api.super_squash_history(repo_id, branch="side")
    assert len(world.api.list_repo_commits(repo_id, revision="side")) == 1
    assert world.head(repo_id) == commit.commit_id
    refusal(RevisionNotFoundError, world.api.super_squash_history, repo_id, branch="no-such-branch")


def refs_of_pull_requests_are_listed_on_request(world: World) -> None:
    if not accepts(world.api.list_repo_refs, "include_pull_requests"):
        raise Skip("this client does not ask for the refs of pull requests")
    repo_id = world.repository("refs")
    assert world.api.list_repo_refs(repo_id).pull_requests is None
    assert world.api.list_repo_refs(repo_id, include_pull_requests=True).pull_requests == []
