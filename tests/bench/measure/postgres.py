"""A PostgreSQL that is as durable as one in earnest."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from measure.machine import ROOT
from measure.process import run

SETUP = ROOT / "tests" / "setup" / "postgres"

# The tests' own server survives no power cut; here that would be a lie about every commit.
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


class Postgres:
    """A server on the server's core, with its folder. Ends with its `with` block."""

    def __enter__(self):
        self._above = Path(tempfile.mkdtemp(prefix="ballast-bench-"))
        self._above.chmod(0o755)
        self.folder = self._above / "postgres"
        self.url = run([SETUP, "start", self.folder]).stdout.strip()
        for setting in DURABLE:
            self.query(f"alter system set {setting} = on")
        self.query("select pg_reload_conf()")
        return self

    def __exit__(self, *_):
        subprocess.run([SETUP, "stop", self.folder], check=True)
        shutil.rmtree(self._above)

    def query(self, sql: str, url: str | None = None) -> str:
        done = subprocess.run(
            ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", sql, url or self.url],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def new_database(self, name: str) -> str:
        """Its URL."""
        self.query(f"create database {name}")
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def serial_rate(self, seconds: int) -> float:
        """Single-row transactions in a second, one after the other over one connection, each of them on disk."""
        self.query("create table if not exists serial_rate (id bigserial primary key, value text)")
        script = self.folder.parent / "insert.sql"
        script.write_text("insert into serial_rate (value) values ('one row of some text');\n")
        tool = next(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
        printed = run([tool, "-n", "-c", 1, "-T", seconds, "-M", "prepared", "-f", script, self.url], core=1).stdout
        (line,) = [line for line in printed.splitlines() if line.startswith("tps")]
        return float(line.split()[2])
