"""What it costs that a storage is a library: the same code in memory, linked into a program and loaded by it."""

import os
import subprocess
from pathlib import Path

from measure.bench import Bench
from measure.machine import ROOT
from measure.rounds import alternate
from measure.row import Goal, Row

LIBRARIES = ROOT / "target" / "plugins" / "release"
LIBRARY = LIBRARIES / "libmisbehaving.so"
QUOTA = LIBRARIES / "libquota_state.so"
PROGRAM = ROOT / "target" / "release" / "examples" / "plugin_cost"
CALL_NS = 300.0
STREAM = 0.95


def run(bench: Bench) -> list[Row]:
    build()
    calls, pieces = bench.size(2_000_000, 20_000), bench.size(20_000, 512)
    stat = take(bench, "stat", calls)
    added = [ours - base for ours, base in zip(stat["ours"], stat["built in"], strict=True)]
    facts = [f"{name}: {sorted(values)[len(values) // 2]:.0f} ns a call" for name, values in stat.items()]
    rows = [Row("plugin: a call, above built in", "ns", added, Goal.at_most(CALL_NS), higher=False, facts=facts)]
    messages = alternate(bench.rounds, {"ours": one(str(QUOTA), "message", calls // 10)})
    rows.append(Row("plugin: a message of another role", "ns", messages["ours"], None, higher=False))
    for what in ("read", "write"):
        rates = take(bench, what, pieces)
        name = f"plugin: {what} in pieces of 1 MiB"
        rows.append(Row(name, "GB/s", rates["ours"], Goal.of_limit(STREAM), limits={"built in": rates["built in"]}))
    return rows


def take(bench: Bench, what: str, count: int) -> dict[str, list[float]]:
    contestants = {name: one(form, what, count) for name, form in (("ours", str(LIBRARY)), ("built in", "built-in"))}
    return alternate(bench.rounds, contestants)


def one(form: str, what: str, count: int):
    return lambda _: float(subprocess.check_output([PROGRAM, form, what, str(count)], text=True))


def build() -> None:
    subprocess.run(["cargo", "build", "--release", "-p", "ballast-loader", "--example", "plugin_cost"], cwd=ROOT, check=True)
    own = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target" / "plugins")}
    for package in ("tests/plugins/misbehaving", "examples/plugin/quota-state"):
        subprocess.run(["cargo", "build", "--release", "--locked"], cwd=Path(ROOT) / package, env=own, check=True)
