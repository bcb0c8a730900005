"""Every scenario with every supported huggingface_hub, and with the newest one also on PostgreSQL."""

import ast
from pathlib import Path

import pytest

from harness.client import Client

SCENARIOS = Path(__file__).parent / "scenarios"
MODULES = ["repositories", "uploads", "commits", "downloads", "trees", "refs", "filesystem", "cards"]
CLIENTS = ["hub-0.20", "hub-0.36", "hub-1.19", "hub-1.29", "hub-2.4"]
LIMIT = 120


def scenarios() -> list[tuple[str, str]]:
    """Module and name of every `def …(world: World) -> None`: read, not imported, for no client is installed here."""
    return [
        (module, node.name)
        for module in MODULES
        for node in ast.parse((SCENARIOS / f"{module}.py").read_text()).body
        if isinstance(node, ast.FunctionDef)
        and ast.unparse(node.args) == "world: World"
        and ast.unparse(node.returns) == "None"
    ]


@pytest.fixture(scope="module")
def client(request, tmp_path_factory):
    environment, hub_fixture = request.param
    client = Client(environment, request.getfixturevalue(hub_fixture), tmp_path_factory.mktemp(environment))
    yield client
    client.stop()


def on(hub_fixture: str, environments: list[str], label: str):
    return [pytest.param((name, hub_fixture), id=f"{name}{label}") for name in environments]


@pytest.mark.parametrize(
    "client", on("hub", CLIENTS, "") + on("hub_on_postgres", CLIENTS[-1:], "-on-postgres"), indirect=True
)
@pytest.mark.parametrize(("module", "scenario"), [pytest.param(*found, id=found[1]) for found in scenarios()])
def test_client(client, module, scenario):
    outcome = client.run(f"clients.scenarios.{module}", scenario, LIMIT)
    if outcome.verdict == "skipped":
        pytest.skip(outcome.text)
    if outcome.verdict == "failed":
        pytest.fail(outcome.text, pytrace=False)
    assert outcome.verdict == "passed"
