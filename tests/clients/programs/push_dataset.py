"""Makes REPOSITORY with Dataset.push_to_hub, twice, and loads it back.

push_dataset.py REPOSITORY lfs|xet
"""

import sys

from datasets import Dataset, DatasetDict, load_dataset
from huggingface_hub import DatasetCard, HfApi

repository, way = sys.argv[1:]


def table(rows: int) -> Dataset:
    return Dataset.from_dict({"id": list(range(rows)), "text": [f"row {n}" for n in range(rows)]})


DatasetDict(train=table(1000), test=table(10)).push_to_hub(repository)
files = HfApi().list_repo_tree(repository, "data", repo_type="dataset")
assert [bool(file.xet_hash) for file in files] == [way == "xet"] * 2

loaded = load_dataset(repository)
assert {split: len(rows) for split, rows in loaded.items()} == {"train": 1000, "test": 10}
assert loaded["train"][999] == {"id": 999, "text": "row 999"}

table(20).push_to_hub(repository, split="test", num_shards=2)
assert len(load_dataset(repository, split="test", download_mode="force_redownload")) == 20
assert [found["id"] for found in load_dataset(repository, split="test", streaming=True)] == list(range(20))
assert {split["name"] for split in DatasetCard.load(repository).data.dataset_info["splits"]} == {"train", "test"}
