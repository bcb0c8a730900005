"""`hf upload` of a folder with models and tables as a user types it, and of what somebody made of them later."""

import secrets
from pathlib import Path

import pytest

from harness.environments import TESTS, client_variables, environment, python_of, run

PROGRAM = TESTS / "clients" / "programs" / "model_and_tables.py"
HF = environment("hub-2.4") / "bin" / "hf"
# The newest commit has the number 0.
SNAPSHOT = """
import sys
from huggingface_hub import HfApi
repository, number, folder = sys.argv[1:]
commits = HfApi().list_repo_commits(repository)
HfApi().snapshot_download(repository, revision=commits[int(number)].commit_id, local_dir=folder)
"""
LIMIT = 300
MB = 1_000_000


class Machine:
    """A client that has never met the hub: nothing that another one remembers helps it."""

    def __init__(self, hub, home: Path):
        self._variables = client_variables(hub.endpoint, hub.token, home, xet=True)

    def upload(self, repository: str, folder: Path) -> None:
        run([HF, "upload", repository, folder], self._variables, LIMIT)

    def snapshot(self, repository: str, commit: int, folder: Path) -> None:
        run([python_of("hub-2.4"), "-c", SNAPSHOT, repository, commit, folder], self._variables, LIMIT)


@pytest.mark.parametrize("database", ["hub", "hub_on_postgres"])
def test_an_edited_folder_adds_little_more_than_what_was_edited(request, tmp_path, database):
    hub = request.getfixturevalue(database)
    repository = f"{hub.user}/folder-{secrets.token_hex(4)}"
    before, after = tmp_path / "before", tmp_path / "after"
    run([python_of("datasets"), PROGRAM, before], {}, LIMIT)
    changed = int(run([python_of("datasets"), PROGRAM, after, "--edited"], {}, LIMIT))

    empty = hub.storage_stats()
    Machine(hub, tmp_path / "one").upload(repository, before)
    first = hub.storage_stats()
    Machine(hub, tmp_path / "other").upload(repository, before)
    assert hub.storage_stats()["xet"] == first["xet"], "the same again"
    Machine(hub, tmp_path / "third").upload(repository, after)
    edited = hub.storage_stats()

    large = sum(path.stat().st_size for path in before.rglob("*") if path.suffix in (".safetensors", ".parquet"))
    assert large * 0.8 < grown(empty, first, "stored_bytes") < large + MB
    assert grown(empty, first, "file_bytes") == large
    # A chunk has at most 128 KiB, and a change reaches into one more at each of its ends.
    assert changed * 0.8 < grown(first, edited, "stored_bytes") < changed + MB
    versions = [after / "model.safetensors", after / "data" / "train.parquet"]
    assert grown(first, edited, "file_bytes") == sum(path.stat().st_size for path in versions)

    for number, folder in enumerate((after, before)):
        Machine(hub, tmp_path / f"reader-{number}").snapshot(repository, number, tmp_path / f"snapshot-{number}")
        for path in filter(Path.is_file, folder.rglob("*")):
            came = tmp_path / f"snapshot-{number}" / path.relative_to(folder)
            assert came.read_bytes() == path.read_bytes(), path


def grown(before: dict, after: dict, name: str) -> int:
    return after["xet"][name] - before["xet"][name]
