"""Anybody's text: nothing raises, nothing stalls, nothing reaches a terminal, no line is lost."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.markdown import parse_markdown
from ingest.markdown.clean import clean, source_lines
from kb.errors import InputUnreadable
from kb.types import Document

PIECES = st.sampled_from(
    "# ,## 1. ,**Symptoms:**,**Fix**: x,- ,  - ,1. ,> ,>> ,```,```python,~~~,---,***,| a | b |,"
    "|---|---|,$$,$a=b$,[[a|b]],![[c]],> [!note] T,[a]: b,[^1]: c,[^1],<div>,<!--,-->,&#27;,“q” (A"
    " 2020 p. 3),**Why:**,## Solution 1: x,\x1b[31m,\u202e,\\,`,![a](b),[x](y),- [ ] t,\t,    ,\r,"
    "\x0c,===,key: v,...,<b>,&amp;".split(",")
)
DOCUMENTS = [
    path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parents[1] / "data" / "dialects").glob("*.md"))
]
MARKDOWN = st.lists(
    st.one_of(PIECES, st.text(max_size=8), st.just("\n"), st.just("\n\n")), max_size=40
).map("".join)


def check(document: Document) -> None:
    """Assert what holds for every document that was read."""
    lines = source_lines(document.text)
    covered = [span for p in document.passages for span in (p.span,)] + list(document.unparsed)
    numbers = {n for span in covered for n in range(span.start, span.end + 1)}
    assert {n for n, line in enumerate(lines, 1) if line.strip()} <= numbers
    keys = [p.key for p in document.passages]
    assert len(keys) == len(set(keys))
    for passage in document.passages:
        assert 1 <= passage.span.start <= passage.span.end <= len(lines)
        shown = (passage.text, passage.markdown, *passage.section, *passage.attributes.values())
        assert all(text == clean(text) for text in shown)
        assert passage.text or passage.kind == "meta" or "fence" in passage.attributes
    ids = [entry.id for entry in document.entries]
    assert len(ids) == len(set(ids))
    for entry in document.entries:
        assert len({fix.id for fix in entry.fixes}) == len(entry.fixes)


def check_or_refused(text: str) -> None:
    """Check the document, or that a text with a YAML head was refused in one line."""
    refusal = ""
    try:
        check(parse_markdown(text, path="x.md"))
    except InputUnreadable as error:
        refusal = str(error)
    if refusal:
        assert text.startswith("---")
        assert re.fullmatch(r"x\.md:\d+: .*", refusal)


@settings(max_examples=300, deadline=None)
@given(MARKDOWN)
def test_no_text_raises_or_loses_a_line(text: str) -> None:
    check_or_refused(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_arbitrary_unicode_is_read(text: str) -> None:
    check(parse_markdown(" " + text, path="x.md"))


@settings(max_examples=100, deadline=None)
@given(MARKDOWN)
def test_fix_lists_with_any_filling_are_read(filling: str) -> None:
    text = "".join(
        f"## {n}. T\n\n**Symptoms:**\n- s\n\n{filling}\n\n**Fix:**\n- f\n\n" for n in (1, 2)
    )
    check(parse_markdown(text, path="x.md"))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(DOCUMENTS),
    st.lists(st.tuples(st.integers(0, 120), st.sampled_from("+-*"), PIECES), max_size=12),
)
def test_damaged_documents_are_read(text: str, damage: list[tuple[int, str, str]]) -> None:
    lines = text.split("\n")
    for where, how, piece in damage:
        at = where % len(lines)
        lines[at : at + (how == "-")] = {"+": [piece], "-": [], "*": [lines[at]]}[how]
    check_or_refused("\n".join(lines))


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab:- &*!?|>'\"{}[],#%@\n\t<0.", max_size=60))
def test_heads_are_read_or_refused_in_one_line(head: str) -> None:
    check_or_refused(f"---\n{head}\n---\ntext\n")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("a: " + "[" * 30_000, "more than 32 levels"),
        ("a: &a [x,x]\n" + "\n".join(f"b{n}: [*a,*a,*a]" for n in range(9)), "more than 8 aliases"),
        ("a: " + "x" * 70_000, "at most 65536"),
        ("a:\n" + "- x\n" * 6_000, "more than 5000 values"),
        ("a: &a [*a]", "refers to itself"),
        ("a: [\nb: c", "x.md:3: the YAML head cannot be read"),
        ("a: 2023-99-99", "the YAML head cannot be read"),
        ("a: !!python/object/apply:os.system [true]", "cannot be read"),
    ],
)
def test_a_hostile_head_is_refused_quickly(head: str, said: str) -> None:
    started = time.process_time()
    with pytest.raises(InputUnreadable, match=re.escape(said)):
        parse_markdown(f"---\n{head}\n---\ntext\n", path="x.md")
    assert time.process_time() - started < 5


@pytest.mark.parametrize("head", ["- a\n- b", "plain words", "", "42"])
def test_a_head_that_is_no_mapping_is_text(head: str) -> None:
    document = parse_markdown(f"---\n{head}\n---\nwords\n", path="x.md")
    assert document.meta == {}
    check(document)
    assert "words" in {p.text for p in document.passages}


@pytest.mark.parametrize(
    "text",
    [
        ">" * 10_000 + " deep",
        "> " * 10_000 + "deep",
        "- " * 10_000 + "deep",
        "".join(" " * 2 * n + "- a\n" for n in range(500)),
        "[" * 100_000,
        "![" * 50_000,
        "[[" * 50_000,
        "*a" * 50_000,
        "`" * 100_000,
        "<a " * 50_000,
        "<!-- " * 20_000,
        "<div>\n" + "<!-- " * 20_000,
        "# h\n$$ a\n" * 2_000,
        "- [ ] a\n" * 5_000,
        "```\n" + "\n" * 100_000,
        "\x9d" * 100_000,
        "# " + "why " * 25_000,
        "> “a” (B, 2020, p. 1)\n" * 2_000,
        "word " * 200_000,
        "x" * 1_000_000,
        "|a" * 20_000 + "\n" + "|-" * 20_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_nothing_stalls(text: str) -> None:
    started = time.process_time()
    check(parse_markdown(text, path="x.md"))
    assert time.process_time() - started < 20


def test_what_lies_too_deep_is_listed() -> None:
    document = parse_markdown("seen\n\n" + "> " * 100 + "too deep\n", path="x.md")
    assert [(span.start, span.end) for span in document.unparsed] == [(3, 3)]


def test_escapes_and_reordering_characters_do_not_survive() -> None:
    text = "# \x1b[31mRed\x1b[0m\n\nsay \u202eevil\u202c &#8238;x \x1b]0;title\x07 \x00end\ud800\n"
    document = parse_markdown(text, path="x.md")
    assert document.title == "Red"
    assert [p.text for p in document.passages] == ["Red", "say evil x end"]
    assert document.text == text


def test_line_numbers_survive_odd_line_endings() -> None:
    document = parse_markdown("\ufeff# T\r\n\r\none\x0c\u2028two\rthree\n\nfour", path="x.md")
    assert [(p.span.start, p.span.end) for p in document.passages] == [(1, 1), (3, 6)]


def test_link_targets_are_only_data() -> None:
    text = "> “q” (A, 2020, p. 1)\n\n[x](javascript:alert(1)) [[../../etc/passwd|y]]\n"
    document = parse_markdown(text, path="x.md")
    assert document.meta["wikilinks"] == {"../../etc/passwd": "y"}
    assert all("passwd" not in p.text for p in document.passages)
