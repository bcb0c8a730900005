"""How much memory the hub needs, and how soon it is there."""

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from measure import client, data
from measure.bench import Bench
from measure.hub import Hub, target
from measure.machine import GIB, MIB
from measure.row import Goal, Row

AT_ONCE = 8


def run(bench: Bench) -> list[Row]:
    return [transfers(bench), *starts(bench)]


def transfers(bench: Bench) -> Row:
    """The peak while eight uploads and eight downloads run; the downloads go on until the last upload is done."""
    size = bench.size(GIB, 32 * MIB)
    base = data.random_file(size, seed=3)
    hub = bench.hub("transfers")
    repository = hub.repository("memory")
    repository.add_large("object.bin", data.Body(b"", base, base.sha256))
    load = client.Load(
        bench.folder, "downloads", [client.request("GET", repository.resolve("object.bin"), hub.headers)]
    )
    bodies = [data.unseen(base, f"memory {n}") for n in range(AT_ONCE)]
    links = [target(repository.upload_action(body, "basic")["href"]) for body in bodies]
    uploading, answered = threading.Event(), []

    def download() -> None:
        while uploading.is_set():
            answered.append(load.run(hub.port, connections=AT_ONCE, count=AT_ONCE)["requests"])

    uploading.set()
    hub.forget_peak()
    begun = time.perf_counter()
    downloader = threading.Thread(target=download)
    downloader.start()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(lambda link, body: client.put(hub.port, link, body), links, bodies))
    uploading.clear()
    downloader.join()
    seconds = time.perf_counter() - begun
    fact = f"{sum(answered)} downloads beside the 8 uploads, {seconds:.0f} s"
    name = f"8 uploads and 8 downloads of {size // MIB} MiB: most memory"
    return Row(name, "MiB", [hub.peak() / MIB], Goal.at_most(256), higher=False, facts=[fact])


def starts(bench: Bench) -> list[Row]:
    """First starts, and starts over what is there; a start ends with the first answer of `/readyz`."""
    first, again, idle = [], [], []
    for number in range(max(bench.rounds, 3)):
        folder = bench.folder / f"start-{number}"
        with Hub(folder) as hub:
            first.append(hub.ready_after)
            repository = hub.repository("one")
            base = data.random_file(MIB, seed=13)
            repository.add_large("object.bin", data.Body(b"", base, base.sha256))
        with Hub(folder) as hub:
            again.append(hub.ready_after)
            hub.ask("GET", "/api/models/admin/one")
            time.sleep(bench.size(2, 1))
            idle.append(hub.resident() / MIB)
        shutil.rmtree(folder)
    return [
        Row("idle: resident memory", "MiB", idle, Goal.at_most(64), higher=False),
        Row("first start, until it answers", "s", first, Goal.at_most(0.5), higher=False),
        Row("start over existing data, until it answers", "s", again, Goal.at_most(0.5), higher=False),
    ]
