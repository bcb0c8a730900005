"""Synthetic data: the same bytes for the same seed, on every machine."""

import hashlib
import mmap
import random
from dataclasses import dataclass
from pathlib import Path

from measure.machine import MIB, WORK


@dataclass
class Object:
    """A file of random bytes."""

    path: Path
    size: int
    sha256: str


@dataclass
class Body:
    """An object's bytes with other ones at the front, so that no server has seen them: nothing is copied for that."""

    head: bytes
    rest: Object
    sha256: str

    @property
    def size(self) -> int:
        return self.rest.size


def random_file(size: int, seed: int) -> Object:
    """Made once, and kept between runs."""
    path = WORK / "data" / f"{size}-{seed}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        source, partial = random.Random(seed), path.with_suffix(".partial")
        with partial.open("wb") as file:
            for start in range(0, size, MIB):
                file.write(source.randbytes(min(MIB, size - start)))
        partial.rename(path)
    with path.open("rb") as file:
        return Object(path, size, hashlib.file_digest(file, "sha256").hexdigest())


def warm(folder: Path) -> None:
    """Reads the large files below a folder: some systems give up what nobody has read for a minute."""
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size >= MIB:
            with path.open("rb", buffering=0) as file:
                while file.read(MIB):
                    pass


def unseen(base: Object, name: str) -> Body:
    """Bytes as long as `base`, of which only the first 64 are other ones, made from `name`."""
    head = hashlib.sha512(name.encode()).digest()
    digest = hashlib.sha256(head)
    with base.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as bytes_:
        with memoryview(bytes_) as view, view[len(head) :] as rest:
            digest.update(rest)
    return Body(head, base, digest.hexdigest())


def small_file(number: int, seed: int) -> bytes:
    """A little text of 100 to 400 bytes, another one for every number."""
    line = hashlib.sha256(f"{seed} {number}".encode()).hexdigest().encode()
    return (line + b"\n") * (2 + line[0] % 5)
