"""Each dialect reads a document of its structure, defects included, and loses no line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.markdown import counts, parse_markdown
from kb.types import Document, Entry, Passage

DATA = Path(__file__).parents[1] / "data" / "dialects"

DIALECT_OF = {
    "masked-audio-fixes.md": "fix_list",
    "speech-run-post-mortem.md": "post_mortem",
    "toy-whitening-method.md": "method",
    "bolts-reading-notes.md": "reading_notes",
    "plain-page.md": "headed",
}


def read(name: str, path: str | None = None) -> Document:
    return parse_markdown((DATA / name).read_text(encoding="utf-8"), path=path or name)


def of_kind(document: Document, kind: str) -> list[Passage]:
    return [passage for passage in document.passages if passage.kind == kind]


def texts(passages: Sequence[Passage]) -> list[str]:
    return [passage.text for passage in passages]


@pytest.mark.parametrize("name", sorted(DIALECT_OF))
def test_structure_chooses_the_dialect_whatever_the_file_is_called(name: str) -> None:
    assert read(name, path="a/b.md").dialect == DIALECT_OF[name]


@pytest.mark.parametrize("name", sorted(DIALECT_OF))
def test_every_line_is_covered_by_a_tight_span(name: str) -> None:
    document = read(name)
    lines = document.text.split("\n")
    assert document.unparsed == ()
    assert counts(document)["lines_covered"] == counts(document)["lines"]
    longest = max(p.span.end - p.span.start + 1 for p in document.passages)
    assert longest <= 13
    for passage in document.passages:
        assert passage.markdown == "\n".join(lines[passage.span.start - 1 : passage.span.end])
        assert lines[passage.span.start - 1].strip()
        assert lines[passage.span.end - 1].strip()


@pytest.mark.parametrize("name", sorted(DIALECT_OF))
def test_keys_are_unique_and_stable(name: str) -> None:
    keys = [passage.key for passage in read(name).passages]
    assert len(keys) == len(set(keys))
    assert keys == [passage.key for passage in read(name).passages]


def test_a_fix_list_gives_one_entry_per_number_although_its_fence_never_closes() -> None:
    document = read("masked-audio-fixes.md")
    found = counts(document)
    assert (found["entries"], found["symptoms"], found["steps"]) == (5, 6, 11)
    first = document.entries[0]
    assert first.id == "masked-audio-fixes/reconstructions-are-flat-grey"
    assert first.aliases == ("masked-audio-fixes#1",)
    assert first.family == "masked-audio-fixes"
    assert (first.status, first.owner) == ("draft", "user")
    assert first.symptoms[0] == "Every masked patch is rebuilt as the mean of the clip."
    assert [fix.id for fix in first.fixes] == ["1", "2", "3"]
    assert first.fixes[1].title == "Mask 75% of the patches instead of 0.3"
    assert (first.span.start, first.span.end) == (12, 21)


def test_the_chat_line_and_the_lone_fence_are_no_knowledge() -> None:
    document = read("masked-audio-fixes.md")
    roles = {p.attributes.get("role"): p.span.start for p in of_kind(document, "meta")}
    assert roles["chat"] == 6
    assert roles["wrapper"] == 10
    assert texts(of_kind(document, "section")) == ["First aid for masked audio pretraining"]


def test_nested_points_and_code_stay_with_their_step() -> None:
    entries = {entry.id: entry for entry in read("masked-audio-fixes.md").entries}
    context = entries["masked-audio-fixes/encoder-ignores-long-context"]
    assert context.fixes[0].text.split("\n") == [
        "Mask whole spans:",
        "at least ten frames",
        "never single frames",
    ]
    half = entries["masked-audio-fixes/gradients-overflow-in-half-precision"]
    assert "pred.float()" in half.fixes[1].text


def test_equal_titles_and_numbers_stay_apart() -> None:
    entries = read("masked-audio-fixes.md").entries
    assert len({entry.id for entry in entries}) == 5
    assert entries[3].aliases == ("masked-audio-fixes#5",)
    assert entries[4].id == "masked-audio-fixes/loss-jumps-after-resuming-2"
    assert entries[4].aliases == ()
    assert entries[4].symptoms == ("Data order repeats after each restart.",)


def post_mortem() -> tuple[Document, Entry]:
    document = read("speech-run-post-mortem.md")
    (entry,) = document.entries
    return document, entry


def test_a_post_mortem_is_one_entry_with_causes_and_solutions() -> None:
    _, entry = post_mortem()
    assert entry.title == "Why the Speech Run Diverged and How to Stop It Next Time"
    assert entry.symptoms == ("Loss Climbed to 9.7",)
    assert entry.causes[0].startswith("Learning Rate Never Warmed Up (peak at step 0): ")
    assert entry.causes[3] == "Targets move - Codes are reassigned every step"
    assert [(fix.id, fix.title) for fix in entry.fixes] == [
        ("1", "Warm Up"),
        ("2", "Shrink the Codebook"),
    ]
    assert "--codes 320" in entry.fixes[1].text


def test_a_post_mortems_parts_keep_their_meaning() -> None:
    document, entry = post_mortem()
    signs = [(p.attributes["sign"], p.text) for p in of_kind(document, "sign")]
    assert signs == [
        ("good", "Code usage grows"),
        ("good", "Gradient norm stays under 2"),
        ("bad", "Loss climbs for 50 steps"),
        ("bad", "Logits beyond 50"),
    ]
    assert len(of_kind(document, "checklist")) == 2
    fenced = {p.kind: p for p in document.passages if p.attributes.get("fence")}
    assert fenced["evidence"].text.endswith("step 200: attention logit 94.0 (EXPLODED)")
    assert fenced["expectation"].text == "Epoch 1: Loss ~7.0\nEpoch 9: Loss ~4.0"
    option = next(p for p in of_kind(document, "code") if "option" in p.attributes)
    assert option.attributes["option"] == "Option 1: Small Codebook"
    assert "Loss should fall below 6.0 within an epoch" in texts(of_kind(document, "expectation"))
    assert "No warm-up (peak rate at step 0)" in texts(of_kind(document, "cause"))
    assert {p.entry_id for p in of_kind(document, "claim")} == {entry.id}


def test_a_post_mortems_assertions_are_found_one_by_one() -> None:
    document, _ = post_mortem()
    claims = {p.text: p.span.start for p in of_kind(document, "claim")}
    assert claims["Result: The attention logits explode within 200 steps"] == 17
    assert claims["Rare codes are never updated"] == 31
    assert claims["Warm up for at least 2000 steps"] == 47


def test_a_method_documents_pitfalls_are_entries() -> None:
    document = read("toy-whitening-method.md")
    assert [entry.id for entry in document.entries] == [
        "toy-whitening-method/singular-covariance",
        "toy-whitening-method/whitening-in-half-precision",
    ]
    singular, half = document.entries
    assert singular.symptoms == ("Cholesky fails", "NaN after a few steps")
    assert singular.causes == ("The batch is smaller than the number of features",)
    assert [fix.title for fix in singular.fixes] == ["Shrink the covariance towards the identity"]
    assert "0.01 * torch.eye(dim)" in singular.fixes[0].text
    assert "autocast" in half.fixes[0].text
    assert "Condition" not in half.fixes[0].text


def test_a_method_documents_code_tables_and_formulas_are_counted() -> None:
    document = read("toy-whitening-method.md")
    found = counts(document)
    assert (found["code"], found["code.python"], found["code.bibtex"]) == (8, 4, 1)
    assert (found["code.plain"], found["tables"], found["formulas"]) == (3, 1, 3)
    (table,) = of_kind(document, "table")
    assert (
        table.text == "Group size:\nGroup | Score | Notes\n16 | 61.2% | stable\n64 | 60.1% | a | b"
    )
    assert table.attributes["caption"] == "Group size"
    assert texts(of_kind(document, "formula")) == [
        "L = λ·‖W z¹ - W z²‖²",
        "\\Sigma = W^{-1} W^{-\\top}",
        "W^\\top W = \\Sigma^{-1}",
    ]
    topics = {p.attributes.get("topic") for p in document.passages}
    assert {"hyperparameters", "tricks", "pitfalls", "references"} <= topics
    assert "It needs no negatives, unlike contrastive methods." in texts(of_kind(document, "claim"))


def test_reading_notes_keep_pages_remarks_and_links() -> None:
    document = read("bolts-reading-notes.md")
    assert document.meta["authors"] == ["Ada Nuts", "B. Bolt"]
    assert document.meta["year"] == 2021
    assert document.meta["wikilinks"] == {"Span Masking - Why length matters": "Span masking"}
    quotes = of_kind(document, "quote")
    assert [(p.span.start, p.attributes.get("page")) for p in quotes] == [
        (22, "3"),
        (26, "12-13"),
        (27, "14"),
        (29, None),
        (33, "iv"),
    ]
    assert quotes[0].text == "Short masks can be filled in from “neighbouring” frames alone."
    assert quotes[0].attributes["citation"] == "Nuts et al., 2021, p. 3"
    assert quotes[1].text == "Span masking closes that door"
    callout, remark, last = of_kind(document, "note")
    assert callout.attributes == {"callout": "abstract", "title": "In short"}
    assert callout.text == "Masks should follow the sound. Random masks leak & teach little."
    assert remark.attributes["about"] == quotes[0].key
    assert last.attributes["about"] == quotes[4].key
    (link,) = of_kind(document, "reference")
    assert link.attributes["url"] == "zotero://select/items/XYZ"


def test_any_other_page_is_cut_at_its_headings() -> None:
    document = read("plain-page.md")
    assert document.title == "Setup"
    shown = texts(of_kind(document, "section"))
    assert shown[0] == "Some words before any heading."
    assert shown[1].split("\n") == [
        "Install it, then run make. It takes a minute.",
        "read the data",
        "train",
        "one epoch first",
    ]
    assert "Hidden bold text and an <image> token." in shown
    assert "See the paper and a note." in shown[-1]
    (code,) = of_kind(document, "code")
    assert code.attributes == {"fence": "true", "language": "python"}
    assert (code.span.start, code.span.end) == (40, 42)
    assert code.section == ("Setup", "Tables & quotes")
