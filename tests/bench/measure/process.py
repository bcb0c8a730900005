"""Servers on a core of their own, and what they cost."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from measure.machine import SERVER_CORE

START_LIMIT = 60
STOP_LIMIT = 60
TICKS = os.sysconf("SC_CLK_TCK")


def on_core(core: int, command: list) -> list[str]:
    """The same command, pinned. `taskset` becomes the command, so the process id is the server's."""
    return ["taskset", "--cpu-list", str(core), *(str(part) for part in command)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(command: list, core: int = SERVER_CORE, **options) -> subprocess.CompletedProcess:
    """Runs a pinned command to its end; one that fails raises with what it printed."""
    done = subprocess.run(on_core(core, command), capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


class Server:
    """One server process. Ends with its `with` block."""

    def __init__(self, command: list, log: Path, core: int = SERVER_CORE):
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                on_core(core, command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def listening_on(self, port: int) -> None:
        """Returns once the port answers."""
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.01)
        raise RuntimeError(f"nothing listens on {port}; the log says:\n{self.log.read_text(errors='replace')[-3000:]}")

    def cpu(self) -> float:
        """Seconds of processor time until now, of all threads, the ended ones too."""
        fields = self._proc("stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak(self) -> int:
        """The most bytes that were resident since the start, or since `forget_peak`."""
        return self._status("VmHWM")

    def resident(self) -> int:
        """In bytes, now."""
        return self._status("VmRSS")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _status(self, name: str) -> int:
        for line in self._proc("status").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
        return 0

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self.process.pid}/{name}").read_text()


def bytes_on_disk(folder: Path) -> int:
    """Blocks, not lengths: what the file system really gave."""
    return sum(
        os.lstat(os.path.join(above, name)).st_blocks * 512 for above, _, names in os.walk(folder) for name in names
    )
