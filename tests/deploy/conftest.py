"""What the tests of deploy/ share: the hub, and the proxies in front of it."""

import pytest

from harness.hub import Hub
from proxies import PROXIES


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.failed:
        for name in ("hub", "proxy"):
            if name in item.funcargs:
                report.sections.append((f"the last lines of {name}", item.funcargs[name].log(40)))
    return report


@pytest.fixture(scope="session")
def hub(tmp_path_factory):
    """A hub as deploy/README.md has it behind a proxy, but for `server.public_url`: what it says is what it was told."""
    hub = Hub(tmp_path_factory.mktemp("hub") / "data", {})
    yield hub
    hub.stop()


@pytest.fixture(scope="session", params=PROXIES, ids=lambda kind: kind.__name__.lower())
def kind(request):
    return request.param


@pytest.fixture(scope="session")
def proxy(kind, hub, tmp_path_factory):
    """A proxy by its example, in front of the hub."""
    proxy = kind(tmp_path_factory.mktemp("proxy"), hub.endpoint.removeprefix("http://"))
    yield proxy
    proxy.stop()
