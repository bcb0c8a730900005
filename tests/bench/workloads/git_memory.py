"""How much memory the hub needs while a pack of 1 GiB comes and goes, and what a clone costs whose content is in LFS."""

import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measure import data
from measure.bench import Bench
from measure.hub import Hub
from measure.machine import GIB, MIB
from measure.row import Goal, Row
from workloads.git import address_of, git

AT_ONCE = 4
FILES, FILE = 128, 8 * MIB
COMMITS = 16


def run(bench: Bench) -> list[Row]:
    hub = bench.hub("git-memory")
    return [*packs(bench, hub), large_files(bench, hub)]


def packs(bench: Bench, hub: Hub) -> list[Row]:
    """Noise, so that a pack is as long as what is in it."""
    folder, files = bench.folder / "noise", bench.size(FILES, COMMITS)
    git(bench.folder, "init", "--quiet", "--initial-branch=main", folder)
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@example.org")
    # Noise has no deltas, and git would look for them for minutes.
    git(folder, "config", "core.bigFileThreshold", "1m")
    git(folder, "config", "core.compression", "0")
    seeded = random.Random(17)
    for commit in range(COMMITS):
        for number in range(commit * files // COMMITS, (commit + 1) * files // COMMITS):
            (folder / f"noise-{number}").write_bytes(seeded.randbytes(FILE))
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", f"commit {commit}")
    address = address_of(hub, hub.repository("noise").id)
    hub.forget_peak()
    git(folder, "push", "--quiet", "--force", address, "main")
    pushing = hub.peak() / MIB

    def clone(number: int) -> None:
        clone = bench.folder / f"noise-clone-{number}"
        git(bench.folder, "clone", "--quiet", "--bare", address, clone)
        shutil.rmtree(clone)

    hub.forget_peak()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(clone, range(AT_ONCE)))
    cloning = hub.peak() / MIB
    size = files * FILE // MIB
    return [
        Row(f"push of a pack of {size} MiB: most memory", "MiB", [pushing], Goal.at_most(256), higher=False),
        Row(f"{AT_ONCE} clones of it at once: most memory", "MiB", [cloning], Goal.at_most(256), higher=False),
    ]


def large_files(bench: Bench, hub: Hub) -> Row:
    """Trees, commits and pointers, and nothing of what they point to."""
    size = bench.size(GIB, 32 * MIB)
    base = data.random_file(size, seed=3)
    repository = hub.repository("large")
    repository.add_large("object.bin", data.Body(b"", base, base.sha256))
    clone = bench.folder / "large-clone"
    git(bench.folder, "clone", "--quiet", "--bare", address_of(hub, repository.id), clone)
    sent = sum(path.stat().st_size for path in Path(clone).glob("objects/pack/*.pack"))
    name = f"clone of a repository with {size // MIB} MiB in LFS: its pack"
    return Row(name, "bytes", [sent], Goal.at_most(4096), higher=False)
