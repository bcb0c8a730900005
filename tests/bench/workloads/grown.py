"""The same pages of a hub with ten repositories and of one that has grown to ten thousand, with a million files: what
else is there must not cost who asks. And how long the unlucky wait while 64 ask at once."""

import json
import random

from measure import client, data
from measure.bench import Bench
from measure.hub import Hub, small_files
from measure.machine import MIB
from measure.row import Goal, Row
from measure.rounds import alternate

FEW, MANY = 10, 10_000
FILES = 100
FOLDER = 10
CONNECTIONS = 32
CROWD = 64
KEPT = 0.8
TAIL = 10


def run(bench: Bench) -> list[Row]:
    many = bench.size(MANY, 20)
    small, grown = (Filled(bench, bench.hub(name), count) for name, count in (("small", FEW), ("grown", many)))
    rows = [compared(bench, name, small, grown) for name in QUESTIONS]
    rows += [crowded(bench, name, grown) for name in QUESTIONS]
    seeded = random.Random(10)
    anywhere = [seeded.randrange(many) for _ in range(2_000)]
    for name in ("info", "a folder", "HEAD resolve"):
        load = grown.asking(name, anywhere)
        rates = [load.rate(grown.hub.port, CONNECTIONS, bench.size(3, 1)) for _ in range(bench.rounds)]
        rows.append(Row(f"{grown}: {name}, of any", "/s", rates))
    rows[-1].facts.append(f"{grown.hub.resident() / MIB:.0f} MiB resident")
    return rows


def id_of(number: int) -> str:
    return f"admin/model-{number:05}"


def info(number: int) -> tuple[str, str, bytes]:
    return "GET", f"/api/models/{id_of(number)}", b""


def tree(number: int) -> tuple[str, str, bytes]:
    return "GET", f"/api/models/{id_of(number)}/tree/main/data/0", b""


def paths_info(number: int) -> tuple[str, str, bytes]:
    asked = {"paths": [path_of(n) for n in range(0, FILES, FOLDER)], "expand": False}
    return "POST", f"/api/models/{id_of(number)}/paths-info/main", json.dumps(asked).encode()


def head(number: int) -> tuple[str, str, bytes]:
    return "HEAD", f"/{id_of(number)}/resolve/main/{path_of(number % FILES)}", b""


def newest(number: int) -> tuple[str, str, bytes]:
    return "GET", f"/api/models?limit={FEW}", b""


def found(number: int) -> tuple[str, str, bytes]:
    return "GET", f"/api/models?author=admin&search=model-0000&sort=lastModified&limit={FEW}", b""


QUESTIONS = {
    "info": info,
    "a folder": tree,
    "paths-info of 10 files": paths_info,
    "HEAD resolve": head,
    "a list of 10": newest,
    "a search that finds 10": found,
}


def path_of(number: int) -> str:
    return f"data/{number // FOLDER}/{number:03}.txt"


class Filled:
    """A hub with so many repositories of a hundred files."""

    def __init__(self, bench: Bench, hub: Hub, count: int):
        self.bench, self.hub, self.count = bench, hub, count
        create = [self._request("POST", "/api/repos/create", {"name": id_of(n), "type": "model"}) for n in range(count)]
        self._load("create", create).run(hub.port, connections=4)
        self._load("commit", [self._commit(n) for n in range(count)]).run(hub.port, connections=4)

    def _commit(self, number: int) -> bytes:
        files = [(path_of(n), data.small_file(number * FILES + n, seed=11)) for n in range(FILES)]
        headers = self.hub.headers | {"Content-Type": "application/x-ndjson"}
        return client.request("POST", f"/api/models/{id_of(number)}/commit/main", headers, small_files(files))

    def _request(self, method: str, target: str, value: dict) -> bytes:
        headers = self.hub.headers | {"Content-Type": "application/json"}
        return client.request(method, target, headers, json.dumps(value).encode())

    def _load(self, name: str, requests: list[bytes]) -> client.Load:
        return client.Load(self.bench.folder, f"{name}-{self.count}", requests)

    def __str__(self) -> str:
        return f"{self.count:,} repositories, {self.count * FILES:,} files"

    def asking(self, name: str, numbers=range(FEW)) -> client.Load:
        """A question about each of these repositories in turn."""
        requests = []
        for method, target, body in map(QUESTIONS[name], numbers):
            headers = self.hub.headers | ({"Content-Type": "application/json"} if body else {})
            requests.append(client.request(method, target, headers, body))
        return self._load(f"{name.replace(' ', '-')}-{len(numbers)}", requests)


def compared(bench: Bench, name: str, small: Filled, grown: Filled) -> Row:
    """The same pages of both."""
    loads = {one.count: one.asking(name) for one in (small, grown)}
    seconds = bench.size(3, 1)
    taken = alternate(
        bench.rounds,
        {
            "small": lambda _: loads[small.count].rate(small.hub.port, CONNECTIONS, seconds),
            "grown": lambda _: loads[grown.count].rate(grown.hub.port, CONNECTIONS, seconds),
        },
    )
    return Row(
        f"{grown}: {name}", "/s", taken["grown"], Goal.of_limit(KEPT), limits={f"{small.count} repositories": taken["small"]}
    )


def crowded(bench: Bench, name: str, grown: Filled) -> Row:
    """How many times as long as the median the slowest hundredth takes."""
    load, tails, medians = grown.asking(name), [], []
    load.run(grown.hub.port, CROWD, seconds=1)
    for _ in range(bench.rounds):
        result = load.run(grown.hub.port, CROWD, seconds=bench.size(3, 1))
        tails.append(result["p99"] / result["p50"])
        medians.append(result["p50"] * 1e3)
    fact = f"the median is {sorted(medians)[len(medians) // 2]:.2f} ms"
    return Row(f"{grown}: {name}, p99 with {CROWD} clients", "medians", tails, Goal.at_most(TAIL), higher=False, facts=[fact])
