"""The hub under measurement, and what its clients do."""

import base64
import http.client
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from measure import client
from measure.data import Body, Object
from measure.machine import ROOT
from measure.process import START_LIMIT, Server

NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')
LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")


def binary() -> Path:
    return Path(os.environ.get("BALLAST_BIN", ROOT / "target" / "release" / "ballast"))


class Hub(Server):
    """`ballast serve` on the server's core, with a data folder that stays when it ends."""

    def __init__(self, folder: Path, settings: dict[str, object] | None = None):
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        command = [binary(), "serve", "--data-dir", self.data, "--listen", "127.0.0.1:0"]
        for key, value in (settings or {}).items():
            command += ["--set", f"{key}={value}"]
        self.begun = time.perf_counter()
        super().__init__(command, folder / "hub.log")
        self.port = self._port()
        self.ready_after = time.perf_counter() - self.begun
        self.token = (self.data / "admin-token").read_text().strip()
        self.headers = {"Authorization": f"Bearer {self.token}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def _port(self) -> int:
        """Said once the hub listens; a request shows that it answers."""
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            if said := LISTENING.search(self.log.read_text(errors="replace")):
                port = int(said[1])
                first = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                first.request("GET", "/readyz")
                if first.getresponse().status == 200:
                    return port
            time.sleep(0.001)
        self.stop()
        raise RuntimeError(f"the hub did not start:\n{self.log.read_text(errors='replace')}")

    def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> tuple[bytes, dict[str, str]]:
        """A body and its headers; a refusal raises."""
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, target, body, sent)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {target} was answered with {answer.status}: {content[:500]!r}")
        return content, {name.lower(): value for name, value in answer.getheaders()}

    def ask_json(self, method: str, target: str, value: object = None, media: str = "application/json") -> dict:
        body = json.dumps(value).encode() if value is not None else None
        return json.loads(self.ask(method, target, body, Content_Type=media)[0])

    def pages(self, first: str) -> Iterator[tuple[str, bytes]]:
        """The pages of a listing, each with its address, as each tells of the next."""
        at = first
        while at:
            content, headers = self.ask("GET", at)
            yield at, content
            following = NEXT.search(headers.get("link", ""))
            at = target(following[1]) if following else None

    def repository(self, name: str) -> "Repository":
        """A new public model of the administrator."""
        self.ask_json("POST", "/api/repos/create", {"name": f"admin/{name}", "type": "model"})
        return Repository(self, f"admin/{name}")


class Repository:
    def __init__(self, hub: Hub, id: str):
        self.hub = hub
        self.id = id

    def api(self, rest: str = "") -> str:
        return f"/api/models/{self.id}{rest}"

    def resolve(self, path: str) -> str:
        return f"/{self.id}/resolve/main/{path}"

    def commit(self, body: bytes) -> None:
        self.hub.ask("POST", self.api("/commit/main"), body, Content_Type="application/x-ndjson")

    def commit_request(self, body: bytes) -> bytes:
        """The same as bytes for the load generator."""
        headers = self.hub.headers | {"Content-Type": "application/x-ndjson"}
        return client.request("POST", self.api("/commit/main"), headers, body)

    def upload_action(self, body: Body | Object, transfer: str) -> dict:
        """What the LFS batch says: the write right checked, the quota reserved, a ticket given."""
        asked = {
            "operation": "upload",
            "transfers": ["basic", transfer],
            "objects": [{"oid": body.sha256, "size": body.size}],
        }
        answer = self.hub.ask_json(
            "POST", f"/{self.id}.git/info/lfs/objects/batch", asked, "application/vnd.git-lfs+json"
        )
        return answer["objects"][0]["actions"]["upload"]

    def upload(self, body: Body) -> None:
        """In one request."""
        client.put(self.hub.port, target(self.upload_action(body, "basic")["href"]), body)

    def upload_in_parts(self, body: Body, put_all) -> None:
        """`put_all` gets the address, start and end of each part and answers their etags."""
        action = self.upload_action(body, "multipart")
        size = int(action["header"].pop("chunk_size"))
        links = [target(link) for _, link in sorted(action["header"].items())]
        parts = [(link, start, min(start + size, body.size)) for link, start in zip(links, range(0, body.size, size))]
        listed = [{"partNumber": number, "etag": etag} for number, etag in enumerate(put_all(parts), 1)]
        self.hub.ask_json(
            "POST", target(action["href"]), {"oid": body.sha256, "parts": listed}, "application/vnd.git-lfs+json"
        )

    def add_large(self, path: str, body: Body) -> None:
        self.upload(body)
        large = {"path": path, "algo": "sha256", "oid": body.sha256, "size": body.size}
        self.commit(lines([{"key": "lfsFile", "value": large}]))


def target(link: str) -> str:
    """The path and query of a URL."""
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def lines(operations: list[dict]) -> bytes:
    """The body of a commit."""
    header = {"key": "header", "value": {"summary": "a measurement", "description": ""}}
    return b"".join(json.dumps(line).encode() + b"\n" for line in [header, *operations])


def small_files(files: list[tuple[str, bytes]]) -> bytes:
    """The body of a commit of small files."""
    encode = base64.b64encode
    return lines(
        [
            {"key": "file", "value": {"path": path, "content": encode(content).decode(), "encoding": "base64"}}
            for path, content in files
        ]
    )
