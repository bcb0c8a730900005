"""What openapi-python-client makes of the document, used: a repository made, filled, listed, read and deleted."""

import base64
import hashlib
import json
import os
import secrets
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

from ballast_client import AuthenticatedClient
from ballast_client.api.account import whoami
from ballast_client.api.commits import create_commit
from ballast_client.api.files import resolve_model_file
from ballast_client.api.lfs import lfs_batch_model, put_object
from ballast_client.api.repositories import create_repository, delete_repository, get_repository
from ballast_client.api.tree import list_root
from ballast_client.models import (
    CreateRepository, DeleteRepository, Error, Kinds, LfsBatch, LfsBatchObject, TreeItemKind,
)
from ballast_client.types import File

CONFIG = b'{"layers": 2}\n'
WEIGHTS = secrets.token_bytes(100_000)


def main() -> None:
    client = AuthenticatedClient(base_url=os.environ["HF_ENDPOINT"], token=os.environ["HF_TOKEN"])
    own = whoami.sync(client=client).name
    name = f"generated-{secrets.token_hex(4)}"

    made = create_repository.sync(client=client, body=CreateRepository(name=f"{own}/{name}"))
    assert made.repo_id == f"{own}/{name}"
    again = create_repository.sync_detailed(client=client, body=CreateRepository(name=f"{own}/{name}"))
    assert again.status_code == 409 and isinstance(again.parsed, Error) and name in again.parsed.error

    oid = send_large(client, own, name, WEIGHTS)
    lines = [
        {"key": "header", "value": {"summary": "Two files"}},
        {"key": "file", "value": {"path": "deep/config.json", "content": base64.b64encode(CONFIG).decode(), "encoding": "base64"}},
        {"key": "lfsFile", "value": {"path": "model.safetensors", "algo": "sha256", "oid": oid, "size": len(WEIGHTS)}},
    ]
    body = File(payload=BytesIO("\n".join(map(json.dumps, lines)).encode()))
    committed = create_commit.sync(Kinds.MODELS, own, name, "main", client=client, body=body)
    assert get_repository.sync(Kinds.MODELS, own, name, client=client).sha == committed.commit_oid

    files = {item.path: item for item in list_root.sync(Kinds.MODELS, own, name, "main", client=client, recursive=True)}
    assert files["deep"].type_ == TreeItemKind.DIRECTORY
    assert (files["deep/config.json"].size, files["model.safetensors"].lfs.oid) == (len(CONFIG), oid)

    assert downloaded(client, own, name, "deep/config.json") == CONFIG
    assert downloaded(client, own, name, "model.safetensors") == WEIGHTS
    assert downloaded(client, own, name, "model.safetensors", range_="bytes=10-19") == WEIGHTS[10:20]

    delete_repository.sync(client=client, body=DeleteRepository(name=f"{own}/{name}"))
    gone = get_repository.sync_detailed(Kinds.MODELS, own, name, client=client)
    assert (gone.status_code, gone.headers["X-Error-Code"]) == (404, "RepoNotFound")


def send_large(client: AuthenticatedClient, own: str, name: str, content: bytes) -> str:
    """By LFS: the batch says where to, with the right to send it there in the address."""
    oid = hashlib.sha256(content).hexdigest()
    batch = LfsBatch(operation="upload", objects=[LfsBatchObject(oid=oid, size=len(content))])
    (answer,) = lfs_batch_model.sync(own, name, client=client, body=batch).objects
    (ticket,) = parse_qs(urlsplit(answer.actions.upload.href).query)["ticket"]
    sent = put_object.sync_detailed(oid, client=client, ticket=ticket, body=File(payload=BytesIO(content)))
    assert sent.status_code == 200
    return oid


def downloaded(client: AuthenticatedClient, own: str, name: str, path: str, **options) -> bytes:
    return resolve_model_file.sync(own, name, "main", path, client=client, **options).payload.read()


if __name__ == "__main__":
    main()
