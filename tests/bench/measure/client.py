"""Clients: the load generator, and uploads straight from the page cache."""

import json
import os
import socket
import subprocess
from pathlib import Path

from measure.data import Body
from measure.machine import TOOLS


def request(method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    """The bytes of one request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Load:
    """Prepared requests for load.c."""

    def __init__(self, folder: Path, name: str, requests: list[bytes]):
        self._file = folder / f"{name}.requests"
        self._latencies = folder / f"{name}.latencies"
        self.count = len(requests)
        with self._file.open("wb") as file:
            for one in requests:
                file.write(b"%d\n" % len(one))
                file.write(one)

    def run(self, port: int, connections: int = 1, seconds: float | None = None, count: int | None = None) -> dict:
        """What load.c prints. All answers must be successes. Without `seconds`, each request is sent once."""
        command = [TOOLS / "bin" / "ballast-load", "-c", connections, "-o", self._latencies]
        command += ["-d", seconds] if seconds else ["-n", count or self.count]
        command += [port, self._file]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        result = json.loads(done.stdout)
        if result["refused"]:
            raise RuntimeError(f"{result['refused']} answers were refusals: {done.stderr}")
        return result

    def rate(self, port: int, connections: int, seconds: float) -> float:
        """Answers in a second."""
        result = self.run(port, connections, seconds=seconds)
        return result["requests"] / result["seconds"]

    def latencies(self) -> list[float]:
        """Seconds of each answer of the last run, in the order of sending."""
        return [float(line) for line in self._latencies.read_text().split()]


def put(port: int, target: str, body: Body, start: int = 0, end: int | None = None) -> dict[str, str]:
    """Uploads a part of a body with as little work as possible; answers the response's headers, in lower case."""
    end = body.size if end is None else end
    own = body.head[start:end]
    return _sent(port, "PUT", target, {}, own, body.rest.path, start + len(own), end - start)


def post(port: int, target: str, path: Path, headers: dict[str, str]) -> dict[str, str]:
    """Sends a file in the same way."""
    return _sent(port, "POST", target, headers, b"", path, 0, path.stat().st_size)


def _sent(
    port: int, method: str, target: str, headers: dict[str, str], own: bytes, path: Path, at: int, length: int
) -> dict[str, str]:
    """`own`, and then of a file from `at` what `length` has left."""
    with socket.create_connection(("127.0.0.1", port)) as connection, path.open("rb") as file:
        head = request(method, target, headers | {"Content-Length": str(length)}).replace(b"Content-Length: 0\r\n", b"")
        end = at + length - len(own)
        try:
            connection.sendall(head + own)
            while at < end:
                at += os.sendfile(connection.fileno(), file.fileno(), at, end - at)
        except (BrokenPipeError, ConnectionResetError):
            # Refused before the end; the answer may say why.
            pass
        return _answer(connection)


def _answer(connection: socket.socket) -> dict[str, str]:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(1 << 16)
        if not piece:
            raise RuntimeError(f"the connection was closed; so far came {received!r}")
        received += piece
    status, *lines = received.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")
    if not status.split(" ")[1].startswith("2"):
        raise RuntimeError(f"refused: {received.decode(errors='replace')}")
    return {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
