"""The small answers that clients ask for all the time: the headers of a file, a repository, a page of its tree, and
what to do with ten files."""

import base64
import json

from measure import client, data
from measure.bench import Bench
from measure.cost import Meter
from measure.hub import Hub, Repository, small_files
from measure.machine import MIB
from measure.peers import Nginx
from measure.row import Goal, Row
from measure.rounds import alternate

CONNECTIONS = 32
GOALS = {"HEAD resolve": 0.5, "info": 0.4, "tree page of 100 entries": 0.3, "preupload of 10 files": 0.3}


def run(bench: Bench) -> list[Row]:
    hub = bench.hub()
    repository = filled(hub)
    root = bench.folder / "answers"
    root.mkdir()
    nginx = bench.enter_context(Nginx(bench.folder, root, "sendfile"))
    rows = []
    for number, (name, (method, target, body)) in enumerate(questions(repository).items()):
        headers = hub.headers | ({"Content-Type": "application/json"} if body else {})
        answer = hub.ask("GET" if method == "HEAD" else method, target, body or None, **_underscored(headers))[0]
        (root / str(number)).write_bytes(answer)
        ours = client.Load(bench.folder, f"ours-{number}", [client.request(method, target, headers, body)])
        theirs = client.Load(bench.folder, f"nginx-{number}", [client.request(method, f"/{number}", headers, body)])
        rows.append(rates(bench, name, (hub, ours), (nginx, theirs), len(answer)))
    return rows


def filled(hub: Hub) -> Repository:
    """A model with a large file and a folder of a hundred small ones."""
    repository = hub.repository("metadata")
    base = data.random_file(MIB, seed=4)
    repository.add_large("model.safetensors", data.Body(b"", base, base.sha256))
    files = [(f"data/{number:03}.txt", data.small_file(number, seed=5)) for number in range(100)]
    repository.commit(small_files(files))
    return repository


def questions(repository: Repository) -> dict[str, tuple[str, str, bytes]]:
    sample = base64.b64encode(data.small_file(1, seed=6)).decode()
    files = [{"path": f"data/{number:03}.txt", "size": 300, "sample": sample} for number in range(95, 105)]
    return {
        "HEAD resolve": ("HEAD", repository.resolve("model.safetensors"), b""),
        "info": ("GET", repository.api(), b""),
        "tree page of 100 entries": ("GET", repository.api("/tree/main/data"), b""),
        "preupload of 10 files": ("POST", repository.api("/preupload/main"), json.dumps({"files": files}).encode()),
    }


def rates(bench: Bench, name: str, ours: tuple, theirs: tuple, length: int) -> Row:
    seconds = bench.size(3, 1)
    meter, answered, p99 = Meter(ours[0]), [], []

    def ask(_: int) -> float:
        result = {}
        meter.take(lambda: result.update(ours[1].run(ours[0].port, CONNECTIONS, seconds=seconds)))
        answered.append(result["requests"])
        p99.append(result["p99"])
        return result["requests"] / result["seconds"]

    takes = {"ours": ask, "nginx": lambda _: theirs[1].rate(theirs[0].port, CONNECTIONS, seconds)}
    taken = alternate(bench.rounds, takes)
    microseconds = sum(meter.cpu) / sum(answered) * 1e6
    fact = f"{microseconds:.0f} µs CPU each, p99 {max(p99) * 1e3:.1f} ms with {CONNECTIONS} clients, {length:,} bytes"
    return Row(
        name, "/s", taken["ours"], Goal.of_limit(GOALS[name]), limits={"nginx": taken["nginx"]}, facts=[fact]
    )


def _underscored(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in headers.items()}
