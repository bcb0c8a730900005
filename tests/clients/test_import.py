"""A repository that was imported, as huggingface_hub reads it from the hub that it was imported to."""

import json
import secrets
import time

import pytest

from harness.environments import client_variables, environment, python_of, run
from harness.hub import Hub

LIMIT = 120
HF = environment("hub-2.4") / "bin" / "hf"
READ = """
import json, sys
from pathlib import Path
from huggingface_hub import HfApi, snapshot_download
repository, kind = sys.argv[1], sys.argv[2]
folder = Path(snapshot_download(repository, repo_type=kind))
files = {str(path.relative_to(folder)): path.resolve().name for path in folder.rglob("*") if path.is_file()}
commits = [commit.title for commit in HfApi().list_repo_commits(repository, repo_type=kind)]
print(json.dumps({"files": files, "commits": commits}))
"""


def seen(hub, version, repository, kind, home) -> dict:
    """Each file with its ETag, as the cache has it, and the titles of all commits."""
    told = run([python_of(version), "-c", READ, repository, kind], client_variables(hub.endpoint, hub.token, home), LIMIT)
    return json.loads(told.splitlines()[-1])


def finished(importer, path: str) -> dict:
    limit = time.monotonic() + LIMIT
    while (state := importer.call("GET", path))["status"] in ("queued", "running"):
        assert time.monotonic() < limit, state
    return state


@pytest.mark.parametrize("version", ["hub-0.20", "hub-2.4"])
@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_an_imported_repository_reads_as_its_source_does(hub, tmp_path, version, kind):
    source = f"{hub.user}/source-{secrets.token_hex(4)}"
    folder = tmp_path / "folder"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "deep" / "er" / "notes.txt").write_text("notes")
    (folder / "weights.safetensors").write_bytes(secrets.token_bytes(6_000_000))
    uploader = client_variables(hub.endpoint, hub.token, tmp_path / "uploader", xet=True)
    upload = [HF, "upload", "--repo-type", kind, source]
    run([*upload, folder, "--commit-message", "All of it"], uploader, LIMIT)
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    run([*upload, folder, "--commit-message", "Another model"], uploader, LIMIT)
    settings = {
        "downloader.main.plugin": "downloader.huggingface",
        "downloader.main.config.endpoint": hub.endpoint,
        "jobs.token": hub.token,
    }
    importer = Hub(tmp_path / "importer", settings)
    try:
        wish = {"repo": source, "type": kind, "target": "imported", "history": True}
        importer.call("POST", "/api/import", wish)
        state = finished(importer, f"/api/{kind}s/{importer.user}/imported/import")
        assert (state["status"], state["error"]) == ("completed", "")
        theirs = seen(hub, version, source, kind, tmp_path / "theirs")
        ours = seen(importer, version, f"{importer.user}/imported", kind, tmp_path / "ours")
        assert ours == theirs
        assert ours["commits"][:2] == ["Another model", "All of it"]
    finally:
        importer.stop()
