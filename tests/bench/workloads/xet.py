"""Large files by Xet: with the real client up and down, and read by one that knows nothing of it."""

import random
import shutil
from pathlib import Path

from measure import client, data, hf
from measure.bench import Bench
from measure.cost import Meter
from measure.hub import Hub
from measure.machine import GIB, MIB
from measure.peers import LocalCas, Nginx, StandIn
from measure.process import Server
from measure.row import Goal, Row
from measure.rounds import alternate

PEER, ACCEPTING, FILES = "local_cas_server", "a store that takes everything", "xorbs from nginx"


def run(bench: Bench) -> list[Row]:
    hf.install()
    contest = Contest(bench)
    return [*uploads(bench, contest), downloads(bench, contest), plain(bench, contest)]


class Contest:
    """Hubs of which each has a store behind it, and the repository of each that files go to."""

    def __init__(self, bench: Bench):
        hub = bench.hub()
        hub.repository("by-xet")
        cas = bench.enter_context(LocalCas(bench.folder))
        # The peer's xorbs are what the client gets in both cases: once from the peer, once from nginx.
        files = bench.enter_context(Nginx(bench.folder, cas.data / "xorbs", "copy"))
        address = "http://127.0.0.1:{}".format
        stand_in = bench.enter_context(StandIn(bench.folder, address(cas.port), address(files.port)))
        ours = hf.Client(bench.folder, address(hub.port), hub.token)
        others = hf.Client(bench.folder, stand_in.url, "hf_any")
        self.hub, self.stand_in = hub, stand_in
        self.clients = {"ours": ours, PEER: others, ACCEPTING: others, FILES: others}
        self.repositories = {"ours": "admin/by-xet", PEER: "any/store", ACCEPTING: "any/accepting", FILES: "any/files"}
        self.servers: dict[str, Server] = {"ours": hub, PEER: cas, ACCEPTING: stand_in, FILES: files}
        self.stores = {"ours": hub.data, PEER: cas.data, FILES: cas.data}

    def upload(self, name: str, path: Path, as_: str) -> float:
        return self.clients[name].upload(path, self.repositories[name], as_)

    def download(self, name: str, path: str, folder: Path) -> float:
        return self.clients[name].download(self.repositories[name], path, folder)


