"""GET of a file of 2 GiB, in one stream and in four, each with a quarter of it."""

from measure.bench import Bench
from measure.row import Goal, Row
from measure.rounds import alternate
from workloads.stored import Stored, costs, split


def run(bench: Bench) -> list[Row]:
    stored = Stored(bench)
    return [streams(bench, stored, count) for count in (1, 4)]


def streams(bench: Bench, stored: Stored, count: int) -> Row:
    length = stored.size // count
    ranges = [None] if count == 1 else [(start, start + length) for start in range(0, stored.size, length)]
    takers, meters, wanted = stored.takers(f"get-{count}", ranges, connections=count)
    taken = alternate(bench.rounds, takers)
    rates = {name: [wanted / seconds / 1e9 for seconds in values] for name, values in taken.items()}
    name = f"GET of {stored.size >> 20} MiB, {count} stream{'s' if count > 1 else ''}"
    return Row(name, "GB/s", goal=Goal.of_limit(1.0), facts=costs(meters, wanted), **split(rates))
