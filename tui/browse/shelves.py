"""The frame of Browse and Methods: shelves, the list of one shelf, and the page of one item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from tui.jobs import JobScreen
from tui.plain import shown_line
from tui.widgets.filter_box import FilterBox
from tui.widgets.grouped_list import GroupedList
from tui.widgets.page import Block, Page, heading

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import DescendantFocus
    from textual.widgets import OptionList


class ShelvesScreen(JobScreen):
    """Three panes where there is room; below 120 columns `s` changes shelves and list, below 80
    the page takes the place of the list while it is read.

    A subclass fills the panes in `show` and says what a shelf or an item is when it is chosen.
    """

    CSS_PATH = "shelves.tcss"
    filter_hint = ""

    def __init__(self) -> None:
        super().__init__()
        self.asked = ""
        self.error: Exception | None = None
        self.stay = False
        self._page_key: object = None
        self._blocks: Sequence[Block] = ()

    def body(self) -> ComposeResult:
        """Yield the line above, the filter and the panes."""
        yield Static(id="about")
        yield FilterBox(self.filter_hint)
        with Container(id="shelf-panes"):
            yield GroupedList("shelves")
            yield GroupedList("list")
            yield Page(id="page")

    def on_mount(self) -> None:
        """Say that the knowledge is read, and read it."""
        self.query_one("#list").focus()
        self.show()
        self.read()

    # For subclasses

    def read(self) -> None:
        """Read what there is, in a job that ends in `show`."""
        raise NotImplementedError

    def show(self) -> None:
        """Fill the panes with what was read."""
        raise NotImplementedError

    def show_item(self) -> None:
        """Show the page of the chosen item."""
        raise NotImplementedError

    def choose_shelf(self, key: str) -> None:
        """List what stands on a shelf."""
        raise NotImplementedError

    # Panes

    @property
    def shelves(self) -> GroupedList:
        """The list of shelves."""
        return self.query_one("#shelves", GroupedList)

    @property
    def items(self) -> GroupedList:
        """The list of what stands on the shelf."""
        return self.query_one("#list", GroupedList)

    @property
    def page(self) -> Page:
        """The page of the chosen item."""
        return self.query_one("#page", Page)

    def say_about(self, title: str, facts: Sequence[str]) -> None:
        """Fill the line above the panes."""
        parts = [Content.styled(shown_line(title), "bold")]
        parts += [Content.styled(one, "dim") for one in facts]
        self.query_one("#about", Static).update(Content.styled("  · ", "dim").join(parts))

    def show_page(self, key: object, blocks: Sequence[Block], items: Sequence = ()) -> None:  # type: ignore[type-arg]
        """Show a page; the scroll position stays when it is the page of the same item."""
        self.page.show(blocks, items, keep=key == self._page_key)
        self._page_key, self._blocks = key, blocks

    @property
    def shown_text(self) -> str:
        """The words of the page that is shown; empty while it is read."""
        return "\n".join(str(block.text) for block in self._blocks)

    @property
    def room(self) -> int:
        """Columns that a page has for text."""
        return max(self.page.scrollable_content_region.width - 1, 30)

    # What happens

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show what the cursor is on; shelves are changed at once where they stand beside."""
        event.stop()
        if event.option_list is self.items:
            self.show_item()
        elif self.has_class("-wide") and self.shelves.has_focus and self.shelves.key is not None:
            self.choose_shelf(self.shelves.key)
        self.refresh_bindings()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open the shelf, or read the item."""
        event.stop()
        if event.option_list is self.shelves:
            if self.shelves.key is not None:
                self.choose_shelf(self.shelves.key)
            self.items.focus()
        else:
            self.add_class("-reading")
            self.page.focus()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Show the pane that has the focus where not all fit."""
        where = event.widget.id
        self.set_class(where == "shelves", "-shelves")
        if where in ("list", "shelves", "filter"):
            self.remove_class("-reading")

    def on_resize(self) -> None:
        """Lay tables out again for the new width."""
        self.call_after_refresh(self.show_item)

    def on_filter_box_narrowed(self, event: FilterBox.Narrowed) -> None:
        """List what holds the words."""
        self.asked = event.text
        self.show()

    def on_filter_box_left(self) -> None:
        """Go to the list."""
        self.items.focus()

    # Actions

    def go_back(self) -> bool:
        """Go from the page or the shelves to the list, or take the filter away."""
        box = self.query_one(FilterBox)
        if self.page.has_focus or self.shelves.has_focus:
            # Shown first: what is hidden takes no focus.
            self.remove_class("-reading", "-shelves")
            self.items.focus()
        elif self.asked and not box.has_focus:
            box.clear_filter()
        else:
            return False
        return True

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBox).open()

    def action_shelves(self) -> None:
        """Go to the shelves, or back to the list."""
        # Shown first: what is hidden takes no focus.
        self.add_class("-shelves")
        (self.items if self.shelves.has_focus else self.shelves).focus()

    def action_next_listed(self, by: int) -> None:
        """Open the item below or above without leaving the page."""
        self.items.step(by)

    # States

    def failed_blocks(self, error: Exception) -> list[Block]:
        """Return what stands on the page when reading failed."""
        return [
            heading("✗ The knowledge could not be read"),
            Block(Content(shown_line(str(error), 2000))),
            key_block("y", "copy this message", space=True),
        ]


def key_block(key: str, does: str, *, space: bool = False) -> Block:
    """Return a line that says what a key does here."""
    return Block(Content(does), Content.styled(f"{key:<7}", "$text-accent bold"), 7, space=space)
