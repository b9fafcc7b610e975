"""The Methods screen: method documents by section, and what their losses log when it goes wrong."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from tui.browse import jobs
from tui.browse.rows import shelf_row
from tui.browse.shelves import ShelvesScreen, key_block
from tui.browse.values import value_blocks
from tui.plain import shown, shown_line
from tui.widgets.filter_box import FilterBox
from tui.widgets.grouped_list import ListGroup, ListRow
from tui.widgets.markdown import blocks_of
from tui.widgets.page import Block, Item, heading

if TYPE_CHECKING:
    from assistant.methods import MethodItem
    from assistant.sections import PageSection
    from tui.browse.jobs import MethodPage

VALUES = "values"
"""The key of the row that shows the values of the losses."""


class MethodsScreen(ShelvesScreen):
    """Methods as shelves; the sections of one; the text of a section."""

    place = "methods"
    about = (
        "The document of each method by section, with its formulas, and the values that its "
        "losses take at chance, at collapse and at best. s lists the methods."
    )
    filter_hint = "filter sections: words of the heading or the text"

    def __init__(self) -> None:
        super().__init__()
        self._methods: tuple[MethodItem, ...] | None = None
        self._chosen: MethodItem | None = None
        self._read_page: MethodPage | None = None
        self._parts: dict[str, PageSection] = {}
        self._wanted: tuple[str, int] | None = None

    # Reading

    def on_mount(self) -> None:
        """Open what another screen asked for; Textual calls the handler of the frame after."""
        self._wanted = self.session.section

    def on_section_opened(self) -> None:
        """Show the section that another screen asked for."""
        self._wanted = self.session.section
        if self._methods is not None and self._wanted is not None:
            self.query_one(FilterBox).clear_filter()
            self.asked = ""
            self.choose_shelf(self._wanted[0])
            self.show()
            self.items.focus()
            self.add_class("-reading")

    def read(self) -> None:
        """Read which methods there are."""
        self.run_job("read", jobs.all_methods, self._read)

    def _read(self, outcome: tuple[MethodItem, ...] | Exception) -> None:
        if isinstance(outcome, Exception):
            self.error = outcome
            self.show()
            return
        self._methods, self.error = outcome, None
        wanted = self._wanted[0] if self._wanted else ""
        named = next((one for one in outcome if one.name == wanted), None)
        self._chosen = self._chosen or named or (outcome[0] if outcome else None)
        self._read_method()

    def _read_method(self) -> None:
        if self._chosen is not None:
            self.run_job("method", partial(jobs.method_page, self._chosen), self._method_read)
        self.show()

    def _method_read(self, outcome: MethodPage | Exception) -> None:
        if isinstance(outcome, Exception):
            self.error = outcome
        else:
            self._read_page = outcome
        self.show()

    def choose_shelf(self, key: str) -> None:
        """Open a method."""
        found = next((one for one in self._methods or () if one.name == key), None)
        if found is not None and found is not self._chosen:
            self._chosen, self._read_page = found, None
            self._read_method()

    # What is shown

    def show(self) -> None:
        """Fill shelves and sections."""
        self._show_methods()
        page = self._read_page
        groups: list[ListGroup] = []
        self._parts = {}
        asked = self.asked.lower().split()
        for title, parts in page.outline if page else ():
            rows = []
            for part in parts:
                if all(word in f"{part.title}\n{part.markdown}".lower() for word in asked):
                    key = f"{part.line}"
                    self._parts[key] = part
                    rows.append(ListRow(key, partial(_section_row, part)))
            if rows:
                groups.append(ListGroup(shown_line(title), rows))
        if page is not None and page.values and all(word in _VALUE_WORDS for word in asked):
            row = ListRow(VALUES, _values_row)
            groups.insert(0, ListGroup("Fingerprints", [row]))
        first = next(iter(self._parts), "")
        kept = self.items.key in self._parts or self.items.key == VALUES
        self.items.show(groups, key=self._wanted_part() or ("" if kept else first))
        self._say()
        self.show_item()
        self.refresh_bindings()

    def _wanted_part(self) -> str:
        """Return the section that another screen asked for, once its document is read."""
        method, line = self._wanted or ("", 0)
        if self._read_page is None or self._chosen is None or self._chosen.name != method:
            return ""
        self._wanted = None
        before = [key for key, part in self._parts.items() if part.line <= line]
        return before[-1] if before else ""

    def _show_methods(self) -> None:
        written = [one for one in self._methods or () if one.document]
        valued = [one for one in self._methods or () if not one.document and one.has_values]
        others = [one for one in self._methods or () if not one.document and not one.has_values]
        named = (("documents", written), ("values only", valued), ("not written", others))
        groups = [
            ListGroup(
                title,
                [ListRow(one.name, partial(shelf_row, one.name, "")) for one in ones],
            )
            for title, ones in named
            if ones
        ]
        self.shelves.show(groups, key=self._chosen.name if self._chosen else "")

    def _say(self) -> None:
        if self._methods is None or self._chosen is None:
            self.say_about("reading the methods …" if self.error is None else "✗ not read", [])
            return
        if self._read_page is None:
            self.say_about(
                self._chosen.title, ["reading …" if self.error is None else "✗ not read"]
            )
            return
        count = len(self._parts)
        facts = [f"{count} section{'s' * (count != 1)}"] if self._chosen.document else []
        facts += [] if self._chosen.document else ["document not written yet"]
        self.say_about(self._chosen.title, facts)

    def show_item(self) -> None:
        """Show the chosen section, the values, or why there is neither."""
        page, method, key = self._read_page, self._chosen, self.items.key
        if self.error is not None:
            self.show_page("error", self.failed_blocks(self.error))
        elif page is None or method is None:
            self.show_page("reading", [])
        elif key == VALUES:
            self.show_page((method.name, key), *value_blocks(method.name, page.values, self.room))
        elif key is not None and key in self._parts:
            self.show_page((method.name, key), *_section_page(self._parts[key], self.room))
        elif self.asked:
            self.show_page("none", _no_match(self.asked))
        else:
            self.show_page((method.name, ""), _not_written(method))

    # Moving about

    def action_next_part(self, by: int) -> None:
        """Open the next section, or step through the values."""
        if self.items.key == VALUES:
            self.page.step(by)
        else:
            self.items.step(by)

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Grey out steps where there is nothing to step to."""
        if action == "next_part" and self.is_mounted:
            return True if self.items.keys_listed else None
        return True

    # What leaves the screen

    def to_copy(self) -> tuple[str, str] | None:
        """Return the chosen values, else the section as Markdown."""
        if self.error is not None:
            return shown_line(str(self.error), 2000), "the message"
        chosen = self.page.chosen_item or next(iter(self.page.items), None)
        return (chosen.copied, chosen.what) if chosen is not None else None

    def equivalent_command(self) -> str:
        """Return the command that shows the document, or the values."""
        method = self._chosen
        if method is None:
            return "ssl-doctor list --forms"
        if self.items.key == VALUES or not method.document:
            return shlex.join(["ssl-doctor", "list", "--forms", "--method", method.name])
        return shlex.join(["ssl-doctor", "explain", method.name])

    def to_export(self) -> None:
        """Return nothing: an answer is exported where it is shown."""
        return


