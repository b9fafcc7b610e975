"""The worklist: fixes under the headings of their states."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from assistant.render.worklist import HEADINGS
from assistant.worklist import STATES, WorkItem
from tui.fixes.rows import row
from tui.widgets.grouped_list import GroupedList, ListGroup, ListRow


class WorklistView(GroupedList):
    """Rows of fixes grouped by state."""

    def __init__(self) -> None:
        super().__init__("worklist")
        self._items: dict[str, WorkItem] = {}

    def show_items(self, items: Sequence[WorkItem], *, stay: bool = False) -> None:
        """Show other items. The chosen fix stays so, or its place does (`stay`)."""
        self._items = {item.fix.id: item for item in items}
        groups = []
        for state in STATES:
            rows = [
                ListRow(item.fix.id, partial(row, item)) for item in items if item.state == state
            ]
            if rows:
                groups.append(ListGroup(f"{HEADINGS[state]} ({len(rows)})", rows))
        self.show(groups, stay=stay)

    @property
    def item(self) -> WorkItem | None:
        """Return the item that is chosen."""
        return self._items.get(self.key or "")
