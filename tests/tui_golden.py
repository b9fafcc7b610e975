"""Golden screens: what a terminal would show, text and styles, in a form that a diff can show.

A golden file holds the lines of the screen, then for each line the runs of one style, then what
the styles are. It is what an SVG snapshot holds, without its boilerplate: 4 KB instead of 60.
`TUI_GOLDEN=write pytest tests/tui` writes the files anew.
"""

from __future__ import annotations

import difflib
import os
import string
from pathlib import Path

from rich.style import Style
from textual.app import App
from textual.pilot import Pilot
from textual.strip import Strip

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


async def settle(pilot: Pilot[None]) -> None:
    """Let the app work until the screen has stayed the same for three looks."""
    seen: list[str] = []
    for _ in range(200):
        await pilot.pause(0.01)
        seen.append(golden_form(pilot.app))
        if len(seen) > 2 and len(set(seen[-3:])) == 1:
            return
    raise AssertionError("the screen never came to rest")


def _runs(strip: Strip, names: dict[str, str]) -> str:
    runs: list[list[object]] = []
    for segment in strip:
        style = _said(segment.style)
        name = names.setdefault(style, _name(len(names)))
        if runs and runs[-1][0] == name:
            runs[-1][1] = int(str(runs[-1][1])) + segment.cell_length
        elif segment.cell_length:
            runs.append([name, segment.cell_length])
    return " ".join(f"{name}{count}" for name, count in runs)


def _said(style: Style | None) -> str:
    """Return a style without what is not seen: links and click actions."""
    return (
        str(
            (style or Style()).without_color
            + Style(
                color=style.color if style else None, bgcolor=style.bgcolor if style else None
            ).clear_meta_and_links()
        )
        if style
        else "none"
    )


def _name(number: int) -> str:
    letters = string.ascii_lowercase
    return letters[number] if number < 26 else letters[number // 26 - 1] + letters[number % 26]
