"""Creating, describing, listing and deleting repositories; who is calling."""

from huggingface_hub.utils import HfHubHTTPError, RepositoryNotFoundError

from clients.scenarios.world import World, git_blob_id, lfs_pointer, noise, refusal, sha256, status_of


def the_token_names_its_user(world: World) -> None:
    me = world.api.whoami()
    assert me["type"] == "user"
    assert me["name"] == world.user
    assert me["auth"]["accessToken"]["role"] in {"write", "admin"}


def a_wrong_token_is_refused_and_not_taken_for_nobody(world: World) -> None:
    error = refusal(Exception, world.api.whoami, token="hf_this_token_was_never_given_out")
    cause = error if hasattr(error, "response") else error.__cause__
    assert status_of(cause) == 401

    repo_id = world.repository("public")
    error = refusal(HfHubHTTPError, world.api.repo_info, repo_id, token="hf_this_token_was_never_given_out")
    assert status_of(error) == 401
    assert not isinstance(error, RepositoryNotFoundError)


def each_kind_of_repository_is_found_as_what_it_is(world: World) -> None:
    kinds = {"model": {}, "dataset": {}, "space": {"space_sdk": "static"}}
    for kind, options in kinds.items():
        repo_id = world.unused_name(kind)
        url = world.api.create_repo(repo_id, repo_type=kind, **options)
        assert (url.repo_id, url.repo_type or "model", url.endpoint) == (repo_id, kind, world.endpoint)
        info = world.api.repo_info(repo_id, repo_type=kind)
        assert info.id == repo_id
        assert info.author == world.user
        assert info.private is False
        assert len(info.sha) == 40
        assert info.created_at is not None
        for other in kinds:
            assert world.api.repo_exists(repo_id, repo_type=other) == (other == kind)


def a_space_remembers_its_sdk(world: World) -> None:
    repo_id = world.repository("space", repo_type="space", space_sdk="gradio")
    assert world.api.space_info(repo_id).sdk == "gradio"


def a_second_repository_of_the_same_name_is_refused_unless_it_may_exist(world: World) -> None:
    repo_id = world.unused_name()
    first = world.api.create_repo(repo_id)
    assert status_of(refusal(HfHubHTTPError, world.api.create_repo, repo_id)) == 409
    again = world.api.create_repo(repo_id, exist_ok=True)
    assert again == first
    assert again.repo_id == repo_id


def a_private_repository_looks_to_others_as_if_it_were_not_there(world: World) -> None:
    files = {"config.json": b"{}"}
    repo_id = world.repository("secret", files, private=True)
    assert world.api.repo_info(repo_id).private is True
    assert world.download(repo_id, "config.json") == b"{}"

    assert not world.anonymous.repo_exists(repo_id)
    refusal(RepositoryNotFoundError, world.anonymous.repo_info, repo_id)
    refusal(RepositoryNotFoundError, world.anonymous.list_repo_files, repo_id)
    refusal(RepositoryNotFoundError, world.download, repo_id, "config.json", token=False)


def a_repository_that_is_not_there_is_said_to_be_missing(world: World) -> None:
    for repo_id in (world.unused_name("missing"), "nobody-at-all/missing", "one-segment-that-is-missing"):
        for api in (world.api, world.anonymous):
            assert not api.repo_exists(repo_id)
            refusal(RepositoryNotFoundError, api.repo_info, repo_id)
            refusal(RepositoryNotFoundError, world.download, repo_id, "config.json", token=api.token)


def repository_info_names_every_file_with_size_and_digests(world: World) -> None:
    small, large = b'{"hidden_size": 8}\n', noise(1000)
    repo_id = world.repository("described", {"config.json": small, "weights/model.safetensors": large})

    names = {file.rfilename for file in world.api.repo_info(repo_id).siblings}
    assert {"config.json", "weights/model.safetensors"} <= names

    files = {file.rfilename: file for file in world.api.repo_info(repo_id, files_metadata=True).siblings}
    config, weights = files["config.json"], files["weights/model.safetensors"]
    assert (config.size, config.blob_id, config.lfs) == (len(small), git_blob_id(small), None)
    assert (weights.size, weights.blob_id) == (len(large), git_blob_id(lfs_pointer(large)))
    assert (weights.lfs["size"], weights.lfs["sha256"]) == (len(large), sha256(large))


def repository_info_of_a_revision_has_that_commit(world: World) -> None:
    repo_id = world.repository("revised", {"a.txt": b"1"})
    first = world.head(repo_id)
    world.api.upload_file(path_or_fileobj=b"2", path_in_repo="b.txt", repo_id=repo_id)
    assert world.head(repo_id) != first
    then = world.api.repo_info(repo_id, revision=first)
    assert then.sha == first
    assert "b.txt" not in {file.rfilename for file in then.siblings}


def a_deleted_repository_is_gone(world: World) -> None:
    for kind in ("model", "dataset"):
        repo_id = world.repository("doomed", {"a.txt": b"a"}, repo_type=kind)
        world.api.delete_repo(repo_id, repo_type=kind)
        assert not world.api.repo_exists(repo_id, repo_type=kind)
        refusal(RepositoryNotFoundError, world.download, repo_id, "a.txt", repo_type=kind)
        refusal(RepositoryNotFoundError, world.api.delete_repo, repo_id, repo_type=kind)
        world.api.delete_repo(repo_id, repo_type=kind, missing_ok=True)

        world.api.create_repo(repo_id, repo_type=kind)
        assert world.paths(repo_id, repo_type=kind) == set()


def nobody_may_create_write_or_delete(world: World) -> None:
    repo_id = world.repository("guarded")
    # The oldest clients already refuse by themselves to write without a token.
    refused = (HfHubHTTPError, ValueError)
    refusal(refused, world.anonymous.create_repo, world.unused_name())
    refusal(refused, world.anonymous.upload_file, path_or_fileobj=b"x", path_in_repo="x", repo_id=repo_id)
    refusal(refused, world.anonymous.delete_repo, repo_id)
    assert world.paths(repo_id) == set()


def repositories_are_listed_by_author_and_kind(world: World) -> None:
    public, private = world.repository("listed"), world.repository("listed", private=True)
    dataset = world.repository("listed", repo_type="dataset")
    space = world.repository("listed", repo_type="space", space_sdk="static")

    models = {model.id for model in world.api.list_models(author=world.user)}
    assert {public, private} <= models
    assert not models & {dataset, space}
    assert dataset in {found.id for found in world.api.list_datasets(author=world.user)}
    assert space in {found.id for found in world.api.list_spaces(author=world.user)}

    seen_by_nobody = {model.id for model in world.anonymous.list_models(author=world.user)}
    assert public in seen_by_nobody
    assert private not in seen_by_nobody
    assert list(world.api.list_models(author="nobody-at-all")) == []


def a_list_can_be_searched_and_limited(world: World) -> None:
    repo_id = world.repository("needle")
    needle = repo_id.split("/")[1]
    assert [model.id for model in world.api.list_models(search=needle)] == [repo_id]
    assert [model.id for model in world.api.list_models(author=world.user, search=needle)] == [repo_id]
    world.repository("other")
    assert len(list(world.api.list_models(author=world.user, limit=1))) == 1
