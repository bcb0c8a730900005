"""Clients that generators make out of the document, against a live hub: each makes a repository, fills it, lists it,
reads it and deletes it. What is generated lies in target/."""

import os
import shutil

from harness.environments import ROOT, client_variables, environment, python_of, run
from harness.generated import DOCUMENT, NODE, PROGRAMS, node_program, python_client, rust_client, typescript_client

LIMIT = 120
# Its dependencies are built once.
BUILD_LIMIT = 900


def test_the_document_is_valid_and_a_linter_has_nothing_to_say():
    run([environment("openapi") / "bin" / "openapi-spec-validator", DOCUMENT], dict(os.environ), LIMIT)
    ruleset = ROOT / "openapi" / ".spectral.yaml"
    lint = [node_program("spectral"), "lint", "--fail-severity=warn", "--ruleset", ruleset, DOCUMENT]
    run(lint, dict(os.environ), LIMIT)


def test_a_python_client_by_openapi_python_client(hub, tmp_path):
    package = python_client()
    variables = client_variables(hub.endpoint, hub.token, tmp_path) | {"PYTHONPATH": str(package)}
    run([python_of("openapi"), PROGRAMS / "program.py"], variables, LIMIT)


def test_a_typescript_client_by_openapi_typescript(hub, tmp_path):
    folder = typescript_client()
    program = shutil.copy(PROGRAMS / "program.ts", folder)
    compiler = [node_program("tsc"), "--strict", "--noUncheckedIndexedAccess", "--noEmitOnError", "--skipLibCheck"]
    compiler += ["--target", "es2022", "--module", "nodenext", "--types", "node", program]
    run(compiler, dict(os.environ), LIMIT, cwd=folder)
    run(["node", folder / "program.js"], client_variables(hub.endpoint, hub.token, tmp_path), LIMIT)


def test_a_rust_client_by_openapi_generator(hub, tmp_path):
    rust_client()
    manifest = PROGRAMS / "rust" / "Cargo.toml"
    build = os.environ | {"CARGO_TARGET_DIR": str(ROOT / "target" / "generated" / "rust-build")}
    run(["cargo", "build", "--quiet", "--locked", "--manifest-path", manifest], build, BUILD_LIMIT)
    program = ROOT / "target" / "generated" / "rust-build" / "debug" / "ballast-generated-client"
    run([program, tmp_path], client_variables(hub.endpoint, hub.token, tmp_path), LIMIT)
