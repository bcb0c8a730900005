"""The real client, as pip installs it: huggingface_hub with hf_xet, each call in a process that remembers nothing."""

import os
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

from measure.machine import ROOT

ENVIRONMENT = "hub-2.4"
PYTHON = ROOT / "target" / "python" / ENVIRONMENT / "bin" / "python"


class Client:
    """A client of one hub. Large files go by Xet, unless `lfs`."""

    def __init__(self, folder: Path, endpoint: str, token: str, lfs: bool = False):
        self._folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "PYTHON"))}
        self._variables = kept | ({"HF_HUB_DISABLE_XET": "1"} if lfs else {}) | {
            "HF_ENDPOINT": endpoint,
            "HF_TOKEN": token,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def upload(self, path: Path, repository: str, name: str) -> float:
        return self._call("upload_file(path_or_fileobj=a, path_in_repo=b, repo_id=c)", path, name, repository)

    def upload_folder(self, folder: Path, repository: str) -> float:
        return self._call("upload_folder(folder_path=a, repo_id=b)", folder, repository)

    def download(self, repository: str, name: str, folder: Path) -> float:
        """Into `folder/name`."""
        return self._call("hf_hub_download(a, b, local_dir=c)", repository, name, folder)

    def _call(self, what: str, *arguments: object) -> float:
        """The seconds of one call in a process that has imported the client before, and whose home is new."""
        program = textwrap.dedent(f"""\
            import sys, time
            from huggingface_hub import HfApi
            import hf_xet
            a, b, c = [*sys.argv[1:], None][:3]
            begun = time.perf_counter()
            HfApi().{what}
            print(time.perf_counter() - begun)
            """)
        home = Path(tempfile.mkdtemp(prefix="home-", dir=self._folder))
        try:
            return float(_printed(program, arguments, self._variables | {"HF_HOME": str(home)}).split()[-1])
        finally:
            shutil.rmtree(home)


def install() -> None:
    """Makes the client's environment where it is not there."""
    subprocess.run([ROOT / "tests" / "setup" / "python", ENVIRONMENT], check=True)


def xet_hash(path: Path) -> str:
    """The name that Xet has for a file."""
    return _printed("import sys, hf_xet; print(hf_xet.hash_files([sys.argv[1]])[0].hash)", [path], None).strip()


def _printed(program: str, arguments, variables: dict[str, str] | None) -> str:
    command = [str(part) for part in (PYTHON, "-c", program, *arguments)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout
