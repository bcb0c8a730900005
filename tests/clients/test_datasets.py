"""A Parquet dataset goes up, by LFS and by Xet, and is loaded whole and as a stream."""

import secrets

import pytest

from harness.environments import TESTS, client_variables, python_of, run

PROGRAMS = TESTS / "clients" / "programs"
LIMIT = 300


@pytest.mark.parametrize("way", ["lfs", "xet"])
@pytest.mark.parametrize("program", ["parquet_dataset.py", "push_dataset.py"])
def test_dataset(hub, tmp_path, program, way):
    name = f"{hub.user}/table-{secrets.token_hex(4)}"
    variables = client_variables(hub.endpoint, hub.token, tmp_path / "home", xet=way == "xet")
    run([python_of("datasets"), PROGRAMS / program, name, way], variables, LIMIT, cwd=tmp_path)
