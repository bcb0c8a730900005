"""What a workload gets: how large and how often, and folders and servers that go away with it."""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from measure.hub import Hub
from measure.machine import WORK
from measure.postgres import Postgres


@dataclass
class Options:
    rounds: int
    quick: bool
    keep: bool


class Bench(ExitStack):
    """One workload's run. Its folder and its servers end with the `with` block."""

    def __init__(self, options: Options, workload: str):
        super().__init__()
        self.rounds = options.rounds
        self.quick = options.quick
        (WORK / "work").mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{workload}-", dir=WORK / "work"))
        if not options.keep:
            self.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def size(self, full: int, quick: int) -> int:
        """`full`, or `quick` where only the way is to be tried."""
        return quick if self.quick else full

    def hub(self, name: str = "hub", settings: dict[str, object] | None = None) -> Hub:
        return self.enter_context(Hub(self.folder / name, settings))

    def hubs(self) -> dict[str, Hub]:
        """One hub on each database."""
        return {
            "SQLite": self.hub("on-sqlite"),
            "PostgreSQL": self.hub("on-postgres", {"database.url": self.postgres().new_database("hub")}),
        }

    def postgres(self) -> Postgres:
        """A durable server on the server's core; the same one each time."""
        if not hasattr(self, "_postgres"):
            self._postgres = self.enter_context(Postgres())
        return self._postgres
