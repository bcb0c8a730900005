"""Clone, incremental fetch and push of a history by the real git, against git's own daemon."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from measure.bench import Bench
from measure.hub import Hub
from measure.machine import CLIENT_CORE, ROOT
from measure.process import Server, free_port, on_core
from measure.rounds import alternate
from measure.row import Goal, Row

sys.path.insert(0, str(ROOT / "tests"))
from harness import git_history  # noqa: E402

# What the last of them bring is fetched and pushed by itself.
NEWEST = 50
OURS, PEER = "ours", "git daemon"


class Daemon(Server):
    """`git daemon` on the server's core, which takes pushes from anybody."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self.folder, self.port = folder, free_port()
        options = ["--export-all", "--reuseaddr", "--enable=receive-pack", f"--base-path={folder}"]
        super().__init__(
            ["git", "daemon", *options, "--listen=127.0.0.1", f"--port={self.port}", folder], folder.parent / "daemon.log"
        )
        self.listening_on(self.port)

    def repository(self, name: str) -> str:
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", name)
        return f"git://127.0.0.1:{self.port}/{name}"


def run(bench: Bench) -> list[Row]:
    history = bench.folder / "history"
    git_history.make(history, bench.size(5000, 300))
    hub, daemon = bench.hub(), bench.enter_context(Daemon(bench.folder / "daemon"))

    def create(name: str) -> str:
        return address_of(hub, hub.repository(name).id)

    made: dict[str, Callable[[str], str]] = {OURS: create, PEER: daemon.repository}
    whole = {who: make("whole") for who, make in made.items()}
    for address in whole.values():
        git(history, "push", "--quiet", "--force", address, "refs/*:refs/*")

    def clone(who: str) -> Callable[[int], float]:
        def take(number: int) -> float:
            folder = bench.folder / f"clone-{who}"
            seconds = timed(bench.folder, "clone", "--quiet", "--mirror", whole[who], folder)
            shutil.rmtree(folder)
            return seconds

        return take

    def fetch(who: str) -> Callable[[int], float]:
        stale = bench.folder / f"stale-{who}"
        git(bench.folder, "clone", "--quiet", "--bare", f"file://{history}", stale)
        git(stale, "update-ref", "refs/heads/main", f"main~{NEWEST}")
        for ref in git(stale, "for-each-ref", "--format=%(refname)").split():
            if ref != "refs/heads/main":
                git(stale, "update-ref", "-d", ref)
        git(stale, "repack", "-adq")
        git(stale, "prune", "--expire=now")

        def take(number: int) -> float:
            folder = bench.folder / f"fetched-{who}"
            shutil.copytree(stale, folder)
            seconds = timed(folder, "fetch", "--quiet", "--no-tags", whole[who], "main:main")
            shutil.rmtree(folder)
            return seconds

        return take

    def push(who: str) -> Callable[[int], float]:
        def take(number: int) -> float:
            address = made[who](f"pushed-{number + 1}")
            return timed(history, "push", "--quiet", "--force", address, "refs/*:refs/*")

        return take

    def push_more(who: str) -> Callable[[int], float]:
        def take(number: int) -> float:
            address = made[who](f"more-{number + 1}")
            git(history, "push", "--quiet", "--force", address, f"main~{NEWEST}:refs/heads/main")
            return timed(history, "push", "--quiet", address, "main")

        return take

    rows = []
    for name, share, make in (
        ("clone of the whole history", 1 / 1.5, clone),
        (f"fetch of {NEWEST} commits", 1 / 1.5, fetch),
        ("push of the whole history", 1 / 2, push),
        (f"push of {NEWEST} commits", 1 / 2, push_more),
    ):
        taken = alternate(bench.rounds, {who: make(who) for who in made})
        limits = {PEER: taken[PEER]}
        rows.append(Row(name, "s", taken[OURS], Goal.of_limit(share), limits=limits, higher=False))
    return rows


def address_of(hub: Hub, id: str) -> str:
    """Where git finds a repository of the hub, with a token."""
    return f"http://{id.split('/')[0]}:{hub.token}@127.0.0.1:{hub.port}/{id}"


def git(folder: Path, *words) -> str:
    command = on_core(CLIENT_CORE, ["git", *words])
    done = subprocess.run([str(word) for word in command], cwd=folder, check=True, capture_output=True, timeout=600)
    return done.stdout.decode()


def timed(folder: Path, *words) -> float:
    begun = perf_counter()
    git(folder, *words)
    return perf_counter() - begun
