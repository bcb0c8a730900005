"""The machine: which core is whose, how busy it is, and what it is made of."""

import os
import platform
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ROOT / "target" / "tools"
WORK = ROOT / "target" / "bench"

SERVER_CORE = 0
CLIENT_CORE = 1

GIB = 1 << 30
MIB = 1 << 20
KIB = 1 << 10

# The share of all cores' time above which timings are not to be trusted.
BUSY = 0.05


def be_the_client() -> None:
    """Pins this process, and with it every client that it starts, to the client's core."""
    os.sched_setaffinity(0, {CLIENT_CORE})


def busy(seconds: float = 2.0) -> float:
    """The share of the cores' time that somebody uses while this process waits."""
    before = _times()
    time.sleep(seconds)
    spent = [after - earlier for earlier, after in zip(before, _times())]
    idle = spent[3] + spent[4]
    return 1 - idle / max(1, sum(spent))


def _times() -> list[int]:
    with open("/proc/stat") as stat:
        return [int(field) for field in stat.readline().split()[1:9]]


def describe() -> dict[str, str]:
    """Machine and versions, as they stand in the README beside the figures."""
    memory = int(_grep("/proc/meminfo", "MemTotal").split()[0]) / (1 << 20)
    return {
        "machine": f"{_grep('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "system": f"{_system()}, Linux {platform.release()}, {_file_system()}",
        "revision": _first_line(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"]),
        "rustc": _first_line(["rustc", "--version"]),
        "nginx": _first_line(["nginx", "-v"]),
        "s3s-fs": _first_line([TOOLS / "bin" / "s3s-fs", "--version"]),
        "local_cas_server": _first_line([TOOLS / "bin" / "local_cas_server", "--version"]),
        "zstd": _first_line(["zstd", "--version"]),
        "git": _first_line(["git", "--version"]),
        "PostgreSQL": _first_line(["psql", "--version"]),
        "SQLite of the limits": _sqlite(),
        "OpenSSL": _first_line(["openssl", "version"]),
    }


def _grep(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return "?"


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")


def _file_system() -> str:
    WORK.mkdir(parents=True, exist_ok=True)
    return _first_line(["stat", "--file-system", "--format=%T", WORK])


def _sqlite() -> str:
    import sqlite3

    return sqlite3.sqlite_version


def _first_line(command: list) -> str:
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=30)
    except OSError:
        return "absent"
    return ((done.stdout or done.stderr).splitlines() or ["?"])[0]
