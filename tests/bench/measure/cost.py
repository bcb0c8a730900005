"""What a server's work costs it."""

import time
from collections.abc import Callable

from measure.machine import GIB, MIB
from measure.process import Server


class Meter:
    """Times an action against a server; keeps processor time and peak memory of all its takes together."""

    def __init__(self, server: Server):
        self.server = server
        self.seconds: list[float] = []
        self.cpu: list[float] = []
        self.peak = 0

    def take(self, action: Callable[[], object]) -> float:
        """The seconds that it takes."""
        self.server.forget_peak()
        cpu, begun = self.server.cpu(), time.perf_counter()
        action()
        seconds = time.perf_counter() - begun
        self.seconds.append(seconds)
        self.cpu.append(self.server.cpu() - cpu)
        self.peak = max(self.peak, self.server.peak())
        return seconds

    def per_gib(self, size: int) -> str:
        """Of an action over `size` bytes."""
        cpu = sum(self.cpu) / len(self.cpu) / (size / GIB)
        return f"{cpu:.2f} s CPU/GiB, {self.peak / MIB:.0f} MiB at most"
