"""Large files by Xet: with the real client up and down, and read by one that knows nothing of it."""

import os
import random
import subprocess
import textwrap
from pathlib import Path

from measure import client, data
from measure.bench import Bench
from measure.cost import Meter
from measure.hub import Hub
from measure.machine import GIB, MIB, ROOT
from measure.peers import Nginx
from measure.process import bytes_on_disk
from measure.row import Goal, Row
from measure.rounds import alternate

# The environment that tests/setup/python makes.
PYTHON = ROOT / "target" / "python" / "hub-2.4" / "bin" / "python"
# Both run by themselves: nothing of one run may be remembered by the next but what the test wants.
UPLOAD = "HfApi().upload_file(path_or_fileobj=sys.argv[1], path_in_repo='model.safetensors', repo_id=sys.argv[2])"
DOWNLOAD = "HfApi().hf_hub_download(sys.argv[2], 'model.safetensors', local_dir=sys.argv[1])"


def run(bench: Bench) -> list[Row]:
    if not PYTHON.exists():
        subprocess.run([ROOT / "tests" / "setup" / "python", "hub-2.4"], check=True)
    hub = bench.hub()
    hub.repository("by-xet")
    source = Source(bench)
    rows = [uploads(bench, hub, source), downloads(bench, hub, source), plain(bench, hub, source)]
    return rows


class Source:
    """A file that does not compress, and what somebody makes of it."""

    def __init__(self, bench: Bench):
        self.size = bench.size(GIB, 64 * MIB)
        self.path = bench.folder / "model.safetensors"
        self.base = data.random_file(self.size, seed=9)
        self.rounds = 0

    def fresh(self) -> None:
        """As new as a file can be: every chunk of it has other bytes."""
        self.rounds += 1
        noise = random.Random(self.rounds)
        with self.base.path.open("rb") as base, self.path.open("wb") as file:
            while piece := base.read(MIB):
                mask = noise.randbytes(64)
                # One byte of every 4 KiB is enough to make another chunk of it.
                changed = bytearray(piece)
                changed[:: 4096] = bytes(byte ^ mask[at % 64] | 1 for at, byte in enumerate(changed[:: 4096]))
                file.write(changed)

    def edit(self) -> None:
        """1 kB is inserted near the beginning, and 1 MB overwritten near the end."""
        content = bytearray(self.path.read_bytes())
        noise = random.Random(-self.rounds)
        content[self.size // 3 : self.size // 3] = noise.randbytes(1000)
        content[-self.size // 4 : -self.size // 4 + MIB] = noise.randbytes(MIB)
        self.path.write_bytes(content)


def hf(bench: Bench, hub: Hub, what: str, path: Path, home: str) -> float:
    """Seconds of one call of the client, in a process of its own that has imported it before."""
    program = textwrap.dedent(f"""\
        import sys, time
        from huggingface_hub import HfApi
        import hf_xet
        begun = time.perf_counter()
        {what}
        print(time.perf_counter() - begun)
        """)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    variables = kept | {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.port}",
        "HF_TOKEN": hub.token,
        "HF_HOME": str(bench.folder / home),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    command = [PYTHON, "-c", program, str(path), "admin/by-xet"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return float(done.stdout.split()[-1])


def uploads(bench: Bench, hub: Hub, source: Source) -> Row:
    """How much of an edited file travels and stays, from a client that remembers nothing."""
    seconds, grown, new = [], [], []
    for number in range(bench.rounds):
        source.fresh()
        new.append(source.size / hf(bench, hub, UPLOAD, source.path, f"new-{number}") / 1e9)
        before = bytes_on_disk(hub.data / "storage")
        source.edit()
        seconds.append(hf(bench, hub, UPLOAD, source.path, f"edited-{number}"))
        grown.append((bytes_on_disk(hub.data / "storage") - before) / 1e6)
    facts = [f"new: {sorted(new)[len(new) // 2]:.2f} GB/s; edited: {sorted(seconds)[len(seconds) // 2]:.2f} s"]
    name = f"hf upload of {source.size // MIB} MiB, 1 kB inserted and 1 MB changed: what is stored anew"
    return Row(name, "MB", grown, Goal.at_most(4.0), higher=False, facts=facts)


def downloads(bench: Bench, hub: Hub, source: Source) -> Row:
    meter, taken = Meter(hub), []
    for number in range(bench.rounds):
        folder, result = bench.folder / f"down-{number}", {}
        meter.take(lambda: result.update(seconds=hf(bench, hub, DOWNLOAD, folder, f"home-{number}")))
        (got,) = folder.glob("model.safetensors")
        assert got.stat().st_size == source.path.stat().st_size
        got.unlink()
        taken.append(source.size / result["seconds"] / 1e9)
    name = f"hf download of {source.size // MIB} MiB"
    return Row(name, "GB/s", taken, facts=[f"ours {meter.per_gib(source.size)}"])


def plain(bench: Bench, hub: Hub, source: Source) -> Row:
    """A GET by a client that knows nothing of Xet, of a file that came by it."""
    root = bench.folder / "files"
    root.mkdir()
    (root / "object.bin").write_bytes(source.path.read_bytes())
    nginx = bench.enter_context(Nginx(bench.folder, root, "copy"))
    size = source.path.stat().st_size
    ours = client.Load(bench.folder, "plain", [client.request("GET", "/admin/by-xet/resolve/main/model.safetensors", hub.headers)])
    theirs = client.Load(bench.folder, "raw", [client.request("GET", "/object.bin")])
    meter = Meter(hub)

    def take(load: client.Load, port: int, folder: Path) -> float:
        data.warm(folder)
        result = load.run(port)
        assert result["bytes"] >= size
        return size / result["seconds"] / 1e9

    def measured(_: int) -> float:
        rate = {}
        meter.take(lambda: rate.update(rate=take(ours, hub.port, hub.data)))
        return rate["rate"]

    taken = alternate(bench.rounds, {"ours": measured, "nginx": lambda _: take(theirs, nginx.port, root)})
    limits = {"nginx copy of the raw file": taken["nginx"]}
    return Row("GET of a file that came by Xet", "GB/s", taken["ours"], Goal.of_limit(0.6), {}, limits, facts=[f"ours {meter.per_gib(size)}"])


