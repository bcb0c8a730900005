"""The lakeFS server that the harness plays (`harness/lakefs.rs`), as a program."""

import subprocess

from harness.environments import ROOT

PROGRAM = ROOT / "target" / "debug" / "examples" / "lakefs-stand-in"
KEY, SECRET = "AKIAIOSFOLQUICKSTART", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
LIMIT = 120


class LakeFs:
    """One that is running, with nothing in it."""

    def __init__(self):
        self._process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint = self._process.stdout.readline().removeprefix("listening on ").strip()

    def settings(self, instance: str) -> dict[str, object]:
        """What makes an instance of a hub's versioning keep its commits here."""
        section = f"versioning.{instance}"
        return {
            f"{section}.plugin": "versioning.lakefs",
            f"{section}.config.endpoint": self.endpoint,
            f"{section}.config.access_key_id": KEY,
            f"{section}.config.secret_access_key": SECRET,
        }

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(LIMIT)
