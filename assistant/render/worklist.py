"""A worklist for a terminal: what to try in which order, what was tried, what is so already."""

from __future__ import annotations

from collections.abc import Mapping

from assistant.answer import RankedFix
from assistant.render.layout import bold, dim, unbroken, wrapped
from assistant.render.marks import marked_in_full
from assistant.worklist import STATES, State, WorkItem, Worklist
from kb.types import Cost

HEADINGS: Mapping[State, str] = {
    "to try": "To try",
    "tried": "Tried, no outcome yet",
    "helped": "Helped",
    "did-not": "Did not help",
    "already so": "Already so in this run",
}
COSTS: Mapping[Cost, str] = {
    "live": "while it runs",
    "resume": "stop, resume",
    "restart": "new run",
    "code": "code",
}
"""What trying a fix costs, in few words."""


def render_worklist(found: Worklist) -> str:
    """Return the list as styled lines of at most 80 columns."""
    if not found.items:
        return "\n".join(wrapped(_nothing(found), 0))
    lines: list[str] = []
    place = 0
    for state in STATES:
        items = found.of(state)
        if items:
            lines.append(bold(HEADINGS[state]))
        for item in items:
            place += 1
            lines += _item(place, item)
        if items:
            lines.append("")
    hint = "Say what came of it: ssl-doctor fixes --mark ID helped (or tried, did-not, clear)"
    return "\n".join([*lines, *(dim(line) for line in wrapped(hint, 0))])


def _nothing(found: Worklist) -> str:
    if found.verdict == "healthy":
        return "The run looks healthy: there is nothing to fix."
    if found.query or found.verdict:
        return "Nothing in the knowledge base fits this well enough to propose a fix."
    return (
        "No fix is marked yet. Ask for some: "
        'ssl-doctor fixes "loss stuck at 4.14", or ssl-doctor fixes --run PATH'
    )


def _item(place: int, item: WorkItem) -> list[str]:
    head = f"{item.fix.title.rstrip('.')}{_facts(item.fix)}"
    lines = wrapped(head, 4, f"{place:>2}")
    lines += [dim(line) for line in wrapped(_known_as(item), 4)]
    if item.doubt:
        lines += wrapped(f"Rests on a claim that does not hold: {item.doubt}", 4)
    if item.mark:
        lines += wrapped(marked_in_full(item.mark), 4)
    return lines


def _facts(fix: RankedFix) -> str:
    parts = [f" (set {setting_of(fix)})"] if fix.change else []
    if fix.cost:
        parts.append(" " + unbroken(f"[{COSTS[fix.cost]}]"))
    if fix.cure_rate:
        parts.append(f" {cure_of(fix)}")
    return "".join(parts)


def setting_of(fix: RankedFix) -> str:
    """Return the settings that a fix changes, as `lr = 0.03, epochs = 400`."""
    return ", ".join(
        f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in fix.change.items()
    )


def cure_of(fix: RankedFix) -> str:
    """Return the cure rate with its 95% interval, or that no trial was run."""
    if fix.cure_rate is None:
        return "no trial yet"
    cured, seeds, low, high = fix.cure_rate
    return f"cured {cured} of {seeds} ({low:.0%} to {high:.0%})"


def likely(confidence: float) -> str:
    """Return how likely a diagnosis is, as a whole percentage."""
    return f"{confidence:.0%} likely" if confidence >= 0.005 else "under 1% likely"


def _known_as(item: WorkItem) -> str:
    """Return the id to mark it by, how likely its diagnosis is, and for what else it stands."""
    parts = [item.ids[0]]
    confidences = [one.confidence for one in item.proposed_for]
    if confidences and confidences[0] is not None:
        parts.append(likely(confidences[0]))
    if others := [one.entry_id for one in item.proposed_for[1:]]:
        parts.append(f"also for {', '.join(others)}")
    return " · ".join(parts)
