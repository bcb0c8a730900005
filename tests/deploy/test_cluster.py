"""Two nodes by the profile of the compose files, on a real PostgreSQL and a server that speaks S3, behind each proxy: a
client gets to either node with each request, and finds what the other one wrote."""

import json
import random
import secrets

import pytest

from clients import Client, commit, small_file, upload
from harness.environments import ROOT
from harness.hub import Hub
from harness.postgres import new_database
from harness.s3 import Provider

PROFILE = ROOT / "config" / "profiles" / "cluster.toml"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """What the profile needs is where the profile says, but for the addresses of this machine."""
    folder = tmp_path_factory.mktemp("cluster")
    provider = Provider(folder / "provider")
    at_provider = {key.rpartition(".")[2]: value for key, value in provider.settings("off").items()}
    written = {
        "database.url": new_database(),
        "storage.main.config.access_key_id": at_provider["access_key_id"],
        "storage.main.config.secret_access_key": at_provider["secret_access_key"],
    }
    settings = {key: at_provider[key.rpartition(".")[2]] for key in ("storage.main.config.endpoint", "storage.main.config.bucket")}
    for key, secret in written.items():
        file = folder / key
        file.write_text(secret + "\n")
        settings[f"{key}.file"] = file
    nodes = [Hub(folder / "first", settings, PROFILE)]
    # Only the node that began is told the token.
    (folder / "second").mkdir()
    (folder / "second" / "admin-token").write_text(nodes[0].token)
    nodes.append(Hub(folder / "second", settings, PROFILE))
    yield nodes
    for node in nodes:
        node.stop()
    provider.stop()


@pytest.fixture
def proxy(kind, nodes, tmp_path):
    proxy = kind(tmp_path, *(node.endpoint.removeprefix("http://") for node in nodes))
    yield proxy
    proxy.stop()


def served(node: Hub) -> int:
    """How many requests a node has answered."""
    return node.log(100_000).count('"answered"')


def test_each_request_may_go_to_another_node(nodes, proxy):
    before = [served(node) for node in nodes]
    client = Client(proxy, nodes[0].token)
    for _ in range(3):
        name = f"spread-{secrets.token_hex(4)}"
        made = json.loads(client.asked("POST", "/api/repos/create", {"name": name, "type": "model"}))
        # The profile's own public URL, whoever asks.
        assert made["url"] == f"https://hub.example.org/admin/{name}"
        repository, content = f"admin/{name}", random.randbytes(1_000_000)
        upload(client, repository, content, "a.bin")
        for number in range(2):
            commit(client, repository, small_file(f"{number}.txt", str(number)))
            assert client.asked("GET", f"/{repository}/resolve/main/{number}.txt") == str(number).encode()
        assert client.asked("GET", f"/{repository}/resolve/main/a.bin") == content
        commits = json.loads(client.asked("GET", f"/api/models/{repository}/commits/main"))
        assert len(commits) == 4
    for node, was in zip(nodes, before):
        assert served(node) - was > 5


def test_the_audit_log_of_all_nodes_is_one_chain(nodes):
    verified = json.loads(nodes[1].command("audit", "verify", "--json"))
    assert (verified["chains"], verified["broken"]) == (1, [])
    records = [json.loads(line) for line in nodes[0].command("audit", "export").splitlines()]
    assert {record["node"] for record in records} == {"cluster"}
