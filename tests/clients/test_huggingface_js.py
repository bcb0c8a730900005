"""Every scenario with huggingface.js, as npm installs it."""

import re
from pathlib import Path

import pytest

from harness.environments import client_variables, run

FOLDER = Path(__file__).parent / "javascript"
SCENARIOS = re.findall(r"^export async function (\w+)\(world\)", (FOLDER / "scenarios.mjs").read_text(), re.MULTILINE)
LIMIT = 120


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_huggingface_js(hub, tmp_path, scenario):
    variables = client_variables(hub.endpoint, hub.token, tmp_path, xet=True) | {"TMPDIR": str(tmp_path)}
    run(["node", FOLDER / "run.mjs", scenario], variables, LIMIT, cwd=tmp_path)
