"""The lines between question and answer: how many fit, what the run says, what it moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from tui.ask.rows import short_reason
from tui.plain import shown_line

if TYPE_CHECKING:
    from textual.app import RenderResult

    from assistant.answer import Answer
    from assistant.moved import Moved
    from tui.session import Session

VERDICTS = {
    "sick": ("✗", "$text-error"),
    "healthy": ("✓", "$text-success"),
    "undecided": ("○", "$text-warning"),
}
"""Sign and colour of a verdict; the word always stands beside them."""


class StatusLines(Widget):
    """One line about the answer; with a run, one about the verdict and one about what moved."""

    def __init__(self, session: Session) -> None:
        super().__init__(id="status")
        self._session = session
        self._loading = ""

    def refresh_lines(self, loading: str = "") -> None:
        """Show the session as it is now; `loading` says what is waited for."""
        self._loading = loading
        self.styles.height = len(self._lines())
        self.refresh()

    def render(self) -> RenderResult:
        """Return the lines, each cut at the edge."""
        width = max(self.size.width - 2, 10)
        lines = [line.truncate(width, ellipsis=True) for line in self._lines()]
        return Content("\n").join(lines)

    def _lines(self) -> list[Content]:
        session = self._session
        lines = [self._answer_line(session)]
        if session.run_answer is not None and session.run_answer.verdict is not None:
            lines.append(verdict_line(session.run_answer))
        if session.moved and not session.asking:
            lines.append(moved_line(session.moved))
        return lines

    def _answer_line(self, session: Session) -> Content:
        if self._loading:
            return Content.styled(self._loading, "$muted")
        state = session.state
        if state == "first" and session.run_answer is not None:
            return _counted(session.run_answer, "the run's numbers alone")
        if state in ("first", "waiting"):
            return Content.styled("Type a symptom, or choose an example (down, enter)", "$muted")
        if state == "failed":
            return Content.styled("✗ no answer", "$text-error")
        if state == "nothing fits":
            return Content.styled("○ nothing fits well enough to say", "$text-warning")
        assert session.answer is not None
        run = "words and numbers" if session.numbers is not None else "words and run"
        return _counted(session.answer, run if session.has_run else "words")


def verdict_line(answer: Answer) -> Content:
    """Return the verdict with its sign and first reason."""
    assert answer.verdict is not None
    sign, colour = VERDICTS[answer.verdict]
    reason = shown_line("; ".join(answer.reasons))
    return Content.assemble((f"{sign} run {answer.verdict}", f"{colour} bold"), f": {reason}")


def moved_line(moved: tuple[Moved, ...]) -> Content:
    """Return what the run did to the ranking: the highest that moved, and how many others."""
    best = min(moved, key=lambda one: (one.after is None, one.after or 0))
    more = f", {len(moved) - 1} more moved" if len(moved) > 1 else ""
    where = f"{best.where}: {best.title}"
    return Content.assemble(
        (shown_line(where), "$text-accent bold"), f" ({short_reason(best.why)}){more}"
    )


def _counted(answer: Answer, basis: str) -> Content:
    count = len(answer.diagnoses)
    if not count and answer.passages:
        said = f"{len(answer.passages)} passages of the documents answer this"
    elif not count:
        said = "no cause shows"
    else:
        said = f"{count} cause{'s' * (count != 1)}, the likeliest first"
    return Content.styled(f"{said} · from {basis}", "$muted")
