"""A provider that speaks S3: s3s-fs on a folder, which checks signatures as real ones do."""

import os
import re
import subprocess
import threading
from pathlib import Path

from harness.environments import ROOT

START_LIMIT = 30
ACCESS_KEY = "ballast-test-key"
SECRET_KEY = "ballast-test-secret/+="
BUCKET = "models"
LISTENING = re.compile(r"server is running at (http://127\.0\.0\.1:\d+)")


class Provider:
    """A running provider with one bucket."""

    def __init__(self, folder: Path):
        (folder / BUCKET).mkdir(parents=True)
        self._endpoint: str | None = None
        self._said_where_or_ended = threading.Event()
        binary = ROOT / "target" / "tools" / "bin" / "s3s-fs"
        self._process = subprocess.Popen(
            [binary, "--host", "127.0.0.1", "--port", "0", "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY, folder],
            # It tells where it listens in its log, and nowhere else.
            env=os.environ | {"RUST_LOG": "s3s_fs=info,s3s_fs::s3=off"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._read_output, daemon=True).start()
        self._said_where_or_ended.wait(START_LIMIT)
        if self._endpoint is None:
            self.stop()
            raise RuntimeError("s3s-fs did not say where it listens")

    def _read_output(self) -> None:
        for line in self._process.stdout:
            found = LISTENING.search(line)
            if found and self._endpoint is None:
                self._endpoint = found.group(1)
                self._said_where_or_ended.set()
        self._said_where_or_ended.set()

    def settings(self, presign: str) -> dict[str, str]:
        """What makes a hub keep its bytes here."""
        config = {
            "scheme": "s3",
            "endpoint": self._endpoint,
            "bucket": BUCKET,
            "root": "hub",
            "access_key_id": ACCESS_KEY,
            "secret_access_key": SECRET_KEY,
            "presign": presign,
        }
        return {"storage.main.plugin": "storage.opendal"} | {
            f"storage.main.config.{key}": value for key, value in config.items()
        }

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(START_LIMIT)
