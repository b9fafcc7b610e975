"""The list of what fits: one row per cause, or examples and nearest topics to choose from."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.ask.rows import Row
from tui.widgets.page import MARK

TWO_LINES_BELOW = 60
"""Columns under which a reason gets a line of its own: beside its title neither could be read."""

TALL = 30
"""Rows of a terminal that has room for two lines a result."""


class ResultList(OptionList):
    """Rows laid out for the width there is. The highlighted row survives a new answer."""

    def __init__(self) -> None:
        super().__init__(id="results", compact=True)
        self._rows: Sequence[Row] = ()
        self._moves = False
        self._marked: int | None = None

    def show(self, rows: Sequence[Row]) -> None:
        """Show other rows; what was highlighted stays so when it is still there."""
        before = self.key
        self._rows = rows
        self._moves = any(row.move for row in rows)
        self._fill()
        if rows:
            keys = [row.key for row in rows]
            kept = before in keys and self.has_focus
            self.highlighted = keys.index(before) if kept and before else 0

    @property
    def key(self) -> str | None:
        """Return the key of the highlighted row."""
        at = self.highlighted
        return self._rows[at].key if at is not None and at < len(self._rows) else None

    @property
    def count(self) -> int:
        """Return how many rows are listed."""
        return len(self._rows)

    @property
    def two_lines(self) -> bool:
        """Return whether each row takes two lines at this width."""
        return 0 < self._room() < TWO_LINES_BELOW or self.app.size.height >= TALL

    def on_resize(self) -> None:
        """Lay the rows out again."""
        at = self.highlighted
        self._fill()
        self.highlighted = at

    def _room(self) -> int:
        return max(self.scrollable_content_region.width - 1, 0)

    def _fill(self) -> None:
        width = self._room() or 79
        self.set_options(
            Option(self._row(row, width), id=f"row-{place}") for place, row in enumerate(self._rows)
        )
        self._marked = None

    def watch_highlighted(self, highlighted: int | None) -> None:
        """Move the mark with the cursor: it is seen without any colour."""
        super().watch_highlighted(highlighted)
        for place, chosen in ((self._marked, False), (highlighted, True)):
            if place is not None and place < min(len(self._rows), self.option_count):
                prompt = self._row(self._rows[place], self._room() or 79, chosen=chosen)
                self.replace_option_prompt_at_index(place, prompt)
        self._marked = highlighted

    def _row(self, row: Row, width: int, *, chosen: bool = False) -> Content:
        text = row.content(width - 1, two_lines=self.two_lines, moves=self._moves)
        lead = Content.styled(MARK, "$accent bold") if chosen else Content(" ")
        return Content("\n").join(lead + line for line in text.split("\n"))