_VALUE_WORDS = "fingerprints values of the losses chance collapse floor start"


def _values_row(width: int) -> Content:
    return Content("Values of the losses").truncate(width, ellipsis=True)


def _section_row(part: PageSection, width: int) -> Content:
    more = f" ({part.part})" if part.part > 1 else ""
    return Content(f"{shown_line(part.title)}{more}").truncate(width, ellipsis=True)


def _section_page(part: PageSection, room: int) -> tuple[list[Block], list[Item]]:
    what = f"the section “{shown_line(part.title, 80)}”"
    blocks = blocks_of(part.markdown, room)
    if part.level and part.part == 1:
        blocks[0] = Block(Content.styled(shown_line(part.title), "bold"))
    return blocks, [Item("section", "", what, shown(part.markdown))]


def _no_match(asked: str) -> list[Block]:
    return [
        heading(f"No section holds “{shown_line(asked, 60)}”"),
        Block(Content("Every word must stand in the heading or the text of one section.")),
        key_block("i", "change the filter", space=True),
        key_block("s", "look at another method"),
    ]


def _not_written(method: MethodItem) -> list[Block]:
    return [
        Block(Content.styled(shown_line(method.name), "bold")),
        Block(Content.styled("not written yet", "dim")),
        Block(Content("There is no document about this method yet."), space=True),
        key_block("/", "ask what you see instead", space=True),
        key_block("s", "look at another method"),
    ]