class Source:
    """A file that does not compress, and what somebody makes of it."""

    def __init__(self, bench: Bench):
        self.size = bench.size(GIB, 64 * MIB)
        self.path = bench.folder / "model.safetensors"
        self.base = data.random_file(self.size, seed=9)

    def fresh(self, round_: int) -> None:
        """As new as a file can be: every chunk of it has other bytes."""
        noise = random.Random(round_)
        with self.base.path.open("rb") as base, self.path.open("wb") as file:
            while piece := base.read(MIB):
                mask = noise.randbytes(64)
                # One byte of every 4 KiB is enough to make another chunk of it.
                changed = bytearray(piece)
                changed[::4096] = bytes(byte ^ mask[at % 64] | 1 for at, byte in enumerate(changed[::4096]))
                file.write(changed)

    def edit(self, round_: int) -> None:
        """1 MB in the middle is overwritten."""
        with self.path.open("r+b") as file:
            file.seek(self.size // 2)
            file.write(random.Random(f"edit {round_}").randbytes(1_000_000))


def uploads(bench: Bench, contest: Contest) -> list[Row]:
    """A file that nobody has seen, the same again under another name, and with 1 MB of it changed: each by a client
    that remembers nothing."""
    names = ["ours", PEER, ACCEPTING]
    source, seconds = Source(bench), {what: {} for what in ("new", "again", "1 MB edited")}
    meters = {what: {name: Meter(contest.servers[name]) for name in names} for what in seconds}

    def takers(what: str, round_: int):
        def take(name: str) -> float:
            result = {}
            path = f"{round_}-{what}.safetensors"
            meters[what][name].take(lambda: result.update(seconds=contest.upload(name, source.path, path)))
            return result["seconds"]

        return {name: (lambda _, name=name: take(name)) for name in names}

    # A round is a file of its own, so that the contestants take turns within it, and nothing needs to be warm.
    for round_ in range(bench.rounds):
        source.fresh(round_)
        for what, taken in seconds.items():
            if what == "1 MB edited":
                source.edit(round_)
            for name, values in alternate(1, takers(what, round_), warm=False).items():
                taken.setdefault(name, []).extend(values)
    source.path.unlink()
    return [upload_row(source.size, what, taken, meters[what]) for what, taken in seconds.items()]


def upload_row(size: int, what: str, taken: dict[str, list[float]], meters: dict[str, Meter]) -> Row:
    rates = {name: [size / seconds / 1e9 for seconds in values] for name, values in taken.items()}
    facts = [f"{name} {meters[name].per_gib(size)}" for name in ("ours", PEER)]
    peers, limits, goal = {PEER: rates[PEER]}, {ACCEPTING: rates[ACCEPTING]}, Goal.of_limit(0.9, or_of_peer=1.2)
    row = Row(f"hf upload of {size // MIB} MiB, {what}", "GB/s", rates["ours"], goal, peers, limits, facts=facts)
    return with_share_of_peer(row)


def with_share_of_peer(row: Row) -> Row:
    name, value = row.peer()
    row.facts.append(f"{row.share_of(value):.2f} of {name}")
    return row


def downloads(bench: Bench, contest: Contest) -> Row:
    names = ["ours", PEER, FILES]
    source, meters = data.random_file(bench.size(GIB, 64 * MIB), seed=9), {}
    contest.stand_in.knows(source.sha256, hf.xet_hash(source.path))
    for name in ("ours", PEER):
        contest.upload(name, source.path, "down.safetensors")
    meters = {name: Meter(contest.servers[name]) for name in names}

    def take(name: str) -> float:
        folder, result = bench.folder / "down", {}
        data.warm(contest.stores[name])
        meters[name].take(lambda: result.update(seconds=contest.download(name, "down.safetensors", folder)))
        with (folder / "down.safetensors").open("rb") as got, source.path.open("rb") as sent:
            assert all(iter(lambda: (one := got.read(MIB)) == sent.read(MIB) and one, b"")), "other bytes came"
        shutil.rmtree(folder)
        return result["seconds"]

    taken = alternate(bench.rounds, {name: (lambda _, name=name: take(name)) for name in names})
    rates = {name: [source.size / seconds / 1e9 for seconds in values] for name, values in taken.items()}
    facts = [f"{name} {meters[name].per_gib(source.size)}" for name in names]
    name = f"hf download of {source.size // MIB} MiB by Xet"
    goal, peers, limits = Goal.of_limit(0.9, or_of_peer=1.5), {PEER: rates[PEER]}, {FILES: rates[FILES]}
    return with_share_of_peer(Row(name, "GB/s", rates["ours"], goal, peers, limits, facts=facts))


def plain(bench: Bench, contest: Contest) -> Row:
    """A GET by a client that knows nothing of Xet, of a file that came by it."""
    source, hub = data.random_file(bench.size(GIB, 64 * MIB), seed=9), contest.hub
    nginx = bench.enter_context(Nginx(bench.folder / "raw", source.path.parent, "copy"))
    address = "/admin/by-xet/resolve/main/down.safetensors"
    ours = client.Load(bench.folder, "plain", [client.request("GET", address, hub.headers)])
    theirs = client.Load(bench.folder, "raw", [client.request("GET", f"/{source.path.name}")])
    meter = Meter(hub)

    def take(load: client.Load, port: int, folder: Path) -> float:
        data.warm(folder)
        result = load.run(port)
        assert result["bytes"] >= source.size
        return source.size / result["seconds"] / 1e9

    def measured(_: int) -> float:
        rate = {}
        meter.take(lambda: rate.update(rate=take(ours, hub.port, hub.data)))
        return rate["rate"]

    taken = alternate(bench.rounds, {"ours": measured, "nginx": lambda _: take(theirs, nginx.port, source.path.parent)})
    limits = {"nginx copy of the raw file": taken["nginx"]}
    facts = [f"ours {meter.per_gib(source.size)}"]
    return Row("GET of a file that came by Xet", "GB/s", taken["ours"], Goal.of_limit(0.6), {}, limits, facts=facts)
