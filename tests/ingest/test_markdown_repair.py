"""Fences around whole documents, labels on one line, and other habits of real files."""

from __future__ import annotations

import pytest

from ingest.markdown import counts, parse_markdown
from kb.types import Document

FIXES = "\n".join(
    f"## {n}. Trouble {n}\n\n**Symptoms:**\n- a{n}\n\n**Fixes:**\n- b{n}\n" for n in (1, 2)
)


def read(text: str) -> Document:
    return parse_markdown(text, path="notes/page.md")


@pytest.mark.parametrize(
    "text",
    [
        f"```markdown\n{FIXES}",
        f"```\n{FIXES}",
        f"~~~md\n{FIXES}~~~\n",
        f"Here is the file:\n\n```markdown\n{FIXES}```\n\nLet me know if you need more!\n",
    ],
)
def test_a_fence_around_the_document_is_taken_off(text: str) -> None:
    document = read(text)
    assert counts(document)["entries"] == 2
    assert counts(document)["code"] == 0
    assert document.unparsed == ()
    assert {p.kind for p in document.passages} == {"title", "symptom", "fix", "meta"}


def test_a_wrapper_broken_by_an_inner_fence_is_taken_off_with_its_end() -> None:
    third = "## 3. T\n\n**Symptom:** a\n\n**Fix:** b\n"
    text = f"```markdown\n{FIXES}\n```python\nx = 1\n```\n\n{third}```\n"
    document = read(text)
    assert counts(document)["entries"] == 3
    assert counts(document)["code.python"] == counts(document)["code"] == 1
    assert document.unparsed == ()


@pytest.mark.parametrize(
    "text",
    [
        "# Page\n\n```python\n# comment\n\n# another\n\nx = 1\n",
        "# Page\n\n```bash\n## Section\n\n## Other\n",
        "# Page\n\nText one.\n\nText two.\n\nText three.\n\n```markdown\n\n# Example\n\n```\n",
        "# Page\n\n```\n# comment in a script\nmake all\n",
    ],
)
def test_code_that_only_resembles_a_document_stays_code(text: str) -> None:
    document = read(text)
    assert counts(document)["code"] == 1
    assert document.unparsed == ()


def test_labels_on_successive_lines_are_told_apart() -> None:
    text = "".join(
        f"### {n}. Trouble {n}\n**Symptoms**: it stalls\n**Cause:** no data\n**Fix**: feed *it*\n\n"
        for n in (1, 2)
    )
    document = read(text)
    entry = document.entries[0]
    assert (entry.symptoms, entry.causes) == (("it stalls",), ("no data",))
    assert [fix.text for fix in entry.fixes] == ["feed it"]
    symptom = next(p for p in document.passages if p.kind == "symptom")
    assert (symptom.span.start, symptom.span.end) == (2, 2)


def test_labels_may_be_headings() -> None:
    text = "".join(
        f"## {n}) T{n}\n\n### Symptoms\n\n- s\n\n### What to try\n\n1. a\n2. b\n\n" for n in (1, 2)
    )
    document = read(text)
    assert counts(document)["entries"] == 2
    assert counts(document)["steps"] == 4
    assert document.entries[1].aliases == ("page#2",)


def test_long_sections_are_split_between_paragraphs() -> None:
    paragraphs = [f"Paragraph {n} " + "word " * 80 for n in range(10)]
    document = read("# T\n\n" + "\n\n".join(paragraphs))
    sections = [p for p in document.passages if p.kind == "section"]
    assert len(sections) == 5
    assert all(len(p.text) <= 1_200 for p in sections)


def test_one_endless_paragraph_is_split_between_sentences() -> None:
    document = read("A sentence of six words here. " * 500)
    assert all(p.text.endswith(".") and len(p.text) <= 1_200 for p in document.passages)


def test_a_heading_that_is_deep_in_a_list_opens_no_section() -> None:
    document = read("# T\n\n- # not a section\n\ntext\n")
    assert {p.section for p in document.passages} == {("T",)}


def test_counts_name_every_language_once() -> None:
    document = read("```py\na\n```\n\n```\nb\n```\n\n~~~PY\nc\n~~~\n")
    found = counts(document)
    assert (found["code"], found["code.py"], found["code.plain"]) == (3, 2, 1)


def test_ticked_steps_say_so() -> None:
    document = read(FIXES.replace("- b1", "- [x] b1\n- [ ] c1"))
    assert [fix.text for fix in document.entries[0].fixes] == ["b1", "c1"]
    ticked = {p.text: p.attributes.get("checked") for p in document.passages if p.kind == "fix"}
    assert ticked == {"b1": "true", "c1": "false", "b2": None}
