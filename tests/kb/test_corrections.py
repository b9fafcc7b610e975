"""Claims: a passage is corrected when, and only when, it asserts a claim that an entry refutes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from kb.catalogue import Catalogue
from kb.corrections import ASSERTING, Corrections, Match
from kb.encoder import OnnxEncoder
from kb.store import Store
from kb.types import PASSAGE_KINDS, Document, LineSpan, Passage, PassageKind

CASES = Path(__file__).parents[1] / "data" / "corrected_claims.tsv"
ENCODER = "fake@1"

CLAIM = "A batch size of 32 leaves too few negatives, so the loss stays at 4.14."
TRUTH = "4.143 is ln 63, chance at batch size 32."
OTHER = "A temperature of 0.07 is the standard of SimCLR."
OTHER_TRUTH = "It is the one of MoCo."


def unit(*values: float) -> npt.NDArray[np.float32]:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def said(text: str, kind: PassageKind = "claim") -> Passage:
    return Passage("p", kind, text, LineSpan(1, 1))


@pytest.fixture
def corrections() -> Corrections:
    return Corrections(
        (CLAIM, OTHER),
        (TRUTH, OTHER_TRUTH),
        ("contrastive/chance-level-loss", "contrastive/temperature-too-high"),
        np.stack([unit(1, 0, 0), unit(0, 1, 0)]),
    )


def test_the_claim_itself_is_covered_by_its_correction(corrections: Corrections) -> None:
    match = corrections.covering(said(CLAIM), unit(1, 0, 0))
    assert match == Match(CLAIM, TRUTH, "contrastive/chance-level-loss", 1.0)
    match = corrections.covering(said(OTHER), unit(0, 1, 0))
    assert match is not None
    assert (match.truth, match.entry_id) == (OTHER_TRUTH, "contrastive/temperature-too-high")


def test_far_vectors_are_not_covered_whatever_the_words(corrections: Corrections) -> None:
    assert corrections.covering(said(CLAIM), unit(0, 0, 1)) is None
    assert corrections.covering(said(CLAIM), unit(-1, 0, 0)) is None
    assert corrections.covering(said(CLAIM), unit(0.4, 0, 0.92)) is None
    assert corrections.covering(said(CLAIM), unit(0.6, 0, 0.8)) is not None


def test_near_vectors_are_not_covered_without_the_words(corrections: Corrections) -> None:
    assert corrections.covering(said("Whisk the eggs."), unit(1, 0, 0)) is None
    assert corrections.covering(said(""), unit(1, 0, 0)) is None


def test_words_and_vector_must_be_those_of_one_claim(corrections: Corrections) -> None:
    assert corrections.covering(said(OTHER), unit(1, 0, 0)) is None


def test_one_sentence_of_a_longer_passage_is_enough(corrections: Corrections) -> None:
    text = f"We looked at the log for days. {CLAIM} Then we went home."
    match = corrections.covering(said(text), unit(1, 0.3, 0.2))
    assert match is not None
    assert match.claim == CLAIM


@pytest.mark.parametrize(
    "text",
    [
        "A batch size of 32 does not leave too few negatives, so the loss stays at 4.14.",
        "It is a myth that a batch size of 32 leaves too few negatives and the loss stays at 4.14.",
        "A batch size of 512 leaves too few negatives, so the loss stays at 6.93.",
    ],
)
def test_its_denial_or_another_number_is_no_claim(corrections: Corrections, text: str) -> None:
    assert corrections.covering(said(text), unit(1, 0, 0)) is None


@pytest.mark.parametrize("kind", PASSAGE_KINDS)
def test_only_kinds_that_assert_are_corrected(corrections: Corrections, kind: PassageKind) -> None:
    covered = corrections.covering(said(CLAIM, kind), unit(1, 0, 0)) is not None
    assert covered == (kind in ASSERTING)


def test_titles_quotations_and_code_assert_nothing() -> None:
    assert not ASSERTING & {"title", "quote", "code", "reference", "meta", "phrasing", "symptom"}


def test_without_corrections_nothing_is_covered(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s.sqlite") as store:
        none = Corrections.from_store(store, ENCODER)
    assert none.claims == ()
    assert none.covering(said(CLAIM), unit(1, 0, 0)) is None


def a_document(passages: tuple[Passage, ...]) -> Document:
    return Document("loss/x", "kb/x.md", "bundled", "entry", "X", "0" * 64, "text", passages)


def a_correction(key: str, claim: str, truth: str) -> Passage:
    attributes: Mapping[str, str] = {"truth": truth}
    return Passage(
        key, "correction", claim, LineSpan(1, 1), entry_id="loss/x", attributes=attributes
    )


def test_corrections_are_read_from_a_store_with_their_vectors(tmp_path: Path) -> None:
    passages = (
        Passage("t", "title", "X", LineSpan(1, 1), entry_id="loss/x"),
        a_correction("c1", CLAIM, TRUTH),
        Passage("s", "symptom", CLAIM, LineSpan(1, 1), entry_id="loss/x"),
        a_correction("c2", OTHER, OTHER_TRUTH),
    )
    vectors = np.stack([unit(0, 0, 1), unit(1, 0, 0), unit(1, 1, 1), unit(0, 1, 0)])
    with Store.open(tmp_path / "s.sqlite") as store:
        store.put(a_document(passages), vectors, ENCODER)
        found = Corrections.from_store(store, ENCODER)
        other_encoder = Corrections.from_store(store, "other@1")
    assert found.claims == (CLAIM, OTHER)
    assert found.truths == (TRUTH, OTHER_TRUTH)
    assert found.entry_ids == ("loss/x", "loss/x")
    assert np.abs(found.vectors - vectors[[1, 3]]).max() < 1e-3
    assert other_encoder.claims == ()


# On real sentences


@pytest.fixture(scope="module")
def encoder(encoder_export: Path) -> OnnxEncoder:
    return OnnxEncoder(encoder_export)


@pytest.fixture(scope="module")
def bundled(encoder: OnnxEncoder) -> Corrections:
    held = [
        (one.claim, one.truth, file.entry.id)
        for file in Catalogue.from_directory()
        for one in file.entry.corrects
    ]
    claims, truths, ids = zip(*held, strict=True)
    return Corrections(claims, truths, ids, encoder.encode(claims))


def rows() -> list[tuple[frozenset[str], str]]:
    lines = CASES.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines]
    return [(frozenset(ids.split()) - {"-"}, text) for ids, text in pairs]


@pytest.mark.slow
def test_what_is_true_or_beside_the_point_is_left_alone(
    encoder: OnnxEncoder, bundled: Corrections
) -> None:
    sound = [text for ids, text in rows() if not ids]
    assert len(sound) >= 50
    vectors = encoder.encode(sound)
    covered = [
        (text, match.claim)
        for text, vector in zip(sound, vectors, strict=True)
        if (match := bundled.covering(said(text), vector))
    ]
    assert covered == []


@pytest.mark.slow
def test_most_wrong_claims_are_corrected_by_the_right_entry(
    encoder: OnnxEncoder, bundled: Corrections
) -> None:
    wrong = [(ids, text) for ids, text in rows() if ids]
    vectors = encoder.encode([text for _, text in wrong])
    found = [
        bundled.covering(said(text), vector)
        for (_, text), vector in zip(wrong, vectors, strict=True)
    ]
    right = [
        match is not None and match.entry_id in ids
        for (ids, _), match in zip(wrong, found, strict=True)
    ]
    misplaced = [
        (text, match.entry_id)
        for (ids, text), match in zip(wrong, found, strict=True)
        if match is not None and match.entry_id not in ids
    ]
    assert misplaced == []
    assert sum(right) >= 0.9 * len(wrong)


@pytest.mark.slow
def test_every_claim_of_the_catalogue_is_covered_by_its_own_truth(
    encoder: OnnxEncoder, bundled: Corrections
) -> None:
    for number, claim in enumerate(bundled.claims):
        match = bundled.covering(said(claim), bundled.vectors[number])
        assert match is not None, claim
        assert match.truth == bundled.truths[number]


@pytest.mark.slow
def test_no_passage_of_the_catalogue_is_corrected(
    encoder: OnnxEncoder, bundled: Corrections
) -> None:
    """What our own entries assert must not be what they refute."""
    passages = [
        passage
        for file in Catalogue.from_directory()
        for passage in file.document.passages
        if passage.kind in ASSERTING
    ]
    vectors = encoder.encode([passage.text for passage in passages])
    covered = [
        (passage.entry_id, passage.key, match.claim)
        for passage, vector in zip(passages, vectors, strict=True)
        if (match := bundled.covering(passage, vector))
    ]
    assert covered == []
