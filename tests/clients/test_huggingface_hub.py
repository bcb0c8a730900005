"""Every scenario with every supported huggingface_hub, and with the newest one also on PostgreSQL, on S3 and by Xet."""

import ast
from pathlib import Path

import pytest

from harness.client import Client, Outcome

SCENARIOS = Path(__file__).parent / "scenarios"
MODULES = [
    "repositories", "uploads", "commits", "downloads", "trees", "refs", "discussions", "filesystem", "cards", "settings",
    "people",
]
CLIENTS = ["hub-0.20", "hub-0.36", "hub-1.19", "hub-1.29", "hub-2.4"]
# Those that know Xet: the first two ask for it in the LFS batch, the others take it for granted.
XET_CLIENTS = ["hub-0.36", "hub-1.19", "hub-1.29", "hub-2.4"]
LIMIT = 120


def scenarios(modules: list[str]) -> list[tuple[str, str]]:
    """Module and name of every `def …(world: World) -> None`: read, not imported, for no client is installed here."""
    return [
        (module, node.name)
        for module in modules
        for node in ast.parse((SCENARIOS / f"{module}.py").read_text()).body
        if isinstance(node, ast.FunctionDef)
        and ast.unparse(node.args) == "world: World"
        and ast.unparse(node.returns) == "None"
    ]


@pytest.fixture(scope="module")
def client(request, tmp_path_factory):
    environment, hub_fixture, xet = request.param
    client = Client(environment, request.getfixturevalue(hub_fixture), tmp_path_factory.mktemp(environment), xet)
    yield client
    client.stop()


def on(hub_fixture: str, environments: list[str], label: str, xet: bool = False):
    return [pytest.param((name, hub_fixture, xet), id=f"{name}{label}") for name in environments]


def of(modules: list[str]):
    return pytest.mark.parametrize(("module", "scenario"), [pytest.param(*found, id=found[1]) for found in scenarios(modules)])


@pytest.mark.parametrize(
    "client",
    on("hub", CLIENTS, "")
    + on("hub_on_postgres", CLIENTS[-1:], "-on-postgres")
    + on("hub_on_s3", CLIENTS[-1:], "-on-s3")
    + on("hub", CLIENTS[-1:], "-by-xet", xet=True),
    indirect=True,
)
@of(MODULES)
def test_client(client, module, scenario):
    judge(client.run(f"clients.scenarios.{module}", scenario, LIMIT))


@pytest.mark.parametrize(
    "client",
    on("hub", XET_CLIENTS, "", xet=True)
    + on("hub_on_postgres", XET_CLIENTS[-1:], "-on-postgres", xet=True)
    + on("hub_on_s3", XET_CLIENTS[-1:], "-on-s3", xet=True),
    indirect=True,
)
@of(["xet"])
def test_xet(client, module, scenario):
    judge(client.run(f"clients.scenarios.{module}", scenario, LIMIT))


def judge(outcome: Outcome) -> None:
    if outcome.verdict == "skipped":
        pytest.skip(outcome.text)
    if outcome.verdict == "failed":
        pytest.fail(outcome.text, pytrace=False)
    assert outcome.verdict == "passed"
