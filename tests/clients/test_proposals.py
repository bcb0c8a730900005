"""Somebody who may only read proposes: `hf upload --create-pr`, and what transformers and datasets push."""

import json
import re
import secrets

import pytest

from harness.environments import TESTS, client_variables, environment, python_of, run

PROGRAM = TESTS / "clients" / "programs" / "push_proposals.py"
HF = environment("hub-2.4") / "bin" / "hf"
LIMIT = 120
# As the owner: merges what is proposed, and says which files there are then.
MERGE = """
import json, sys
from huggingface_hub import HfApi
repository, kind, number = sys.argv[1:]
api = HfApi()
found = api.get_discussion_details(repository, int(number), repo_type=kind)
api.merge_pull_request(repository, int(number), repo_type=kind)
files = [path for path in api.list_repo_files(repository, repo_type=kind) if path != ".gitattributes"]
print(json.dumps({"author": found.author, "title": found.title, "status": found.status, "files": sorted(files)}))
"""
CREATE = """
import sys
from huggingface_hub import HfApi
repository, kind = sys.argv[1:]
HfApi().create_repo(repository, repo_type=kind)
HfApi().upload_file(path_or_fileobj=b"# Here\\n", path_in_repo="README.md", repo_id=repository, repo_type=kind)
"""


class Proposing:
    """A repository of the administrator's, and another user."""

    def __init__(self, hub, folder, kind: str, xet: bool):
        self.kind = kind
        self.repository = f"{hub.user}/proposed-{secrets.token_hex(4)}"
        self.user = f"reader-{secrets.token_hex(4)}"
        hub.command("user", "create", self.user)
        token = re.search(r"hf_\w+", hub.command("token", "create", self.user, "--role", "write")).group()
        self.owner = client_variables(hub.endpoint, hub.token, folder / "owner", xet)
        self.reader = client_variables(hub.endpoint, token, folder / "reader", xet)
        self._python(CREATE, self.repository, kind)

    def _python(self, program: str, *arguments) -> str:
        return run([python_of("hub-2.4"), "-c", program, *arguments], self.owner, LIMIT)

    def merged(self, number: int) -> dict:
        return json.loads(self._python(MERGE, self.repository, self.kind, number).splitlines()[-1])


@pytest.mark.parametrize("xet", [False, True], ids=["lfs", "xet"])
def test_a_reader_proposes_a_folder_with_hf_upload(hub, tmp_path, xet):
    proposing = Proposing(hub, tmp_path, "model", xet)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "large.bin").write_bytes(secrets.token_bytes(200_000))
    (folder / "notes.txt").write_text("notes\n")
    command = [HF, "upload", proposing.repository, folder, "--create-pr", "--commit-message", "From the outside"]
    run(command, proposing.reader, LIMIT)
    told = proposing.merged(1)
    assert (told["author"], told["title"]) == (proposing.user, "From the outside")
    assert told["files"] == ["README.md", "large.bin", "notes.txt"]


@pytest.mark.parametrize(
    ("what", "kind", "expected"),
    [("model", "model", "config.json"), ("dataset", "dataset", "data/train-00000-of-00001.parquet")],
)
def test_a_reader_proposes_what_a_library_pushes(hub, tmp_path, what, kind, expected):
    proposing = Proposing(hub, tmp_path, kind, xet=True)
    run([python_of("datasets"), PROGRAM, what, proposing.repository], proposing.reader, LIMIT, cwd=tmp_path)
    told = proposing.merged(1)
    assert told["author"] == proposing.user
    assert expected in told["files"]


def test_discussions_on_the_command_line(hub, tmp_path):
    proposing = Proposing(hub, tmp_path, "model", xet=False)

    def hf(*arguments: str, variables=proposing.reader) -> str:
        return run([HF, "discussions", *arguments], variables, LIMIT)

    hf("create", proposing.repository, "--title", "A question", "--body", "Why?")
    hf("comment", proposing.repository, "1", "--body", "Because")
    assert "A question" in hf("list", proposing.repository)
    assert "Because" in hf("info", proposing.repository, "1", "--format", "json")
    hf("create", proposing.repository, "--title", "A change", "--pull-request")
    assert "A change" in hf("list", proposing.repository, "--status", "draft")
    hf("close", proposing.repository, "1", "--yes", variables=proposing.owner)
    hf("merge", proposing.repository, "2", "--yes", variables=proposing.owner)
    assert "A change" in hf("list", proposing.repository, "--status", "merged")
    assert "A question" in hf("list", proposing.repository, "--status", "closed")
