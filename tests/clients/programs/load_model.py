"""Loads REPOSITORY through HF_ENDPOINT with transformers, and compares with the same model in FOLDER.

load_model.py REPOSITORY FOLDER
"""

import sys
from pathlib import Path

from huggingface_hub import hf_hub_download
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer

repository, folder = sys.argv[1], Path(sys.argv[2])
SENTENCE = "A ship without ballast rolls; Größe und naïveté, 日本."

config, local_config = AutoConfig.from_pretrained(repository), AutoConfig.from_pretrained(folder)
assert config.model_type == "bert"
assert config.hidden_size == local_config.hidden_size == 384

tokens = AutoTokenizer.from_pretrained(repository)(SENTENCE)
local_tokens = AutoTokenizer.from_pretrained(folder)(SENTENCE)
assert tokens["input_ids"] == local_tokens["input_ids"]
assert len(tokens["input_ids"]) > 10

weights = Path(hf_hub_download(repository, "model.safetensors"))
assert weights.read_bytes() == (folder / "model.safetensors").read_bytes()
with safe_open(weights, framework="numpy") as file:
    assert file.get_tensor("embeddings.word_embeddings.weight").shape == (config.vocab_size, 384)
