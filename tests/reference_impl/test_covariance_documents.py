"""Documents of distilling and covariance methods: readable, linked, and true to the code."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from ingest.markdown import parse_markdown
from kb.evidence import is_reference_id
from kb.paths import METHODS, TOPICS
from reference_impl import registry
from reference_impl.methods import barlow, byol, lejepa, vicreg, w_mse

DOCUMENTS = {
    "barlow": "barlow.md",
    "byol": "byol.md",
    "lejepa": "lejepa.md",
    "simsiam": "simsiam.md",
    "vicreg": "vicreg.md",
    "w_mse": "w-mse.md",
}
CONVENTIONS = {
    "barlow": barlow.Convention,
    "byol": byol.Convention,
    "lejepa": lejepa.Convention,
    "vicreg": vicreg.Convention,
    "w_mse": w_mse.Convention,
}


def text_of(method: str) -> str:
    return (METHODS / DOCUMENTS[method]).read_text(encoding="utf-8")


@pytest.mark.parametrize("method", DOCUMENTS)
def test_it_is_read_as_a_method_document_without_a_line_lost(method: str) -> None:
    document = parse_markdown(text_of(method), path=f"kb/methods/{DOCUMENTS[method]}")
    assert document.dialect == "method"
    assert document.unparsed == ()
    assert len(document.entries) >= 4


@pytest.mark.parametrize("method", DOCUMENTS)
def test_every_claim_stands_in_the_document(method: str) -> None:
    text = text_of(method)
    assert "### Claims our runs confirmed or refuted" in text
    for claim in registry.get(method).claims:
        assert f"- `{claim.id}`: " in text


@pytest.mark.parametrize("method", DOCUMENTS)
def test_links_lead_to_topics_and_references_have_a_known_form(method: str) -> None:
    topics = {line.split("\t")[0] for line in TOPICS.read_text(encoding="utf-8").splitlines()}
    text = text_of(method)
    linked = set(re.findall(r"`([a-z]+/[a-z0-9-]+)`", text))
    assert linked
    assert linked <= topics
    entries = {entry for claim in registry.get(method).claims for entry in claim.entries}
    assert entries <= topics
    references = re.findall(r"^- `([^`]+)`", text.split("## References")[1], re.MULTILINE)
    assert references
    assert [one for one in references if not is_reference_id(one)] == []


@pytest.mark.parametrize("method", CONVENTIONS)
def test_every_convention_is_named(method: str) -> None:
    assert [
        name for name in get_args(CONVENTIONS[method]) if f"`{name}`" not in text_of(method)
    ] == []
