"""`e`: save the answer as Markdown or JSON, under a name that can be changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from kb.errors import SslDoctorError
from tui.export import Format, free_name, save
from tui.plain import shown_line
from tui.screen import DoctorModal

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from assistant.answer import Answer

FORMS: tuple[tuple[Format, str], ...] = (
    ("md", "Markdown, for notes and issues"),
    ("json", "JSON, for scripts"),
)


class ExportDialog(DoctorModal[Path]):
    """A form and a file name. Enter saves; an existing file is never written over."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def compose(self) -> ComposeResult:
        """Yield the box."""
        with Vertical(classes="box", id="export-box"):
            yield Static(Content("Save the answer  (enter saves, esc closes)"), classes="box-title")
            yield OptionList(*(Option(Content(says), id=form) for form, says in FORMS), id="form")
            yield Input(self._proposed("md"), id="export-path", compact=True, select_on_focus=False)
            yield Static(Content(""), id="export-problem")

    def _proposed(self, form: Format) -> str:
        return str(free_name(self._answer.query, form, Path.cwd()))

    def on_mount(self) -> None:
        """Start at the form."""
        self.query_one(OptionList).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Name a file of that form."""
        self.query_one(Input).value = self._proposed("json" if event.option_id == "json" else "md")

    def on_option_list_option_selected(self) -> None:
        """Save under the proposed name."""
        self._save()

    def on_input_submitted(self) -> None:
        """Save under the typed name."""
        self._save()

    def _save(self) -> None:
        path = Path(self.query_one(Input).value).expanduser()
        try:
            save(self._answer, path)
        except (SslDoctorError, OSError) as error:
            said = Content.styled(f"✗ {shown_line(str(error))}", "$text-error")
            self.query_one("#export-problem", Static).update(said)
            return
        self.app.notify(f"✓ saved {shown_line(str(path))}", markup=False)
        self.dismiss(path)
