"""The same question with sentence-transformers and FAISS, as plainly as it can be written.

    python benchmarks/plain_search.py MODEL_FOLDER VECTORS.npy TEXTS.json QUESTION

`benchmarks/latency.py` runs it in new processes, to compare with the `ssl-doctor` command.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import faiss
import numpy as np
from sentence_transformers import SentenceTransformer


def main(model_folder: str, vectors_path: str, texts_path: str, question: str) -> None:
    """Print the passage nearest to the question."""
    model = SentenceTransformer(model_folder, device="cpu")
    vectors = np.load(vectors_path)
    texts = json.loads(Path(texts_path).read_text(encoding="utf-8"))
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    query = model.encode([question], normalize_embeddings=True, show_progress_bar=False)
    scores, rows = index.search(query, 1)
    print(f"{scores[0, 0]:.3f} {texts[rows[0, 0]]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
