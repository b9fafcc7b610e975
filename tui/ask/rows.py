"""A diagnosis or passage as one row of the result list: confidence, title, reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from tui.plain import shown_line

if TYPE_CHECKING:
    from assistant.answer import Answer, Diagnosis, Evidence, Hit
    from assistant.moved import Moved

TITLE_SHARE = 0.52
"""Share of a row that its title may take where the reason stands beside it. A choice."""

LEAST_TITLE = 34
"""Columns a title gets before the reason gets any: most titles are 30 to 60 long."""

STRONG, WEAK = 0.5, 0.1
"""Confidence from which a number is shown as strong, and below which as weak. A choice."""

_SENTENCE = re.compile(r"(?<=[.;:])\s+(?=[A-Z])")
_NUMBERED = ("number", "metric", "config")


@dataclass(frozen=True, slots=True)
class Row:
    """One line to choose: what it stands for, and its parts. `move` is what the run did to its
    place, empty when nothing moved in this list."""

    key: str
    share: str
    level: str
    title: str
    label: str
    reason: str
    underlined: tuple[str, ...] = ()
    move: str = ""

    def content(self, width: int, *, two_lines: bool, moves: bool) -> Content:
        """Return the row for a list of that width; `moves` keeps a column for the arrows."""
        lead = Content.styled(f"{self.share:>4} ", self.level)
        if moves:
            lead = Content.styled(f"{self.move:<4}", _move_style(self.move)) + lead
        room = max(width - lead.cell_length, 12)
        reason = self._reason()
        if two_lines:
            title = Content.styled(self.title, "bold").truncate(room, ellipsis=True)
            below = reason.truncate(room, ellipsis=True).pad_left(lead.cell_length)
            return Content("\n").join([lead + title, below])
        most = max(int(room * TITLE_SHARE), min(LEAST_TITLE, room))
        title = Content.styled(self.title, "bold").truncate(most, ellipsis=True)
        title = title.pad_right(max(min(most, room) - title.cell_length, 0))
        left = room - title.cell_length - 2
        if left < 8:
            return lead + title
        return Content("").join([lead, title, "  ", reason.truncate(left, ellipsis=True)])

    def _reason(self) -> Content:
        label = Content.styled(f"{self.label} ", "$text-accent") if self.label else Content("")
        return label + underline(Content.styled(self.reason, "$muted"), self.underlined)


def rows_of(answer: Answer, moved: Sequence[Moved]) -> list[Row]:
    """Return a row per diagnosis, then one per passage of a document."""
    moves = {one.entry_id: _move(one) for one in moved if one.after is not None}
    listed = [
        _diagnosis(one, moves.get(one.entry.id, "=" if moves else "")) for one in answer.diagnoses
    ]
    return listed + [_passage(place, hit) for place, hit in enumerate(answer.passages)]


def underline(text: Content, numbers: Sequence[str]) -> Content:
    """Underline the numbers that a formula explains, where they stand whole."""
    for number in numbers:
        pattern = rf"(?<![\d.]){re.escape(number)}(?!\d|\.\d)"
        text = text.highlight_regex(re.compile(pattern), style="$text underline")
    return text


def explained(evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Return the numbers that explain themselves, as they were written."""
    return tuple(
        dict.fromkeys(str(one.values["value"]) for one in evidence if one.kind == "number")
    )


def share_of(confidence: float) -> str:
    """Return a confidence as the command line writes it: whole percent, `<1%` at the end."""
    return f"{confidence:.0%}" if confidence >= 0.005 else "<1%"


def level_of(confidence: float) -> str:
    """Return the style of a confidence; the number itself says the same."""
    if confidence >= STRONG:
        return "$text-success bold"
    return "$text-warning" if confidence >= WEAK else "$muted"


def _diagnosis(diagnosis: Diagnosis, move: str) -> Row:
    label, reason = reason_of(diagnosis.evidence)
    return Row(
        diagnosis.entry.id,
        share_of(diagnosis.confidence),
        level_of(diagnosis.confidence),
        shown_line(diagnosis.entry.title),
        label,
        reason,
        explained(diagnosis.evidence),
        move,
    )


def reason_of(evidence: Sequence[Evidence]) -> tuple[str, str]:
    """Return where the strongest reason comes from, and the reason in one line."""
    for one in evidence:
        if one.kind in _NUMBERED:
            label = {"number": "", "metric": "run", "config": "setting"}[one.kind]
            return label, short_reason(one.text)
    for one in evidence:
        if "passage" in one.values:
            return "", shown_line(f'like "{_quoted(one.values, one.text)}"')
    return ("", short_reason(evidence[0].text)) if evidence else ("", "")


def _quoted(values: Mapping[str, object], text: str) -> str:
    quote = re.search(r'"(.+)"', text)
    return quote[1] if quote else str(values["passage"])


def short_reason(text: str) -> str:
    """Return the first sentence; of a number only `4.143 is ln 63, the chance value ...`."""
    sentence = _SENTENCE.split(shown_line(text), maxsplit=1)[0].rstrip(".")
    short = re.sub(r"\b(is|would be) [^,]*?(ln \d+)(?: = [\d.]+)?,", r"\1 \2,", sentence)
    return re.sub(r" \(from [^)]*\)", "", short)


def _passage(place: int, hit: Hit) -> Row:
    section = hit.section[-1] if hit.section else hit.source
    owner = "yours" if hit.owner == "user" else "doc"
    return Row(
        f"passage:{place}", owner, "$text-secondary", shown_line(section), "", shown_line(hit.text)
    )


def _move(one: Moved) -> str:
    if one.before is None:
        return "new"
    assert one.after is not None
    by = one.before - one.after
    return f"↑{by}" if by > 0 else f"↓{-by}"


def _move_style(move: str) -> str:
    if move.startswith("↑") or move == "new":
        return "$text-success bold"
    return "$text-warning" if move.startswith("↓") else "$muted"
