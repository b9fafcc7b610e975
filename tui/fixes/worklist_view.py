"""The worklist: items under headings, laid out for the width there is."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from assistant.render.worklist import HEADINGS
from assistant.worklist import WorkItem
from tui.fixes.rows import row


class WorklistView(OptionList):
    """Rows of fixes grouped by state; headings cannot be chosen."""

    def __init__(self) -> None:
        super().__init__(id="worklist", compact=True)
        self._items: Sequence[WorkItem] = ()
        self._width = 0

    def show(self, items: Sequence[WorkItem], *, stay: bool = False) -> None:
        """Show other items. The highlighted fix stays so, or its place does (`stay`)."""
        before, place = self.item, self.highlighted
        self._items = items
        self._fill()
        ids = [item.fix.id for item in items]
        if not ids:
            self.highlighted = None
        elif stay and place is not None:
            self._highlight_near(place)
        elif before is not None and before.fix.id in ids:
            self.highlighted = self.get_option_index(f"fix-{ids.index(before.fix.id)}")
        else:
            self.highlighted = self.get_option_index("fix-0")

    @property
    def item(self) -> WorkItem | None:
        """Return the item that is highlighted."""
        if self.highlighted is None:
            return None
        kind, _, place = (self.get_option_at_index(self.highlighted).id or "").partition("-")
        return self._items[int(place)] if kind == "fix" else None

    def on_resize(self) -> None:
        """Lay the rows out again."""
        if self._room() != self._width:
            at = self.highlighted
            self._fill()
            self.highlighted = at

    def _highlight_near(self, place: int) -> None:
        """Highlight the fix at a place, or the nearest one above it when a heading is there."""
        last = min(place, self.option_count - 1)
        below = range(last, self.option_count)
        for at in (*below, *range(last, -1, -1)):
            if not self.get_option_at_index(at).disabled:
                self.highlighted = at
                return

    def _room(self) -> int:
        return max(self.scrollable_content_region.width, 0)

    def _fill(self) -> None:
        self._width = self._room()
        width = (self._width or 79) - 1
        options: list[Option] = []
        for place, item in enumerate(self._items):
            if place == 0 or self._items[place - 1].state != item.state:
                count = sum(one.state == item.state for one in self._items)
                options.append(_heading(f"{HEADINGS[item.state]} ({count})", item.state, place > 0))
            text = Content("\n ").join(row(item, width - 1).split("\n"))
            options.append(Option(Content(" ") + text, id=f"fix-{place}"))
        self.set_options(options)


def _heading(text: str, state: str, spaced: bool) -> Option:
    lead = "\n" if spaced else ""
    title = Content.styled(text, "$text-primary bold")
    return Option(Content(lead) + title, id=f"heading-{state}", disabled=True)
