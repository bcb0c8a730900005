"""A repository that only another hub has, as huggingface_hub reads it through a hub that mirrors that one."""

import json
import secrets

import pytest

from harness.environments import client_variables, environment, python_of, run
from harness.front import Front
from harness.hub import Hub

LIMIT = 120
HF = environment("hub-2.4") / "bin" / "hf"
READ = """
import json, sys
from pathlib import Path
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
repository, kind = sys.argv[1], sys.argv[2]
one = Path(hf_hub_download(repository, "deep/er/notes.txt", repo_type=kind))
folder = Path(snapshot_download(repository, repo_type=kind))
files = {str(path.relative_to(folder)): path.resolve().name for path in folder.rglob("*") if path.is_file()}
info = HfApi().repo_info(repository, repo_type=kind)
refs = [ref.name for ref in HfApi().list_repo_refs(repository, repo_type=kind).branches]
listed = sorted(HfApi().list_repo_files(repository, repo_type=kind))
missing = HfApi().file_exists(repository, "nothing", repo_type=kind)
print(json.dumps({
    "commit": folder.name, "files": files, "note": one.read_text(), "sha": info.sha, "id": info.id, "tags": info.tags,
    "refs": refs, "listed": listed, "missing": missing,
}))
"""
CONFIG = """
[downloader.main]
plugin = "downloader.huggingface"
[downloader.main.config]
endpoint = "{endpoint}"
retries = 0
[mirror]
fresh_seconds = 0
[[mirror.sources]]
from = "main"
"""


def organization(hub) -> str:
    """A new one, which only that hub has."""
    name = f"upstream-{secrets.token_hex(4)}"
    hub.call("POST", "/org/create", {"name": name})
    return name


def seen(hub, version, repository, kind, home) -> dict:
    """All that a client reads of a repository, into a cache of its own."""
    told = run([python_of(version), "-c", READ, repository, kind], client_variables(hub.endpoint, hub.token, home), LIMIT)
    return json.loads(told.splitlines()[-1])


@pytest.mark.parametrize("version", ["hub-0.20", "hub-2.4"])
@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_a_mirrored_repository_reads_as_its_source_does_and_still_when_that_is_gone(tmp_path, version, kind):
    source = Hub(tmp_path / "source", {})
    try:
        source.call("POST", "/org/create", {"name": "upstream"})
        repository = f"upstream/source-{secrets.token_hex(4)}"
        folder = tmp_path / "folder"
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "README.md").write_text("---\nlicense: mit\n---\n# It\n")
        (folder / "deep" / "er" / "notes.txt").write_text("notes")
        (folder / "weights.safetensors").write_bytes(secrets.token_bytes(6_000_000))
        uploader = client_variables(source.endpoint, source.token, tmp_path / "uploader", xet=True)
        run([HF, "upload", "--repo-type", kind, repository, folder], uploader, LIMIT)
        config = tmp_path / "mirror.toml"
        config.write_text(CONFIG.format(endpoint=source.endpoint))
        mirror = Hub(tmp_path / "mirror", {}, config)
        try:
            theirs = seen(source, version, repository, kind, tmp_path / "theirs")
            first = seen(mirror, version, repository, kind, tmp_path / "first")
            assert first == theirs
            assert first["note"] == "notes" and len(first["files"]) == 4 and not first["missing"]
            source.stop()
            assert seen(mirror, version, repository, kind, tmp_path / "second") == first
        finally:
            mirror.stop()
    finally:
        source.stop()


@pytest.mark.parametrize("version", ["hub-0.20", "hub-2.4"])
def test_names_that_stand_alone_read_as_what_the_source_has_under_them(hub, tmp_path, version):
    repository = f"{organization(hub)}/source"
    folder = tmp_path / "folder"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "notes.txt").write_text("notes")
    (folder / "weights.safetensors").write_bytes(secrets.token_bytes(6_000_000))
    run([HF, "upload", repository, folder], client_variables(hub.endpoint, hub.token, tmp_path / "uploader", xet=True), LIMIT)
    with Front(hub.endpoint, {"gpt2": repository}, {"distilgpt2": repository}) as source:
        config = tmp_path / "mirror.toml"
        config.write_text(CONFIG.format(endpoint=source.url))
        mirror = Hub(tmp_path / "mirror", {}, config)
        try:
            theirs = seen(hub, version, repository, "model", tmp_path / "theirs")
            assert theirs["note"] == "notes"
            # Each as its hub calls it: one is led to what it is called now, the other has no other name.
            assert seen(mirror, version, "gpt2", "model", tmp_path / "moved") == theirs
            alone = seen(mirror, version, "distilgpt2", "model", tmp_path / "alone")
            assert alone == {**theirs, "id": "distilgpt2"}
        finally:
            mirror.stop()


@pytest.mark.parametrize("version", ["hub-0.20", "hub-2.4"])
def test_what_is_private_at_the_source_reads_with_a_token_for_it_behind_ones_own_and_not_without(hub, tmp_path, version):
    repository = f"{organization(hub)}/source"
    folder = tmp_path / "folder"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "notes.txt").write_text("notes")
    (folder / "weights.safetensors").write_bytes(secrets.token_bytes(6_000_000))
    uploader = client_variables(hub.endpoint, hub.token, tmp_path / "uploader", xet=True)
    run([HF, "upload", "--private", repository, folder], uploader, LIMIT)
    config = tmp_path / "mirror.toml"
    config.write_text(CONFIG.format(endpoint=hub.endpoint))
    mirror = Hub(tmp_path / "mirror", {}, config)
    try:
        theirs = seen(hub, version, repository, "model", tmp_path / "theirs")
        own = mirror.token
        mirror.token = f"{own}|{hub.endpoint},{hub.token}"
        assert seen(mirror, version, repository, "model", tmp_path / "own") == theirs
        for other in (own, f"{own}|{hub.endpoint},{own}"):
            mirror.token = other
            with pytest.raises(AssertionError, match="RepositoryNotFoundError"):
                seen(mirror, version, repository, "model", tmp_path / "other")
    finally:
        mirror.stop()
