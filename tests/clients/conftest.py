"""The hubs that the clients work on, one for each database, each started when the first test wants it."""

from pathlib import Path

import pytest

from harness import git_history
from harness.hub import Hub
from harness.postgres import new_database
from harness.s3 import Provider

# Low enough that a file of 21 MB goes up in parts.
SETTINGS = {"lfs.multipart_threshold": 20_000_000, "lfs.part_size": 5_000_000}


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also the heavy tests")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--all"):
        heavy = [item for item in items if item.get_closest_marker("heavy")]
        config.hook.pytest_deselected(items=heavy)
        items[:] = [item for item in items if item not in heavy]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    client = item.funcargs.get("client")
    hub = client.hub if client else item.funcargs.get("hub")
    if report.failed and hub:
        report.sections.append(("the hub's last lines", hub.log(40)))
    return report


def start(tmp_path_factory, name: str, settings: dict):
    hub = Hub(tmp_path_factory.mktemp(name) / "data", SETTINGS | settings)
    yield hub
    hub.stop()


@pytest.fixture(scope="session")
def hub(tmp_path_factory):
    """A hub on the default database."""
    yield from start(tmp_path_factory, "sqlite", {})


@pytest.fixture(scope="session")
def hub_on_postgres(tmp_path_factory):
    yield from start(tmp_path_factory, "postgres", {"database.url": new_database()})


@pytest.fixture(scope="session")
def hub_on_s3(tmp_path_factory):
    """A hub on PostgreSQL and S3, whose clients send and get past it."""
    provider = Provider(tmp_path_factory.mktemp("provider") / "data")
    # Providers take no shorter parts.
    settings = provider.settings("on") | {"database.url": new_database(), "lfs.part_size": 5_242_880}
    yield from start(tmp_path_factory, "s3", settings)
    provider.stop()


@pytest.fixture(scope="session")
def history(tmp_path_factory, pytestconfig) -> Path:
    """A bare git repository with everything that git's history can have; 5,000 commits long with --all."""
    folder = tmp_path_factory.mktemp("history") / "bare"
    git_history.make(folder, 5000 if pytestconfig.getoption("--all") else 400)
    return folder
