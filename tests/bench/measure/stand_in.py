"""The hub's side of Xet for stores that have none: `stand_in.py PORT CAS FILES FOLDER`.

It answers what huggingface_hub asks of a hub when it uploads and downloads large files, and sends it to a store (CAS)
for their bytes. Which store, the repository's name says:

  any/store      the store at CAS
  any/accepting  one of its own that takes everything, keeps nothing, and has nothing
  any/keeping    the same, but what comes is kept as FOLDER/xorb-HASH and FOLDER/shard-NUMBER
  any/files      what CAS says of a file, with the bytes of its xorbs from FILES, a server of files

What is committed to one of them is in all. A file's name in Xet is no part of what a client commits; who wants to
download tells it before: PUT /known/SHA256/HASH.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = re.compile(r"/api/models/([^/]+/([^/]+))/xet-(?:read|write)-token/")
RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)")
RECONSTRUCTION = re.compile(r"/files(/v[12]/reconstructions/[0-9a-f]{64})")
TAKEN = re.compile(r"/(accepting|keeping)/v1/(?:xorbs/[^/]+/([0-9a-f]{64})|shards)")
PIECE = 1 << 20


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, cas: str, files: str, folder: Path):
        super().__init__(("127.0.0.1", port), Answer)
        own = f"http://127.0.0.1:{port}"
        self.own, self.cas, self.xorbs, self.folder = own, cas, files, folder
        self.stores = {"store": cas} | {name: f"{own}/{name}" for name in ("accepting", "keeping", "files")}
        self.committed: dict[str, dict] = {}
        self.known: dict[str, str] = {}


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        if found := TOKEN.match(self.path):
            cas = self.server.stores[found[2]]
            headers = {"X-Xet-Cas-Url": cas, "X-Xet-Access-Token": "anything", "X-Xet-Token-Expiration": "4000000000"}
            self._json({"casUrl": cas, "accessToken": "anything", "exp": 4_000_000_000}, headers)
        elif found := RESOLVE.match(self.path):
            self._file(*found.groups())
        elif found := RECONSTRUCTION.match(self.path):
            self._reconstruction(found[1])
        elif self.path.startswith("/api/models/"):
            self._json({"id": "any/store", "sha": COMMIT, "siblings": [], "private": False})
        else:
            self._json({}, status=404)

    def do_PUT(self):
        _, _, sha256, xet = self.path.split("/")
        self.server.known[sha256] = xet
        self._json({})

    def do_POST(self):
        if found := TAKEN.fullmatch(self.path):
            return self._take(*found.groups())
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "/preupload/" in self.path:
            paths = [one["path"] for one in json.loads(body)["files"]]
            return self._json({"files": [{"path": path, "uploadMode": "lfs", "shouldIgnore": False} for path in paths]})
        if "/commit/" in self.path:
            return self._commit(body)
        return self._json({}, status=404)

    def _commit(self, body: bytes) -> None:
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "lfsFile":
                self.server.committed[line["value"]["path"]] = line["value"]
        url = f"{self.server.own}/any/store/commit/{COMMIT}"
        self._json({"success": True, "commitOid": COMMIT, "commitUrl": url})

    def _file(self, repository: str, path: str) -> None:
        file = self.server.committed[path]
        token = f"{self.server.own}/api/models/{repository}/xet-read-token/{COMMIT}"
        headers = {
            "ETag": f'"{file["oid"]}"',
            "X-Linked-ETag": f'"{file["oid"]}"',
            "X-Linked-Size": str(file["size"]),
            "X-Repo-Commit": COMMIT,
            "X-Xet-Hash": self.server.known[file["oid"]],
            "Link": f'<{token}>; rel="xet-auth"',
        }
        self._json({}, headers)

    def _reconstruction(self, path: str) -> None:
        ask = urllib.request.Request(self.server.cas + path)
        if wanted := self.headers["Range"]:
            ask.add_header("Range", wanted)
        try:
            with urllib.request.urlopen(ask) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as refusal:
            return self._json({}, status=refusal.code)
        for xorb, fetches in (told.get("xorbs") or told["fetch_info"]).items():
            for fetch in fetches:
                fetch["url"] = f"{self.server.xorbs}/default.{xorb}"
        return self._json(told)

    def _take(self, how: str, xorb: str | None) -> None:
        name = f"xorb-{xorb}" if xorb else f"shard-{len(list(self.server.folder.glob('shard-*')))}"
        left, piece = int(self.headers["Content-Length"]), memoryview(bytearray(PIECE))
        with open(self.server.folder / name if how == "keeping" else os.devnull, "wb") as kept:
            while left:
                length = self.rfile.readinto(piece[: min(left, PIECE)])
                kept.write(piece[:length])
                left -= length
        self._json({"was_inserted": True} if xorb else {"result": 1})

    def _json(self, value: object, headers: dict[str, str] | None = None, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, content in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, content)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    Hub(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])).serve_forever()
