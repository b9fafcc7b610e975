"""Choosing a run: type a path or a part of a name, or take one of those found below here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from tui.plain import shown_line
from tui.run.found import FoundRun, Looked, look_below
from tui.run.state import span

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from tui.app import DoctorApp

MOST = 400
"""Runs listed at once; typing a part of the name finds the others."""


class Picker(Vertical):
    """A box for a path or a filter, over the runs below a folder, newest first."""

    DEFAULT_CSS = """
    Picker { height: 1fr; padding: 0 1; }
    Picker > #picker-title { text-style: bold; height: auto; }
    Picker > #picker-said { color: $text-muted; height: auto; }
    Picker > #picker-box { height: 1; background: $surface; margin: 1 0; }
    Picker > #picker-box > Label { color: $primary; text-style: bold; padding: 0 1; }
    Picker > #picker-box > Input { width: 1fr; }
    Picker > OptionList:focus { background-tint: transparent; }
    Picker > OptionList > .option-list--option-highlighted { text-style: reverse; }
    Picker > OptionList { height: 1fr; border: none; padding: 0; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "list_down", show=False),
        Binding("up", "list_up", show=False),
    ]

    class Picked(Message):
        """A run was chosen: its path need not hold anything yet."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    def __init__(self, title: str, folder: Path | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self._folder = folder if folder is not None else Path.cwd()
        self._looked: Looked | None = None
        self._shown: list[FoundRun] = []
        self._insisted: Path | None = None

    def compose(self) -> ComposeResult:
        """Yield title, box, what is said, and the list."""
        yield Static(Content(self._title), id="picker-title")
        with Horizontal(id="picker-box"):
            yield Label("Run")
            yield Input(
                placeholder="type a path, or a part of a name", id="picker-path", compact=True
            )
        yield Static(id="picker-said")
        yield OptionList(id="picker-runs")

    def on_mount(self) -> None:
        """Look for runs on a thread."""
        box = self.query_one(Input)
        box.cursor_blink = False
        box.focus()
        self._say(Content(f"looking for runs below {shown_line(str(self._folder), 200)} ..."))
        self._run("picker", partial(look_below, self._folder), self._looked_below)

    @property
    def _is_gone(self) -> bool:
        """Tell whether the picker was left while a thread looked: its parts go first."""
        return not (self.is_mounted and self.query(Input))

    def _run(
        self, slot: str, job: Callable[[], Looked], then: Callable[[Looked | Exception], None]
    ) -> None:
        app: DoctorApp = self.app  # type: ignore[assignment]
        app.consultation.read(slot, job, then)

    def _looked_below(self, outcome: Looked | Exception) -> None:
        if self._is_gone:
            return
        if isinstance(outcome, Exception):
            outcome = Looked(self._folder, (), str(outcome))
        self._looked = outcome
        self._list()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as typed."""
        event.stop()
        self._insisted = None
        self._list()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the path that was typed, else the chosen run."""
        event.stop()
        typed = event.value.strip()
        path = Path(typed).expanduser() if typed else None
        if path is not None and (_exists(path) or not self._shown):
            self._take_typed(path)
        elif self._shown:
            runs = self.query_one(OptionList)
            self._pick(self._shown[runs.highlighted or 0].path)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the run that was chosen."""
        event.stop()
        self._pick(self._shown[event.option_index].path)

    def action_list_down(self) -> None:
        """Go down the list without leaving the box."""
        self.query_one(OptionList).action_cursor_down()

    def action_list_up(self) -> None:
        """Go up the list without leaving the box."""
        self.query_one(OptionList).action_cursor_up()

    def _take_typed(self, path: Path) -> None:
        """Take a path that holds a run; one that does not, when enter is pressed again."""
        if path == self._insisted:
            self._pick(path)
            return
        self._insisted = path
        self._say(Content("looking ..."))
        self._run("picker", partial(look_below, path), partial(self._typed_looked, path))

    def _typed_looked(self, path: Path, outcome: Looked | Exception) -> None:
        if self._is_gone or path != self._insisted:
            return
        reason = str(outcome) if isinstance(outcome, Exception) else outcome.reason
        if not reason:
            self._pick(path)
            return
        self._say(
            Content.assemble(
                ("✗ ", "$text-error bold"),
                shown_line(reason, 600),
                ("\nEnter again waits for a run to begin there.", "bold"),
            )
        )

    def _pick(self, path: Path) -> None:
        self.post_message(self.Picked(path))

    def _list(self) -> None:
        words = self.query_one(Input).value.strip()
        looked = self._looked
        if looked is None:
            return
        fitting = [one for one in looked.runs if one.matches(words)]
        self._shown = fitting[:MOST]
        runs = self.query_one(OptionList)
        width = max((len(one.name) for one in self._shown[:60]), default=0)
        runs.clear_options()
        runs.add_options([Option(_row(one, min(width, 52))) for one in self._shown])
        if self._shown:
            runs.highlighted = 0
        self._say(self._counted(looked, len(fitting), words))

    def _counted(self, looked: Looked, fitting: int, words: str) -> Content:
        below = shown_line(str(looked.folder), 200)
        if looked.reason:
            return Content.assemble(
                (f"No run found below {below}. ", "bold"),
                "Type the path of a log or a run folder; enter attaches it, also before it exists.",
            )
        if words and not fitting:
            return Content("No run of that name; enter takes what you typed as a path.")
        more = f", the first {MOST} shown" if fitting > MOST else ""
        runs = "1 run" if fitting == 1 else f"{fitting:,} runs"
        return Content(f"{runs} below {below}, the newest first{more}")

    def _say(self, text: Content) -> None:
        self.query_one("#picker-said", Static).update(text)


def _row(run: FoundRun, width: int) -> Content:
    name = shown_line(run.name, 400)
    if len(name) > width:
        name = "…" + name[len(name) - width + 1 :]
    return Content.assemble(
        f"{name:<{width}}", (f"  {span(run.age):>6} ago  {run.format}", "$text-muted")
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
