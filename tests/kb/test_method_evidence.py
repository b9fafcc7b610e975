"""Evidence about methods: written and read back, damaged, stale."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kb.code_hash import code_hash
from kb.errors import InputUnreadable
from kb.evidence import (
    METHOD_EVIDENCE,
    CheckCount,
    ClaimEvidence,
    LossEvidence,
    MethodEvidence,
    Stamp,
    ValueEvidence,
    methods_of_document,
    read_method_evidence,
)

STAMP = Stamp("cpu", "a machine", {"torch": "2.13.0"}, "2026-11-28", "0" * 16, ("a.py",))
LOSS = LossEvidence(
    "nt_xent", "a paper", {"value": CheckCount(4, 1, 2e-3), "fp16": CheckCount(1, 1, None)}
)
CLAIM = ClaimEvidence(
    id="it-helps",
    text="It helps.",
    source="a paper",
    measure="knn_acc",
    expect="higher",
    margin=1.0,
    arms=("with", "without"),
    settings={"with": {"steps": 3}, "without": {"steps": 3}},
    seeds=(0, 1),
    first=(0.5, None),
    second=(0.25, 0.5),
    ratio=None,
    low=None,
    high=None,
    outcome="undecided",
    entries=("collapse/complete",),
    stamp=STAMP,
    note="an arm gave nothing",
)
EVIDENCE = MethodEvidence("simclr", (ValueEvidence(STAMP, 0, (LOSS,), ("lightly",)),), (CLAIM,))


def write(folder: Path, content: object, name: str = "simclr") -> None:
    (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def test_evidence_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path, EVIDENCE.to_dict())
    assert read_method_evidence("simclr", tmp_path) == EVIDENCE
    assert read_method_evidence("byol", tmp_path) is None
    assert LOSS.failed == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.update(schema=99),
        lambda content: content.pop("claims"),
        lambda content: content["claims"][0].pop("outcome"),
        lambda content: content["claims"][0].update(colour="red"),
        lambda content: content["values"][0]["stamp"].pop("files"),
        lambda content: content.update(values=[3]),
        lambda content: content["values"][0].update(losses={"a": 1}),
    ],
)
def test_a_damaged_file_says_where(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    content = json.loads(json.dumps(EVIDENCE.to_dict()))
    damage(content)
    write(tmp_path, content)
    with pytest.raises(InputUnreadable, match=r"simclr\.json"):
        read_method_evidence("simclr", tmp_path)


def test_no_json_says_where(tmp_path: Path) -> None:
    (tmp_path / "simclr.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputUnreadable, match=r"simclr\.json"):
        read_method_evidence("simclr", tmp_path)


def test_evidence_is_stale_once_its_code_changes_or_is_gone(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text("x = 1\n", encoding="utf-8")
    stamp = replace(STAMP, code_hash=code_hash(["a.py"], tmp_path))
    assert not stamp.is_stale(tmp_path)
    source.write_text("x = 1  # one\n", encoding="utf-8")
    assert not stamp.is_stale(tmp_path)
    source.write_text("x = 2\n", encoding="utf-8")
    assert stamp.is_stale(tmp_path)
    source.write_text("x = (", encoding="utf-8")
    assert stamp.is_stale(tmp_path)
    source.unlink()
    assert stamp.is_stale(tmp_path)


def test_documents_know_their_methods(tmp_path: Path) -> None:
    for name in ("moco_v2", "moco_v3", "w_mse", "mae", "vicreg"):
        write(tmp_path, {}, name)
    assert methods_of_document("moco", tmp_path) == ("moco_v2", "moco_v3")
    assert methods_of_document("w-mse", tmp_path) == ("w_mse",)
    assert methods_of_document("mae", tmp_path) == ("mae",)
    assert methods_of_document("dino", tmp_path) == ()


def test_the_evidence_that_ships_is_readable_and_nothing_in_it_failed() -> None:
    names = [path.stem for path in METHOD_EVIDENCE.glob("*.json")]
    assert names
    for name in names:
        evidence = read_method_evidence(name)
        assert evidence is not None
        assert evidence.method == name
        assert [loss.loss for one in evidence.values for loss in one.losses if loss.failed] == []
