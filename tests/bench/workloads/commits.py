"""Commits of many small files: all at once, and a thousand at a time."""

import shutil
import time
from collections.abc import Callable
from statistics import median

from measure import client, data
from measure.bench import Bench
from measure.cost import Meter
from measure.hub import Hub, small_files
from measure.machine import MIB
from measure.process import bytes_on_disk, run as run_pinned
from measure.row import Goal, Row
from measure.rounds import alternate
from measure.sqlite import measured

BATCH = 1_000
# Of the first and of the last batches, how many are compared: one alone is mostly chance.
COMPARED = 5


def run(bench: Bench) -> list[Row]:
    hub = bench.hub()
    many, few = bench.size(100_000, 2_000), bench.size(10_000, 500)
    rows = [at_once(bench, hub, few, None), at_once(bench, hub, many, Goal.at_most(2.0))]
    new_folders = lambda batch, number: f"data/{batch:03}-{number // 100}/{number:04}.txt"
    flat = lambda batch, number: f"data/{batch:03}-{number:04}.txt"
    rows.append(in_batches(bench, hub, "over many folders", new_folders, 1.2))
    rows.append(in_batches(bench, hub, "in one flat folder", flat, 2.0))
    return rows


def at_once(bench: Bench, hub: Hub, count: int, goal: Goal | None) -> Row:
    files = [(f"data/{n // 1000:04}/{n % 1000:03}.txt", data.small_file(n, seed=7)) for n in range(count)]
    meter, kept = Meter(hub), []

    def ours(number: int) -> float:
        # Files that the hub has not seen, or it would have nothing to store.
        body = small_files([(path, content + b"%d\n" % number) for path, content in files])
        repository = hub.repository(f"commit-{count}-{number + 1}")
        load = client.Load(bench.folder, "commit", [repository.commit_request(body)])
        before = bytes_on_disk(hub.data)
        seconds = meter.take(lambda: load.run(hub.port))
        kept.append(bytes_on_disk(hub.data) - before)
        return seconds

    folder = bench.folder / f"git-{count}"
    for path, content in files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    takes = {
        "ours": ours,
        "git": lambda _: git_commit(folder),
        "SQLite": lambda _: measured("insert", bench.folder / f"rows-{count}.db", count),
    }
    taken = alternate(bench.rounds, takes, warm=False)
    shutil.rmtree(folder)
    text = sum(len(content) for _, content in files)
    return Row(
        f"commit of {count:,} small files",
        "s",
        taken["ours"],
        goal,
        {"git add && git commit": taken["git"]},
        {"SQLite, one transaction": taken["SQLite"]},
        higher=False,
        facts=[
            f"{median(meter.cpu):.2f} s CPU, {meter.peak / MIB:.0f} MiB at most",
            f"{median(kept) / MIB:.1f} MiB on disk for {text / MIB:.1f} MiB of text",
        ],
    )


def git_commit(folder) -> float:
    """Seconds of the two commands in a new repository over files that are there."""
    shutil.rmtree(folder / ".git", ignore_errors=True)
    run_pinned(["git", "init", "--quiet", folder])
    begun = time.perf_counter()
    run_pinned(["git", "-C", folder, "add", "--all"])
    author = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0"]
    run_pinned(["git", "-C", folder, *author, "commit", "--quiet", "--message=all"])
    return time.perf_counter() - begun


def in_batches(bench: Bench, hub: Hub, where: str, path: Callable[[int, int], str], bound: float) -> Row:
    """How much dearer the last batches are than the first."""
    batches = bench.size(100, 12)
    ratios, first, last = [], [], []
    for number in range(bench.rounds):
        repository = hub.repository(f"batches-{where.split()[-2]}-{number}")
        requests = []
        for batch in range(batches):
            start = (number * batches + batch) * BATCH
            files = [(path(batch, n), data.small_file(start + n, seed=len(where))) for n in range(BATCH)]
            requests.append(repository.commit_request(small_files(files)))
        load = client.Load(bench.folder, "batches", requests)
        load.run(hub.port)
        seconds = load.latencies()
        first.append(median(seconds[:COMPARED]))
        last.append(median(seconds[-COMPARED:]))
        ratios.append(last[-1] / first[-1])
    fact = f"the first {COMPARED} take {median(first) * 1e3:.1f} ms each, the last {median(last) * 1e3:.1f} ms"
    return Row(
        f"batch {batches} of 1,000 files {where}", "of the first", ratios, Goal.at_most(bound), higher=False, facts=[fact]
    )
