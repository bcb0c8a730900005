"""The unit by systemd-analyze, and what it forbids held against what a real hub does. systemd itself does not run where
the tests do, so the unit is never started."""

import json
import os
import re
import signal
import subprocess
import threading
import urllib.request
from pathlib import Path

import pytest

from harness.environments import ROOT
from harness.hub import LISTENING
from proxies import DEPLOY

LIMIT = 60
UNIT = DEPLOY / "systemd" / "ballast.service"
BALLAST = Path(os.environ.get("BALLAST_BIN", ROOT / "target" / "debug" / "ballast")).resolve()
# Of ten: what systemd-analyze security calls OK begins at 2.5 or so.
EXPOSURE = 1.3


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"(?m)^(\w+)=(.*)$", UNIT.read_text()):
        found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def unit(tmp_path) -> Path:
    """The unit with a binary that is there."""
    text = UNIT.read_text()
    assert text.count("/usr/local/bin/ballast ") == 1
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace("/usr/local/bin/ballast ", f"{BALLAST} "))
    return copy


def analyze(*words) -> subprocess.CompletedProcess:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=LIMIT)


def test_systemd_finds_no_mistake_in_the_unit(unit):
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_finds_a_mistake_where_there_is_one(unit):
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHone=yes"))
    assert "ProtectHone" in analyze("verify", "--man=no", unit).stderr


def test_the_unit_is_exposed_as_little_as_it_can_be(unit):
    done = analyze("security", "--offline=true", f"--threshold={round(EXPOSURE * 10)}", unit)
    assert done.returncode == 0, done.stdout


def test_the_user_is_one_that_systemd_makes(tmp_path):
    (tmp_path / "etc").mkdir()
    done = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", DEPLOY / "systemd" / "ballast.sysusers"],
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in (tmp_path / "etc/passwd").read_text().splitlines() if line.startswith("ballast:")]
    name, _, _, _, _, home, shell = line.split(":")
    assert settings()["User"] == [name] and home == "/var/lib/ballast" and shell.endswith("nologin")


def test_requests_under_way_may_end_before_systemd_kills(unit):
    drain = int(re.search(r"# drain_seconds = (\d+)", (ROOT / "config" / "ballast.toml").read_text())[1])
    assert int(settings()["TimeoutStopSec"][0].removesuffix("s")) > drain


def members(group: str) -> set[str]:
    """The system calls of a group, with those of the groups in it."""
    lines = analyze("syscall-filter", group).stdout.splitlines()[1:]
    words = [word for word in (line.strip() for line in lines) if word and not word.startswith("#")]
    deeper = [members(word) for word in words if word.startswith("@")]
    return {word for word in words if not word.startswith("@")}.union(*deeper)


@pytest.fixture(scope="module")
def trace(tmp_path_factory) -> str:
    """Every system call of a hub that starts, takes a commit, reads from it, hashes a password, and ends."""
    folder = tmp_path_factory.mktemp("traced")
    trace, data = folder / "trace", folder / "data"
    command = ["strace", "--follow-forks", "--quiet=all", "--string-limit=0", f"--output={trace}"]
    command += [str(BALLAST), "serve", "--data-dir", str(data), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def end(sign: signal.Signals) -> None:
        """Sends the hub a signal: strace passes none on, and a killed one lets the hub go."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        for child in children.read_text().split() if children.exists() else []:
            os.kill(int(child), sign)

    limit = threading.Timer(LIMIT, end, [signal.SIGKILL])
    limit.start()
    try:
        endpoint = next(found[1] for line in process.stdout if (found := LISTENING.search(line)))
        token = (data / "admin-token").read_text().strip()

        def ask(method: str, path: str, body: str | None = None) -> bytes:
            headers = {"Authorization": f"Bearer {token}"}
            request = urllib.request.Request(endpoint + path, body and body.encode(), headers, method=method)
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return answer.read()

        ask("POST", "/api/repos/create", json.dumps({"name": "traced", "type": "model"}))
        lines = [{"key": "header", "value": {"summary": "s"}}]
        lines += [{"key": "file", "value": {"path": f"{n}.txt", "content": "x" * 5000, "encoding": "utf-8"}} for n in range(50)]
        ask("POST", "/api/models/admin/traced/commit/main", "\n".join(map(json.dumps, lines)))
        assert ask("GET", "/admin/traced/resolve/main/7.txt") == b"x" * 5000
        # Hashing takes much memory at once.
        ask("POST", "/api/admin/users", json.dumps({"username": "somebody", "password": "a long password"}))
        end(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(LIMIT) == 0
    finally:
        limit.cancel()
        end(signal.SIGKILL)
        process.wait(LIMIT)
    return trace.read_text()


def test_a_hub_calls_nothing_that_the_unit_forbids(trace):
    allowed: set[str] = set()
    for value in settings()["SystemCallFilter"]:
        groups = set().union(*(members(word) for word in value.removeprefix("~").split()))
        allowed = allowed - groups if value.startswith("~") else allowed | groups
    called = set(re.findall(r"(?m)^\d+ +(\w+)\(", trace))
    assert len(called) > 40
    if os.geteuid() == 0:
        # SQLite gives its files to the owner of the database, and only where it runs as root.
        called.discard("fchown")
    assert called - allowed == set()


def test_a_hub_has_no_memory_that_is_written_and_run(trace):
    assert settings()["MemoryDenyWriteExecute"] == ["yes"]
    asked = re.findall(r"(?m)^\d+ +(?:mmap|mprotect)\(.*", trace)
    assert asked
    assert not [line for line in asked if "PROT_WRITE" in line and "PROT_EXEC" in line]


def test_a_hub_speaks_by_the_addresses_that_the_unit_allows(trace):
    families = set(re.findall(r"(?m)^\d+ +socket(?:pair)?\((AF_\w+)", trace))
    assert families and families <= set(settings()["RestrictAddressFamilies"][0].split())
