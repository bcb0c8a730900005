"""A hub behind another address, on which some of its repositories have names that stand alone, as on huggingface.co."""

import json
import re
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIMIT = 60
PASSED_ON = ("content-type", "etag", "x-repo-commit", "x-linked-etag", "x-linked-size", "x-error-code", "content-range")


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Front:
    """Listens on `url` for as long as the `with` lasts.

    Requests for a name in `moved` are led to the repository that it means; those for a name in `alone` are answered as
    that repository under this name.
    """

    def __init__(self, target: str, moved: dict[str, str], alone: dict[str, str]):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(target, moved, alone))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Front":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()


def _named(path: str, names: dict[str, str]) -> tuple[str, str, str] | None:
    """The name of a model in a path, the repository that it means, and the path with that in its place."""
    for name, repository in names.items():
        found = re.match(rf"((?:/api/models)?/){re.escape(name)}(?=[/?]|$)", path)
        if found:
            return name, repository, f"{found[1]}{repository}{path[found.end() :]}"
    return None


def _handler(target: str, moved: dict[str, str], alone: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    opener = urllib.request.build_opener(NoRedirects)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_) -> None:
            pass

        def do_GET(self) -> None:
            if led := _named(self.path, moved):
                return self._answer(307, {"Location": led[2]}, b"")
            named = _named(self.path, alone)
            headers = {name: value for name in ("Range", "Authorization") if (value := self.headers.get(name))}
            request = urllib.request.Request(target + (named[2] if named else self.path), headers=headers)
            try:
                with opener.open(request, timeout=LIMIT) as answer:
                    status, told, body = answer.status, answer.headers, answer.read()
            except urllib.error.HTTPError as error:
                status, told, body = error.code, error.headers, error.read()
            if named and "/revision/" in self.path and status == 200:
                body = json.dumps({**json.loads(body), "id": named[0]}).encode()
            self._answer(status, {name: told[name] for name in PASSED_ON if told[name]}, body)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler
