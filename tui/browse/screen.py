"""The Browse screen: the whole catalogue, the user's own notes, and what is not written yet."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from assistant.shelf import NOT_WRITTEN, YOURS, Group, Grouping, ShelfItem, found, grouped
from tui.browse import jobs
from tui.browse.notes import ALL, NotesScreen
from tui.browse.pages import (
    entry_blocks,
    no_match_blocks,
    no_notes_blocks,
    section_blocks,
    topic_blocks,
)
from tui.browse.rows import counted, headed, row, shelf_row
from tui.plain import shown_line
from tui.references import has_browser, is_address
from tui.widgets.filter_box import FilterBox
from tui.widgets.grouped_list import ListGroup, ListRow
from tui.widgets.page import Item

if TYPE_CHECKING:
    from assistant.explain import Page
    from assistant.sections import PageSection

GROUPINGS: tuple[Grouping, ...] = ("family", "status", "method")


class BrowseScreen(NotesScreen):
    """Shelves of families, statuses or methods; the items of one; the page of an item."""

    place = "browse"
    about = (
        "Every entry by family, status or method, with its page; your own notes, marked as yours; "
        "and the topics that are not written yet. + adds a file or folder of yours."
    )
    filter_hint = "filter: collapse byol  ·  family:optim  ·  status:documented  ·  method:dino"

    def __init__(self) -> None:
        super().__init__()
        self._ready = False
        self._by: Grouping = "family"
        self._listed: dict[str, ShelfItem] = {}
        self._pages: dict[str, Page] = {}
        self._parts: tuple[PageSection, ...] = ()
        self._part = 0
        self._wanted = ""

    # Reading

    def on_mount(self) -> None:
        """Open what another screen asked for; Textual calls the handler of the frame after."""
        self._wanted = self.session.opened or ""

    def on_entry_opened(self) -> None:
        """Show the entry that another screen asked for, on the shelf of everything."""
        self._wanted = self.session.opened or ""
        if self._ready and self._wanted:
            self.shelf, self.asked = ALL, ""
            self.query_one(FilterBox).clear_filter()
            self.show()
            self.items.focus()
            self.add_class("-reading")

    def on_marks_changed(self) -> None:
        """Forget pages that say what was marked before."""
        self._pages.clear()
        self.show_item()

    def read(self) -> None:
        """Read the catalogue and the user's notes."""
        self.run_job("read", jobs.everything, self._read)

    def _read(self, outcome: tuple[ShelfItem, ...] | Exception) -> None:
        if isinstance(outcome, Exception):
            self.error = outcome
        else:
            self.everything, self._ready, self.error = outcome, True, None
            self._pages.clear()
        self.show()

    # What is shown

    def show(self) -> None:
        """Fill shelves and list; the page follows what is chosen."""
        kept = found(self.everything, self.asked)
        groups = grouped(kept, self._by)
        if self.shelf not in (ALL, YOURS, *(group.name for group in groups)):
            self.shelf = ALL
        self._show_shelves(groups, kept)
        listed = [group for group in groups if self.shelf in (ALL, group.name)]
        self._listed = {
            f"{group.name}\n{item.document}\n{item.id}": item
            for group in listed
            for item in group.items
        }
        rows = [
            ListGroup(
                headed(group.name, group.items),
                [
                    ListRow(f"{group.name}\n{item.document}\n{item.id}", partial(row, item))
                    for item in group.items
                ],
            )
            for group in listed
        ]
        self.items.show(rows, stay=self.stay, key=self._key_of(self._wanted))
        self.stay, self._wanted = False, "" if self._ready else self._wanted
        self._say(kept)
        self.show_item()
        self.refresh_bindings()

    def _show_shelves(self, groups: Sequence[Group], kept: Sequence[ShelfItem]) -> None:
        rows = [ListRow(ALL, partial(shelf_row, ALL, counted(kept)))]
        if not any(group.name == YOURS for group in groups):
            rows.append(ListRow(YOURS, partial(shelf_row, YOURS, "0")))
        rows += [
            ListRow(group.name, partial(shelf_row, group.name, counted(group.items)))
            for group in groups
        ]
        self.shelves.show([ListGroup(f"by {self._by}", rows)], key=self.shelf)

    def _key_of(self, wanted: str) -> str:
        return next((key for key, one in self._listed.items() if wanted == one.id), "")

    def _say(self, kept: Sequence[ShelfItem]) -> None:
        if not self._ready:
            self.say_about("reading the catalogue …" if self.error is None else "✗ not read", [])
            return
        if self.shelf != ALL:
            kept = tuple(self._listed.values())
        entries = sum(one.kind == "entry" and one.owner == "bundled" for one in kept)
        yours = sum(one.owner == "user" and one.kind == "document" for one in kept)
        absent = sum(one.standing == NOT_WRITTEN for one in kept)
        facts = [f"{entries} entries", f"{absent} not written yet"]
        facts.insert(1, f"{yours} notes of yours")
        self.say_about(self.shelf if self.shelf != ALL else f"by {self._by}", facts)

    @property
    def item(self) -> ShelfItem | None:
        """The chosen item."""
        return self._listed.get(self.items.key or "")

    def show_item(self) -> None:
        """Show the page of the chosen item, read when it is not at hand."""
        item = self.item
        if self.error is not None:
            self.show_page("error", self.failed_blocks(self.error))
        elif not self._ready:
            self.show_page("reading", [])
        elif item is None:
            empty = self.shelf == YOURS and not self.asked
            self.show_page("none", no_notes_blocks() if empty else no_match_blocks(self.asked))
        elif item.kind == "topic":
            self.show_page(item.id, topic_blocks(item, self._written_in(item.family)))
        elif self._page_name(item) in self._pages:
            self._show_read(item, self._pages[self._page_name(item)])
        else:
            read = partial(jobs.page, self._page_name(item))
            self.run_job("page", read, partial(self._page_read, item))

    def _page_name(self, item: ShelfItem) -> str:
        return item.document if item.kind == "document" else item.id

    def _written_in(self, family: str) -> list[ShelfItem]:
        return [one for one in self.everything if one.family == family and one.kind == "entry"]

    def _page_read(self, item: ShelfItem, outcome: Page | Exception) -> None:
        if isinstance(outcome, Exception):
            if item is self.item:
                self.show_page("error", self.failed_blocks(outcome))
            return
        self._pages[self._page_name(item)] = outcome
        if item is self.item:
            self._show_read(item, outcome)

    def _show_read(self, item: ShelfItem, page: Page) -> None:
        from assistant.sections import packed, sections

        name = self._page_name(item)
        if page.entry is not None:
            self._parts = ()
            blocks, items = entry_blocks(page, self.room)
        else:
            parts = packed(sections(page.markdown))
            if parts != self._parts:
                self._parts, self._part = parts, 0
            blocks, items = section_blocks(page, parts, self._part, self.room)
        self.show_page((name, self._part if self._parts else 0), blocks, items)
        self.refresh_bindings()

    # Moving about

    def choose_shelf(self, key: str) -> None:
        """List one shelf."""
        if key != self.shelf:
            self.shelf = key
            self.show()

    def action_next_grouping(self) -> None:
        """Group by the next of family, status and method; the chosen item stays chosen."""
        chosen = self.item
        self._by = GROUPINGS[(GROUPINGS.index(self._by) + 1) % len(GROUPINGS)]
        self.shelf = ALL
        self.show()
        if chosen is not None:
            self.items.choose(self._key_of(chosen.id))

    def action_next_part(self, by: int) -> None:
        """Step through the fixes and references of an entry, or the sections of a document."""
        item = self.item
        if self._parts and item is not None:
            self._part = (self._part + by) % len(self._parts)
            self._show_read(item, self._pages[self._page_name(item)])
        elif self.page.items:
            self.page.step(by)

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Grey out what does not apply to the chosen item."""
        if not self.is_mounted:
            return True
        item = self.item
        if action == "remove_document":
            # Left out rather than greyed: most of the catalogue is not the user's.
            return item is not None and item.owner == "user"
        if action == "next_part":
            return True if len(self._parts) > 1 or self.page.items else None
        if action == "open_reference":
            return True if self._reference() is not None else None
        return True

    # What leaves the screen

    def to_copy(self) -> tuple[str, str] | None:
        """Return the chosen fix, reference or section, else the id of what is shown."""
        if self.error is not None:
            return shown_line(str(self.error), 2000), "the message"
        item, chosen = self.item, self.page.chosen_item
        if item is None:
            return None
        if chosen is None and self._parts and self.page.items:
            chosen = self.page.items[0]
        if chosen is not None:
            return chosen.copied, chosen.what
        return shown_line(item.id, 2000), "the id"

    def _reference(self) -> Item | None:
        chosen = self.page.chosen_item
        if chosen is not None and chosen.kind == "reference":
            return chosen
        return next((one for one in self.page.items if one.kind == "reference"), None)

    def action_open_reference(self) -> None:
        """Open the chosen reference, or copy its address where there is no browser."""
        item = self._reference()
        if item is None:
            return
        if is_address(item.copied) and has_browser():
            self.app.open_url(item.copied)
            self.doctor.say(f"opening {item.copied}")
        else:
            self.doctor.copy_text(item.copied, f"the address {item.copied}")

    def equivalent_command(self) -> str:
        """Return the command that shows the same page, or the same list."""
        item = self.item
        if item is None or item.kind == "topic":
            family = [] if item is None else ["--family", item.family]
            return shlex.join(["ssl-doctor", "list", *family, "--topics"])
        name = self._page_name(item).removeprefix("user:")
        return shlex.join(["ssl-doctor", "explain", shown_line(name, 2000)])

    def to_export(self) -> None:
        """Return nothing: an answer is exported where it is shown."""
        return
