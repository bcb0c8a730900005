"""Clients that generators make out of openapi/openapi.json, in target/ and made again when the document changes."""

import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from harness.environments import ROOT, TESTS, environment, run

DOCUMENT = ROOT / "openapi" / "openapi.json"
NODE = ROOT / "target" / "node"
PROGRAMS = TESTS / "clients" / "generated"
LIMIT = 300
# What a client is made of besides the document: the generator's version and settings.
PINS = [
    TESTS / "setup" / "requirements" / "openapi.txt",
    TESTS / "clients" / "javascript" / "package-lock.json",
    ROOT / "openapi" / "openapi-python-client.yaml",
    Path(__file__),
]


def node_program(name: str) -> Path:
    """A program that npm installed."""
    return NODE / "node_modules" / ".bin" / name


def python_client() -> Path:
    """The folder with the package `ballast_client`, by openapi-python-client. A warning of the generator's is about an
    operation that it left out."""

    def make(folder: Path) -> None:
        scripts = environment("openapi") / "bin"
        command = [scripts / "openapi-python-client", "generate", "--path", DOCUMENT, "--meta", "none", "--fail-on-warning"]
        command += ["--config", ROOT / "openapi" / "openapi-python-client.yaml", "--output-path", folder / "ballast_client"]
        # It calls ruff by its name.
        run(command, os.environ | {"PATH": f"{scripts}:{os.environ['PATH']}"}, LIMIT)

    return made(ROOT / "target" / "generated" / "python", make)


def typescript_client() -> Path:
    """A folder with `hub.d.ts`, by openapi-typescript, from which node finds openapi-fetch."""

    def make(folder: Path) -> None:
        run([node_program("openapi-typescript"), DOCUMENT, "--output", folder / "hub.d.ts"], dict(os.environ), LIMIT)
        (folder / "package.json").write_text('{"type": "module"}\n')

    return made(NODE / "generated", make)


def rust_client() -> Path:
    """The crate `ballast_client`, by openapi-generator, without TLS."""

    def make(folder: Path) -> None:
        program = environment("openapi") / "bin" / "openapi-generator-cli"
        settings = "library=reqwest,reqwestDefaultFeatures=,packageName=ballast_client,packageVersion=0.0.0"
        command = [program, "generate", "--input-spec", DOCUMENT, "--generator-name", "rust", "--output", folder]
        command += ["--additional-properties", settings, "--global-property", "apiDocs=false,modelDocs=false"]
        run(command, dict(os.environ), LIMIT)

    return made(ROOT / "target" / "generated" / "rust", make)


def made(folder: Path, make) -> Path:
    """The folder as `make` left it, for this document and these generators."""
    inputs = hashlib.sha256(b"".join(path.read_bytes() for path in [DOCUMENT, *PINS])).hexdigest()
    stamp = folder / "made-from"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != inputs:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            stamp.write_text(inputs)
    return folder
