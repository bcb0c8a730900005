"""Counts what travels between a client and a server."""

import socket
import threading
import time


class Counter:
    """Listens on `url` and passes everything on to a port; what comes back `delay` seconds later. Ends with its `with`
    block."""

    def __init__(self, port: int, delay: float = 0):
        self._port = port
        self._delay = delay
        self._lock = threading.Lock()
        self.up = 0
        self.down = 0
        # When the last byte came back, by `time.perf_counter`.
        self.last = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Counter":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        # Shut down first: closing alone would leave the other thread in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._pass, args=(client, server, "up"), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, "down"), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        piece = memoryview(bytearray(1 << 18))
        try:
            while length := source.recv_into(piece):
                with self._lock:
                    setattr(self, way, getattr(self, way) + length)
                    if way == "down":
                        self.last = time.perf_counter()
                if way == "down" and self._delay:
                    time.sleep(self._delay)
                sink.sendall(piece[:length])
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone; the other one is to learn that.
            for one in (source, sink):
                one.close()
