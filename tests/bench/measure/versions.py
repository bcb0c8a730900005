"""Files as they come to a hub again and again: `versions.py MODEL FOLDER [--quick]`, in the environment `datasets`.

Writes FOLDER/FAMILY/STEP/FILE from a real model (a safetensors file), always the same from the same seeds:

  fine-tunes     the model, and three variants of which other tensors are changed: a tenth, a quarter, a sixth of them
  checkpoints    of a training of the upper half of the layers: three times the model and the optimizer's two moments
  table          a Parquet file, then with a tenth more rows, then with another tenth
  quantisations  the model as float16, and as int8 with a scale for each row
  tiny files     1,000 of 200 to 3,000 bytes, then a twentieth of them changed and as many added
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

model, target, quick = Path(sys.argv[1]), Path(sys.argv[2]), "--quick" in sys.argv
ROWS, GROUP = (20_000, 5_000) if quick else (500_000, 50_000)
TINY = 100 if quick else 1_000


def noise(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def changed(tensors: dict, chosen, seed: int) -> dict:
    """The chosen tensors a little off, as training leaves them."""

    def moved(number: int, tensor: np.ndarray) -> np.ndarray:
        step = noise(seed, number).standard_normal(tensor.shape) * 1e-3
        return (tensor + step).astype(tensor.dtype)

    return {
        name: moved(number, tensor) if chosen(name) and tensor.dtype == np.float32 else tensor
        for number, (name, tensor) in enumerate(tensors.items())
    }


def place(family: str, step: int, name: str) -> Path:
    path = target / family / str(step) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def save(tensors: dict, *where) -> None:
    save_file(tensors, place(*where), metadata={"format": "pt"})


def fine_tunes(tensors: dict) -> None:
    save(tensors, "fine-tunes", 0, "model.safetensors")
    choices = (
        lambda name: "layer.5." in name or "pooler" in name,
        lambda name: "layer.3." in name or "layer.4." in name or "layer.5." in name,
        lambda name: "attention" in name,
    )
    for step, chosen in enumerate(choices, 1):
        save(changed(tensors, chosen, step), "fine-tunes", step, "model.safetensors")


def checkpoints(tensors: dict) -> None:
    def trained(name: str) -> bool:
        return any(f"layer.{number}." in name for number in (3, 4, 5)) or "pooler" in name

    for step in range(3):
        tensors = changed(tensors, trained, 10 + step)
        save(tensors, "checkpoints", step, "model.safetensors")
        moments = {}
        for number, name in enumerate(filter(trained, tensors)):
            for moment in ("exp_avg", "exp_avg_sq"):
                size = tensors[name].shape
                drawn = noise(20 + step, number, len(moment)).standard_normal(size).astype(np.float32)
                moments[f"{name}.{moment}"] = drawn * 1e-4 if moment == "exp_avg" else drawn * drawn * 1e-8
        save(moments, "checkpoints", step, "optimizer.safetensors")


def table() -> None:
    words = np.array(["ballast", "ship", "keel", "harbour", "tide", "anchor", "mast", "hull"])
    most = ROWS * 12 // 10
    said = words[noise(30).integers(0, len(words), (most, 6))]
    whole = pa.table(
        {
            "id": np.arange(most),
            "text": [" ".join(row) for row in said],
            "score": noise(31).standard_normal(most),
            "label": noise(32).integers(0, 5, most),
        }
    )
    for step in range(3):
        count = ROWS * (10 + step) // 10
        pq.write_table(whole.slice(0, count), place("table", step, "train.parquet"), row_group_size=GROUP)


def quantisations(tensors: dict) -> None:
    halves = {name: tensor.astype(np.float16) for name, tensor in tensors.items() if tensor.dtype == np.float32}
    save(halves, "quantisations", 0, "model.fp16.safetensors")
    small = {}
    for name, tensor in tensors.items():
        if tensor.ndim == 2 and tensor.dtype == np.float32:
            scale = np.abs(tensor).max(axis=1, keepdims=True) / 127 + 1e-12
            small[name], small[f"{name}.scale"] = np.round(tensor / scale).astype(np.int8), scale
    save(small, "quantisations", 1, "model.int8.safetensors")


def tiny_files() -> None:
    def write(step: int, numbers, seed: int) -> None:
        for number in numbers:
            drawn = noise(seed, number)
            place("tiny files", step, f"{number:05}.bin").write_bytes(drawn.bytes(int(drawn.integers(200, 3_000))))

    write(0, range(TINY), 40)
    write(1, range(0, TINY, 20), 41)
    write(1, range(TINY, TINY + TINY // 20), 40)


whole = load_file(model)
if quick:
    whole = {name: tensor for name, tensor in whole.items() if "embeddings" not in name}
fine_tunes(whole)
checkpoints(whole)
table()
quantisations(whole)
tiny_files()
(target / "complete").touch()
