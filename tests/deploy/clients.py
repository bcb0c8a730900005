"""Who speaks with a hub through a proxy, byte by byte where it matters."""

import hashlib
import json
from urllib.parse import urlsplit

LFS = "application/vnd.git-lfs+json"


class Client:
    """Somebody at an address of this machine, who speaks with the hub through a proxy."""

    def __init__(self, proxy, token: str | None, address: str = "127.0.0.1"):
        self._proxy, self._token, self._address = proxy, token, address

    def send(self, method: str, path: str, body=None, headers: dict | None = None):
        """An answer with its body read."""
        connection = self._proxy.connect(self._address)
        bearer = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        body = json.dumps(body) if isinstance(body, (dict, list)) else body
        connection.request(method, path, body, {"Accept-Encoding": "identity"} | bearer | (headers or {}))
        answer = connection.getresponse()
        answer.content = answer.read()
        connection.close()
        return answer

    def asked(self, method: str, path: str, body=None, headers: dict | None = None) -> bytes:
        """What a request that succeeds is answered."""
        answer = self.send(method, path, body, headers)
        assert answer.status in (200, 201), f"{method} {path}: {answer.status} {answer.content[:500]}"
        return answer.content


def commit(client, repository: str, *lines: dict, branch: str = "main") -> None:
    header = {"key": "header", "value": {"summary": "Through a proxy"}}
    body = "".join(json.dumps(line) + "\n" for line in (header, *lines))
    client.asked("POST", f"/api/models/{repository}/commit/{branch}", body, {"Content-Type": "application/x-ndjson"})


def small_file(path: str, text: str) -> dict:
    return {"key": "file", "value": {"path": path, "content": text, "encoding": "utf-8"}}


def large_file(path: str, content: bytes) -> dict:
    oid = hashlib.sha256(content).hexdigest()
    return {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, "size": len(content)}}


def where_to_upload(client, repository: str, content: bytes) -> tuple[str, dict]:
    """The address and the headers that the batch names for an upload."""
    objects = [{"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}]
    batch = {"operation": "upload", "transfers": ["basic"], "objects": objects}
    said = client.asked("POST", f"/{repository}.git/info/lfs/objects/batch", batch, {"Content-Type": LFS, "Accept": LFS})
    upload = json.loads(said)["objects"][0]["actions"]["upload"]
    return upload["href"], upload.get("header", {})


def upload(client, repository: str, content: bytes, path: str) -> None:
    """Sends a large file whole, and commits it."""
    href, headers = where_to_upload(client, repository, content)
    client.asked("PUT", urlsplit(href)._replace(scheme="", netloc="").geturl(), content, headers)
    commit(client, repository, large_file(path, content))
