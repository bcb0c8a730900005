"""How much memory the hub needs while many send and read by Xet."""

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measure import client, hf
from measure.bench import Bench
from measure.hub import Hub
from measure.machine import MIB
from measure.peers import StandIn
from measure.row import Goal, Row

UPLOADS, DOWNLOADS, READERS = 16, 8, 128
MOST = 256


def run(bench: Bench) -> list[Row]:
    hf.install()
    return [prepared(bench), clients(bench), readers(bench)]


def prepared(bench: Bench) -> Row:
    """Xorbs of 64 MiB that a client has made before all come at once, as fast as they can be sent, then their shard.
    Meanwhile others read a file that lies in chunks, which are decoded for them."""
    hub = bench.hub("prepared")
    hub.repository("memory")
    source = noise(bench.folder / "model.safetensors", bench.size(UPLOADS * 64 * MIB, 128 * MIB), 51)
    with StandIn(bench.folder / "kept") as stand_in:
        hf.Client(bench.folder, stand_in.url, "hf_any").upload(source, "any/keeping", "model.safetensors")
    xorbs = sorted((bench.folder / "kept").glob("xorb-*"))
    (shard,) = (bench.folder / "kept").glob("shard-*")
    source.unlink()
    read = a_file_to_read(hub, bench, bench.size(256 * MIB, 32 * MIB))
    request = client.request("GET", f"/admin/memory/resolve/main/{read}", hub.headers)
    load = client.Load(bench.folder, "reads", [request])

    def send() -> None:
        token = hub.ask_json("GET", "/api/models/admin/memory/xet-write-token/main")["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}
        with ThreadPoolExecutor(len(xorbs)) as threads:
            names = [f"/xet/v1/xorbs/default/{path.name.removeprefix('xorb-')}" for path in xorbs]
            list(threads.map(lambda name, path: client.post(hub.port, name, path, headers), names, xorbs))
        client.post(hub.port, "/xet/v1/shards", shard, headers)

    facts, peak = beside(hub, send, lambda: load.run(hub.port, connections=DOWNLOADS, count=DOWNLOADS))
    sizes = sum(path.stat().st_size for path in xorbs) // MIB
    name = f"{len(xorbs)} xorbs of together {sizes} MiB at once, 8 readers: most memory"
    return Row(name, "MiB", [peak / MIB], Goal.at_most(MOST), higher=False, facts=facts)


def clients(bench: Bench) -> Row:
    """The real client, as many processes of it."""
    hub = bench.hub("clients")
    hub.repository("memory")
    own = hf.Client(bench.folder, f"http://127.0.0.1:{hub.port}", hub.token)
    size = bench.size(128 * MIB, 16 * MIB)
    sources = [noise(bench.folder / f"{number}.safetensors", size, 60 + number) for number in range(UPLOADS)]
    read = a_file_to_read(hub, bench, bench.size(256 * MIB, 32 * MIB))

    def send() -> None:
        with ThreadPoolExecutor(UPLOADS) as threads:
            list(threads.map(lambda path: own.upload(path, "admin/memory", path.name), sources))

    def read_once() -> None:
        with ThreadPoolExecutor(DOWNLOADS) as threads:
            folders = [bench.folder / f"read-{number}" for number in range(DOWNLOADS)]
            list(threads.map(lambda folder: own.download("admin/memory", read, folder), folders))
        for folder in folders:
            (folder / read).unlink()

    facts, peak = beside(hub, send, read_once)
    name = f"16 hf uploads of {size // MIB} MiB, 8 hf downloads: most memory"
    return Row(name, "MiB", [peak / MIB], Goal.at_most(MOST), higher=False, facts=facts)


def readers(bench: Bench) -> Row:
    """Plain GETs of a file that lies in chunks, which the hub decodes for each of them."""
    hub = bench.hub("readers")
    hub.repository("memory")
    size = bench.size(64 * MIB, 16 * MIB)
    request = client.request("GET", f"/admin/memory/resolve/main/{a_file_to_read(hub, bench, size)}", hub.headers)
    load = client.Load(bench.folder, "readers", [request])
    hub.forget_peak()
    load.run(hub.port, connections=READERS, count=2 * READERS)
    time.sleep(2)
    facts = [f"{hub.resident() / MIB:.0f} MiB two seconds later"]
    name = f"{READERS} readers of {size // MIB} MiB that came by Xet: most memory"
    return Row(name, "MiB", [hub.peak() / MIB], Goal.at_most(MOST), higher=False, facts=facts)


def noise(path: Path, size: int, seed: int) -> Path:
    source = random.Random(seed)
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(source.randbytes(MIB))
    return path


def a_file_to_read(hub: Hub, bench: Bench, size: int) -> str:
    """One of this size that came by Xet; its path."""
    path = noise(bench.folder / "read.safetensors", size, 52)
    hf.Client(bench.folder, f"http://127.0.0.1:{hub.port}", hub.token).upload(path, "admin/memory", path.name)
    described = hub.ask_json("POST", "/api/models/admin/memory/paths-info/main", {"paths": [path.name]})
    assert described[0]["xetHash"], json.dumps(described)
    path.unlink()
    return "read.safetensors"


def beside(hub: Hub, send, read) -> tuple[list[str], int]:
    """The most memory while `send` runs, and `read` again and again until it has ended."""
    sending, reads = threading.Event(), []

    def keep_reading() -> None:
        while sending.is_set():
            read()
            reads.append(1)

    sending.set()
    idle = hub.resident()
    hub.forget_peak()
    begun = time.perf_counter()
    reader = threading.Thread(target=keep_reading)
    reader.start()
    try:
        send()
    finally:
        sending.clear()
        reader.join()
    seconds = time.perf_counter() - begun
    return [f"{len(reads) * DOWNLOADS} reads beside it, {seconds:.0f} s, {idle / MIB:.0f} MiB before"], hub.peak()
