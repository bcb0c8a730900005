"""Makes the vectors beside it with the real client: what hf_xet 1.8 says of some files, and what it sends for others.

    python3 -m venv v && v/bin/pip install hf_xet==1.8.0 && v/bin/python make.py

The files are made from a seed, here and in `main.rs` alike, so that only what the client says of them is kept.
"""

import json
import os
import pathlib
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = pathlib.Path(__file__).parent
MASK = (1 << 64) - 1
WORDS = [word + b" is a word of the text of this file,\n" for word in b"chunk xorb shard term node file hash range".split()]


def numbers(seed):
    """Xorshift, with 64 bits."""
    state = seed
    while True:
        state ^= (state << 13) & MASK
        state ^= state >> 7
        state ^= (state << 17) & MASK
        yield state


def content(kind, seed, length):
    """The bytes of a file of this kind."""
    out = bytearray()
    random = numbers(seed)
    while len(out) < length:
        if kind == "zeros":
            out += bytes(length)
        elif kind == "random":
            out += next(random).to_bytes(8, "little")
        elif kind == "text":
            out += WORDS[next(random) >> 61]
        elif kind == "floats":
            number = next(random)
            out += bytes([number & 0xFF, number >> 8 & 0xFF, 0x80 | number >> 16 & 0x03, 0x3C])
    return bytes(out[:length])


HASHED = [(kind, seed, length) for seed, (kind, length) in enumerate(
    [("zeros", 0), ("zeros", 1), ("random", 1), ("random", 8191), ("random", 8192), ("random", 8193),
     ("zeros", 131_072), ("zeros", 131_073), ("zeros", 1_000_000), ("text", 131_072), ("text", 2_000_000),
     ("floats", 500_000), ("floats", 2_000_001), ("random", 3_000_000), ("random", 9_000_000)], start=1)]

# What goes into one upload each: one small chunk of each scheme, several chunks, several files that share chunks.
SENT = {
    "plain": [("random", 101, 3000)],
    "text": [("text", 102, 200_000)],
    "floats": [("floats", 103, 12_002)],
    "zeros": [("zeros", 104, 400_000)],
    "several": [("text", 105, 90_000), ("text", 105, 90_000), ("text", 105, 60_000), ("zeros", 1, 0), ("zeros", 104, 140_000)],
}


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sent = {}

    def log_message(self, *_):
        pass

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(404)

    do_HEAD = do_GET

    def do_POST(self):
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else self.chunked()
        if self.path.startswith("/v1/xorbs/"):
            Hub.sent.setdefault("xorbs", {})[self.path.rsplit("/", 1)[1]] = body
            self.answer(200, b'{"was_inserted":true}')
        elif self.path.startswith("/v1/shards"):
            Hub.sent.setdefault("shards", []).append(body)
            self.answer(200, b'{"result":1}')
        else:
            self.answer(404)

    def chunked(self):
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


def main():
    os.environ.setdefault("HF_XET_CACHE", tempfile.mkdtemp())
    os.environ.setdefault("HF_HOME", tempfile.mkdtemp())
    import hf_xet

    hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{hub.server_port}"
    vectors = {"client": "hf_xet 1.8.0", "hashed": [], "sent": []}
    with tempfile.TemporaryDirectory() as folder:
        for number, (kind, seed, length) in enumerate(HASHED):
            path = pathlib.Path(folder, str(number))
            path.write_bytes(content(kind, seed, length))
            [told] = hf_xet.hash_files([str(path)])
            vectors["hashed"].append({"kind": kind, "seed": seed, "length": length, "file": told.hash})
    for name, files in SENT.items():
        Hub.sent = {}
        token = ("token", int(time.time()) + 3600)
        told = hf_xet.upload_bytes([content(*file) for file in files], endpoint, token, lambda: token, None, "model")
        sent = {"name": name, "files": [], "xorbs": {}, "shards": []}
        for (kind, seed, length), file in zip(files, told):
            sent["files"].append({"kind": kind, "seed": seed, "length": length, "file": file.hash})
        for number, (xorb, body) in enumerate(sorted(Hub.sent.get("xorbs", {}).items())):
            (HERE / f"{name}-{number}.xorb").write_bytes(body)
            sent["xorbs"][xorb] = f"{name}-{number}.xorb"
        for number, body in enumerate(Hub.sent.get("shards", [])):
            (HERE / f"{name}-{number}.shard").write_bytes(body)
            sent["shards"].append(f"{name}-{number}.shard")
        vectors["sent"].append(sent)
    (HERE / "vectors.json").write_text(json.dumps(vectors, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
