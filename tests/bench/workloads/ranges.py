"""Parts of a large file: sixteen long ones at once, and ten thousand short ones anywhere."""

import random

from measure.bench import Bench
from measure.machine import KIB, MIB
from measure.row import Goal, Row
from measure.rounds import alternate
from workloads.stored import Stored, costs, split


def run(bench: Bench) -> list[Row]:
    stored = Stored(bench)
    return [long_ranges(bench, stored), short_ranges(bench, stored)]


def long_ranges(bench: Bench, stored: Stored) -> Row:
    length = bench.size(128 * MIB, 4 * MIB)
    ranges = [(start, start + length) for start in range(0, 16 * length, length)]
    takers, meters, wanted = stored.takers("long", ranges, connections=16)
    taken = alternate(bench.rounds, takers)
    rates = {name: [wanted / seconds / 1e9 for seconds in values] for name, values in taken.items()}
    name = f"16 ranges of {length // MIB} MiB"
    return Row(name, "GB/s", goal=Goal.of_limit(0.9), facts=costs(meters, wanted), **split(rates))


def short_ranges(bench: Bench, stored: Stored) -> Row:
    count, length, seeded = bench.size(10_000, 1_000), 64 * KIB, random.Random(2)
    starts = [seeded.randrange(stored.size - length) for _ in range(count)]
    takers, meters, wanted = stored.takers("short", [(start, start + length) for start in starts], connections=8)
    taken = alternate(bench.rounds, takers)
    rates = {name: [count / seconds for seconds in values] for name, values in taken.items()}
    name = f"{count:,} random ranges of 64 KiB"
    return Row(name, "/s", goal=Goal.of_limit(0.7), facts=costs(meters, wanted), **split(rates))
