"""The Ask screen: type a symptom, see what fits, read why and what to try."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from textual.containers import Container, Horizontal
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from tui.ask.pages import diagnosis_of, listed, passage_of, rows_for, sections_for
from tui.ask.query_box import QueryBox
from tui.ask.results import ResultList
from tui.ask.status import StatusLines
from tui.screen import DoctorScreen
from tui.widgets.page import Item, Page, joined

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import DescendantFocus
    from textual.widgets import Input, OptionList


DEBOUNCE = 0.04
"""Seconds without a key after which the question is asked (issue 4)."""

STALE_AFTER = 0.15
"""Seconds without an answer after which what is listed is dimmed and waiting is said. Answers
usually come sooner, and dimming for a moment would flicker, and cost more than the answer."""

SHORTEST = 3
"""Letters below which nothing is asked: two letters fit everything and nothing."""


class AskScreen(DoctorScreen):
    """Query box, status, results and entry; a third pane where there is room."""

    place = "ask"
    about = (
        "Describe what your run does. What fits is listed while you type, the likeliest first; "
        "the page below says why, what to try, and how to tell it from its neighbours. "
        "Attach a run and its numbers re-rank the list."
    )

    def __init__(self) -> None:
        super().__init__()
        self._pause: Timer | None = None
        self._unanswered: Timer | None = None
        self._shown_key: str | None = None
        self._behind = False

    def body(self) -> ComposeResult:
        """Yield query box, status and the panes."""
        with Horizontal(id="ask-line"):
            yield Static(Content(" › "), id="prompt")
            yield QueryBox()
        yield StatusLines(self.session)
        with Container(id="panes"):
            yield ResultList()
            yield Page(id="entry")
            yield Page(id="side")

    def on_mount(self) -> None:
        """Start in the query box."""
        self.query_one(QueryBox).focus()
        self._show()

    # What is typed

    def on_input_changed(self, event: Input.Changed) -> None:
        """Ask when the typing pauses; what is listed is stale until then."""
        event.stop()
        if self._pause is not None:
            self._pause.stop()
        if event.value == self.session.query:
            if not self.session.asking:
                self._now_fresh()
            return
        if self._unanswered is None:
            self._unanswered = self.set_timer(STALE_AFTER, self._say_stale)
        self._pause = self.set_timer(DEBOUNCE, self._ask)

    def on_input_submitted(self) -> None:
        """Go to what was found, as enter does in any search."""
        self._ask()
        self.action_into_results()

    def _ask(self) -> None:
        text = self.query_one(QueryBox).value
        if text != self.session.query:
            self.doctor.ask(text if len(text.strip()) >= SHORTEST else "")

    def _say_stale(self) -> None:
        self.set_class(listed(self.session) is not None, "-stale")
        if self.session.asking:
            self.query_one(StatusLines).refresh_lines(self.doctor.waiting_for())

    def _now_fresh(self) -> None:
        if self._unanswered is not None:
            self._unanswered.stop()
            self._unanswered = None
        self.remove_class("-stale")

    def on_answer_changed(self) -> None:
        """Show the newest answer, unless it is still being worked out."""
        box = self.query_one(QueryBox)
        if self.session.query and box.value != self.session.query and not box.has_focus:
            box.value = self.session.query
        if not self.session.asking:
            self._now_fresh()
            self._show()

    def on_run_changed(self) -> None:
        """Show what the run says where there is no question, and the verdict."""
        if not self.session.asking:
            self._show()

    def on_screen_resume(self) -> None:
        """Show what changed while another screen was looked at."""
        if self._behind:
            self._show()

    def on_marks_changed(self) -> None:
        """Ask again: what the user said of a fix takes part in the answer."""
        if self.session.query:
            self.doctor.ask(self.session.query)

    # What is shown

    def _show(self) -> None:
        self._behind = not self.is_current
        if self._behind:  # a live run changes its answer all the time
            return
        self.query_one(StatusLines).refresh_lines()
        self.query_one(ResultList).show(rows_for(self.session))
        self._show_page()
        self.refresh_bindings()

    def _show_page(self) -> None:
        """Show what the highlighted row stands for."""
        results, typed = self.query_one(ResultList), self.query_one(QueryBox).value
        main, aside = sections_for(self.session, results.key or "", typed)
        wide = self.has_class("-wide") and bool(aside)
        self.set_class(wide, "-three")
        entry, side = self.query_one("#entry", Page), self.query_one("#side", Page)
        key = results.key
        keep = key is not None and key == self._shown_key
        self._shown_key = key
        entry.show(*joined(main if wide else [*main, *aside]), keep=keep)
        side.show(*joined(aside if wide else []), keep=keep)

    # Moving about

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the page of the row the cursor is on."""
        event.stop()
        if self.query_one(ResultList).key != self._shown_key:
            self._show_page()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open the row: an example is asked, a topic opens its page, a cause is read."""
        event.stop()
        kind, _, name = (self.query_one(ResultList).key or "").partition(":")
        if kind == "example":
            self.query_one(QueryBox).value = name
        elif kind == "topic":
            self.doctor.open_entry(name)
        else:
            self.add_class("-reading")
            self.query_one("#entry").focus()

    def on_resize(self) -> None:
        """Move between two and three panes."""
        if self.is_mounted and self.query(ResultList):
            self.call_after_refresh(self._show_page)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Leave the reading view, of narrow terminals, when the list or the box is gone to."""
        if event.widget.id in ("results", "query"):
            self.remove_class("-reading")

    def action_into_results(self) -> None:
        """Go from the query box to the list."""
        results = self.query_one(ResultList)
        (results if results.count else self.query_one("#entry")).focus()

    def go_back(self) -> bool:
        """Go from the page to the list."""
        results = self.query_one(ResultList)
        if not isinstance(self.focused, Page) or not results.count:
            return False
        self.remove_class("-reading")
        results.focus()
        return True

    def action_next_result(self, by: int) -> None:
        """Open the result below or above."""
        results = self.query_one(ResultList)
        if results.count:
            results.highlighted = ((results.highlighted or 0) + by) % results.count

    def action_next_item(self, by: int) -> None:
        """Step through the fixes and references of the page."""
        pages = [one for one in self.query(Page) if one.items and one.display]
        focused = next((one for one in pages if one.has_focus), pages[0] if pages else None)
        if focused is not None and focused.step(by):
            focused.focus()

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Hide what does not apply."""
        if action == "retry":
            return self.session.error is not None
        if action == "into_results":
            return isinstance(self.focused, QueryBox)
        if action == "next_item":
            return True if any(page.items for page in self.query(Page)) else None
        if action == "explain":
            key, session = self._shown_key, self.session
            return True if diagnosis_of(session, key) or passage_of(session, key) else None
        if action == "open_reference":
            return True if self._reference() is not None else None
        return True

    # What leaves the screen

    def chosen_item(self) -> Item | None:
        """Return what `y` copies: the chosen item, else the first fix or passage of the page."""
        for page in self.query(Page):
            if page.chosen_item is not None and (page.has_focus or page.id == "entry"):
                return page.chosen_item
        entry = self.query_one("#entry", Page)
        return entry.items[0] if entry.items else None

    def to_copy(self) -> tuple[str, str] | None:
        """Return the chosen item, or the details of an error."""
        error = self.session.error
        if error is not None:
            return f"{type(error).__name__}: {error}", "the details of the error"
        item = self.chosen_item()
        return None if item is None else (item.copied, item.what)

    def _reference(self) -> Item | None:
        items = [one for page in self.query(Page) for one in page.items]
        chosen = self.chosen_item()
        if chosen is not None and chosen.kind == "reference":
            return chosen
        return next((one for one in items if one.kind == "reference"), None)

    def action_open_reference(self) -> None:
        """Open the chosen reference, or the first; where there is no browser, copy its address."""
        from tui.references import has_browser, is_address

        item = self._reference()
        if item is None:
            return
        if is_address(item.copied) and has_browser():
            self.app.open_url(item.copied)
            self.doctor.say(f"opening {item.copied}")
        else:
            self.doctor.copy_text(item.copied, f"the address {item.copied}")

    def action_explain(self) -> None:
        """Open the whole page of the entry, or the section that a passage is from."""
        diagnosis = diagnosis_of(self.session, self._shown_key)
        passage = passage_of(self.session, self._shown_key)
        if diagnosis is not None:
            self.doctor.open_entry(diagnosis.entry.id)
        elif passage is not None and passage.owner == "user":
            self.doctor.open_entry(f"user:{passage.source}")
        elif passage is not None:
            self.doctor.open_section(PurePath(passage.source).stem, passage.line_start)

    def action_retry(self) -> None:
        """Ask again after an error."""
        self.doctor.ask(self.session.query)
