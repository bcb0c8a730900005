"""Uploads of 1 GiB that are on disk when they are acknowledged: in one request, and in eight parts."""

import http.client
import os
import shutil
import time
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measure import client, data
from measure.bench import Bench
from measure.cost import Meter
from measure.machine import GIB, MIB
from measure.peers import S3sFs
from measure.process import bytes_on_disk, run as run_pinned
from measure.row import Goal, Row
from measure.rounds import alternate

PARTS = 8


def run(bench: Bench) -> list[Row]:
    uploads = Uploads(bench)
    return [uploads.row("whole", "PUT of {} MiB"), uploads.row("parts", "PUT of 8 parts of {} MiB")]


class Uploads:
    def __init__(self, bench: Bench):
        self.bench = bench
        self.size = bench.size(GIB, 64 * MIB)
        self.base = data.random_file(self.size, seed=3)
        part = self.size // PARTS
        self.hub = bench.hub(settings={"lfs.multipart_threshold": part, "lfs.part_size": part})
        self.repository = self.hub.repository("uploads")
        self.bucket = bench.folder / "s3s" / "bucket"
        self.bucket.mkdir(parents=True)
        self.s3s = bench.enter_context(S3sFs(bench.folder, self.bucket.parent))
        self.uploads = 0

    def row(self, way: str, name: str) -> Row:
        meters = {"ours": Meter(self.hub), "s3s-fs": Meter(self.s3s)}
        kept = []
        takes = {
            "ours": lambda _: self._ours(meters["ours"], getattr(self, f"ours_{way}"), kept),
            "s3s-fs": lambda _: self._taken(meters["s3s-fs"], getattr(self, f"s3s_{way}")),
            "sha256": lambda _: sha256_rate(self.bench.size(3, 1)),
            "disk": lambda _: self._disk_rate(),
        }
        taken = alternate(self.bench.rounds, takes, warm=False)
        shown = (self.size // PARTS if way == "parts" else self.size) // MIB
        return Row(
            name.format(shown),
            "GB/s",
            taken["ours"],
            goal=Goal.of_limit(0.85),
            peers={"s3s-fs and a flush": taken["s3s-fs"]},
            limits={"openssl sha256": taken["sha256"], "dd, flushed": taken["disk"]},
            slowest_limit=True,
            facts=[f"{name} {meter.per_gib(self.size)}" for name, meter in meters.items()]
            + [f"{max(kept) / self.size:.4f} bytes on disk for each that was sent"],
        )

    def _taken(self, meter: Meter, upload) -> float:
        self.uploads += 1
        body = data.unseen(self.base, f"upload {self.uploads}")
        return self.size / meter.take(lambda: upload(body)) / 1e9

    def _ours(self, meter: Meter, upload, kept: list[int]) -> float:
        """Also what is on disk afterwards, which is then taken away behind the hub's back: it would not fit."""
        before = bytes_on_disk(self.hub.data)
        rate = self._taken(meter, upload)
        kept.append(bytes_on_disk(self.hub.data) - before)
        shutil.rmtree(self.hub.data / "storage" / "lfs")
        return rate

    def ours_whole(self, body: data.Body) -> None:
        self.repository.upload(body)

    def ours_parts(self, body: data.Body) -> None:
        def put_all(parts: list) -> list[str]:
            put = lambda part: client.put(self.hub.port, part[0], body, part[1], part[2])["etag"]
            with ThreadPoolExecutor(PARTS) as threads:
                return list(threads.map(put, parts))

        self.repository.upload_in_parts(body, put_all)

    def s3s_whole(self, body: data.Body) -> None:
        client.put(self.s3s.port, "/bucket/object.bin", body)
        flush(self.bucket / "object.bin")

    def s3s_parts(self, body: data.Body) -> None:
        key, length = "/bucket/object.bin", self.size // PARTS
        begun = _s3(self.s3s.port, "POST", f"{key}?uploads")
        upload = next(element.text for element in begun.iter() if element.tag.endswith("UploadId"))

        def put(number: int) -> str:
            target = f"{key}?partNumber={number}&uploadId={upload}"
            return client.put(self.s3s.port, target, body, (number - 1) * length, number * length)["etag"]

        with ThreadPoolExecutor(PARTS) as threads:
            etags = list(threads.map(put, range(1, PARTS + 1)))
        part = "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>"
        listed = "".join(part.format(number, etag) for number, etag in enumerate(etags, 1))
        _s3(self.s3s.port, "POST", f"{key}?uploadId={upload}", f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>")
        flush(self.bucket / "object.bin")

    def _disk_rate(self) -> float:
        """GB/s of a plain copy that is flushed."""
        target = self.bench.folder / "dd"
        command = ["dd", f"if={self.base.path}", f"of={target}", "bs=1M", "conv=fdatasync", "status=none"]
        begun = time.perf_counter()
        run_pinned(command)
        seconds = time.perf_counter() - begun
        target.unlink()
        return self.size / seconds / 1e9


def _s3(port: int, method: str, target: str, body: str = "") -> xml.Element:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request(method, target, body.encode())
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    return xml.fromstring(content.strip())


def flush(path: Path) -> None:
    """What s3s-fs leaves out."""
    file = os.open(path, os.O_RDONLY)
    os.fdatasync(file)
    os.close(file)


def sha256_rate(seconds: int) -> float:
    """GB/s of one core."""
    printed = run_pinned(["openssl", "speed", "-seconds", seconds, "-bytes", MIB, "-mr", "-evp", "sha256"]).stdout
    (line,) = [line for line in printed.splitlines() if line.startswith("+F")]
    return float(line.split(":")[3]) / 1e9
