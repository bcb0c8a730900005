"""What HfApi does that no scenario of another module calls, each under the name of its method; tests/clients/surface.py
lists all of them. These run with the newest client alone."""

from huggingface_hub import CommitOperationAdd, hf_hub_url
from huggingface_hub.utils import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError

from clients.scenarios.world import World, noise, refusal, sha256, status_of

WEIGHTS = noise(50_000)
FILES = {"config.json": b"{}", "data/a.csv": b"x\n1\n", "data/b.csv": b"x\n2\n", "model.safetensors": WEIGHTS}


def auth_check(world: World) -> None:
    repo_id = world.repository("checked", private=True)
    world.api.auth_check(repo_id)
    world.api.auth_check(repo_id, write=True)
    refusal(RepositoryNotFoundError, world.anonymous.auth_check, repo_id)
    refusal(RepositoryNotFoundError, world.api.auth_check, world.unused_name())


def copy_files(world: World) -> None:
    source, target = world.repository("from", FILES), world.repository("to", {"kept.txt": b"kept"})
    world.api.copy_files(f"hf://{source}/config.json", f"hf://{source}/copies/config.json")
    assert world.download(source, "copies/config.json") == b"{}"
    world.api.copy_files(f"hf://{source}/data/", f"hf://{source}/more/")
    assert {"more/a.csv", "more/b.csv"} <= world.paths(source)
    assert world.paths(target) == {"kept.txt"}


def dataset_info(world: World) -> None:
    repo_id = world.repository("data", FILES, repo_type="dataset")
    found = world.api.dataset_info(repo_id, files_metadata=True)
    sizes = {file.rfilename: file.size for file in found.siblings if file.rfilename != ".gitattributes"}
    assert (found.id, found.sha) == (repo_id, world.head(repo_id, repo_type="dataset"))
    assert sizes == {path: len(content) for path, content in FILES.items()}
    assert world.api.dataset_info(repo_id, expand=["downloads"]).downloads == 0


def delete_files(world: World) -> None:
    repo_id = world.repository("tidied", FILES)
    made = world.api.delete_files(repo_id, ["data/", "*.json"])
    assert world.paths(repo_id) == {"model.safetensors"}
    assert world.head(repo_id) == made.oid


def get_full_repo_name(world: World) -> None:
    assert world.api.get_full_repo_name("it") == f"{world.user}/it"
    assert world.api.get_full_repo_name("it", organization="acme") == "acme/it"


def get_hf_file_metadata(world: World) -> None:
    repo_id = world.repository("looked-at", FILES)
    url = hf_hub_url(repo_id, "model.safetensors", endpoint=world.endpoint)
    found = world.api.get_hf_file_metadata(url=url)
    assert (found.commit_hash, found.etag, found.size) == (world.head(repo_id), sha256(WEIGHTS), len(WEIGHTS))


def list_organization_followers(world: World) -> None:
    error = refusal(HfHubHTTPError, lambda: list(world.api.list_organization_followers("no-organisation-of-this-name")))
    assert status_of(error) == 404


def list_repo_tree(world: World) -> None:
    repo_id = world.repository("tree", FILES)
    found = {item.path: item for item in world.api.list_repo_tree(repo_id, recursive=True, expand=True)}
    assert set(found) - {".gitattributes"} == {*FILES, "data"}
    assert found["model.safetensors"].lfs.sha256 == sha256(WEIGHTS)
    assert found["config.json"].last_commit.oid == world.head(repo_id)
    assert [item.path for item in world.api.list_repo_tree(repo_id, "data")] == ["data/a.csv", "data/b.csv"]


def parse_safetensors_file_metadata(world: World) -> None:
    from clients.scenarios.cards import safetensors

    repo_id = world.repository("tensors", {"one.safetensors": safetensors(weight=[10, 20])})
    found = world.api.parse_safetensors_file_metadata(repo_id, "one.safetensors")
    assert found.tensors["weight"].shape == [10, 20]


def preupload_lfs_files(world: World) -> None:
    repo_id = world.repository("ahead")
    addition = CommitOperationAdd("model.safetensors", WEIGHTS)
    world.api.preupload_lfs_files(repo_id, [addition])
    assert world.paths(repo_id) == set()
    world.api.create_commit(repo_id, [addition], commit_message="Name what is here already")
    assert world.download(repo_id, "model.safetensors") == WEIGHTS


def resolve_revision(world: World) -> None:
    repo_id = world.repository("resolved", FILES)
    world.api.create_tag(repo_id, tag="v1")
    assert world.api.resolve_revision(repo_id, revision="v1", cache_dir=world.workdir / "cache").resolved == world.head(repo_id)


def run_as_future(world: World) -> None:
    assert world.api.run_as_future(world.api.whoami).result(timeout=30)["name"] == world.user


