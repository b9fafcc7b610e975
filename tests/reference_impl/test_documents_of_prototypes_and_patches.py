"""The code and the numbers shown in the documents of DINO, SwAV, MAE and I-JEPA are right."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch

from ingest.markdown import parse_markdown
from kb.closed_forms.registry import form
from kb.paths import METHODS
from kb.topics import topics
from reference_impl import registry
from reference_impl.losses.self_distillation import dino_loss, teacher_distribution
from reference_impl.losses.sinkhorn import sinkhorn
from reference_impl.methods import i_jepa, mae, swav

DOCUMENTS = {"dino": "dino", "swav": "swav", "mae": "mae", "i-jepa": "i_jepa"}


def text_of(name: str) -> str:
    return (METHODS / f"{name}.md").read_text(encoding="utf-8")


def shown(name: str) -> dict[str, Any]:
    """Return the names that the document's Python code defines."""
    names: dict[str, Any] = {"torch": torch}
    for code in re.findall(r"```python\n(.*?)```", text_of(name), re.DOTALL):
        exec(compile(code, f"{name}.md", "exec"), names)
    return names


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_document_reads_as_one_of_a_method(name: str) -> None:
    document = parse_markdown(
        text_of(name), path=f"{name}.md", owner="bundled", document_id=f"methods/{name}"
    )
    assert document.dialect == "method"
    assert len(document.entries) >= 5
    assert len(document.passages) > 100


@pytest.mark.parametrize("name", DOCUMENTS)
def test_topics_and_claims_that_a_document_names_exist(name: str) -> None:
    text = text_of(name)
    known = set(topics())
    for topic in set(re.findall(r"`([a-z]+/[a-z0-9-]+)`", text)):
        assert topic in known
    listed = set(re.findall(r"^- `([a-z0-9-]+)`:", text, re.MULTILINE))
    assert listed == {claim.id for claim in registry.get(DOCUMENTS[name]).claims}


def test_dino_code() -> None:
    torch.manual_seed(0)
    student, teacher = [torch.randn(4, 9) for _ in range(3)], [torch.randn(4, 9) for _ in range(2)]
    center = torch.randn(9)
    targets = [teacher_distribution(logits, 0.04, center) for logits in teacher]
    torch.testing.assert_close(
        shown("dino")["dino_loss"](student, teacher, center), dino_loss(student, targets)
    )


def test_dino_table() -> None:
    rows = re.findall(r"^\| (flat|first step, crops \w+).*", text_of("dino"), re.MULTILINE)
    assert rows == ["flat", "first step, crops unrelated", "first step, crops agree"]
    for label, quantity in (("flat", "chance"), ("crops unrelated", "start"), ("crops agree", "")):
        (line,) = re.findall(rf"^\| .*{label}.*$", text_of("dino"), re.MULTILINE)
        values = [float(cell) for cell in line.split("|")[3:-1]]
        for outputs, value in zip((65_536, 8192, 4096, 1024), values, strict=True):
            one = form("dino", quantity) if quantity else form("dino.agree", "start")
            expected = one.value(prototypes=outputs, dim=256, temperature=0.1)
            assert value == pytest.approx(expected, abs=1e-3)


def test_swav_code_and_table() -> None:
    torch.manual_seed(0)
    scores = torch.rand(8, 5) * 2 - 1
    names = shown("swav")
    torch.testing.assert_close(names["codes"](scores), sinkhorn(scores))
    code = sinkhorn(scores)
    other = torch.rand(8, 5) * 2 - 1
    torch.testing.assert_close(
        names["swapped"](other, code), swav.swav_loss([scores, other], [code])
    )
    (line,) = re.findall(r"^\| ln K.*$", text_of("swav"), re.MULTILINE)
    counts = (10, 30, 100, 300, 512, 1000, 3000, 10_000)
    for count, cell in zip(counts, line.split("|")[2:-1], strict=True):
        assert float(cell) == pytest.approx(math.log(count), abs=1e-3)


def test_mae_code_and_table() -> None:
    torch.manual_seed(0)
    prediction, pixels = torch.rand(2, 3, 6, 48)
    names = shown("mae")
    torch.testing.assert_close(
        names["mae_loss"](prediction, pixels),
        mae.mae_loss(prediction, mae.normalise_patches(pixels)),
    )
    keep, hidden = names["split"](2, 16)
    assert (keep.shape[1], hidden.shape[1]) == (4, 12)
    (line,) = re.findall(r"^\| \(n - 1\)/n.*$", text_of("mae"), re.MULTILINE)
    for values, cell in zip((768, 588, 192, 48, 16), line.split("|")[2:-1], strict=True):
        assert float(cell) == pytest.approx((values - 1) / values, abs=1e-4)


def test_i_jepa_code() -> None:
    torch.manual_seed(0)
    prediction, target = torch.randn(2, 2, 4, 3, 16)
    torch.testing.assert_close(
        shown("i-jepa")["i_jepa_loss"](prediction, target), i_jepa.i_jepa_loss(prediction, target)
    )
