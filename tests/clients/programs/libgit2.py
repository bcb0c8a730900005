"""Clones, fetches, commits and pushes by libgit2. What it has afterwards is printed as JSON: the id of every ref.

libgit2.py ADDRESS FOLDER NAME (--password TOKEN | --key FILE)
"""

import argparse
import json
from pathlib import Path

import pygit2


class Callbacks(pygit2.RemoteCallbacks):
    def __init__(self, password: str | None, key: Path | None):
        super().__init__()
        self.password, self.key = password, key

    def credentials(self, url, username_from_url, allowed_types):
        if self.key:
            return pygit2.Keypair(username_from_url, str(self.key.with_suffix(".pub")), str(self.key), "")
        return pygit2.UserPass("token", self.password)

    def certificate_check(self, certificate, valid, host):
        return True

    def push_update_reference(self, refname, message):
        assert message is None, f"{refname}: {message}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--password")
    parser.add_argument("--key", type=Path)
    asked = parser.parse_args()
    callbacks = Callbacks(asked.password, asked.key)
    if not asked.folder.exists():
        pygit2.clone_repository(asked.address, asked.folder, bare=True, callbacks=callbacks)
    repository = pygit2.Repository(asked.folder)
    origin = repository.remotes["origin"]
    origin.fetch(["+refs/heads/*:refs/heads/*"], callbacks=callbacks)
    cloned = {name: str(repository.references[name].peel(pygit2.Commit).id) for name in heads_and_tags(repository)}

    tip = repository.references["refs/heads/main"].peel(pygit2.Commit)
    tree = repository.TreeBuilder(tip.tree)
    blob = repository.create_blob(asked.name.encode() * 1000)
    tree.insert(f"{asked.name}.txt", blob, pygit2.enums.FileMode.BLOB)
    who = pygit2.Signature("Ada", "ada@example.org")
    made = repository.create_commit("refs/heads/main", who, who, f"by {asked.name}\n", tree.write(), [tip.id])
    origin.push(["refs/heads/main", f"refs/heads/main:refs/heads/{asked.name}"], callbacks=callbacks)
    origin.push([f":refs/heads/{asked.name}"], callbacks=callbacks)
    print(json.dumps({"cloned": cloned, "made": str(made)}))


def heads_and_tags(repository: pygit2.Repository) -> list[str]:
    return [name for name in repository.references if name.startswith(("refs/heads/", "refs/tags/"))]


main()
