"""What a run moved in a ranking, below the answer."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.moved import Moved
from assistant.render.layout import INDENT, bold, one_line, wrapped

TITLE = "What the run moved"


def moves_as_text(moves: Sequence[Moved]) -> str:
    """Return the moves as lines of at most 80 columns that follow an answer; "" without any."""
    if not moves:
        return ""
    lines = [bold(TITLE)]
    for one in moves:
        why = one_line(one.why).rstrip(".")
        lines += wrapped(f"{one.where}: {one_line(one.title)} ({why})", INDENT + 2, " " * INDENT)
    return "\n\n" + "\n".join(lines)
