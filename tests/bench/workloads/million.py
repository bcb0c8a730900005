"""A repository of a million files: listing it, a page, a file's headers, a new branch, on both databases."""

import random
import subprocess
import time
from statistics import median

from measure import client
from measure.bench import Bench
from measure.hub import Hub, Repository, small_files
from measure.machine import MIB
from measure.process import on_core, run as run_pinned
from measure.row import Goal, Row
from measure.rounds import alternate
from measure.sqlite import measured

FOLDER = 1_000


def path_of(number: int) -> str:
    return f"part-{number // FOLDER:04}/{number % FOLDER:04}.txt"


def run(bench: Bench) -> list[Row]:
    count = bench.size(1_000_000, 5_000)
    hubs = bench.hubs()
    filled = {database: Filled(bench, hub, database, count) for database, hub in hubs.items()}
    git = git_repository(bench, count)
    return [
        *listing(bench, filled, git, count),
        *[one.page() for one in filled.values()],
        *[one.heads() for one in filled.values()],
        *[one.branches(git) for one in filled.values()],
    ]


class Filled:
    """A repository with all the files, and the requests of its listing."""

    def __init__(self, bench: Bench, hub: Hub, database: str, count: int):
        self.bench, self.hub, self.database, self.count = bench, hub, database, count
        self.repository: Repository = hub.repository("million")
        self.import_seconds = self._fill(bench.size(100_000, 1_000))
        pages = [address for address, _ in hub.pages(self.repository.api("/tree/main?recursive=true"))]
        headers = hub.headers
        self.whole = self._load("whole", [client.request("GET", page, headers) for page in pages])
        chosen = random.Random(8).choices(pages, k=300)
        self.anywhere = self._load("anywhere", [client.request("GET", page, headers) for page in chosen])

    def _load(self, name: str, requests: list[bytes]) -> client.Load:
        return client.Load(self.bench.folder, f"{name}-{self.database}", requests)

    def _fill(self, batch: int) -> float:
        seconds = 0.0
        for start in range(0, self.count, batch):
            numbers = range(start, min(start + batch, self.count))
            body = small_files([(path_of(n), b"file %d\n" % n) for n in numbers])
            load = self._load("fill", [self.repository.commit_request(body)])
            seconds += load.run(self.hub.port)["seconds"]
        return seconds

    def list_all(self, _: int) -> float:
        """Entries in a second, folders among them."""
        entries = self.count + self.count // FOLDER
        return entries / self.whole.run(self.hub.port)["seconds"]

    def page(self) -> Row:
        """The slowest of a hundred pages, asked for anywhere in the listing."""
        slow, usual = [], []
        for _ in range(self.bench.rounds):
            result = self.anywhere.run(self.hub.port)
            slow.append(result["p99"] * 1e3)
            usual.append(result["p50"] * 1e3)
        name = f"{self.count:,} files: a page of 1,000, p99, {self.database}"
        fact = f"half of them take less than {median(usual):.2f} ms"
        return Row(name, "ms", slow, Goal.at_most(15), higher=False, facts=[fact])

    def heads(self) -> Row:
        seeded, headers = random.Random(9), self.hub.headers
        targets = [self.repository.resolve(path_of(seeded.randrange(self.count))) for _ in range(10_000)]
        load = self._load("heads", [client.request("HEAD", one, headers) for one in targets])
        load.run(self.hub.port, connections=32)
        rates = [load.rate(self.hub.port, 32, self.bench.size(3, 1)) for _ in range(self.bench.rounds)]
        name = f"{self.count:,} files: HEAD of 10,000 random files, {self.database}"
        return Row(name, "/s", rates, facts=[f"{self.hub.resident() / MIB:.0f} MiB resident"])

    def branches(self, git) -> Row:
        ours, theirs, count = [], [], self.bench.size(50, 5)
        for number in range(self.bench.rounds):
            names = [f"branch-{number}-{n}" for n in range(count)]
            api = self.repository.api
            headers = self.hub.headers | {"Content-Type": "application/json"}
            load = self._load("branches", [client.request("POST", api(f"/branch/{name}"), headers, b"{}") for name in names])
            load.run(self.hub.port)
            ours.append(median(load.latencies()) * 1e3)
            begun = time.perf_counter()
            run_pinned(["git", "-C", git, "branch", f"{self.database}-{number}"])
            theirs.append((time.perf_counter() - begun) * 1e3)
        name = f"{self.count:,} files: a new branch, {self.database}"
        return Row(name, "ms", ours, Goal.at_most(2), {"git branch": theirs}, higher=False)


def listing(bench: Bench, filled: dict[str, Filled], git, count: int) -> list[Row]:
    takes = {database: one.list_all for database, one in filled.items()}
    takes["git"] = lambda _: count / git_list(git)
    takes["SQLite scan"] = lambda _: count / measured("scan", bench.folder / "scan.db", count)
    taken = alternate(bench.rounds, takes)
    return [
        Row(
            f"{count:,} files: the whole listing, {database}",
            "entries/s",
            taken[database],
            Goal.at_least(150_000),
            {"git ls-tree -r": taken["git"]},
            {"SQLite keyset scan": taken["SQLite scan"]},
            facts=[f"imported in {one.import_seconds:.1f} s, in commits of {bench.size(100_000, 1_000):,}"],
        )
        for database, one in filled.items()
    ]


def git_repository(bench: Bench, count: int):
    """The same tree in a bare repository."""
    folder = bench.folder / "million.git"
    run_pinned(["git", "init", "--quiet", "--bare", "--initial-branch=main", folder])
    importer = subprocess.Popen(
        on_core(1, ["git", "-C", folder, "fast-import", "--quiet"]), stdin=subprocess.PIPE
    )
    with importer.stdin as stream:
        stream.write(b"blob\nmark :1\ndata 5\nfile\n\n")
        stream.write(b"commit refs/heads/main\ncommitter bench <bench@localhost> 0 +0000\ndata 3\nall\n")
        for number in range(count):
            stream.write(b"M 100644 :1 %s\n" % path_of(number).encode())
        stream.write(b"\n")
    assert importer.wait() == 0
    return folder


def git_list(folder) -> float:
    begun = time.perf_counter()
    with open("/dev/null", "wb") as nowhere:
        subprocess.run(on_core(0, ["git", "-C", folder, "ls-tree", "-r", "main"]), stdout=nowhere, check=True)
    return time.perf_counter() - begun
