"""What `ballast download` puts into a cache, read by huggingface_hub without another fetch."""

import json
import os
import secrets
import subprocess

import pytest

from harness.environments import ROOT, client_variables, environment, python_of, run
from harness.proxy import Proxy

LIMIT = 120
HF = environment("hub-2.4") / "bin" / "hf"
BALLAST = os.environ.get("BALLAST_BIN", str(ROOT / "target" / "debug" / "ballast"))
READ = """
import sys
from huggingface_hub import hf_hub_download, snapshot_download
repository = sys.argv[1]
folder = snapshot_download(repository)
assert open(hf_hub_download(repository, "deep/er/notes.txt")).read() == "notes"
print(folder)
"""


def upload(hub, folder, home) -> str:
    repository = f"{hub.user}/cached-{secrets.token_hex(4)}"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "deep" / "er" / "notes.txt").write_text("notes")
    (folder / "empty.txt").write_text("")
    (folder / "weights.safetensors").write_bytes(secrets.token_bytes(6_000_000))
    run([HF, "upload", repository, folder], client_variables(hub.endpoint, hub.token, home, xet=True), LIMIT)
    return repository


@pytest.mark.parametrize("version", ["hub-1.19", "hub-2.4"])
def test_huggingface_hub_reads_the_cache_and_fetches_no_file_again(hub, tmp_path, version):
    repository = upload(hub, tmp_path / "folder", tmp_path / "uploader")
    home = tmp_path / "home"
    variables = client_variables(hub.endpoint, hub.token, home)
    told = run([BALLAST, "download", repository, "--json"], variables, LIMIT, cwd=tmp_path)
    snapshot = json.loads(told.splitlines()[-1])["path"]
    with Proxy(hub.endpoint) as proxy:
        through = variables | {"HF_ENDPOINT": proxy.url}
        assert run([python_of(version), "-c", READ, repository], through, LIMIT).strip() == snapshot
        fetched = [head for head in proxy.requests() if head.startswith("get ") and "/resolve/" in head]
    assert not fetched, fetched
    offline = variables | {"HF_HUB_OFFLINE": "1"}
    assert run([python_of(version), "-c", READ, repository], offline, LIMIT).strip() == snapshot


def test_hf_cache_verify_finds_nothing_wrong_and_ballast_the_same(hub, tmp_path):
    repository = upload(hub, tmp_path / "folder", tmp_path / "uploader")
    variables = client_variables(hub.endpoint, hub.token, tmp_path / "home")
    run([BALLAST, "download", repository], variables, LIMIT, cwd=tmp_path)
    # It ends with a failure where something differs from what the hub says.
    run([HF, "cache", "verify", repository], variables, LIMIT)
    listed = run([HF, "cache", "ls"], variables, LIMIT)
    assert repository in listed
    # And what `hf` fetched is one to us.
    other = client_variables(hub.endpoint, hub.token, tmp_path / "other")
    run([HF, "download", repository], other, LIMIT)
    verified = json.loads(run([BALLAST, "cache", "verify", repository, "--json"], other, LIMIT, cwd=tmp_path))
    assert (verified["blobs"], verified["unnamed"], verified["flaws"]) == (5, 0, [])
    with Proxy(hub.endpoint) as proxy:
        run([BALLAST, "download", repository], other | {"HF_ENDPOINT": proxy.url}, LIMIT, cwd=tmp_path)
        assert not [head for head in proxy.requests() if "/resolve/" in head]


def test_a_download_that_was_killed_goes_on_where_it_was(hub, tmp_path):
    repository = upload(hub, tmp_path / "folder", tmp_path / "uploader")
    variables = client_variables(hub.endpoint, hub.token, tmp_path / "home")
    with Proxy(hub.endpoint, break_after=3_000_000, silently=True) as proxy:
        command = [BALLAST, "download", repository]
        through = variables | {"HF_ENDPOINT": proxy.url}
        with subprocess.Popen(command, env=through, cwd=tmp_path, stdout=subprocess.PIPE) as killed:
            while not proxy.breaks:
                assert killed.poll() is None
            killed.kill()
    run([BALLAST, "download", repository], variables, LIMIT, cwd=tmp_path)
    run([HF, "cache", "verify", repository], variables, LIMIT)
