"""Text -> unit vectors: the protocol, and the ONNX encoder that queries use.

Sentence-transformers stays the source of truth for the model; `ingest.encode` exports it to
the files that this encoder reads, and a test holds the two to 1e-5.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kb.errors import InputUnreadable

Vectors = npt.NDArray[np.float32]

MANIFEST = "manifest.json"
MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"

_BATCH = 32
"""Texts run at once: enough to fill two cores; a longer batch only adds padding."""


class Encoder(Protocol):
    """Anything that turns text into unit vectors of one width.

    `identity` names the weights by content, so that vectors of two encoders never mix.
    """

    @property
    def identity(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of shape (len(texts), dim)."""
        ...


class OnnxEncoder:
    """A sentence encoder exported to ONNX, run by onnxruntime on the CPU."""

    def __init__(self, directory: Path) -> None:
        """Open the export in `directory`; raise InputUnreadable when it is not whole."""
        self._directory = directory
        try:
            manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
            self.identity: str = str(manifest["identity"])
            self.dim: int = int(manifest["dim"])
            self._max_tokens = int(manifest["max_tokens"])
            size = (directory / MODEL).stat().st_size
            if size != manifest["bytes"]:
                raise ValueError(f"{MODEL} has {size} bytes, expected {manifest['bytes']}")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._damaged(error) from error
        self._session: Any = None
        self._tokenizer: Any = None
        self._loading = Lock()

    def _damaged(self, reason: object) -> InputUnreadable:
        return InputUnreadable(
            f"encoder export is damaged: {reason}",
            where=str(self._directory),
            hint="delete that folder; it is made anew on the next query",
        )

    def _load(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        # One short sentence: a second thread costs more to wake than it saves.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The export is fused already.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            session = onnxruntime.InferenceSession(
                str(self._directory / MODEL), options, providers=["CPUExecutionProvider"]
            )
            tokenizer = Tokenizer.from_file(str(self._directory / TOKENIZER))
        # Both libraries raise bare exceptions of their own for a file that is not theirs.
        except Exception as error:
            raise self._damaged(error) from error
        tokenizer.enable_truncation(max_length=self._max_tokens)
        tokenizer.enable_padding()
        self._session, self._tokenizer = session, tokenizer

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of shape (len(texts), dim); float32."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        with self._loading:
            if self._session is None:
                self._load()
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        # Shortest first: a batch is padded to its longest text, so mixing lengths wastes most
        # of the work.
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = self._run([texts[row] for row in rows])
        return vectors

    def _run(self, texts: list[str]) -> Vectors:
        # A lone surrogate, as in an argument that was not UTF-8, is no text to the tokenizer.
        sound = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        tokens = self._tokenizer.encode_batch(sound)
        ids = np.array([one.ids for one in tokens], dtype=np.int64)
        mask = np.array([one.attention_mask for one in tokens], dtype=np.int64)
        (vectors,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return np.asarray(vectors, dtype=np.float32)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
