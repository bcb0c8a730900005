"""What SQLite itself can do, in a process on the server's core: `python3 -m measure.sqlite WHAT FILE COUNT`.

Prints the seconds that it took. `insert`: COUNT rows in one transaction. `serial`: COUNT transactions of one row, each
of them on disk. `scan`: all rows of a listing of COUNT paths, a thousand at a time, each page by the last key of the
one before.
"""

import hashlib
import sqlite3
import sys
import time
from pathlib import Path

PAGE = 1000


def measured(what: str, file: Path, count: int) -> float:
    """The same in a process of its own, as a workload asks for it."""
    from measure.machine import ROOT
    from measure.process import run

    done = run([sys.executable, "-m", "measure.sqlite", what, file, count], cwd=ROOT / "tests" / "bench")
    return float(done.stdout)


def opened(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("create table if not exists files (path text primary key, oid blob, size integer) without rowid")
    return connection


def rows(count: int) -> list[tuple]:
    return [(f"folder-{n // 1000:04}/{n:07}.txt", hashlib.sha1(b"%d" % n).digest(), n) for n in range(count)]


def insert(connection: sqlite3.Connection, count: int) -> float:
    prepared = rows(count)
    connection.execute("delete from files")
    begun = time.perf_counter()
    connection.execute("begin immediate")
    connection.executemany("insert into files values (?, ?, ?)", prepared)
    connection.execute("commit")
    return time.perf_counter() - begun


def serial(connection: sqlite3.Connection, count: int) -> float:
    prepared = rows(count)
    connection.execute("delete from files")
    begun = time.perf_counter()
    for row in prepared:
        connection.execute("insert into files values (?, ?, ?)", row)
    return time.perf_counter() - begun


def scan(connection: sqlite3.Connection, count: int) -> float:
    if connection.execute("select count(*) from files").fetchone()[0] != count:
        insert(connection, count)
    begun, last, seen = time.perf_counter(), "", 0
    while True:
        page = connection.execute("select * from files where path > ? order by path limit ?", (last, PAGE)).fetchall()
        if not page:
            break
        last, seen = page[-1][0], seen + len(page)
    assert seen == count, seen
    return time.perf_counter() - begun


if __name__ == "__main__":
    print({"insert": insert, "serial": serial, "scan": scan}[sys.argv[1]](opened(Path(sys.argv[2])), int(sys.argv[3])))
