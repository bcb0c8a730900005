"""Uploads Parquet files of several row groups to REPOSITORY, then loads them whole and as a stream.

parquet_dataset.py REPOSITORY lfs|xet
"""

import sys

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import load_dataset
from huggingface_hub import HfApi

repository, way = sys.argv[1:]
SPLITS = {"train": 5000, "test": 500}
ROWS_PER_GROUP = 700


def row(n: int) -> dict:
    return {"id": n, "text": f"row number {n}", "values": [n / 2, n / 4]}


api = HfApi()
api.create_repo(repository, repo_type="dataset")
for split, rows in SPLITS.items():
    file = f"{split}.parquet"
    pq.write_table(pa.Table.from_pylist([row(n) for n in range(rows)]), file, row_group_size=ROWS_PER_GROUP)
    assert pq.ParquetFile(file).num_row_groups > 0
    api.upload_file(
        path_or_fileobj=file,
        path_in_repo=f"data/{split}-00000-of-00001.parquet",
        repo_id=repository,
        repo_type="dataset",
    )

paths = [f"data/{split}-00000-of-00001.parquet" for split in SPLITS]
stored = api.get_paths_info(repository, paths, repo_type="dataset")
assert [bool(file.xet_hash) for file in stored] == [way == "xet"] * len(SPLITS)

whole = load_dataset(repository)
assert {split: len(rows) for split, rows in whole.items()} == SPLITS
assert whole["train"][4321] == row(4321)

stream = load_dataset(repository, split="train", streaming=True)
assert list(stream.take(3)) == [row(0), row(1), row(2)]
assert sum(found["id"] for found in stream) == sum(range(SPLITS["train"]))
assert next(iter(stream.skip(4500))) == row(4500)

first = api.repo_info(repository, repo_type="dataset").sha
api.delete_file("data/test-00000-of-00001.parquet", repository, repo_type="dataset")
assert set(load_dataset(repository, revision=first)) == set(SPLITS)
