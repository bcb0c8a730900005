"""Downloads from another hub: one large file, cut off in the middle, and many small ones.

The other hub is ours as well; what is measured are the clients, which all share the client's core.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from measure import data, hf
from measure.bench import Bench
from measure.counting import Counter
from measure.hub import Hub, Repository, binary, small_files
from measure.machine import GIB, MIB
from measure.process import bytes_on_disk
from measure.row import Goal, Row
from measure.rounds import alternate

NAME = "model.safetensors"
# What the configuration has where it says nothing.
CONNECTIONS = 8
# Of a file of 2 GiB, as `kernel/landing/src/partial.rs` cuts it.
PIECE = 8 * MIB
SMALL = 1_000
# What a hub on the other side of an ocean takes to answer, in seconds; the loopback takes none.
FAR = 0.02


def run(bench: Bench) -> list[Row]:
    hf.install()
    hub = bench.hub("remote")
    source = data.random_file(bench.size(2 * GIB, 64 * MIB), seed=3)
    large = hub.repository("large")
    sent = data.unseen(source, "download")
    large.add_large(NAME, sent)
    return [*at_once(bench, hub, large, sent), *cut_off(bench, hub, large, sent), small(bench, hub)]


class Ours:
    """`ballast download` into a cache of its own, and what it cost."""

    def __init__(self, bench: Bench, name: str):
        self.folder = bench.folder / name
        self.peak, self.written = 0, 0

    def start(self, endpoint: str, repository: str, *arguments: object) -> subprocess.Popen:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [binary(), "download", repository, "--endpoint", endpoint, "--json", *arguments]
        command += ["--data-dir", self.folder / "data", "--cache-dir", self.cache()]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)

    def take(self, endpoint: str, repository: str, *arguments: object) -> float:
        begun = time.perf_counter()
        program = self.start(endpoint, repository, *arguments)
        while os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            # What wait4 tells of memory begins with what this program had when it began the other one.
            for line in Path(f"/proc/{program.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    self.peak = max(self.peak, int(line.split()[1]) * 1024)
            time.sleep(0.005)
        seconds = time.perf_counter() - begun
        # Nobody has asked how it ended, so what the system knows of it is still there.
        for line in Path(f"/proc/{program.pid}/io").read_text().splitlines():
            if line.startswith("write_bytes"):
                self.written = max(self.written, int(line.split()[1]))
        if program.wait() != 0:
            raise RuntimeError((self.folder / "log").read_text())
        return seconds

    def cache(self) -> Path:
        return self.folder / "cache"

    def forget(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def at_once(bench: Bench, hub: Hub, large: Repository, source: data.Body) -> list[Row]:
    """A file with its SHA-256, against those who compute it too and one who does not."""
    endpoint = f"http://127.0.0.1:{hub.port}"
    url, ours = endpoint + large.resolve(NAME), Ours(bench, "at-once")
    client = hf.Client(bench.folder, endpoint, hub.token, lfs=True)
    folder = bench.folder / "theirs"

    def program(*command: object) -> float:
        begun = time.perf_counter()
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
        return time.perf_counter() - begun

    def aria2c() -> float:
        options = ["-x16", "-s16", "-k1M", "--quiet", "--allow-overwrite=true", "--file-allocation=none"]
        return program("aria2c", *options, f"--checksum=sha-256={source.sha256}", "-d", folder, "-o", NAME, url)

    takes: dict[str, Callable[[], float]] = {
        "ours": lambda: ours.take(endpoint, large.id),
        "hf without Xet": lambda: client.download(large.id, NAME, folder),
        "aria2c -x16": aria2c,
        "curl without a hash": lambda: program("curl", "--silent", "--location", "--create-dirs", "-o", folder / NAME, url),
    }

    def fresh(take: Callable[[], float]) -> Callable[[int], float]:
        def taken(_: int) -> float:
            ours.forget()
            shutil.rmtree(folder, ignore_errors=True)
            data.warm(hub.data)
            return take()

        return taken

    taken = alternate(bench.rounds, {name: fresh(take) for name, take in takes.items()})
    size = f"{source.size // MIB} MiB"
    limits = {name: taken[name] for name in ["curl without a hash"]}
    peers = {name: taken[name] for name in ["hf without Xet", "aria2c -x16"]}
    row = Row(f"download of {size} with SHA-256", "s", taken["ours"], Goal.of_limit(1 / 1.2), peers, limits, higher=False)
    row.facts += [f"{row.share_of(sorted(values)[len(values) // 2]):.2f} of {name}" for name, values in peers.items()]
    ours.forget()
    ours.take(endpoint, large.id)
    stored = bytes_on_disk(ours.cache())
    return [
        row,
        Row(f"download of {size}: bytes written", "of its size", [ours.written / source.size], Goal.at_most(1.02), higher=False,
            facts=[f"{stored / source.size:.4f} of its size on disk"]),
        Row(f"download of {size}: most memory", "MiB", [ours.peak / MIB], Goal.at_most(128), higher=False),
    ]


def cut_off(bench: Bench, hub: Hub, large: Repository, source: data.Body) -> list[Row]:
    """Killed when half of it has come, and begun again: what travels a second time, and how long it takes from the last
    byte to the end."""
    again, behind = [], []
    for number in range(bench.rounds):
        ours = Ours(bench, f"cut-off-{number}")
        with Counter(hub.port) as counter:
            program = ours.start(counter.url, large.id)
            while counter.down < source.size // 2 and program.poll() is None:
                time.sleep(0.001)
            program.send_signal(signal.SIGKILL)
            program.wait()
            ours.take(counter.url, large.id)
            behind.append((time.perf_counter() - counter.last) * 1000)
            again.append((counter.down - source.size) / MIB)
        ours.forget()
    most = CONNECTIONS * PIECE / MIB
    size = f"{source.size // MIB} MiB"
    return [
        Row(f"download of {size}, killed at a half: what comes again", "MiB", again, Goal.at_most(most), higher=False),
        Row(f"download of {size}: from its last byte to the end", "ms", behind, Goal.at_most(100), higher=False),
    ]


def small(bench: Bench, hub: Hub) -> Row:
    """Many small files of a hub that is far away."""
    count = bench.size(SMALL, 50)
    repository = hub.repository("small")
    files = [(f"data/{number:04}.txt", data.small_file(number, seed=5)) for number in range(count)]
    repository.commit(small_files(files))
    ours = Ours(bench, "small")
    with Counter(hub.port, FAR) as counter:

        def take(*arguments: object) -> float:
            ours.forget()
            return ours.take(counter.url, repository.id, *arguments)

        takes = {"ours": lambda _: take(), "one": lambda _: take("--connections", 1, "--max-active", 1)}
        taken = alternate(min(bench.rounds, 3), takes, warm=False)
    faster = [one / many for one, many in zip(taken["one"], taken["ours"])]
    name = f"{count:,} small files, answers after {FAR * 1000:.0f} ms: times as fast as one connection"
    return Row(name, "times", faster, Goal.at_least(5), facts=[f"{min(taken['ours']):.2f} s, one connection {min(taken['one']):.2f} s"])
