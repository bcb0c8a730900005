"""Clones, fetches, commits and pushes by dulwich. What it has afterwards is printed as JSON: the id of every ref.

dulwich_git.py ADDRESS FOLDER NAME --password TOKEN
"""

import argparse
import io
import json
from pathlib import Path

from dulwich import porcelain
from dulwich.objects import Blob, Commit
from dulwich.repo import Repo


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--password")
    asked = parser.parse_args()
    known = {"username": "token", "password": asked.password}
    if not asked.folder.exists():
        porcelain.clone(asked.address, asked.folder, bare=True, errstream=io.BytesIO(), **known).close()
    with Repo(asked.folder) as repository:
        remote = porcelain.fetch(repository, asked.address, errstream=io.BytesIO(), **known)
        for name, oid in remote.refs.items():
            if oid is not None and name.startswith((b"refs/heads/", b"refs/tags/")) and not name.endswith(b"^{}"):
                repository.refs[name] = oid
        cloned = {
            name.decode(): repository.get_peeled(name).decode()
            for name in repository.refs.allkeys()
            if name.startswith((b"refs/heads/", b"refs/tags/"))
        }

        tip = repository[repository.refs[b"refs/heads/main"]]
        blob = Blob.from_string(asked.name.encode() * 1000)
        tree = repository[tip.tree]
        tree.add(f"{asked.name}.txt".encode(), 0o100644, blob.id)
        commit = Commit()
        commit.tree, commit.parents = tree.id, [tip.id]
        commit.author = commit.committer = b"Ada <ada@example.org>"
        commit.author_time = commit.commit_time = 1_700_000_000
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = f"by {asked.name}\n".encode()
        for made in (blob, tree, commit):
            repository.object_store.add_object(made)
        repository.refs[b"refs/heads/main"] = commit.id

        def push(*refs: str) -> None:
            sent = porcelain.push(repository, asked.address, list(refs), io.BytesIO(), io.BytesIO(), **known)
            refused = {name: why for name, why in (sent.ref_status or {}).items() if why}
            assert not refused, refused

        push("refs/heads/main", f"refs/heads/main:refs/heads/{asked.name}")
        push(f":refs/heads/{asked.name}")
        print(json.dumps({"cloned": cloned, "made": commit.id.decode()}))


main()
