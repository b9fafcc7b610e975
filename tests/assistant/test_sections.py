"""Claims: a page cut at its headings keeps every line once, in order, and no piece is too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.methods import INTRODUCTION, outline
from assistant.sections import LONGEST, packed, sections

PAGE = """Before.

# Title

Words.

## One

### Deep

text

```python
# not a heading
```

## Two
#### too deep for a cut
"""

markdown = st.lists(
    st.sampled_from(
        ["# A", "## B", "### C", "#### D", "```", "~~~", "", "words", "    # code", "#x"]
    )
).map("\n".join)


def joined(parts: object) -> str:
    return "\n".join(part.markdown for part in parts)  # type: ignore[attr-defined]


def test_headings_cut_but_not_those_in_code_or_below_the_third_level() -> None:
    found = [(part.title, part.level, part.line) for part in sections(PAGE)]
    assert found == [
        ("", 0, 1), ("Title", 1, 3), ("One", 2, 7), ("Deep", 3, 9), ("Two", 2, 17),
    ]  # fmt: skip


@given(markdown)
def test_no_line_with_text_is_lost_or_said_twice(text: str) -> None:
    wanted = [line for line in text.split("\n") if line.strip()]
    parts = sections(text)
    assert [line for line in joined(parts).split("\n") if line.strip()] == wanted
    assert [line for line in joined(packed(parts)).split("\n") if line.strip()] == wanted
    lines = text.split("\n")
    for part in parts:
        assert lines[part.line - 1] == part.markdown.split("\n")[0]


def test_a_section_without_end_is_cut_where_a_line_is_blank() -> None:
    text = "# Long\n" + "\n\n".join(["word " * 100] * 100)
    parts = sections(text)
    assert len(parts) > 3
    assert [part.part for part in parts] == list(range(1, len(parts) + 1))
    assert all(len(part.markdown) <= 2 * LONGEST + 600 for part in parts)
    assert joined(parts) == text


def test_short_neighbours_are_joined_and_a_bare_heading_goes_with_what_follows() -> None:
    parts = packed(sections("# T\n\n## A\n\nshort\n\n## B\n\nshort\n"))
    assert [part.title for part in parts] == ["T"]
    long = "## A\n\n" + "word " * 2000
    assert [part.title for part in packed(sections(f"{long}\n\n{long}"))] == ["A", "A"]
    assert packed(()) == ()


def test_an_outline_groups_sections_and_keeps_no_empty_ones() -> None:
    found = outline("# T\n\nIn short.\n\n## A\n\n### a1\n\nx\n\n## B\n\ny\n\n### b1\n\nz\n")
    assert [(title, [part.title for part in parts]) for title, parts in found] == [
        (INTRODUCTION, ["T"]),
        ("A", ["a1"]),
        ("B", ["B", "b1"]),
    ]
    assert outline("") == ()
