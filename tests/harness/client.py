"""The outer side of a client in its own environment: scenarios go in by name, what became of them comes out."""

import json
import os
import selectors
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from harness.environments import TESTS, client_variables, python_of
from harness.hub import Hub

START_LIMIT = 60
WORKER = TESTS / "harness" / "client_worker.py"


@dataclass
class Outcome:
    """`verdict` is passed, failed or skipped; `text` says why."""

    verdict: str
    text: str


class Client:
    """One long-lived process of one client version. A scenario that hangs costs it, and the next gets a new one."""

    def __init__(self, environment: str, hub: Hub, folder: Path, xet: bool = False):
        self.hub = hub
        self._python = python_of(environment)
        self._folder = folder
        self._variables = client_variables(hub.endpoint, hub.token, folder / "home", xet)
        self._variables |= {"BALLAST_TEST_SIGNED": "1"} if hub.signed else {}
        self._process: subprocess.Popen | None = None
        self._scenarios_run = 0

    def run(self, module: str, scenario: str, limit: float) -> Outcome:
        if self._process is None:
            self._start()
        self._scenarios_run += 1
        workdir = self._folder / f"{self._scenarios_run}-{scenario}"
        workdir.mkdir()
        order = {"module": module, "scenario": scenario, "workdir": str(workdir)}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        line = self._read_line(limit)
        if line is None:
            self.stop()
            return Outcome("failed", f"no answer within {limit} s; the client printed:\n{self._printed()}")
        if not line:
            self.stop()
            return Outcome("failed", f"the client's process ended; it printed:\n{self._printed()}")
        return Outcome(**json.loads(line))

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_LIMIT)
            self._process = None

    def _start(self) -> None:
        with self._output().open("ab") as output:
            self._process = subprocess.Popen(
                [self._python, WORKER],
                env=self._variables,
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )

    def _read_line(self, limit: float) -> bytes | None:
        """One line, nothing at the end of the process, None when the time is over."""
        end = time.monotonic() + limit
        stdout = self._process.stdout.fileno()
        read = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not read.endswith(b"\n"):
                if not selector.select(max(0.0, end - time.monotonic())):
                    return None
                piece = os.read(stdout, 1 << 16)
                if not piece:
                    return b""
                read += piece
        return bytes(read)

    def _output(self) -> Path:
        return self._folder / "output.log"

    def _printed(self) -> str:
        return self._output().read_text(errors="replace")[-5000:]
