"""Computes an embedding with REPOSITORY, loaded through HF_ENDPOINT, and compares with the same model in FOLDER.

embed.py REPOSITORY FOLDER
"""

import sys

from sentence_transformers import SentenceTransformer

repository, folder = sys.argv[1:]
SENTENCES = ["A ship without ballast rolls.", "Der Ballast hält das Schiff aufrecht."]

embeddings = SentenceTransformer(repository, device="cpu").encode(SENTENCES)
assert embeddings.shape == (2, 384)
assert (embeddings == SentenceTransformer(folder, device="cpu").encode(SENTENCES)).all()
