"""A profile, an avatar, and what counts as a large file in a repository."""

import io
import os
import secrets
import struct
import zlib

import requests

HUB = os.environ["HF_ENDPOINT"]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['HF_TOKEN']}"


def call(method: str, path: str, **options) -> requests.Response:
    answer = session.request(method, f"{HUB}{path}", timeout=60, **options)
    answer.raise_for_status()
    return answer


def picture(width: int = 64) -> bytes:
    """A PNG in one colour, so that this file needs no other."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes((70, 110, 180)) * width) * width
    header = struct.pack(">IIBBBBB", width, width, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


own = call("GET", "/api/whoami-v2").json()["name"]

# What is absent stays as it is, and null takes it away.
profile = {"bio": "Trains small models", "website": "https://ada.example.org", "social_media": {"github": "ada"}}
call("PUT", f"/api/users/{own}/settings", json=profile)
print("bio:", call("GET", f"/api/users/{own}/profile").json()["bio"])

call("POST", f"/api/users/{own}/avatar", files={"file": ("avatar.png", io.BytesIO(picture()), "image/png")})
print("avatar:", call("GET", f"/api/users/{own}/avatar").headers["Content-Type"])
call("DELETE", f"/api/users/{own}/avatar")

repository = f"{own}/example-{secrets.token_hex(4)}"
call("POST", "/api/repos/create", json={"name": repository})
# Suffixes come on top of those of the server; the threshold takes the place of the server's.
rules = {"lfs_threshold_bytes": 10_000_000, "lfs_suffix_rules": [".weights"]}
call("PUT", f"/api/models/{repository}/settings", json=rules)
lfs = call("GET", f"/api/models/{repository}/settings/lfs").json()
print(f"large from {lfs['lfs_threshold_bytes_effective']} bytes on ({lfs['lfs_threshold_bytes_source']})")
print(f"{len(lfs['lfs_suffix_rules_effective'])} suffixes are large in any size, .weights among them")
call("DELETE", "/api/repos/delete", json={"name": repository})
