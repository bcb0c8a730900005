"""lakeFS's own client against the server that the harness plays, which is what the engine over lakeFS is tested with."""

import subprocess

import pytest

from harness.environments import ROOT, TESTS, python_of, run

STAND_IN = ROOT / "target" / "debug" / "examples" / "lakefs-stand-in"
KEY, SECRET = "AKIAIOSFOLQUICKSTART", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
LIMIT = 120


@pytest.fixture
def stand_in():
    process = subprocess.Popen([STAND_IN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process.stdout.readline().removeprefix("listening on ").strip()
    process.kill()
    process.wait(LIMIT)


def test_lakefs_own_client_drives_the_server_that_the_harness_plays(stand_in):
    program = TESTS / "clients" / "programs" / "lakefs_stand_in.py"
    said = run([python_of("lakefs"), program, stand_in, KEY, SECRET], {"NO_PROXY": "127.0.0.1"}, LIMIT)
    assert said.strip().endswith("driven")
