"""Discussions and pull requests."""

import json
import urllib.request

from huggingface_hub import CommitOperationAdd
from huggingface_hub.utils import HfHubHTTPError, RevisionNotFoundError

from clients.scenarios.world import Skip, World, accepts, noise, refusal, status_of


def kinds(details) -> list[str]:
    return [event.type for event in details.events]


def a_discussion_is_opened_and_talked_about(world: World) -> None:
    repo_id = world.repository("talk")
    opened = world.api.create_discussion(repo_id, "A question", description="  Why? ")
    assert (opened.num, opened.title, opened.status, opened.author) == (1, "A question", "open", world.user)
    assert (opened.repo_id, opened.repo_type, opened.is_pull_request) == (repo_id, "model", False)
    assert (opened.diff, opened.target_branch, opened.git_reference, opened.conflicting_files) == (None, None, None, None)
    assert opened.events[0].content == "Why?"
    assert opened.url == f"{world.endpoint}/{repo_id}/discussions/1"

    said = world.api.comment_discussion(repo_id, 1, comment="Because")
    assert (said.type, said.content, said.author, said.edited, said.hidden) == ("comment", "Because", world.user, False, False)
    edited = world.api.edit_discussion_comment(repo_id, 1, said.id, new_content="Because <so>")
    assert (edited.id, edited.content, edited.edited, edited.number_of_edits) == (said.id, "Because <so>", True, 1)
    assert edited.edit_history[0]["raw"] == "Because"
    assert edited.rendered == "<p>Because &lt;so&gt;</p>"
    assert edited.last_edited_by == world.user and edited.last_edited_at >= said.created_at
    hidden = world.api.hide_discussion_comment(repo_id, 1, said.id.upper())
    assert hidden.hidden and "Because" not in hidden.content

    renamed = world.api.rename_discussion(repo_id, 1, "An answer")
    assert (renamed.old_title, renamed.new_title) == ("A question", "An answer")
    closed = world.api.change_discussion_status(repo_id, 1, "closed", comment="done")
    assert closed.new_status == "closed"
    found = world.api.get_discussion_details(repo_id, 1)
    assert (found.title, found.status) == ("An answer", "closed")
    assert kinds(found) == ["comment", "comment", "title-change", "comment", "status-change"]


