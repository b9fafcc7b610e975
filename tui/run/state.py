"""How the attached run is, in words: alive or not, how old its newest value is, what was read."""

from __future__ import annotations

from textual.content import Content

from ingest.runs.follow import Life
from kb.run import Run
from tui.plain import shown_line
from tui.session import Session

SIGNS: dict[str, tuple[str, str]] = {
    "unknown": ("○", "$text-muted"),
    "waiting": ("○", "$text-muted"),
    "live": ("●", "$text-success"),
    "silent": ("○", "$text-warning"),
    "finished": ("✓", "$text-primary"),
    "crashed": ("✗", "$text-error"),
    "given": ("●", "$text-primary"),
}
"""The sign and colour of each state; the word stands beside them."""


def state_line(session: Session) -> Content:
    """Return the line that tells what is attached and how it is."""
    if session.numbers is not None:
        count = len(session.numbers)
        return Content.assemble(
            _mark("given", f"{count} {'number' if count == 1 else 'numbers'} given"),
            _muted("  no run is followed; p changes them, a attaches a run"),
        )
    life, run = session.life, session.run
    mark = _mark("unknown", "unknown") if life is None else _mark(life.state, word(life))
    path = _muted(shown_line(str(session.run_path), 400))
    # The path comes last: it is the longest, and its name stands in the first line too.
    return Content.assemble(mark, f"  {_read(run)}  " if run else "  ", path)


def word(life: Life) -> str:
    """Return the state of a run with its age, such as `live, 3 s ago` or `silent for 12 min`."""
    if life.state == "silent":
        return f"silent for {span(life.idle)}"
    if life.state == "waiting":
        return f"waiting {span(life.idle)}"
    if life.state == "live":
        return f"live, {span(life.idle)} ago"
    return life.state


def span(seconds: float) -> str:
    """Return a duration in its largest whole unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def newest_step(run: Run | None) -> int | None:
    """Return the last step at which anything was logged."""
    steps = [int(one.steps.max()) for one in run if len(one)] if run else []
    return max(steps, default=None)


def began_anew(before: Run | None, after: Run | None) -> bool:
    """Tell whether a log was cut short, replaced or written anew between two looks.

    Appending never takes the newest step back, nor moves the first one forward.
    """
    if before is None or after is None or before.source != after.source:
        return False
    old, new = newest_step(before), newest_step(after)
    return old is not None and (new is None or new < old)


def _read(run: Run) -> str:
    step = newest_step(run)
    parts = [
        shown_line(str(run.config.get("method", "method unknown")), 40),
        run.format or "values",
        f"step {step:,}" if step is not None else "no step",
        f"{len(run.series)} {'metric' if len(run.series) == 1 else 'metrics'}",
    ]
    unread = sum(one.metric is None for one in run.names)
    if unread:
        parts.append(f"{unread} {'name' if unread == 1 else 'names'} not understood")
    return " · ".join(parts)


def _mark(state: str, text: str) -> Content:
    sign, colour = SIGNS[state]
    return Content.styled(f"{sign} {text}", f"{colour} bold")


def _muted(text: str) -> Content:
    return Content.styled(text, "$text-muted")
