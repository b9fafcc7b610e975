"""The state of the attached run in a few words, with a sign beside every colour."""

from __future__ import annotations

from textual.content import Content

from tui.plain import shown_line
from tui.session import Session

_SIGNS = {
    "waiting": ("○", "waiting", "$muted"),
    "live": ("●", "live", "$text-success"),
    "silent": ("○", "silent", "$text-warning"),
    "finished": ("✓", "finished", "$muted"),
    "crashed": ("✗", "crashed", "$text-error"),
}


def run_mark(session: Session) -> Content:
    """Return name, state and verdict of the attached run, or that there is none."""
    if session.numbers is not None:
        return Content.styled(f"● {len(session.numbers)} numbers typed", "$text-accent")
    if session.run_path is None:
        return Content.styled("no run attached", "$muted")
    name = shown_line(session.run_path.name or str(session.run_path), 40)
    if session.life is None:
        return Content.styled(f"○ {name}: reading", "$muted")
    sign, word, colour = _SIGNS[session.life.state]
    if session.life.state == "silent":
        word = f"silent {session.life.idle / 60:.0f} min"
    said = Content.styled(f"{sign} {word}", colour)
    verdict = session.run_answer.verdict if session.run_answer else None
    told = f", {verdict}" if verdict else ""
    return Content.assemble(f"{name} ", said, told)
