"""The Fixes screen: what to try across all diagnoses, what was tried, and what came of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.containers import Container
from textual.widgets import Static

from tui.fixes import jobs
from tui.fixes.command import fixes_command
from tui.fixes.detail import evidence_blocks, fix_blocks
from tui.fixes.rows import matches, words_of
from tui.fixes.states import about, empty, failed
from tui.fixes.worklist_view import WorklistView
from tui.jobs import JobScreen
from tui.messages import MarksChanged
from tui.plain import shown_line
from tui.widgets.filter_box import FilterBox
from tui.widgets.page import Page

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import DescendantFocus
    from textual.widgets import OptionList

    from assistant.worklist import WorkItem, Worklist
    from kb.types import MarkWord

MARKED = {"helped": "✓ helped", "did-not": "✗ did not help", "tried": "● tried"}
"""What a mark is called where it is confirmed."""


class FixesScreen(JobScreen):
    """Filter, list, fix, and evidence beside it where there is room for three panes."""

    place = "fixes"
    about = (
        "The fixes of all likely causes in one list, each once: first what helps most for the "
        "least effort. Mark what you tried and what came of it; marks are kept, and answers "
        "use them. Without a question it lists everything you marked."
    )
    CSS_PATH = "fixes.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._found: Worklist | None = None
        self._error: Exception | None = None
        self._asked = ""
        self._stay = False
        self._shown: WorkItem | None = None

    def body(self) -> ComposeResult:
        """Yield the line above, the filter and the panes."""
        yield Static(id="about")
        yield FilterBox("filter: words of title, cause, setting, cost or mark")
        with Container(id="fix-panes"):
            yield WorklistView()
            yield Page(id="fix")
            yield Page(id="evidence")
        yield Page(id="state")

    def on_mount(self) -> None:
        """Show that the list is read, and read it."""
        self.query_one(WorklistView).focus()
        self._show()
        self._read()

    def on_screen_resume(self) -> None:
        """Read again when the screen comes back: marks may be made elsewhere."""
        if self._found is not None:
            self._read()

    def on_answer_changed(self) -> None:
        """Follow the question and the run; behind another screen there is no need."""
        if not self.session.asking and self.is_current:
            self._read()

    def on_run_changed(self) -> None:
        """Follow the run."""
        self.on_answer_changed()

    def on_marks_changed(self) -> None:
        """Follow the marks, where they are made."""
        self._read()

    # Reading

    def _read(self) -> None:
        self.run_job("worklist", partial(jobs.listed, self.to_export()), self._listed)

    @property
    def is_read(self) -> bool:
        """Whether the list shows what there is, or why it cannot."""
        return self._found is not None or self._error is not None

    def _listed(self, outcome: Worklist | Exception) -> None:
        if isinstance(outcome, Exception):
            self._error = outcome
        else:
            self._found, self._error = outcome, None
        self._show()

    def _items(self) -> list[WorkItem]:
        items = self._found.items if self._found else ()
        return [item for item in items if matches(words_of(item), self._asked)]

    # What is shown

    def _show(self) -> None:
        items = self._items()
        self.query_one("#about", Static).update(about(self.session, self._found, items))
        self.set_class(not items or self._error is not None, "-empty")
        state = self.query_one("#state", Page)
        if self._error is not None:
            state.show(failed(self._error))
        elif not items:
            state.show(empty(self.session, self._found, self._asked))
        self.query_one(WorklistView).show_items(items, stay=self._stay)
        self._stay = False
        self._show_fix()
        self.refresh_bindings()

    def _show_fix(self) -> None:
        item = self._item
        fix, evidence = self.query_one("#fix", Page), self.query_one("#evidence", Page)
        if item is None:
            self._shown = None
            fix.show([])
            evidence.show([])
            return
        same = self._shown is not None and self._shown.fix.id == item.fix.id
        self._shown = item
        wide = self.has_class("-wide")
        self.set_class(wide, "-three")
        blocks, items = fix_blocks(item)
        fix.show(blocks if wide else [*blocks, *evidence_blocks(item)], items, keep=same)
        evidence.show(evidence_blocks(item) if wide else [], keep=same)

    @property
    def _item(self) -> WorkItem | None:
        return self.query_one(WorklistView).item

    # Moving about

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the fix that the cursor is on."""
        event.stop()
        item = self._item
        if item is not self._shown:
            self._show_fix()
            self.refresh_bindings()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Read the fix."""
        event.stop()
        self.add_class("-reading")
        self.query_one("#fix").focus()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Leave the reading view of narrow terminals when the list or filter is gone to."""
        if event.widget.id in ("worklist", "filter"):
            self.remove_class("-reading")

    def on_resize(self) -> None:
        """Move between two and three panes."""
        self.call_after_refresh(self._show_fix)

    def on_filter_box_narrowed(self, event: FilterBox.Narrowed) -> None:
        """List what holds the words."""
        self._asked = event.text
        self._show()

    def on_filter_box_left(self) -> None:
        """Go to the list."""
        self.query_one(WorklistView).focus()

    def go_back(self) -> bool:
        """Go from the fix to the list, or take the filter away."""
        box = self.query_one(FilterBox)
        if any(page.has_focus for page in self.query(Page)):
            # Shown first: what is hidden takes no focus.
            self.remove_class("-reading")
            self.query_one(WorklistView).focus()
        elif self._asked and not box.has_focus:
            box.clear_filter()
        else:
            return False
        return True

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBox).open()

    # What can be done

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Grey out what needs a fix, where none is chosen."""
        if action in ("mark", "open_entry") and self._item is None:
            return None
        if action == "unmark" and (self._item is None or self._item.mark is None):
            return None
        return True

    def action_mark(self, word: MarkWord) -> None:
        """Mark the chosen fix; the mark that it has already is taken back."""
        item = self._item
        if item is not None:
            self._mark(item, None if item.mark and item.mark.word == word else word)

    def action_unmark(self) -> None:
        """Forget the mark of the chosen fix."""
        if self._item is not None and self._item.mark is not None:
            self._mark(self._item, None)

    def _mark(self, item: WorkItem, word: MarkWord | None) -> None:
        run = str(self.session.run_path or "")
        job = partial(jobs.mark, item.ids, word, run)
        self.run_job("mark", job, partial(self._kept, item, word))

    def _kept(self, item: WorkItem, word: MarkWord | None, outcome: Exception | None) -> None:
        title = shown_line(item.fix.title, 60)
        if isinstance(outcome, Exception):
            said = f"the mark was not kept: {shown_line(str(outcome), 300)}"
            self.notify(said, title="Not marked", severity="error", markup=False)
            return
        done = MARKED[word] if word else "○ no longer marked"
        self.notify(title, title=done, timeout=3, markup=False)
        # The cursor goes on to the next fix rather than along with this one.
        self._stay = self.query_one(WorklistView).has_focus
        self.doctor.tell(MarksChanged())

    def action_open_entry(self) -> None:
        """Open the page of the likeliest cause that the fix is for."""
        item = self._item
        if item is not None and item.proposed_for:
            self.doctor.open_entry(item.proposed_for[0].entry_id)

    # What leaves the screen

    def to_copy(self) -> tuple[str, str] | None:
        """Return code and setting of the fix, or the error that is shown."""
        if self._error is not None:
            return shown_line(str(self._error), 2000), "the message"
        item = self._item
        if item is None:
            return None
        copied = fix_blocks(item)[1][0]
        return copied.copied, copied.what

    def equivalent_command(self) -> str:
        """Return the command that lists the same."""
        return fixes_command(self.session)
