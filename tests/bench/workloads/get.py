"""GET of a file of 2 GiB, by one client and by four at once."""

from measure.bench import Bench
from measure.row import Goal, Row
from measure.rounds import alternate
from workloads.stored import Stored, costs, split


def run(bench: Bench) -> list[Row]:
    stored = Stored(bench)
    return [streams(bench, stored, count) for count in (1, 4)]


def streams(bench: Bench, stored: Stored, count: int) -> Row:
    takers, meters, wanted = stored.takers(f"get-{count}", [None] * count, connections=count)
    taken = alternate(bench.rounds, takers)
    rates = {name: [wanted / seconds / 1e9 for seconds in values] for name, values in taken.items()}
    name = f"GET of {stored.size >> 20} MiB, {count} stream{'s' if count > 1 else ''}"
    return Row(name, "GB/s", goal=Goal.of_limit(1.0), facts=costs(meters, wanted), **split(rates))
