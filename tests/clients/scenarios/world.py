"""What every scenario starts from: a client that is logged in, a folder of its own, and names nobody else uses.

A scenario is a public function of a module in this folder that takes a World. It runs inside the client's environment,
under every supported version; where versions differ, it asks the client what it has.
"""

import hashlib
import inspect
import os
import random
import secrets
from pathlib import Path

from huggingface_hub import HfApi


class Skip(Exception):
    """This client has no such feature."""


class World:
    def __init__(self, workdir: Path):
        self.workdir = workdir
        self.endpoint = os.environ["HF_ENDPOINT"]
        self.token = os.environ["HF_TOKEN"]
        self.api = HfApi(endpoint=self.endpoint, token=self.token)
        self.anonymous = HfApi(endpoint=self.endpoint, token=False)
        self.user = self.api.whoami()["name"]
        # Whether bytes go past the hub, by signed URLs of its storage.
        self.signed = "BALLAST_TEST_SIGNED" in os.environ

    def unused_name(self, hint: str = "it") -> str:
        return f"{self.user}/{hint}-{secrets.token_hex(4)}"

    def repository(self, hint: str = "it", files: dict[str, bytes] | None = None, **options) -> str:
        """A new repository that holds `files`."""
        repo_id = self.unused_name(hint)
        self.api.create_repo(repo_id, **options)
        if files:
            self.api.upload_folder(repo_id=repo_id, folder_path=self.folder(files), repo_type=options.get("repo_type"))
        return repo_id

    def folder(self, files: dict[str, bytes]) -> Path:
        """A new folder that holds `files`."""
        folder = self.workdir / f"folder-{secrets.token_hex(4)}"
        for path, content in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return folder

    def download(self, repo_id: str, path: str, **options) -> bytes:
        """The bytes of one file, fetched into an empty cache."""
        return Path(self.download_path(repo_id, path, **options)).read_bytes()

    def download_path(self, repo_id: str, path: str, **options) -> str:
        options.setdefault("cache_dir", self.workdir / f"cache-{secrets.token_hex(4)}")
        return self.api.hf_hub_download(repo_id, path, **options)

    def snapshot(self, repo_id: str, **options) -> dict[str, bytes]:
        """Every file of a snapshot, fetched into an empty cache."""
        folder = self.api.snapshot_download(
            repo_id, cache_dir=self.workdir / f"cache-{secrets.token_hex(4)}", max_workers=2, **options
        )
        return files_below(Path(folder))

    def paths(self, repo_id: str, **options) -> set[str]:
        """The paths in a repository, without what the hub itself may have put there at its creation."""
        return set(self.api.list_repo_files(repo_id, **options)) - {".gitattributes"}

    def head(self, repo_id: str, **options) -> str:
        return self.api.repo_info(repo_id, **options).sha

    def need_http(self) -> None:
        """Where large files come by Xet, they come by a client of its own, with its own patience."""
        if "HF_HUB_DISABLE_XET" not in os.environ:
            raise Skip("this client goes by Xet")

    def need_bytes_from_the_hub(self) -> None:
        if self.signed:
            raise Skip("the bytes come from the storage itself")

    def need(self, method: str) -> None:
        if not hasattr(self.api, method):
            raise Skip(f"this client has no {method}")


def accepts(function, parameter: str) -> bool:
    """Does this version of the function know the parameter?"""
    return parameter in inspect.signature(function).parameters


def files_below(folder: Path) -> dict[str, bytes]:
    """The files below a folder by their path, without the client's own records."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in {".cache", ".huggingface", ".gitattributes"}
    }


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not compress and that are the same in every run."""
    return random.Random(seed).randbytes(size)


def git_blob_id(content: bytes) -> str:
    """The id that git gives to a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def lfs_pointer(content: bytes) -> bytes:
    """The text that stands in the tree for a large file."""
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        sha256(content).encode(),
        len(content),
    )


def refusal(errors: type[Exception] | tuple, function, *arguments, **options) -> Exception:
    """The error with which a call fails; anything else is a failure of the scenario."""
    try:
        answer = function(*arguments, **options)
    except errors as error:
        return error
    raise AssertionError(f"not refused with {errors}, but answered {answer!r}")


def status_of(error: Exception) -> int:
    return error.response.status_code
