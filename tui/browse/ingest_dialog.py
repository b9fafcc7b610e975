"""Add notes from inside: a path with completion, progress that can be stopped, the report."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tui.browse import jobs
from tui.browse.complete import candidates, completed
from tui.browse.report import report_blocks
from tui.browse.shelves import key_block
from tui.messages import JobDone
from tui.plain import shown_line
from tui.screen import DoctorModal
from tui.widgets.page import Block, Page
from tui.worker import Worker

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from ingest.report import Report

BAR = 30
"""Columns of the progress bar."""

MOST_SHOWN = 12
"""Candidates of a path that are shown."""


class PathBox(Input):
    """A path; tab completes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "screen.complete", show=False),
    ]


class IngestDialog(DoctorModal[bool]):
    """Ends with whether anything may have changed in the store."""

    DEFAULT_CSS = """
    #ingest-box { height: 90%; width: 90%; max-width: 100; }
    #ingest-progress { height: auto; }
    #ingest-page { height: 1fr; background: $surface; scrollbar-gutter: stable; }
    """

    class Step(Message):
        """So many bytes are done, of how many; or a line on what takes time."""

        def __init__(self, done: int, total: int, line: str = "") -> None:
            super().__init__()
            self.done, self.total, self.line = done, total, line

    def __init__(self) -> None:
        super().__init__()
        self._worker = Worker("ingest", self.post_message)
        self._halt = Event()
        self._busy = False
        self._changed = False
        self._offered: list[str] = []

    def compose(self) -> ComposeResult:
        """Yield the box."""
        with Vertical(classes="box", id="ingest-box"):
            yield Static(id="ingest-title", classes="box-title")
            yield PathBox(placeholder="~/notes or notes/postmortem.md", id="path", compact=True)
            yield Static(id="ingest-progress")
            yield Page(id="ingest-page")

    def on_mount(self) -> None:
        """Start with the path."""
        self._title("Add notes of yours", "tab completes, enter adds, esc closes")
        self.query_one("#path", PathBox).cursor_blink = False
        self.query_one("#path").focus()
        self._page(_hints())

    def on_unmount(self) -> None:
        """End the thread; an ingest that is under way stops at its next step."""
        self._halt.set()
        self._worker.close()

    # The path

    def on_input_changed(self, event: Input.Changed) -> None:
        """Offer what the path can become."""
        event.stop()
        typed = event.value
        if typed:
            self._worker.submit("offer", partial(candidates, typed), self._offer)
        else:
            self._offered = []
            self._page(_hints())

    def _offer(self, outcome: list[str] | Exception) -> None:
        if self._busy or isinstance(outcome, Exception):
            return
        self._offered = outcome
        blocks = [Block(Content(shown_line(one))) for one in outcome[:MOST_SHOWN]]
        if len(outcome) > MOST_SHOWN:
            blocks.append(Block(Content.styled(f"… {len(outcome) - MOST_SHOWN} more", "dim")))
        if not outcome:
            blocks = [Block(Content.styled("no folder or Markdown file starts so", "dim"))]
        self._page(blocks)

    def action_complete(self) -> None:
        """Add what all candidates agree on."""
        box = self.query_one("#path", PathBox)
        box.value = completed(box.value, self._offered)
        box.cursor_position = len(box.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Ingest what is named."""
        event.stop()
        if event.value.strip() and not self._busy:
            self._start(Path(event.value.strip()).expanduser())

    # The ingest

    def _start(self, path: Path) -> None:
        self._busy = self._changed = True
        self._halt.clear()
        self._worker.drop("offer")
        self.query_one("#path").disabled = True
        self._title("Adding", "esc stops; what is done until then stays")
        self._page([Block(Content.styled(f"looking at {shown_line(str(path))}", "dim"))])
        job = partial(jobs.ingested, path, self._halt, self._tell, self._notify)
        self._worker.submit("ingest", job, self._ended)
        self.query_one("#ingest-page").focus()

    def _tell(self, done: int, total: int) -> None:
        """Called on the thread of the ingest."""
        self.post_message(self.Step(done, total))

    def _notify(self, line: str) -> None:
        """Called on the thread of the ingest."""
        self.post_message(self.Step(0, 0, line))

    def on_ingest_dialog_step(self, step: IngestDialog.Step) -> None:
        """Show how far it is."""
        if not self._busy:
            return
        if step.line:
            self._page([Block(Content.styled(shown_line(step.line), "dim"))])
            return
        self.query_one("#ingest-progress", Static).update(progress_bar(step.done, step.total))

    def _ended(self, outcome: Report | Exception) -> None:
        self._busy = False
        self.query_one("#ingest-progress", Static).update(Content(""))
        box = self.query_one("#path", PathBox)
        box.disabled = False
        page = self.query_one("#ingest-page", Page)
        if isinstance(outcome, jobs.Stopped):
            self._title("Stopped", "enter goes on from there, esc closes")
            self._page(_stopped())
            box.focus()
        elif isinstance(outcome, Exception):
            self._title("✗ Not added", "change the path, or esc closes")
            self._page([Block(Content.styled(shown_line(str(outcome), 2000), "$text-error"))])
            box.focus()
        elif not outcome.files or len(outcome.failed) == len(outcome.files):
            self._title("✗ Not added", "change the path, or esc closes")
            self._page(report_blocks(outcome))
            box.focus()
        else:
            self._title("✓ Added", "esc closes; tab goes back to the path")
            self._page(report_blocks(outcome))
            page.focus()

    def action_dismiss_none(self) -> None:
        """Stop what runs, else close."""
        if self._busy:
            self._halt.set()
            self._title("Stopping", "at the end of the step it is at")
        else:
            self.dismiss(self._changed)

    def on_job_done(self, done: JobDone) -> None:
        """Take the outcome of the thread."""
        done.stop()
        if self._worker.is_newest(done):
            done.then(done.outcome)

    # What is shown

    def _title(self, title: str, keys: str) -> None:
        said = Content.styled(f"  ({keys})", "dim")
        self.query_one("#ingest-title", Static).update(Content(title) + said)

    def _page(self, blocks: list[Block]) -> None:
        self.query_one("#ingest-page", Page).show(blocks)


def progress_bar(done: int, total: int) -> Content:
    """Return how much is done, as a bar, a share and sizes."""
    share = done / total if total else 1.0
    full = int(share * BAR)
    bar = Content.styled("█" * full, "$text-accent") + Content.styled("░" * (BAR - full), "dim")
    return bar + f" {share:4.0%}  {done / 1000:,.0f} of {total / 1000:,.0f} kB"


def _hints() -> list[Block]:
    return [
        Block(Content(
            "A Markdown file, or a folder with everything below it, such as an Obsidian vault. "
            "Fix lists, post-mortems, method documents and reading notes are told apart by their "
            "structure; your files are only read."
        )),
        key_block("tab", "complete the path", space=True),
        key_block("enter", "add it"),
    ]  # fmt: skip


def _stopped() -> list[Block]:
    return [
        Block(Content("What was read until then is in your store, each file whole.")),
        Block(Content("The same path goes on from there: unchanged files cost nothing.")),
    ]
