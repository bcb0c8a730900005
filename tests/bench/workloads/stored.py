"""One large object that ours, s3s-fs and nginx have, each in its own way."""


from measure import client, data
from measure.bench import Bench
from measure.cost import Meter
from measure.machine import GIB, MIB
from measure.peers import Nginx, S3sFs


class Stored:
    """Servers with the same object, and requests for it."""

    def __init__(self, bench: Bench):
        self.bench = bench
        self.size = bench.size(2 * GIB, 64 * MIB)
        base = data.random_file(self.size, seed=1)
        hub = bench.hub()
        repository = hub.repository("transfer")
        repository.add_large("object.bin", data.Body(b"", base, base.sha256))
        root = bench.folder / "files"
        (root / "bucket").mkdir(parents=True)
        s3s = bench.enter_context(S3sFs(bench.folder, root))
        # Put by itself, so that it knows its ETag: it hashes a file that it finds for every request.
        client.put(s3s.port, "/bucket/object.bin", data.Body(b"", base, base.sha256))
        self._stores = {"ours": hub.data} | {name: root for name in ("s3s-fs", "nginx sendfile", "nginx copy")}
        self.servers = {
            "ours": hub,
            "s3s-fs": s3s,
            "nginx sendfile": bench.enter_context(Nginx(bench.folder, root, "sendfile")),
            "nginx copy": bench.enter_context(Nginx(bench.folder, root, "copy")),
        }
        self._targets = {name: "/bucket/object.bin" for name in self.servers} | {"ours": repository.resolve("object.bin")}
        self._headers = {name: {} for name in self.servers} | {"ours": hub.headers}

    def load(self, server: str, name: str, ranges: list[tuple[int, int] | None]) -> client.Load:
        """A request for each range, or for the whole."""

        def request(part: tuple[int, int] | None) -> bytes:
            headers = dict(self._headers[server])
            if part:
                headers["Range"] = f"bytes={part[0]}-{part[1] - 1}"
            return client.request("GET", self._targets[server], headers)

        file = f"{name}-{server.replace(' ', '-')}"
        return client.Load(self.bench.folder, file, [request(part) for part in ranges])

    def takers(self, name: str, ranges: list[tuple[int, int] | None], connections: int):
        """For each server an action that fetches all ranges once, and a meter beside it."""
        loads = {server: self.load(server, name, ranges) for server in self.servers}
        meters = {server: Meter(process) for server, process in self.servers.items()}
        wanted = sum(part[1] - part[0] if part else self.size for part in ranges)

        def action(server: str) -> float:
            result = {}
            data.warm(self._stores[server])
            meters[server].take(lambda: result.update(loads[server].run(self.servers[server].port, connections)))
            assert result["bytes"] >= wanted, f"{server} sent {result['bytes']} of {wanted} bytes"
            return result["seconds"]

        return {server: (lambda _, server=server: action(server)) for server in self.servers}, meters, wanted


def split(taken: dict[str, list[float]]) -> dict:
    """The values as a row has them."""
    return {
        "ours": taken["ours"],
        "peers": {"s3s-fs": taken["s3s-fs"]},
        "limits": {name: values for name, values in taken.items() if name.startswith("nginx")},
    }


def costs(meters: dict[str, Meter], size: int) -> list[str]:
    return [f"{name} {meter.per_gib(size)}" for name, meter in meters.items()]


