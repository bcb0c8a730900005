"""The OpenAPI document says what the hub does: schemathesis makes requests out of it, right ones and wrong ones, and
holds every answer against it."""

import os
import secrets
import subprocess

import pytest

from harness.environments import TESTS, environment
from harness.hub import Hub
from test_git_lfs import call

PROGRAMS = TESTS / "clients" / "programs"

# What an answer must be: no fault of the hub's, of a status and a media type that are described, and of their form.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
# Without a remote hub these answer 501, and with one what it says; `tests/api/jobs.rs` and `imports.rs` play one.
DOWNLOADER = r"^/api/(downloader/.*|jobs.*|cache.*|download|plan|settings|analyze.*|ws|import)$"
# Examples for each operation and the most seconds for all of them.
SHORT = (8, 120)
LONG = (300, 3600)


@pytest.fixture
def scratch(tmp_path):
    """A hub that may come to harm, with something of everything in it."""
    hub = Hub(tmp_path / "data", {"lfs.part_size": 5_000_000})
    for kind in ["model", "dataset", "space"]:
        call(hub, "POST", "/api/repos/create", b'{"name": "described", "type": "%s"}' % kind.encode())
        repository = f"/api/{kind}s/admin/described"
        lines = [
            '{"key": "header", "value": {"summary": "Something to read"}}',
            '{"key": "file", "value": {"path": "a.txt", "content": "YQ==", "encoding": "base64"}}',
            '{"key": "file", "value": {"path": "folder/b.txt", "content": "Yg==", "encoding": "base64"}}',
        ]
        call(hub, "POST", f"{repository}/commit/main", "\n".join(lines).encode(), "application/x-ndjson")
        call(hub, "POST", f"{repository}/tag/main", b'{"tag": "v1"}')
        call(hub, "POST", f"{repository}/branch/made", b"{}")
    yield hub
    hub.stop()


def conforms(hub, examples: int, seconds: int, seed: int, folder) -> None:
    variables = os.environ | {
        "SCHEMATHESIS_HOOKS": "document_hooks",
        "PYTHONPATH": str(PROGRAMS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_PROXY": "127.0.0.1",
    }
    program = environment("schemathesis") / "bin" / "schemathesis"
    command = [program, "--config-file", PROGRAMS / "schemathesis.toml", "run", f"{hub.endpoint}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {hub.token}", "--checks", ",".join(CHECKS)]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(examples), "--seed", str(seed)]
    command += ["--generation-deterministic", "--no-color", "--output-truncate", "true", "--warnings", "off"]
    command += ["--exclude-path-regex", DOWNLOADER]
    command += ["--max-response-time", "30", "--suppress-health-check", "all"]
    done = subprocess.run(
        [str(part) for part in command],
        env=variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    # A document of which nothing was tried would conform too.
    assert " passed" in done.stdout, done.stdout[-2000:]


def test_every_answer_to_made_up_requests_is_one_that_the_document_describes(scratch, tmp_path):
    conforms(scratch, *SHORT, seed=1, folder=tmp_path)


@pytest.mark.heavy
def test_every_answer_to_very_many_made_up_requests_is_one_that_the_document_describes(scratch, tmp_path):
    conforms(scratch, *LONG, seed=secrets.randbelow(1 << 32), folder=tmp_path)
