"""Writes a folder with two models and two tables into FOLDER, or what somebody made of it later.

model_and_tables.py FOLDER [--edited]

Later, two of the 24 tensors of a model are other ones, and a table has a fifth more rows. Prints how many bytes that
is.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

folder, edited = Path(sys.argv[1]), "--edited" in sys.argv
ROWS, LATER, GROUP = 50_000, 10_000, 10_000
CHANGED = (7, 15)


def tensors(seed: int, kind: type, changed: tuple) -> dict:
    made = {}
    for number in range(24):
        noise = np.random.default_rng([seed, number, number in changed])
        made[f"layers.{number:02}.weight"] = noise.standard_normal((384, 512)).astype(kind)
    return made


def write_table(path: Path, count: int) -> None:
    """Row by row the same whatever the count, so that an appended table begins as it did."""
    noise = np.random.default_rng(3)
    ids = np.arange(count)
    values = noise.standard_normal(ROWS + LATER)[:count]
    columns = {"id": ids, "value": values, "text": [f"row number {n}" for n in ids]}
    pq.write_table(pa.table(columns), path, row_group_size=GROUP)


(folder / "data").mkdir(parents=True, exist_ok=True)
(folder / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
(folder / "config.json").write_text("{}")
fine = tensors(1, np.float32, CHANGED if edited else ())
save_file(fine, folder / "model.safetensors", metadata={"format": "np"})
save_file(tensors(2, np.float16, ()), folder / "model.fp16.safetensors", metadata={"format": "np"})
train, test = folder / "data" / "train.parquet", folder / "data" / "test.parquet"
write_table(test, ROWS // 10)
write_table(train, ROWS)
before = train.stat().st_size
if edited:
    write_table(train, ROWS + LATER)
    print(sum(fine[f"layers.{number:02}.weight"].nbytes for number in CHANGED) + train.stat().st_size - before)
