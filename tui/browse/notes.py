"""The part of Browse that changes the user's store: notes go in, and out again after a question."""

from __future__ import annotations

from functools import partial
from pathlib import PurePath

from assistant.shelf import YOURS, ShelfItem
from tui.browse import jobs
from tui.browse.shelves import ShelvesScreen

ALL = "everything"
"""The shelf that holds all of them."""


class NotesScreen(ShelvesScreen):
    """Shelves of items, some of which are the user's."""

    def __init__(self) -> None:
        super().__init__()
        self.everything: tuple[ShelfItem, ...] = ()
        self.shelf = ALL

    @property
    def item(self) -> ShelfItem | None:
        """The chosen item."""
        raise NotImplementedError

    def action_add_notes(self) -> None:
        """Ask for a path, ingest it, and show the report."""
        from tui.browse.ingest_dialog import IngestDialog

        self.doctor.push_screen(IngestDialog(), self._added)

    def _added(self, changed: bool | None) -> None:
        if changed:
            self.shelf = YOURS
            self._notes_changed()

    def action_remove_document(self) -> None:
        """Ask, and take the document that holds the chosen item out of the store."""
        from tui.browse.remove_dialog import RemoveDialog

        item = self.item
        if item is not None and item.owner == "user":
            held = [one for one in self.everything if one.document == item.document]
            entries = sum(one.kind == "entry" for one in held)
            dialog = RemoveDialog(item.document.removeprefix("user:"), entries)
            self.doctor.push_screen(dialog, partial(self._agreed, item))

    def _agreed(self, item: ShelfItem, remove: bool | None) -> None:
        if remove:
            job = partial(jobs.removed, item.document)
            self.run_job("remove", job, partial(self._removed, item))

    def _removed(self, item: ShelfItem, outcome: tuple[str, ...] | Exception) -> None:
        if isinstance(outcome, Exception):
            self.doctor.say(f"not removed: {outcome}", problem=True)
            return
        self.doctor.say(f"✓ removed {PurePath(item.document).name}; the file is where it was")
        self.stay = True
        self._notes_changed()

    def _notes_changed(self) -> None:
        """Read again, and ask again: the user's notes take part in the answer."""
        self.read()
        if self.session.query:
            self.doctor.ask(self.session.query)
