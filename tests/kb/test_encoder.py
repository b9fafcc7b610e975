"""Claims: the export gives the vectors of sentence-transformers itself; damage is told as such."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from kb.encoder import MANIFEST, MODEL, TOKENIZER, OnnxEncoder, file_sha256
from kb.errors import InputUnreadable

TEXTS = (
    "loss stuck at 4.14",
    "",
    " ",
    "a",
    "NaN",
    "the embeddings all point in one direction and kNN accuracy does not move " * 60,
    "x" * 5000,
    "損失が下がらない、すべての表現が同じになった",
    "对比学习的损失一直停在 ln(2B-1)",
    "loss 📉 then 💥🔥, batch size 👩‍🔬",
    "z_std * sqrt(d) < 0.1\nNT-Xent\t1e-3",
    "\x00 \x1b[31m \u202e",
    "Ünïcödé naïve façade",
)


class Reference:
    """The model as sentence-transformers runs it, one text at a time."""

    def __init__(self) -> None:
        from ingest.encode import _sentence_transformer, model_source

        self.model = _sentence_transformer(model_source())

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = [
            self.model.encode([text], normalize_embeddings=True, show_progress_bar=False)[0]
            for text in texts
        ]
        return np.asarray(rows, dtype=np.float32)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference()


@pytest.fixture(scope="module")
def encoder(encoder_export: Path) -> OnnxEncoder:
    return OnnxEncoder(encoder_export)


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:12]))
def test_vectors_are_those_of_sentence_transformers(
    reference: Reference, encoder: OnnxEncoder, text: str
) -> None:
    assert np.abs(encoder.encode([text]) - reference.encode([text])).max() < 1e-5


@pytest.mark.slow
def test_a_batch_gives_what_its_texts_give_alone(encoder: OnnxEncoder) -> None:
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert np.abs(together - alone).max() < 1e-5


@pytest.mark.slow
def test_the_order_of_a_batch_does_not_matter(encoder: OnnxEncoder) -> None:
    texts = [f"{text} {number}" for number in range(4) for text in TEXTS]  # more than one batch
    order = np.random.default_rng(0).permutation(len(texts))
    shuffled = encoder.encode([texts[number] for number in order])
    assert np.abs(encoder.encode(texts)[order] - shuffled).max() < 1e-5


@pytest.mark.slow
def test_vectors_have_unit_length_and_the_width_of_the_manifest(encoder: OnnxEncoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dim)
    assert vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5
    assert encoder.encode([]).shape == (0, encoder.dim)


@pytest.mark.slow
def test_what_is_no_text_is_still_encoded(encoder: OnnxEncoder) -> None:
    """An argument that was not UTF-8 arrives with lone surrogates in it."""
    assert np.array_equal(encoder.encode(["loss \udce9"]), encoder.encode(["loss ?"]))


@pytest.mark.slow
def test_threads_share_one_encoder(encoder_export: Path, encoder: OnnxEncoder) -> None:
    fresh = OnnxEncoder(encoder_export)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: fresh.encode([text]), TEXTS))
    assert np.abs(np.concatenate(found) - encoder.encode(TEXTS)).max() < 1e-5


@pytest.mark.slow
def test_the_identity_names_the_weights(encoder: OnnxEncoder) -> None:
    from ingest.encode import encoder_identity, model_source, weights_identity

    assert encoder.identity == weights_identity(model_source()) == encoder_identity()
    assert ":" in encoder.identity


@pytest.mark.slow
@pytest.mark.parametrize("name", [MODEL, TOKENIZER])
def test_content_that_was_damaged_is_told_at_the_first_text(
    encoder_export: Path, tmp_path: Path, name: str
) -> None:
    copy = Path(shutil.copytree(encoder_export, tmp_path / "export"))
    size = (copy / name).stat().st_size
    (copy / name).write_bytes(b"\xff" * size)
    broken = OnnxEncoder(copy)
    for _ in range(2):
        with pytest.raises(InputUnreadable, match="encoder export is damaged"):
            broken.encode(["loss"])


@pytest.mark.slow
def test_a_missing_tokenizer_is_told_at_the_first_text(
    encoder_export: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(encoder_export, tmp_path / "export"))
    (copy / TOKENIZER).unlink()
    with pytest.raises(InputUnreadable, match="encoder export is damaged"):
        OnnxEncoder(copy).encode(["loss"])


def an_export(folder: Path, **changes: object) -> Path:
    """Write an export whose model is nine bytes that were never a network."""
    manifest = {"identity": "fake:1", "dim": 4, "max_tokens": 8, "bytes": 9} | changes
    (folder / MODEL).write_bytes(b"not a net")
    kept = {key: value for key, value in manifest.items() if value is not None}
    (folder / MANIFEST).write_text(json.dumps(kept), encoding="utf-8")
    return folder


def test_a_whole_export_is_opened_without_loading_it(tmp_path: Path) -> None:
    encoder = OnnxEncoder(an_export(tmp_path))
    assert (encoder.identity, encoder.dim) == ("fake:1", 4)
    assert encoder.encode([]).shape == (0, 4)


def test_a_model_that_is_none_is_told_at_the_first_text(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="encoder export is damaged") as caught:
        OnnxEncoder(an_export(tmp_path)).encode(["loss"])
    assert caught.value.where == str(tmp_path)
    assert "delete that folder" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bytes": 10}, "has 9 bytes, expected 10"),
        ({"bytes": None}, "bytes"),
        ({"dim": None}, "dim"),
        ({"dim": "wide"}, "wide"),
        ({"max_tokens": []}, "int"),
        ({"identity": None}, "identity"),
    ],
)
def test_a_manifest_that_does_not_fit_is_damage(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    an_export(tmp_path, **changes)
    with pytest.raises(InputUnreadable, match="encoder export is damaged") as caught:
        OnnxEncoder(tmp_path)
    assert says in caught.value.message


@pytest.mark.parametrize("text", ["", "[]", "7", "null", "{", "\ufeff{}", "[" * 100_000])
def test_a_manifest_that_is_none_is_damage(tmp_path: Path, text: str) -> None:
    an_export(tmp_path)
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(InputUnreadable, match="encoder export is damaged"):
        OnnxEncoder(tmp_path)


@pytest.mark.parametrize("name", [MANIFEST, MODEL])
def test_a_missing_file_is_damage(tmp_path: Path, name: str) -> None:
    an_export(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputUnreadable, match="encoder export is damaged"):
        OnnxEncoder(tmp_path)


def test_the_digest_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
