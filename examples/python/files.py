"""Upload, list and download with huggingface_hub: it works as with huggingface.co, by HF_ENDPOINT and HF_TOKEN."""

import secrets
import tempfile
from pathlib import Path

from huggingface_hub import HfApi

api = HfApi()
repo_id = f"{api.whoami()['name']}/example-{secrets.token_hex(4)}"
api.create_repo(repo_id, private=True)

with tempfile.TemporaryDirectory() as folder:
    Path(folder, "config.json").write_text('{"layers": 2}\n')
    # Large files are recognised by their names and sizes, and go by Xet or LFS.
    Path(folder, "model.safetensors").write_bytes(secrets.token_bytes(1_000_000))
    api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message="A first model")

for file in api.list_repo_tree(repo_id, recursive=True):
    print(f"{file.path}: {file.size} bytes{' (large)' if file.lfs else ''}")

info = api.repo_info(repo_id, files_metadata=True)
print(f"{info.id} is at {info.sha}")

path = api.hf_hub_download(repo_id, "config.json")
print(Path(path).read_text(), end="")

api.delete_repo(repo_id)
