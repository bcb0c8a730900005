"""The hub behind nginx and Caddy, each started by its example: what clients, and the hub, see through it."""

import http.client
import json
import os
import random
import secrets
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from clients import Client, commit, large_file, small_file, upload, where_to_upload
from proxies import LIMIT, NAME

MIB = 1 << 20


@pytest.fixture
def client(hub, proxy):
    return Client(proxy, hub.token)


@pytest.fixture
def repository(hub, client):
    name = f"proxied-{secrets.token_hex(4)}"
    client.asked("POST", "/api/repos/create", {"name": name, "type": "model"})
    return f"{hub.user}/{name}"


def until(condition, what: str):
    """Waits for a condition, and not longer than LIMIT."""
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not within {LIMIT} s"
        time.sleep(0.01)
    return found


def bytes_in(folder: Path) -> int:
    """How much lies in a folder, whose files may come and go meanwhile."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(f"{path}/{name}").st_size
            except FileNotFoundError:
                pass
    return total


def curl(proxy, says: str) -> list:
    """curl, which reaches the proxy by the hub's name, and says something in the end."""
    trust = ["--cacert", proxy.authority, "--resolve", f"{proxy.site}:127.0.0.1", "--noproxy", "*"]
    return ["curl", "--silent", "--show-error", "--max-time", str(LIMIT), "--write-out", says, *trust]


