"""Claims: Markdown becomes blocks that hold its words, and nothing that a terminal obeys."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from tui.widgets.markdown import blocks_of, inline
from tui.widgets.page import Block, lines_of

PAGE = """# Title

## Suggested next steps

1. **Do this.** Because `x_y`.
   ```python
   if a:
       b()
   ```
   More on it.
2. Do that.

| a | b |
|---|---|
| 1 | long words here |

> a quotation

- one
  - two deep

## References

- `arxiv:1`: the paper.
"""


def shown(block: Block, width: int = 60) -> str:
    return "\n".join(str(line) for line in lines_of(block, width, False))


def test_each_part_of_a_page_becomes_its_block() -> None:
    blocks = blocks_of(PAGE, 60, {1: 0, 2: 1}, {"arxiv:1": 2})
    texts = [shown(block) for block in blocks]
    assert texts[0].strip() == "Title"
    assert texts[2] == " 1. Do this. Because x_y."
    assert texts[3] == "   if a:\n       b()"
    assert "a  b" in texts[6]
    assert "1  long words here" in texts[6]
    assert texts[7] == " │ a quotation"
    assert texts[9] == "   ● two deep"
    items = [block.item for block in blocks]
    assert items[2:6] == [0, 0, 0, 1]
    assert items[-1] == 2
    assert items[0] is None


def test_code_and_bold_are_styled_and_their_marks_dropped() -> None:
    content = inline("**Set `lr`.** Then [read](http://x) *on* `a*b*c`.")
    assert str(content) == "Set lr. Then read on a*b*c."
    styles = {str(span.style) for span in content.spans}
    assert styles == {"bold", "$text-secondary"}


def test_a_table_fits_the_room_there_is() -> None:
    row = "| " + " | ".join(["several words in a cell"] * 4) + " |"
    (table,) = blocks_of(f"{row}\n|---|---|---|---|\n{row}", 40)
    assert max(len(line) for line in shown(table, 40).split("\n")) <= 41


PIECES = [*"*`[]()|#>-+~\\ \n\t1.a_", "\x1b", "\u202e", "\ue000", "[/]", "[b]x", "```", "**"]
hostile = st.lists(st.sampled_from(PIECES), max_size=200).map("".join)


@settings(max_examples=300, deadline=None)
@given(hostile)
def test_any_text_becomes_blocks_without_what_is_obeyed(text: str) -> None:
    for block in blocks_of(text, 40):
        for line in lines_of(block, 40, True):
            assert not {"\x1b", "\u202e"} & set(str(line))
            assert line.cell_length <= 60


def test_bombs_take_no_time() -> None:
    start = time.process_time()
    for bomb in ("**" * 9000, "`" * 18000, "[" * 18000, "|" * 18000, "> " * 9000, "- " * 9000):
        blocks_of(bomb, 40)
    assert time.process_time() - start < 3
