"""Settings, new names, gates, likes, and lists by what READMEs say."""

from huggingface_hub.utils import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from clients.scenarios.world import Skip, World, accepts, noise, refusal, status_of

CARD = b"---\nlicense: mit\nlibrary_name: transformers\npipeline_tag: fill-mask\nlanguage: [en, de]\ntags: [%s]\n---\n# Hello\n"


def change(world: World, repo_id: str, **settings) -> None:
    """Whichever call this version has for it."""
    if hasattr(world.api, "update_repo_settings") and (
        "private" not in settings or accepts(world.api.update_repo_settings, "private")
    ):
        world.api.update_repo_settings(repo_id, **settings)
    elif set(settings) == {"private"} and hasattr(world.api, "update_repo_visibility"):
        world.api.update_repo_visibility(repo_id, **settings)
    else:
        raise Skip("this client has no call for these settings")


def a_repository_becomes_private_and_public_again(world: World) -> None:
    repo_id = world.repository("shown", {"a.txt": b"a"})
    change(world, repo_id, private=True)
    assert world.api.repo_info(repo_id).private is True
    refusal(RepositoryNotFoundError, world.anonymous.repo_info, repo_id)
    change(world, repo_id, private=False)
    assert world.anonymous.repo_info(repo_id).private is False


def a_repository_that_was_moved_is_found_under_both_names(world: World) -> None:
    small, large = b"small", noise(20_000, 7)
    repo_id, to = world.repository("old", {"a.txt": small, "model.safetensors": large}), world.unused_name("new")
    head = world.head(repo_id)
    world.api.move_repo(from_id=repo_id, to_id=to)
    for name in (repo_id, to):
        info = world.api.repo_info(name)
        assert (info.id, info.sha) == (to, head)
        assert world.download(name, "a.txt") == small
        assert world.download(name, "model.safetensors") == large
        assert world.snapshot(name) == {"a.txt": small, "model.safetensors": large}
    error = refusal(HfHubHTTPError, world.api.move_repo, from_id=to, to_id=world.repository("taken"))
    assert "already exists" in str(error)
    assert world.api.repo_exists(to)


def what_is_written_under_the_former_name_lands_in_the_moved_repository(world: World) -> None:
    repo_id, to = world.repository("old"), world.unused_name("new")
    world.api.move_repo(from_id=repo_id, to_id=to)
    world.api.upload_file(path_or_fileobj=b"later", path_in_repo="later.txt", repo_id=repo_id)
    assert world.download(to, "later.txt") == b"later"


def a_gated_repository_shows_itself_and_keeps_its_files(world: World) -> None:
    repo_id = world.repository("gated", {"a.txt": b"a"})
    change(world, repo_id, gated="manual")
    assert world.anonymous.repo_info(repo_id).gated == "manual"
    assert "a.txt" in world.anonymous.list_repo_files(repo_id)
    error = refusal(Exception, world.download, repo_id, "a.txt", token=False)
    while error is not None and not isinstance(error, GatedRepoError):
        error = error.__cause__
    assert isinstance(error, GatedRepoError), "a gate is told from a lock"
    assert world.download(repo_id, "a.txt") == b"a", "its owner is in"


def access_is_granted_listed_and_taken_back(world: World) -> None:
    world.need("grant_access")
    repo_id = world.repository("gated", {"a.txt": b"a"})
    change(world, repo_id, gated="manual")
    assert list(world.api.list_pending_access_requests(repo_id)) == []
    world.api.grant_access(repo_id, world.user)
    (granted,) = world.api.list_accepted_access_requests(repo_id)
    assert (granted.username, granted.status, granted.timestamp.year > 2020) == (world.user, "accepted", True)
    assert status_of(refusal(HfHubHTTPError, world.api.grant_access, repo_id, world.user)) == 400
    world.api.cancel_access_request(repo_id, world.user)
    assert [one.username for one in world.api.list_pending_access_requests(repo_id)] == [world.user]
    if accepts(world.api.reject_access_request, "rejection_reason"):
        world.api.reject_access_request(repo_id, world.user, rejection_reason="no")
    else:
        world.api.reject_access_request(repo_id, world.user)
    assert [one.username for one in world.api.list_rejected_access_requests(repo_id)] == [world.user]
    world.api.accept_access_request(repo_id, world.user)
    assert status_of(refusal(HfHubHTTPError, world.api.accept_access_request, repo_id, "nobody-here")) == 404


def likes_are_listed_from_both_sides(world: World) -> None:
    import json
    import urllib.request

    repo_id = world.repository("liked")
    headers = {"Authorization": f"Bearer {world.token}"}
    request = urllib.request.Request(f"{world.endpoint}/api/models/{repo_id}/like", method="POST", headers=headers)
    assert json.load(urllib.request.urlopen(request))["likes_count"] == 1
    assert world.api.repo_info(repo_id).likes == 1
    if hasattr(world.api, "list_repo_likers"):
        assert [user.username for user in world.api.list_repo_likers(repo_id)] == [world.user]
    assert repo_id in world.api.list_liked_repos(world.user).models
    world.api.unlike(repo_id)
    assert repo_id not in world.api.list_liked_repos(world.user).models
    assert world.api.repo_info(repo_id).likes == 0


def models_are_found_by_what_their_cards_say(world: World) -> None:
    word = world.unused_name("word").split("/")[1]
    repo_id = world.repository("carded", {"README.md": CARD % word.encode()})
    world.repository("plain")
    for wanted in (word, [word, "transformers"], [word, "license:mit", "de"]):
        found = list(world.api.list_models(filter=wanted))
        assert [model.id for model in found] == [repo_id], wanted
    (model,) = world.api.list_models(filter=word, full=True, cardData=True)
    assert {"transformers", "license:mit", word} <= set(model.tags)
    assert (model.pipeline_tag, model.library_name) == ("fill-mask", "transformers")
    assert (model.card_data or model.cardData)["license"] == "mit"
    if accepts(world.api.list_models, "pipeline_tag"):
        assert [model.id for model in world.api.list_models(pipeline_tag="fill-mask", filter=word)] == [repo_id]
    assert list(world.api.list_models(filter=[word, "tensorflow"])) == []


def ones_own_repositories_are_listed_with_what_they_hold(world: World) -> None:
    world.need("list_user_repos")
    repo_id = world.repository("stored", {"model.safetensors": noise(30_000, 9)})
    (found,) = [one for one in world.api.list_user_repos() if one.id == repo_id]
    assert (found.type, found.storage >= 30_000) == ("model", True)
