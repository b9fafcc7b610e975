"""A list of rows under headings, laid out for the width there is; headings cannot be chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

MOST_ROWS = 1000
"""Rows listed; the rest is counted below them. 1,000 fill in 40 ms, and nobody reads more."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row with what it stands for; `draw` makes its text, of one line or more, for a width."""

    key: str
    draw: Callable[[int], Content]


@dataclass(frozen=True, slots=True)
class ListGroup:
    """Rows under a heading; an empty heading is not shown."""

    heading: str
    rows: Sequence[ListRow]


class GroupedList(OptionList):
    """Rows under headings. What was chosen stays so when other rows are shown."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, compact=True)
        self._groups: Sequence[ListGroup] = ()
        self._keys: list[str | None] = []
        self._width = 0

    def show(self, groups: Sequence[ListGroup], *, stay: bool = False, key: str = "") -> None:
        """Show other rows. The row of `key` is chosen, else that which was, or (`stay`) the one
        at its place, else the first."""
        place, wanted = self.highlighted, key or self.key
        self._groups = groups
        self._fill()
        if stay and not key and place is not None:
            self._choose_near(place)
        else:
            self.choose(wanted)

    def choose(self, key: str | None) -> None:
        """Choose a row, or the first when there is none of that key."""
        if key is not None and key in self._keys:
            self.highlighted = self._keys.index(key)
        else:
            self._choose_near(0)

    @property
    def key(self) -> str | None:
        """Return the key of the chosen row."""
        at = self.highlighted
        return self._keys[at] if at is not None and at < len(self._keys) else None

    @property
    def keys_listed(self) -> list[str]:
        """Return the keys of all rows, in their order."""
        return [key for key in self._keys if key is not None]

    def step(self, by: int) -> None:
        """Choose the row below or above; the last is followed by the first."""
        keys = self.keys_listed
        if keys:
            at = keys.index(self.key) if self.key in keys else -by
            self.choose(keys[(at + by) % len(keys)])

    def on_resize(self) -> None:
        """Lay the rows out again."""
        if self._room() != self._width:
            at = self.highlighted
            self._fill()
            self.highlighted = at

    def _choose_near(self, place: int) -> None:
        """Choose the row at a place, else the next below it, else the last above it."""
        rows = [at for at, key in enumerate(self._keys) if key is not None]
        if not rows:
            self.highlighted = None
            return
        self.highlighted = next((at for at in rows if at >= place), rows[-1])

    def _room(self) -> int:
        return max(self.scrollable_content_region.width, 0)

    def _fill(self) -> None:
        self._width = self._room()
        width = (self._width or 79) - 2
        options: list[Option] = []
        self._keys = []
        left = MOST_ROWS
        for group in self._groups:
            if group.heading and left > 0:
                options.append(_heading(group.heading, spaced=bool(options)))
                self._keys.append(None)
            for row in group.rows[:left]:
                text = Content("\n ").join(row.draw(width).split("\n"))
                options.append(Option(Content(" ") + text))
                self._keys.append(row.key)
            left = max(left - len(group.rows), 0)
        hidden = sum(len(group.rows) for group in self._groups) - len(self.keys_listed)
        if hidden > 0:
            options.append(_heading(f"… and {hidden:,} more: filter to see them", spaced=True))
            self._keys.append(None)
        self.set_options(options)


def _heading(text: str, *, spaced: bool) -> Option:
    title = Content.styled(text, "$text-primary bold")
    return Option(Content("\n" if spaced else "") + title, disabled=True)