def test_the_proxy_finds_no_mistake_in_its_example(proxy):
    done = subprocess.run(
        proxy.check(proxy.configure()), env=os.environ | proxy.variables(), capture_output=True, text=True, timeout=LIMIT
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "[warn]" not in said and '"level":"warn"' not in said, said


def test_who_asks_without_tls_is_led_to_tls(proxy):
    connection = http.client.HTTPConnection("127.0.0.1", proxy.http, timeout=LIMIT)
    connection.request("GET", "/api/models?limit=1", headers={"Host": NAME})
    answer = connection.getresponse()
    assert answer.status in (301, 308)
    assert answer.getheader("Location").startswith(f"https://{NAME}")
    assert answer.getheader("Location").endswith("/api/models?limit=1")


def test_links_have_the_scheme_and_the_host_that_the_client_asked_for(proxy, client, repository):
    href, _ = where_to_upload(client, repository, random.randbytes(100))
    assert href.startswith(f"https://{proxy.site}/"), href


def test_a_client_does_not_choose_what_links_begin_with(proxy, client, repository):
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example;proto=http"}
    said = client.asked("POST", "/api/repos/create", {"name": f"forged-{secrets.token_hex(4)}", "type": "model"}, forged)
    assert json.loads(said)["url"].startswith(f"https://{proxy.site}/"), said


def test_the_hub_sees_the_address_of_the_client_and_not_what_the_client_says(hub, proxy):
    client = Client(proxy, hub.token, "127.0.0.7")
    name = f"addressed-{secrets.token_hex(4)}"
    client.asked("POST", "/api/repos/create", {"name": name, "type": "model"}, {"X-Forwarded-For": "192.0.2.1"})
    records = [json.loads(line) for line in hub.command("audit", "export").splitlines()]
    (record,) = [record for record in records if record["object"] == f"model/{hub.user}/{name}"]
    assert record["address"] == "127.0.0.7", record


def test_a_large_upload_reaches_the_hub_while_the_client_still_sends(hub, proxy, client, repository):
    content = random.randbytes(48 * MIB)
    href, headers = where_to_upload(client, repository, content)
    before = bytes_in(hub.data_dir / "storage")
    connection = proxy.connect()
    connection.putrequest("PUT", href.removeprefix(f"https://{proxy.site}"), skip_accept_encoding=True)
    for name, value in (headers | {"Content-Length": str(len(content))}).items():
        connection.putheader(name, value)
    connection.endheaders(content[: 32 * MIB])
    arrived = lambda: bytes_in(hub.data_dir / "storage") - before >= 16 * MIB
    until(arrived, "half of what was sent is at the hub, before the rest is sent")
    assert bytes_in(proxy.folder) < MIB
    connection.send(content[32 * MIB :])
    assert connection.getresponse().status == 200
    connection.close()

    commit(client, repository, large_file("a.bin", content))
    assert client.asked("GET", f"/{repository}/resolve/main/a.bin") == content


def test_a_refused_upload_is_refused_long_before_it_is_sent(proxy, repository, tmp_path):
    with open(tmp_path / "content", "wb") as content:
        content.truncate(4096 * MIB)
    url = f"https://{proxy.site}/api/models/{repository}/commit/main"
    command = [*curl(proxy, "\n%{http_code} %{size_upload}"), "--http1.1", "--header", "Content-Type: application/x-ndjson"]
    command += ["--header", "Expect:", "--request", "POST", "--upload-file", tmp_path / "content", url]
    sent = subprocess.run(command, capture_output=True, text=True, timeout=2 * LIMIT)
    status, bytes_sent = sent.stdout.split("\n")[-1].split()
    assert int(bytes_sent) < 64 * MIB
    # And not the proxy's own 502, because it cannot send on: the hub lets it hear why first.
    assert status == "401", sent.stderr


def test_a_large_download_comes_whole(client, repository):
    content = random.randbytes(40 * MIB)
    upload(client, repository, content, "a.bin")
    assert client.asked("GET", f"/{repository}/resolve/main/a.bin") == content


def test_a_download_that_nobody_reads_waits_at_the_hub_and_not_on_the_proxy_s_disk(kind, tmp_path):
    with Sender(256 * MIB) as upstream:
        proxy = kind(tmp_path, upstream.address)
        try:
            connection = proxy.connect()
            connection.request("GET", "/large", headers={"Accept-Encoding": "identity"})
            answer = connection.getresponse()
            assert answer.read(MIB) == bytes(MIB)
            # What the kernel holds for two connections, and what the proxy has in memory.
            assert upstream.sent_until_it_stood_still() < 64 * MIB
            assert len(answer.read()) == 255 * MIB
            connection.close()
        finally:
            proxy.stop()


def test_parts_of_files_come_as_they_were_asked_for(proxy, client, repository):
    content = random.randbytes(6 * MIB)
    upload(client, repository, content, "a.bin")
    path = f"/{repository}/resolve/main/a.bin"
    for first, last in ((0, 0), (1_000_000, 5_000_000), (6 * MIB - 10, 6 * MIB - 1)):
        answer = client.send("GET", path, headers={"Range": f"bytes={first}-{last}"})
        assert (answer.status, answer.content) == (206, content[first : last + 1])
        assert answer.getheader("Content-Range") == f"bytes {first}-{last}/{len(content)}"
    assert client.send("GET", path, headers={"Range": f"bytes={len(content)}-"}).status == 416


def test_headers_of_files_are_those_of_the_hub_also_where_a_client_would_take_them_compressed(hub, proxy, client, repository):
    page = "<!doctype html><title>Page</title>" + "<p>often the same</p>" * 1000
    commit(client, repository, small_file("index.html", page), small_file("data.json", json.dumps([1] * 5000)))
    direct = http.client.HTTPConnection(hub.endpoint.removeprefix("http://"), timeout=LIMIT)
    for path in ("index.html", "data.json"):
        path = f"/{repository}/resolve/main/{path}"
        for method in ("HEAD", "GET"):
            wanted = {"Accept-Encoding": "gzip, zstd, br"}
            direct.request(method, path, headers=wanted)
            expected = direct.getresponse()
            body = expected.read()
            seen = client.send(method, path, headers=wanted)
            for name in ("ETag", "Content-Length", "Content-Encoding", "Accept-Ranges", "X-Repo-Commit", "Content-Type"):
                assert seen.getheader(name) == expected.getheader(name), (method, path, name)
            assert seen.content == body
    direct.close()


def test_a_slash_in_a_name_stays_what_it_was_written_as(proxy, client, repository):
    commit(client, repository, small_file("README.md", "one"))
    client.asked("POST", f"/api/models/{repository}/branch/feature%2Fa%2Bb", {})
    commit(client, repository, small_file("two words/ü+?.txt", "two"), branch="feature%2Fa%2Bb")
    path = f"/{repository}/resolve/feature%2Fa%2Bb/two%20words/%C3%BC%2B%3F.txt"
    assert client.asked("GET", path) == b"two"


def test_http_2_carries_uploads_and_downloads(hub, proxy, client, repository, tmp_path):
    content = random.randbytes(20 * MIB)
    (tmp_path / "content").write_bytes(content)
    href, headers = where_to_upload(client, repository, content)
    command = [*curl(proxy, "%{stderr}%{http_version}"), "--fail", "--http2"]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    sent = subprocess.run([*command, "--upload-file", tmp_path / "content", href], capture_output=True, timeout=LIMIT)
    assert (sent.returncode, sent.stderr) == (0, b"2"), sent.stderr
    commit(client, repository, large_file("a.bin", content))
    url = f"https://{proxy.site}/{repository}/resolve/main/a.bin"
    got = subprocess.run([*command, "--range", "100-", url], capture_output=True, timeout=LIMIT)
    assert (got.returncode, got.stderr) == (0, b"2"), got.stderr
    assert got.stdout == content[100:]


def test_metrics_are_for_the_machine_itself(hub, proxy, client):
    assert client.send("GET", "/metrics").status == 404
    direct = http.client.HTTPConnection(hub.endpoint.removeprefix("http://"), timeout=LIMIT)
    direct.request("GET", "/metrics")
    assert direct.getresponse().status == 200
    direct.close()


def test_requests_with_long_headers_get_through(proxy, client):
    assert client.send("GET", "/healthz", headers={"X-Long": "x" * 30_000}).status == 200
    assert client.send("GET", f"/healthz?long={'x' * 30_000}").status == 200


def test_a_websocket_is_asked_for_at_the_hub(kind, tmp_path):
    with Listener() as upstream:
        proxy = kind(tmp_path, upstream.address)
        try:
            connection = proxy.connect()
            wanted = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eA=="}
            connection.request("GET", "/ws", headers=wanted)
            answer = connection.getresponse()
            assert answer.status == 101
            seen = upstream.seen
            assert seen["connection"].lower() == "upgrade" and seen["upgrade"] == "websocket", seen
            assert seen["sec-websocket-key"] == "eA==", seen
            assert seen["x-forwarded-for"] == "127.0.0.1" and seen["x-forwarded-proto"] == "https", seen
            # What goes on behind the handshake goes through both ways.
            connection.sock.sendall(b"ping")
            assert connection.sock.recv(4) == b"pong"
            connection.close()
        finally:
            proxy.stop()


class StandIn:
    """Stands in for a hub that answers one request, on a thread of its own."""

    def __enter__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(LIMIT)
        self.address = "127.0.0.1:%d" % self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def _serve(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            connection.settimeout(LIMIT)
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            lines = head.decode().split("\r\n")[1:]
            self.seen = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
            self.answer(connection)

    def __exit__(self, *_):
        self._server.close()
        self._thread.join(LIMIT)


class Listener(StandIn):
    """Answers by the beginning of a WebSocket, and `ping` by `pong`."""

    def answer(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        if connection.recv(4) == b"ping":
            connection.sendall(b"pong")
        # Until the other side has read it and closes.
        connection.recv(1)


class Sender(StandIn):
    """Answers by so many zeros, as fast as they are taken."""

    def __init__(self, size: int):
        self._size, self._sent = size, 0
        self._stands_still = threading.Event()

    def answer(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self._size)
        # So long nothing is taken, and it stands still.
        connection.settimeout(1)
        while self._sent < self._size:
            try:
                self._sent += connection.send(bytes(min(MIB, self._size - self._sent)))
            except TimeoutError:
                self._stands_still.set()
                connection.settimeout(LIMIT)
        self._stands_still.set()

    def sent_until_it_stood_still(self) -> int:
        assert self._stands_still.wait(LIMIT)
        return self._sent
