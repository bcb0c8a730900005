"""The files of a repository over plain HTTP: the root, a folder, everything, and single paths."""

import base64
import json
import os
import secrets

import requests

HUB = os.environ["HF_ENDPOINT"]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['HF_TOKEN']}"


def call(method: str, path: str, **options) -> requests.Response:
    answer = session.request(method, f"{HUB}{path}", timeout=60, **options)
    if not answer.ok:
        # Every refusal says in a sentence what went wrong, and in X-Error-Code a word for programs.
        raise SystemExit(f"{answer.status_code} {answer.headers.get('X-Error-Code')}: {answer.json()['error']}")
    return answer


own = call("GET", "/api/whoami-v2").json()["name"]
repository = f"{own}/example-{secrets.token_hex(4)}"
call("POST", "/api/repos/create", json={"name": repository})

# A commit is a JSON document per line: the header, then what changes.
files = {"README.md": b"# An example\n", "configs/small.json": b"{}\n", "configs/large.json": b'{"layers": 96}\n'}
lines = [{"key": "header", "value": {"summary": "Three files"}}]
for path, content in files.items():
    encoded = base64.b64encode(content).decode()
    lines.append({"key": "file", "value": {"path": path, "content": encoded, "encoding": "base64"}})
call(
    "POST",
    f"/api/models/{repository}/commit/main",
    data="\n".join(json.dumps(line) for line in lines),
    headers={"Content-Type": "application/x-ndjson"},
)

root = call("GET", f"/api/models/{repository}/tree/main").json()
print("root:", [entry["path"] for entry in root])
folder = call("GET", f"/api/models/{repository}/tree/main/configs").json()
print("configs:", [entry["path"] for entry in folder])

# A page has at most 1000 entries; where there is more, `Link` leads on, and requests reads it as `links`.
everything, address = [], f"/api/models/{repository}/tree/main?recursive=true"
while address:
    page = call("GET", address)
    everything += page.json()
    address = page.links.get("next", {}).get("url", "").removeprefix(HUB)
print("large files:", [entry["path"] for entry in everything if "lfs" in entry])

asked = {"paths": ["README.md", "configs", "not-there.txt"]}
for entry in call("POST", f"/api/models/{repository}/paths-info/main", data=asked).json():
    print(f"{entry['path']} is a {entry['type']} with oid {entry['oid']}")

call("DELETE", "/api/repos/delete", json={"name": repository})
