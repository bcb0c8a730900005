"""Counts what travels between a client and a server."""

import socket
import threading


class Counter:
    """Listens on `url` and passes everything on to a port. Ends with its `with` block."""

    def __init__(self, port: int):
        self._port = port
        self._lock = threading.Lock()
        self.up = 0
        self.down = 0
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
                sink.sendall(piece[:length])
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone; the other one is to learn that.
            for one in (source, sink):
                one.close()
