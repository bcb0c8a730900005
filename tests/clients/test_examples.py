"""Every file of examples/, as a person runs it: with HF_ENDPOINT and HF_TOKEN."""

import pytest

from harness.environments import ROOT, client_variables, python_of, run

EXAMPLES = ROOT / "examples"
LIMIT = 60
# Requests comes with the older client.
PYTHON = {"files.py": "hub-2.4"}
OTHER_PYTHON = "hub-0.36"
# What each prints, among other things.
SAYS = {
    "python/files.py": ["config.json: 14 bytes", "model.safetensors: 1000000 bytes (large)", '{"layers": 2}'],
    "python/tree.py": [
        "root: ['.gitattributes', 'README.md', 'configs']",
        "configs: ['configs/large.json', 'configs/small.json']",
        "configs is a directory with oid",
    ],
    "python/settings.py": ["bio: Trains small models", "avatar: image/jpeg", "large from 10000000 bytes on (repository)"],
    "javascript/files.mjs": ["config.json goes as regular", "model.safetensors goes as lfs", "came back whole", "deleted"],
    "javascript/tree.mjs": ["configs: configs/a.json configs/b.json", "everything: 5 entries", "README.md is a file of 13 bytes"],
    "curl/files.sh": ["file notes/hello.txt 6", "A first file", "Hello", "ell", "is deleted"],
    "curl/likes.sh": ["likes: 1", "liked: true", "likers: 1", "likes: 0", "days: 30", "trends over 7 days"],
    "curl/quota.sh": ["limit: 1000000000", "counted anew: "],
    "curl/invitation.sh": ["as member", "open invitations: 1", "withdrawn", "is super-admin"],
    "curl/names.sh": ["true", "false"],
}


def test_every_example_is_run():
    there = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("*/*") if path.is_file()}
    # Plugins are built and loaded by tests/plugins.
    assert {path for path in there if not path.startswith("plugin/")} == set(SAYS)


@pytest.mark.parametrize("example", SAYS)
def test_an_example_does_what_it_says(hub, tmp_path, example):
    path = EXAMPLES / example
    program = {".py": python_of(PYTHON.get(path.name, OTHER_PYTHON)), ".mjs": "node", ".sh": "bash"}[path.suffix]
    said = run([program, path], client_variables(hub.endpoint, hub.token, tmp_path), LIMIT, cwd=tmp_path)
    missing = [text for text in SAYS[example] if text not in said]
    assert not missing, f"{missing} are not in what it printed:\n{said}"
