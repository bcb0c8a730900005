"""A proxy on loopback that passes bytes on as they are, remembers the requests, and can break a connection once."""

import re
import socket
import threading
from urllib.parse import urlsplit

LIMIT = 60
REQUEST_HEAD = re.compile(rb"(?:GET|HEAD|PUT|POST|DELETE) \S+ HTTP/1\.1\r\n(?:[^\r\n]+\r\n)*\r\n")


class Proxy:
    """Listens on `url` for as long as the `with` lasts.

    With `break_after`, the first connection over which the hub has answered that many bytes is broken there: it is cut,
    or, with `silently`, stays open and brings nothing more. All later connections are left alone.
    """

    def __init__(self, target: str, break_after: int | None = None, silently: bool = False):
        to = urlsplit(target)
        self._target = (to.hostname, to.port)
        self._break_after = break_after
        self._silently = silently
        self._silent: list[socket.socket] = []
        self._lock = threading.Lock()
        self._sent: list[bytearray] = []
        self.breaks = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        close(self._listener, *self._silent)

    def requests(self) -> list[str]:
        """The heads of all requests so far, in lower case."""
        with self._lock:
            streams = [bytes(sent) for sent in self._sent]
        return [head.decode("latin-1").lower() for sent in streams for head in REQUEST_HEAD.findall(sent)]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            hub = socket.create_connection(self._target, timeout=LIMIT)
            client.settimeout(LIMIT)
            sent = bytearray()
            with self._lock:
                self._sent.append(sent)
            threading.Thread(target=self._pass_requests, args=(client, hub, sent), daemon=True).start()
            threading.Thread(target=self._pass_answers, args=(hub, client), daemon=True).start()

    def _pass_requests(self, client: socket.socket, hub: socket.socket, sent: bytearray) -> None:
        try:
            while piece := client.recv(1 << 16):
                with self._lock:
                    sent += piece
                hub.sendall(piece)
            hub.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The other side is gone, by a cut or because its program ended.

    def _pass_answers(self, hub: socket.socket, client: socket.socket) -> None:
        answered = 0
        try:
            while piece := hub.recv(1 << 16):
                answered += len(piece)
                if self._is_time_to_break(answered):
                    if self._silently:
                        self._silent += [client, hub]
                        return
                    break
                client.sendall(piece)
        except OSError:
            pass
        close(client, hub)

    def _is_time_to_break(self, answered: int) -> bool:
        with self._lock:
            if self._break_after is None or self.breaks or answered <= self._break_after:
                return False
            self.breaks += 1
            return True


def close(*sockets: socket.socket) -> None:
    """Shuts down first: closing alone would leave another thread in accept() or recv()."""
    for one in sockets:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # The other side was faster.
        one.close()
