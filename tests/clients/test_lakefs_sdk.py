"""lakeFS's own client against the server that the harness plays, which is what the engine over lakeFS is tested with."""

import pytest

from harness.environments import TESTS, python_of, run
from harness.lakefs import KEY, LIMIT, SECRET, LakeFs


@pytest.fixture
def stand_in():
    server = LakeFs()
    yield server.endpoint
    server.stop()


def test_lakefs_own_client_drives_the_server_that_the_harness_plays(stand_in):
    program = TESTS / "clients" / "programs" / "lakefs_stand_in.py"
    said = run([python_of("lakefs"), program, stand_in, KEY, SECRET], {"NO_PROXY": "127.0.0.1"}, LIMIT)
    assert said.strip().endswith("driven")