def update_repo_settings(world: World) -> None:
    repo_id = world.repository("set")
    world.api.update_repo_settings(repo_id, visibility="private", gated="manual")
    found = world.api.model_info(repo_id)
    assert (found.private, found.gated) == (True, "manual")


def verify_repo_checksums(world: World) -> None:
    repo_id = world.repository("verified", FILES)
    folder = world.workdir / "copy"
    world.api.snapshot_download(repo_id, local_dir=folder)
    found = world.api.verify_repo_checksums(repo_id, local_dir=folder)
    assert (found.checked_count, found.mismatches, found.missing_paths) == (len(FILES) + 1, [], [])
    (folder / "model.safetensors").write_bytes(noise(50_000, 1))
    assert [file["path"] for file in world.api.verify_repo_checksums(repo_id, local_dir=folder).mismatches] == [
        "model.safetensors"
    ]


def collections(world: World) -> None:
    """create_collection, get_collection, list_collections, add_collection_item, update_collection_item,
    delete_collection_item, update_collection_metadata, delete_collection"""
    model, data = world.repository("kept"), world.repository("kept", repo_type="dataset")
    made = world.api.create_collection(world.unused_name("Good things"), description="What is good", private=True)
    assert world.api.create_collection(made.title, exists_ok=True).slug == made.slug
    world.api.add_collection_item(made.slug, model, "model", note="the first")
    full = world.api.add_collection_item(made.slug, data, "dataset")
    world.api.add_collection_item(made.slug, data, "dataset", exists_ok=True)
    assert [(item.item_id, item.item_type, item.note) for item in full.items] == [
        (model, "model", "the first"),
        (data, "dataset", None),
    ]
    second = full.items[1].item_object_id
    world.api.update_collection_item(made.slug, second, note="now the first", position=0)
    assert [item.note for item in world.api.get_collection(made.slug).items] == ["now the first", "the first"]
    world.api.delete_collection_item(made.slug, second)
    world.api.delete_collection_item(made.slug, second, missing_ok=True)
    changed = world.api.update_collection_metadata(made.slug, title=world.unused_name("Better"), theme="purple", private=False)
    assert (changed.theme, changed.private, len(changed.items)) == ("purple", False, 1)
    found = {one.slug: one for one in world.api.list_collections(owner=world.user, item=f"models/{model}")}
    assert [item.item_id for item in found[changed.slug].items] == [model]
    world.api.delete_collection(changed.slug)
    world.api.delete_collection(changed.slug, missing_ok=True)
    assert status_of(refusal(HfHubHTTPError, world.api.get_collection, changed.slug)) == 404


def webhooks(world: World) -> None:
    """create_webhook, get_webhook, list_webhooks, update_webhook, disable_webhook, enable_webhook, delete_webhook"""
    repo_id = world.repository("watched")
    made = world.api.create_webhook(url="http://localhost:9/hook", watched=[{"type": "model", "name": repo_id}], secret="s")
    assert (made.domains, made.secret, made.disabled) == (["repo", "discussion"], "s", False)
    assert [(item.type, item.name) for item in world.api.get_webhook(made.id).watched] == [("model", repo_id)]
    changed = world.api.update_webhook(made.id, url="http://localhost:9/other", domains=["repo"])
    assert (changed.url, changed.domains, changed.watched) == ("http://localhost:9/other", ["repo"], made.watched)
    assert world.api.disable_webhook(made.id).disabled is True
    assert world.api.enable_webhook(made.id).disabled is False
    assert made.id in [one.id for one in world.api.list_webhooks()]
    world.api.delete_webhook(made.id)
    assert status_of(refusal(HfHubHTTPError, world.api.get_webhook, made.id)) == 404


def duplicate_repo(world: World) -> None:
    source, target = world.repository("original", FILES), world.unused_name("copy")
    copied = world.api.duplicate_repo(source, target, private=True)
    assert (copied.repo_id, copied.files_copy_pending) == (target, False)
    assert world.paths(target) == set(FILES) and world.api.model_info(target).private is True
    assert world.download(target, "model.safetensors") == WEIGHTS
    assert world.api.duplicate_repo(source, target, exist_ok=True).repo_id == target


def lfs_files(world: World) -> None:
    """list_lfs_files, permanently_delete_lfs_files"""
    repo_id = world.repository("large", FILES)
    (found,) = world.api.list_lfs_files(repo_id)
    assert (found.filename, found.oid, found.size) == ("model.safetensors", sha256(WEIGHTS), len(WEIGHTS))
    world.api.permanently_delete_lfs_files(repo_id, [found])
    assert list(world.api.list_lfs_files(repo_id)) == []
    error = refusal(EntryNotFoundError, world.download, repo_id, "model.safetensors")
    assert "permanently deleted" in str(error)
