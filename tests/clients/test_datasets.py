"""A Parquet dataset goes up and is loaded whole and as a stream."""

import secrets

import pytest

from harness.environments import TESTS, client_variables, python_of, run

PROGRAMS = TESTS / "clients" / "programs"
LIMIT = 300


@pytest.fixture
def variables(hub, tmp_path):
    return client_variables(hub.endpoint, hub.token, tmp_path / "home")


@pytest.mark.parametrize("program", ["parquet_dataset.py", "push_dataset.py"])
def test_dataset(hub, variables, tmp_path, program):
    name = f"{hub.user}/table-{secrets.token_hex(4)}"
    run([python_of("datasets"), PROGRAMS / program, name], variables, LIMIT, cwd=tmp_path)
