"""Thirty-two clients that commit to one branch: none is lost, and the database sets the pace."""

import json
import time
from pathlib import Path

from measure import client, data
from measure.bench import Bench
from measure.cost import Meter
from measure.hub import Hub, Repository, small_files
from measure.process import run as run_pinned
from measure.row import Goal, Row
from measure.rounds import alternate
from measure.sqlite import measured

COMMITTERS = 32


def run(bench: Bench) -> list[Row]:
    pusher = Pusher(bench.folder / "push")
    postgres = bench.postgres()
    limits = {
        "SQLite": lambda: bench.size(500, 100) / measured("serial", bench.folder / "serial.db", bench.size(500, 100)),
        "PostgreSQL": lambda: postgres.serial_rate(bench.size(2, 1)),
    }
    return [row(bench, database, hub, pusher, limits[database]) for database, hub in bench.hubs().items()]


def row(bench: Bench, database: str, hub: Hub, pusher: "Pusher", serial_rate) -> Row:
    commits, meter = bench.size(1_000, 64), Meter(hub)

    def ours(number: int) -> float:
        repository = hub.repository(f"committers-{number + 1}")
        bodies = [small_files([(f"{n:04}.txt", data.small_file(number * commits + n, seed=10))]) for n in range(commits)]
        load = client.Load(bench.folder, database, [repository.commit_request(body) for body in bodies])
        result = {}
        meter.take(lambda: result.update(load.run(hub.port, COMMITTERS)))
        none_lost(repository, commits)
        return result["requests"] / result["seconds"]

    takes = {"ours": ours, "git push": lambda _: pusher.rate(bench.size(20, 5)), "serial": lambda _: serial_rate()}
    taken = alternate(bench.rounds, takes, warm=False)
    return Row(
        f"{COMMITTERS} committers, {commits:,} commits, {database}",
        "/s",
        taken["ours"],
        Goal.of_limit(0.5),
        {"git push": taken["git push"]},
        {"single rows": taken["serial"]},
        facts=[f"none lost; {sum(meter.cpu) / len(meter.cpu) / commits * 1e3:.2f} ms CPU each"],
    )


def none_lost(repository: Repository, commits: int) -> None:
    """Every commit is in the branch's history once, and every file is there."""

    def listed(rest: str, name: str) -> list[str]:
        pages = repository.hub.pages(repository.api(rest))
        return [item[name] for _, page in pages for item in json.loads(page)]

    # The first commit and the first file came with the repository.
    history = listed("/commits/main?limit=100", "id")
    assert len(history) == len(set(history)) == commits + 1, f"{commits} commits, {len(history)} in the history"
    missing = {f"{n:04}.txt" for n in range(commits)} - set(listed("/tree/main", "path"))
    assert not missing, f"lost: {sorted(missing)[:5]}"


class Pusher:
    """A clone and the bare repository that it pushes to."""

    def __init__(self, folder: Path):
        self.clone, bare = folder / "clone", folder / "bare.git"
        run_pinned(["git", "init", "--quiet", "--bare", "--initial-branch=main", bare])
        run_pinned(["git", "init", "--quiet", "--initial-branch=main", self.clone])
        for setting in (["remote", "add", "origin", bare], ["config", "user.name", "b"], ["config", "user.email", "b@b"]):
            run_pinned(["git", "-C", self.clone, *setting])
        self.pushed = 0

    def rate(self, count: int) -> float:
        """Pushes in a second, of one small new file each; making the commit is not counted."""
        seconds = 0.0
        for _ in range(count):
            self.pushed += 1
            (self.clone / f"{self.pushed:04}.txt").write_bytes(data.small_file(self.pushed, seed=11))
            run_pinned(["git", "-C", self.clone, "add", "--all"])
            run_pinned(["git", "-C", self.clone, "commit", "--quiet", "--message=one"])
            begun = time.perf_counter()
            run_pinned(["git", "-C", self.clone, "push", "--quiet", "origin", "main"])
            seconds += time.perf_counter() - begun
        return count / seconds