def open_by_hand(world: World, repository: str, title: str) -> None:
    """Many of them: the client asks for each that it has opened."""
    request = urllib.request.Request(
        f"{world.endpoint}/api/{repository}/discussions",
        data=json.dumps({"title": title}).encode(),
        headers={"Authorization": f"Bearer {world.token}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=30).close()


def discussions_of_every_kind_of_repository_are_listed(world: World) -> None:
    repo_id = world.repository("talk", repo_type="dataset")
    for number in range(1, 53):
        open_by_hand(world, f"datasets/{repo_id}", f"Number {number}")
    world.api.create_pull_request(repo_id, "A change", repo_type="dataset")
    world.api.change_discussion_status(repo_id, 7, "closed", repo_type="dataset")
    listed = list(world.api.get_repo_discussions(repo_id, repo_type="dataset"))
    assert [found.num for found in listed] == list(range(53, 0, -1))
    assert (listed[0].is_pull_request, listed[0].status, listed[0].git_reference) == (True, "draft", "refs/pr/53")
    assert listed[0].url == f"{world.endpoint}/datasets/{repo_id}/discussions/53"
    if not accepts(world.api.get_repo_discussions, "discussion_status"):
        raise Skip("this client does not choose among discussions")

    def numbers(**options) -> list[int]:
        return [found.num for found in world.api.get_repo_discussions(repo_id, repo_type="dataset", **options)]

    assert numbers(discussion_type="pull_request") == [53]
    assert numbers(discussion_status="closed") == [7]
    assert len(numbers(discussion_status="open", discussion_type="discussion")) == 51
    assert (len(numbers(author=world.user)), numbers(author="nobody-of-this-name")) == (53, [])


def a_pull_request_is_a_draft_until_it_is_opened_and_then_merged(world: World) -> None:
    repo_id = world.repository("proposed", {"a.txt": b"1\n"})
    main = world.head(repo_id)
    opened = world.api.create_pull_request(repo_id, "Step by step")
    assert (opened.status, opened.git_reference, opened.target_branch) == ("draft", "refs/pr/1", "refs/heads/main")
    world.api.upload_file(path_or_fileobj=b"2\n", path_in_repo="a.txt", repo_id=repo_id, revision="refs/pr/1")
    assert world.download(repo_id, "a.txt", revision="refs/pr/1") == b"2\n"
    assert world.head(repo_id) == main
    world.api.change_discussion_status(repo_id, 1, "open")
    found = world.api.get_discussion_details(repo_id, 1)
    assert kinds(found) == ["comment", "commit", "status-change"] or kinds(found) == ["comment", "status-change", "commit"]
    assert "-1\n+2\n" in found.diff and found.conflicting_files == []
    world.api.merge_pull_request(repo_id, 1, comment="Thanks")
    found = world.api.get_discussion_details(repo_id, 1)
    assert (found.status, found.merge_commit_oid) == ("merged", world.head(repo_id))
    assert world.download(repo_id, "a.txt") == b"2\n"
    late = refusal(
        HfHubHTTPError, world.api.upload_file, path_or_fileobj=b"3", path_in_repo="b", repo_id=repo_id, revision="refs/pr/1"
    )
    assert status_of(late) == 409


def a_conflict_is_told_before_a_merge_and_by_it(world: World) -> None:
    repo_id = world.repository("conflict", {"a.txt": b"1\n"})
    opened = world.api.upload_file(path_or_fileobj=b"theirs", path_in_repo="a.txt", repo_id=repo_id, create_pr=True)
    world.api.upload_file(path_or_fileobj=b"ours", path_in_repo="a.txt", repo_id=repo_id)
    number = number_of(opened)
    assert world.api.get_discussion_details(repo_id, number).conflicting_files == ["a.txt"]
    assert status_of(refusal(HfHubHTTPError, world.api.merge_pull_request, repo_id, number)) == 409
    assert world.download(repo_id, "a.txt") == b"ours"


def number_of(uploaded) -> int:
    """The pull request that an upload opened: newer clients say so, older ones answer its URL."""
    text = getattr(uploaded, "pr_url", None) or str(uploaded)
    return int(text.split("/discussions/")[-1]) if "/discussions/" in text else int(text.split("refs%2Fpr%2F")[1].split("/")[0])


def one_commit_opens_a_pull_request_of_its_own(world: World) -> None:
    repo_id = world.repository("commit", {"a.txt": b"1\n"})
    operations = [CommitOperationAdd("b.txt", b"b"), CommitOperationAdd("large.bin", noise(60_000, 31))]
    made = world.api.create_commit(
        repo_id, operations, commit_message="Both of them", commit_description="At once", create_pr=True
    )
    assert (made.pr_num, made.pr_revision) == (1, "refs/pr/1")
    assert made.pr_url == f"{world.endpoint}/{repo_id}/discussions/1"
    assert world.head(repo_id, revision="refs/pr/1") == made.oid
    found = world.api.get_discussion_details(repo_id, 1)
    assert (found.title, found.status, found.events[0].content) == ("Both of them", "open", "At once")
    assert world.paths(repo_id, revision="refs/pr/1") == {"a.txt", "b.txt", "large.bin"}
    assert world.paths(repo_id) == {"a.txt"}
    assert world.snapshot(repo_id, revision="refs/pr/1")["large.bin"] == noise(60_000, 31)
    world.api.merge_pull_request(repo_id, 1)
    assert world.download(repo_id, "large.bin") == noise(60_000, 31)


def a_pull_request_cannot_be_made_to_a_commit(world: World) -> None:
    repo_id = world.repository("commit", {"a.txt": b"1\n"})
    operations = [CommitOperationAdd("b.txt", b"b")]
    refusal(
        RevisionNotFoundError,
        world.api.create_commit,
        repo_id,
        operations,
        commit_message="m",
        revision=world.head(repo_id),
        create_pr=True,
    )
    assert list(world.api.get_repo_discussions(repo_id)) == []


def a_folder_is_proposed(world: World) -> None:
    repo_id = world.repository("folder", {"a.txt": b"1\n", "old.txt": b"old"})
    files = {f"{n}.txt": b"%d" % n for n in range(5)} | {"large.bin": noise(300_000, 32), "README.md": b"# Hi\n"}
    options = {"delete_patterns": "old.txt"} if accepts(world.api.upload_folder, "delete_patterns") else {}
    done = world.api.upload_folder(
        repo_id=repo_id, folder_path=world.folder(files), commit_message="A folder", create_pr=True, **options
    )
    number = number_of(done)
    revision = f"refs/pr/{number}"
    expected = set(files) | {"a.txt"} | (set() if options else {"old.txt"})
    assert world.paths(repo_id, revision=revision) == expected
    assert world.paths(repo_id) == {"a.txt", "old.txt"}
    assert world.snapshot(repo_id, revision=revision)["large.bin"] == files["large.bin"]
    found = world.api.get_discussion_details(repo_id, number)
    assert (found.title, found.is_pull_request) == ("A folder", True)
    world.api.merge_pull_request(repo_id, number)
    assert world.paths(repo_id) == expected


def refs_of_pull_requests_are_listed(world: World) -> None:
    if not accepts(world.api.list_repo_refs, "include_pull_requests"):
        raise Skip("this client does not ask for the refs of pull requests")
    repo_id = world.repository("refs", {"a.txt": b"1"})
    world.api.create_pull_request(repo_id, "One")
    world.api.upload_file(path_or_fileobj=b"2", path_in_repo="a.txt", repo_id=repo_id, create_pr=True)
    refs = world.api.list_repo_refs(repo_id, include_pull_requests=True)
    assert [ref.ref for ref in refs.pull_requests] == ["refs/pr/1", "refs/pr/2"]
    assert refs.pull_requests[0].target_commit == world.head(repo_id)
    assert refs.pull_requests[1].target_commit == world.head(repo_id, revision="refs/pr/2")
    assert world.api.list_repo_refs(repo_id).pull_requests is None


def the_history_of_a_pull_request_is_squashed(world: World) -> None:
    world.need("super_squash_history")
    repo_id = world.repository("squash", {"a.txt": b"1"})
    world.api.create_pull_request(repo_id, "Squashed")
    for n in range(3):
        world.api.upload_file(path_or_fileobj=b"%d" % n, path_in_repo="n.txt", repo_id=repo_id, revision="refs/pr/1")
    world.api.super_squash_history(repo_id, branch="refs/pr/1")
    assert len(world.api.list_repo_commits(repo_id, revision="refs/pr/1")) == 1
    assert world.download(repo_id, "n.txt", revision="refs/pr/1") == b"2"
