"""All that the newest huggingface_hub can do: each method of HfApi and each command of `hf` has a row in surface.py, and
what the row says is true."""

import ast

import pytest

from clients.surface import CLIENT, COMMANDS, METHODS
from harness.client import Client
from test_huggingface_hub import LIMIT, SCENARIOS, judge, scenarios

ALONE = ["methods", "commands", "surface"]


@pytest.fixture(scope="module")
def newest(hub, tmp_path_factory):
    client = Client(CLIENT, hub, tmp_path_factory.mktemp("surface"))
    yield client
    client.stop()


@pytest.mark.parametrize(
    ("module", "scenario"), [pytest.param(*found, id=found[1]) for found in scenarios(ALONE)]
)
def test_surface(newest, module, scenario):
    judge(newest.run(f"clients.scenarios.{module}", scenario, LIMIT))


def test_every_row_names_a_scenario_that_calls_what_it_stands_for():
    wrong = [f"{name}: {row}" for name, row in named(METHODS) if name not in attributes(*row.split("."))]
    wrong += [f"hf {name}: {row}" for name, row in named(COMMANDS) if name not in first_texts(*row.split("."))]
    assert not wrong, "\n".join(wrong)


def named(table: dict) -> list[tuple[str, str]]:
    """The rows that name a scenario."""
    return [(name, row) for name, row in table.items() if isinstance(row, str)]


def attributes(module: str, function: str) -> set[str]:
    """`….name` and `"name"` for a method that is chosen by its name, wherever the function says it."""
    nodes = list(ast.walk(scenario_of(module, function)))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)} | {
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def first_texts(module: str, function: str) -> set[str]:
    """The command in each `hf(world, "command", …)` and its likes."""
    calls = [node for node in ast.walk(scenario_of(module, function)) if isinstance(node, ast.Call)]
    return {
        argument.value for call in calls for argument in call.args[1:2] if isinstance(argument, ast.Constant)
    }


def scenario_of(module: str, function: str) -> ast.AST:
    """The function; nothing, where the module has none of that name."""
    body = ast.parse((SCENARIOS / f"{module}.py").read_text()).body
    found = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == function]
    return found[0] if found else ast.Module([], [])
