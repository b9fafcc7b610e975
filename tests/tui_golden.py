"""Golden screens: what a terminal would show, text and styles, in a form that a diff can show.

A golden file holds the lines of the screen, then for each line the runs of one style, then what
the styles are. It is what an SVG snapshot holds, without its boilerplate: 4 KB instead of 60.
`TUI_GOLDEN=write pytest tests/tui` writes the files anew.
"""

from __future__ import annotations

import difflib
import os
import re
import string
from collections.abc import Iterator
from pathlib import Path

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets._toast import Toast
from tui_pilot import until

from tui.worker import Worker

FOLDER = Path(__file__).parent / "tui" / "golden"


def golden_form(app: App[None]) -> str:
    """Return the screen as text, runs of styles, and a legend."""
    strips = app.screen._compositor.render_strips()
    names: dict[str, str] = {}
    text = [f"|{strip.text}|" for strip in strips]
    runs = [_runs(strip, names) for strip in strips]
    legend = [f"{name} {style}" for style, name in names.items()]
    return "\n".join([*text, "", *runs, "", *legend]) + "\n"


def check(app: App[None], name: str) -> None:
    """Compare the screen with its golden file; fail with the lines that differ."""
    path, shown = FOLDER / f"{name}.txt", golden_form(app)
    if os.environ.get("TUI_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shown, encoding="utf-8")
        return
    assert path.is_file(), f"no golden screen {path}; TUI_GOLDEN=write pytest makes it"
    golden = path.read_text(encoding="utf-8")
    if shown != golden:
        differ = difflib.unified_diff(golden.split("\n"), shown.split("\n"), "golden", "shown")
        raise AssertionError("\n".join([name, *differ]))


async def settle(pilot: Pilot[None], *, held: bool = False) -> None:
    """Let the app work until nothing is left to do and the screen has stayed the same for three
    looks. `held` says that the test holds a worker inside a job, so no outcome is waited for.

    A screen at rest may only be one whose worker is slow: wait for what the state shows first.
    """
    seen: list[str] = []
    for _ in range(1000):
        if not held:
            for worker in _workers(pilot.app):
                await _emptied(pilot, worker)
        await pilot.pause(0.01)
        if _awaits_timer(pilot.app) or pilot.app.screen.size != pilot.app.size:
            seen.clear()
        seen.append(golden_form(pilot.app))
        if len(seen) > 2 and len(set(seen[-3:])) == 1:
            return
    raise AssertionError("the screen never came to rest")


def shows(app: App[None], *texts: str) -> bool:
    """Tell whether each of the texts stands on one line of the screen."""
    lines = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
    return all(text in lines for text in texts)


async def until_shown(pilot: Pilot[None], *texts: str) -> None:
    """Let the app work until each of the texts stands on one line of the screen."""
    await until(pilot, lambda: shows(pilot.app, *texts))


def _workers(app: App[None]) -> list[Worker]:
    """Return the threads of the app and of every screen that was opened."""
    screens = [screen for stack in app._screen_stacks.values() for screen in stack]
    owners = [getattr(app, "consultation", None), *screens]
    held = [one for owner in owners if owner is not None for one in vars(owner).values()]
    return [one for one in held if isinstance(one, Worker)]


async def _emptied(pilot: Pilot[None], worker: Worker) -> None:
    """Wait until all that was asked of a worker is done and its outcomes were taken."""
    if worker._started and not worker._closed:
        done: list[object] = []
        worker.submit("the test waits", lambda: None, done.append)
        await until(pilot, lambda: bool(done) or worker._closed)


def _awaits_timer(app: App[None]) -> bool:
    """Tell whether something is still to happen once, after a pause: a question, a redraw."""
    nodes = [app, app.screen, *app.screen.query("*")]
    timers = [one for node in nodes if not isinstance(node, Toast) for one in node._timers]
    return any(
        one._repeat is not None and one._task is not None and not one._task.done() for one in timers
    )


def _runs(strip: Strip, names: dict[str, str]) -> str:
    runs: list[list[object]] = []
    under = ""
    for style, width, blank in _pieces(strip):
        said = _said(style)
        if runs and (said == runs[-1][0] or (blank and said == under)):
            runs[-1][1] = int(str(runs[-1][1])) + width
            continue
        runs.append([said, width])
        under = "" if _is_lined(style) else _said(_under(style))
    return " ".join(
        f"{names.setdefault(str(said), _name(len(names)))}{width}" for said, width in runs
    )


def _pieces(strip: Strip) -> Iterator[tuple[Style, int, bool]]:
    """Return style and width of each word and of the blanks between, and which are blanks that
    show nothing but a background: the colour of their letters is nobody's to see."""
    for segment in strip:
        style = segment.style or Style()
        for part in re.findall(r" +|[^ ]+", segment.text):
            blank = part[0] == " " and not _is_lined(style)
            yield _under(style) if blank else style, Segment(part).cell_length, blank


def _is_lined(style: Style) -> bool:
    """Tell whether a blank of that style shows its colour."""
    return bool(style.underline or style.underline2 or style.reverse or style.strike)


def _under(style: Style) -> Style:
    """Return what a blank cell shows of a style, unless it is underlined or reversed."""
    return Style(bgcolor=style.bgcolor)


def _said(style: Style) -> str:
    """Return a style without what is not seen: links and click actions."""
    colours = Style(color=style.color, bgcolor=style.bgcolor).clear_meta_and_links()
    return str(style.without_color + colours)


def _name(number: int) -> str:
    letters = string.ascii_lowercase
    return letters[number] if number < 26 else letters[number // 26 - 1] + letters[number % 26]
