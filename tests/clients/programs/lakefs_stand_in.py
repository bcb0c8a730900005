"""lakeFS's own client drives the server that the harness plays: every call that the engine makes, as the client makes it,
and the rules that make lakeFS hard to use. Arguments: the endpoint, the key, the secret."""

import sys
import tempfile

import lakefs_sdk
from lakefs_sdk import models
from lakefs_sdk.exceptions import ApiException

endpoint, key, secret = sys.argv[1:]
client = lakefs_sdk.ApiClient(lakefs_sdk.Configuration(host=f"{endpoint}/api/v1", username=key, password=secret))
repositories, branches, commits = lakefs_sdk.RepositoriesApi(client), lakefs_sdk.BranchesApi(client), lakefs_sdk.CommitsApi(client)
objects, staging, refs, tags = lakefs_sdk.ObjectsApi(client), lakefs_sdk.StagingApi(client), lakefs_sdk.RefsApi(client), lakefs_sdk.TagsApi(client)


def refused(status: int, call, *arguments, **options) -> None:
    try:
        call(*arguments, **options)
    except ApiException as error:
        assert error.status == status, (error.status, status, error.body)
    else:
        raise AssertionError(f"{call.__name__} was not refused")


def link(branch: str, path: str, oid: str, **options):
    metadata = models.StagingMetadata(
        staging=models.StagingLocation(physical_address=f"local://elsewhere/{oid}"),
        checksum=oid,
        size_bytes=5,
        user_metadata={"ballast-oid": oid},
    )
    return staging.link_physical_address("repo", branch, path, metadata, **options)


def upload(branch: str, path: str, content: bytes, **options):
    # The client takes the path of a file.
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return objects.upload_object("repo", branch, path, content=file.name, **options)


# --- The server and repositories ---
lakefs_sdk.HealthCheckApi(client).health_check()
config = lakefs_sdk.ConfigApi(client).get_config()
assert config.version_config.version and config.storage_config.pre_sign_support is False
creation = models.RepositoryCreation(name="repo", storage_namespace="local://data/repo", default_branch="main")
assert repositories.create_repository(creation).id == "repo"
refused(409, repositories.create_repository, creation)
assert [one.id for one in repositories.list_repositories().results] == ["repo"]
wrong = lakefs_sdk.ApiClient(lakefs_sdk.Configuration(host=f"{endpoint}/api/v1", username=key, password="wrong"))
refused(401, lakefs_sdk.RepositoriesApi(wrong).list_repositories)

# --- One staging area for all who write to a branch ---
first = branches.get_branch("repo", "main").commit_id
assert len(first) == 64
upload("main", "mine", b"mine")
link("main", "theirs", "aa")
refused(412, upload, "main", "mine", b"again", if_none_match="*")
assert objects.get_object("repo", "main", "mine") == b"mine", "a branch shows what nobody has committed"
refused(404, objects.get_object, "repo", first, "mine")
refused(410, objects.get_object, "repo", "main", "theirs")
assert {one.path for one in branches.diff_branch("repo", "main").results} == {"mine", "theirs"}
made = commits.commit("repo", "main", models.CommitCreation(message="both", metadata={"ballast-commit": "cc"}))
assert {one.path for one in objects.list_objects("repo", made.id).results} == {"mine", "theirs"}, "a commit seals all that is staged"
assert commits.get_commit("repo", made.id).metadata == {"ballast-commit": "cc"} and made.parents == [first]
refused(400, commits.commit, "repo", "main", models.CommitCreation(message="nothing"))
empty = commits.commit("repo", "main", models.CommitCreation(message="nothing", allow_empty=True))
assert [one.id for one in refs.log_commits("repo", "main").results] == [empty.id, made.id, first]
assert objects.stat_object("repo", made.id, "theirs").metadata == {"ballast-oid": "aa"}
refused(400, link, "main", "x" * 1025, "aa")

# --- Branches and tags, and the names that there are ---
for name in ("a.b", "a/b", "-a", ""):
    refused(400, branches.create_branch, "repo", models.BranchCreation(name=name, source="main"))
branches.create_branch("repo", models.BranchCreation(name="w-1", source=made.id, hidden=True))
refused(409, branches.create_branch, "repo", models.BranchCreation(name="w-1", source=made.id))
refused(404, branches.create_branch, "repo", models.BranchCreation(name="other", source="nothing"))
assert [one.id for one in branches.list_branches("repo").results] == ["main"]
assert [one.id for one in branches.list_branches("repo", show_hidden=True).results] == ["main", "w-1"]
upload("w-1", "hidden", b"hidden")
objects.delete_objects("repo", "w-1", models.PathList(paths=["mine", "none"]))
hidden = commits.commit("repo", "w-1", models.CommitCreation(message="hidden"))
assert {one.path for one in objects.list_objects("repo", hidden.id).results} == {"hidden", "theirs"}
upload("main", "dirt", b"dirt")
refused(400, lakefs_sdk.ExperimentalApi(client).hard_reset_branch, "repo", "main", hidden.id)
branches.reset_branch("repo", "main", models.ResetCreation(type="reset"))
lakefs_sdk.ExperimentalApi(client).hard_reset_branch("repo", "main", hidden.id)
assert branches.get_branch("repo", "main").commit_id == hidden.id
branches.delete_branch("repo", "w-1")
refused(404, branches.get_branch, "repo", "w-1")
refused(400, branches.delete_branch, "repo", "main")
tags.create_tag("repo", models.TagCreation(id="v1.0", ref=made.id))
refused(409, tags.create_tag, "repo", models.TagCreation(id="v1.0", ref=made.id))
refused(400, tags.create_tag, "repo", models.TagCreation(id="a/b", ref=made.id))
assert tags.get_tag("repo", "v1.0").commit_id == made.id
tags.delete_tag("repo", "v1.0")

# --- Pages, folders, differences, merges ---
branches.create_branch("repo", models.BranchCreation(name="many", source="main"))
for number in range(1005):
    link("many", f"folder/{number:04}", "bb")
found, after = [], ""
while True:
    page = objects.list_objects("repo", "many", prefix="folder/", after=after, amount=1000)
    assert len(page.results) <= 1000
    found += [one.path for one in page.results]
    if not page.pagination.has_more:
        break
    after = page.pagination.next_offset
assert found == [f"folder/{number:04}" for number in range(1005)]
top = objects.list_objects("repo", "many", delimiter="/").results
assert [(one.path, one.path_type) for one in top] == [("folder/", "common_prefix"), ("hidden", "object"), ("theirs", "object")]
many = commits.commit("repo", "many", models.CommitCreation(message="many"))
assert {one.type for one in refs.diff_refs("repo", "main", "many").results} == {"added"}
refs.merge_into_branch("repo", "many", "main")
assert objects.stat_object("repo", "main", "folder/1004").size_bytes == 5

# --- A namespace is never used twice ---
repositories.delete_repository("repo", force=True)
refused(404, repositories.get_repository, "repo")
refused(400, repositories.create_repository, creation)
print("driven")
