"""Every command of `hf` that this hub has something to do with; tests/clients/surface.py lists all of them, and names
the function here that gives each. These run with the newest client alone.

The commands are given to the program's own parser, within this process; those that keep something in the user's home
run as programs, with a home of their own."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from click.testing import CliRunner
from huggingface_hub.cli._output import out
from huggingface_hub.cli.hf import app

from clients.scenarios.world import World, files_below, noise, sha256

LIMIT = 60
CARD = b"---\nlicense: mit\ntags: [small]\n---\n# A card\n\nIt says nothing.\n"
WEIGHTS = noise(50_000)


def hf(world: World, command: str, *arguments, send: bytes | None = None) -> str:
    """What `hf COMMAND ARGUMENT…` prints."""
    out.set_mode()
    done = CliRunner().invoke(app, [*command.split(), *map(str, arguments)], input=send)
    assert done.exit_code == 0, f"hf {command} ended with {done.exit_code}:\n{done.output}\n{done.exception!r}"
    return done.stdout


def told(world: World, command: str, *arguments):
    """What it prints as JSON."""
    return json.loads(hf(world, command, *arguments, "--format", "json"))


def program(world: World, command: str, *arguments, send: str = "", **variables: str) -> str:
    """The same as a program of its own, in a home that is empty at first."""
    home = {"HF_HOME": str(world.workdir / "home"), "HF_ENDPOINT": world.endpoint, "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
    environment = {name: value for name, value in os.environ.items() if name != "HF_TOKEN"} | home | variables
    line = [Path(sys.executable).parent / "hf", *command.split(), *map(str, arguments)]
    done = subprocess.run(line, env=environment, input=send, capture_output=True, text=True, timeout=LIMIT, cwd=world.workdir)
    assert done.returncode == 0, f"hf {command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def a_token_is_kept_switched_to_and_forgotten(world: World) -> None:
    program(world, "auth login", "--token", world.token)
    (kept,) = [line for line in program(world, "auth list").splitlines() if line.startswith("* ")]
    name = kept.removeprefix("* ").rsplit(maxsplit=1)[0]
    assert world.token in program(world, "auth token")
    assert world.user in program(world, "auth whoami")
    program(world, "auth switch", "--token-name", name)
    program(world, "auth logout", "--token-name", name)
    assert name not in program(world, "auth list")


def a_repository_is_made_listed_changed_moved_and_deleted(world: World) -> None:
    repo_id, moved = world.unused_name(), world.unused_name()
    hf(world, "repos create", repo_id, "--repo-type", "dataset", "--private")
    assert world.api.dataset_info(repo_id).private is True
    assert [found["id"] for found in told(world, "repos list", "--repo-type", "dataset", "--search", repo_id)] == [repo_id]
    hf(world, "repos settings", repo_id, "--repo-type", "dataset", "--public", "--gated", "auto")
    found = world.api.dataset_info(repo_id)
    assert (found.private, found.gated) == (False, "auto")
    hf(world, "repos move", repo_id, moved, "--repo-type", "dataset")
    assert world.api.dataset_info(repo_id).id == moved
    hf(world, "repos delete", moved, "--repo-type", "dataset", "--yes")
    assert not world.api.repo_exists(moved, repo_type="dataset")


def a_repository_has_branches_and_tags(world: World) -> None:
    repo_id = world.repository("refs", {"a.txt": b"a"})
    hf(world, "repos branch create", repo_id, "next")
    hf(world, "repos tag create", repo_id, "v1", "--message", "The first", "--revision", "next")
    assert "v1" in hf(world, "repos tag list", repo_id)
    hf(world, "repos branch delete", repo_id, "next")
    hf(world, "repos tag delete", repo_id, "v1", "--yes")
    refs = world.api.list_repo_refs(repo_id)
    assert ([branch.name for branch in refs.branches], refs.tags) == (["main"], [])


def files_go_up_come_back_and_are_deleted(world: World) -> None:
    repo_id = world.unused_name("files")
    folder = world.folder({"README.md": CARD, "model.safetensors": WEIGHTS, "data/a.csv": b"x\n1\n"})
    assert repo_id in hf(world, "upload", repo_id, folder, "--commit-message", "All of it")
    back = world.workdir / "back"
    hf(world, "download", repo_id, "--local-dir", back)
    assert files_below(back) == files_below(folder)
    hf(world, "repos delete-files", repo_id, "data/*")
    assert world.paths(repo_id) == {"README.md", "model.safetensors"}


def files_are_copied_there_and_back_and_printed(world: World) -> None:
    repo_id = world.repository("copied", {"a.txt": b"a\n"})
    here = world.workdir / "b.txt"
    here.write_bytes(b"b\n")
    hf(world, "cp", here, f"hf://{repo_id}/deep/b.txt")
    assert hf(world, "cp", f"hf://{repo_id}/deep/b.txt", "-") == "b\n"
    hf(world, "cp", f"hf://{repo_id}/a.txt", world.workdir / "came.txt")
    assert (world.workdir / "came.txt").read_bytes() == b"a\n"
    hf(world, "repos cp", f"hf://{repo_id}/a.txt", f"hf://{repo_id}/c.txt")
    hf(world, "repos cp", "-", f"hf://{repo_id}/d.txt", send=b"d\n")
    assert world.paths(repo_id) == {"a.txt", "c.txt", "d.txt", "deep/b.txt"}


def each_kind_is_described_listed_and_shows_its_card(world: World) -> None:
    model, dataset = world.repository("of-kind", {"README.md": CARD}), world.repository("of-kind", {"README.md": CARD}, repo_type="dataset")
    space = world.repository("of-kind", {"README.md": CARD, "app/main.html": b"."}, repo_type="space", space_sdk="static")
    assert told(world, "models info", model)["id"] == model
    assert told(world, "datasets info", dataset)["id"] == dataset
    assert told(world, "spaces info", space)["sdk"] == "static"
    assert [found["id"] for found in told(world, "models list", "--author", world.user, "--search", model.split("/")[1])] == [model]
    assert [found["id"] for found in told(world, "datasets list", "--search", dataset)] == [dataset]
    assert [found["id"] for found in told(world, "spaces list", "--search", space)] == [space]
    assert "app/main.html" in hf(world, "spaces list", space, "-R")
    assert "It says nothing" in hf(world, "models card", model, "--text")
    assert told(world, "datasets card", dataset, "--metadata")["license"] == "mit"
    assert "It says nothing" in hf(world, "spaces card", space)


def a_discussion_is_led_from_its_first_word_to_its_last(world: World) -> None:
    repo_id = world.repository("talk", {"a.txt": b"1\n"})
    hf(world, "discussions create", repo_id, "--title", "A question", "--body", "Why?")
    hf(world, "discussions comment", repo_id, "1", "--body", "Because")
    said = world.api.get_discussion_details(repo_id, 1).events[-1]
    hf(world, "discussions edit", repo_id, "1", said.id, "--body", "Because of it")
    hf(world, "discussions rename", repo_id, "1", "An answer")
    assert "An answer" in hf(world, "discussions list", repo_id)
    assert "Because of it" in hf(world, "discussions info", repo_id, "1", "--format", "json")
    hf(world, "discussions close", repo_id, "1", "--yes")
    assert world.api.get_discussion_details(repo_id, 1).status == "closed"
    hf(world, "discussions reopen", repo_id, "1", "--yes")
    assert world.api.get_discussion_details(repo_id, 1).status == "open"


def a_pull_request_is_looked_at_and_merged(world: World) -> None:
    repo_id = world.repository("proposed", {"a.txt": b"1\n"})
    world.api.upload_file(path_or_fileobj=b"2\n", path_in_repo="a.txt", repo_id=repo_id, create_pr=True)
    assert "+2" in hf(world, "discussions diff", repo_id, "1")
    hf(world, "discussions merge", repo_id, "1", "--yes")
    assert world.download(repo_id, "a.txt") == b"2\n"


def a_cache_is_listed_verified_and_cleared(world: World) -> None:
    repo_id = world.repository("cached", {"a.txt": b"a\n", "model.safetensors": WEIGHTS})
    cache = world.workdir / "cache"
    world.api.snapshot_download(repo_id, cache_dir=cache)
    assert repo_id in hf(world, "cache list", "--cache-dir", cache)
    hf(world, "cache verify", repo_id, "--cache-dir", cache)
    world.api.upload_file(path_or_fileobj=b"b\n", path_in_repo="a.txt", repo_id=repo_id)
    world.api.snapshot_download(repo_id, cache_dir=cache)
    hf(world, "cache prune", "--cache-dir", cache, "--yes")
    assert len(told(world, "cache list", "--cache-dir", cache, "--revisions")) == 1
    hf(world, "cache rm", f"model/{repo_id}", "--cache-dir", cache, "--yes")
    assert repo_id not in hf(world, "cache list", "--cache-dir", cache)


def the_agent_of_git_lfs_sends_a_file_in_parts(world: World) -> None:
    """git-lfs would start it so: what the batch answers goes in, what became of it comes out."""
    repo_id = world.repository("agent")
    folder = world.folder({"large.bin": noise(21_000_000)})
    subprocess.run(["git", "init", "--quiet", folder], check=True, timeout=LIMIT)
    program(world, "lfs-enable-largefiles", folder)
    asked = subprocess.run(
        ["git", "-C", folder, "config", "lfs.customtransfer.multipart.args"], check=True, capture_output=True, text=True
    )
    assert asked.stdout.strip() == "lfs-multipart-upload"

    content = (folder / "large.bin").read_bytes()
    oid, size = sha256(content), len(content)
    action = upload_action(world, repo_id, oid, size)
    assert int(action["header"]["chunk_size"]) < size
    events = [
        {"event": "init", "operation": "upload"},
        {"event": "upload", "oid": oid, "size": size, "path": str(folder / "large.bin"), "action": action},
        {"event": "terminate"},
    ]
    said = program(world, "lfs-multipart-upload", send="".join(json.dumps(event) + "\n" for event in events))
    assert json.loads(said.splitlines()[-1]) == {"event": "complete", "oid": oid}
    commit = {"key": "lfsFile", "value": {"path": "large.bin", "algo": "sha256", "oid": oid, "size": size}}
    lines = [{"key": "header", "value": {"summary": "By hand"}}, commit]
    post(world, f"/api/models/{repo_id}/commit/main", "\n".join(map(json.dumps, lines)), "application/x-ndjson")
    assert world.download(repo_id, "large.bin") == content


def upload_action(world: World, repo_id: str, oid: str, size: int) -> dict:
    batch = {"operation": "upload", "transfers": ["basic", "multipart"], "objects": [{"oid": oid, "size": size}]}
    answer = post(world, f"/{repo_id}.git/info/lfs/objects/batch", json.dumps(batch), "application/vnd.git-lfs+json")
    return answer["objects"][0]["actions"]["upload"]


def post(world: World, path: str, body: str, media: str) -> dict:
    headers = {"Authorization": f"Bearer {world.token}", "Content-Type": media}
    request = urllib.request.Request(f"{world.endpoint}{path}", data=body.encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=LIMIT) as answer:
        return json.load(answer)


def what_the_client_says_of_itself_is_said(world: World) -> None:
    assert world.endpoint in hf(world, "env")
    assert "2." in hf(world, "version")
    hf(world, "extensions list")
    assert "hf upload" in hf(world, "skills preview")


def a_repository_is_duplicated(world: World) -> None:
    source, target = world.repository("original", {"a.txt": b"a"}), world.unused_name("copy")
    assert target in hf(world, "repos duplicate", source, target)
    assert world.paths(target) == {"a.txt"}


def a_collection_is_made_filled_changed_and_deleted(world: World) -> None:
    repo_id = world.repository("collected")
    slug = told(world, "collections create", world.unused_name("Things"), "--description", "d")["slug"]
    hf(world, "collections add-item", slug, repo_id, "model", "--note", "one")
    (item,) = told(world, "collections info", slug)["items"]
    hf(world, "collections update-item", slug, item["item_object_id"], "--note", "two")
    assert [found.note for found in world.api.get_collection(slug).items] == ["two"]
    hf(world, "collections delete-item", slug, item["item_object_id"])
    hf(world, "collections update", slug, "--theme", "green")
    assert world.api.get_collection(slug).theme == "green"
    assert slug in hf(world, "collections list", "--owner", world.user, "--format", "json")
    hf(world, "collections delete", slug)
    assert slug not in [found.slug for found in world.api.list_collections(owner=world.user)]


def a_webhook_is_made_changed_stopped_and_deleted(world: World) -> None:
    made = told(world, "webhooks create", "--watch", f"user:{world.user}", "--url", "http://localhost:9/hook")
    key = made["id"]
    assert told(world, "webhooks info", key)["url"] == "http://localhost:9/hook"
    hf(world, "webhooks update", key, "--url", "http://localhost:9/other")
    hf(world, "webhooks disable", key)
    hf(world, "webhooks enable", key)
    found = world.api.get_webhook(key)
    assert (found.url, found.disabled) == ("http://localhost:9/other", False)
    assert key in hf(world, "webhooks list", "--format", "json")
    hf(world, "webhooks delete", key, "-y")
    assert key not in [one.id for one in world.api.list_webhooks()]
