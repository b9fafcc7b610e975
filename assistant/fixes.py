"""An entry's fixes in the order worth trying, with what the run has and the user has tried."""

from __future__ import annotations

from collections.abc import Mapping

from assistant.answer import RankedFix
from kb.run import Run
from kb.signature import evaluate, evaluate_value, parse
from kb.types import Entry, Fix, Mark, Scalar


def ranked_fixes(
    entry: Entry, run: Run | None, marks: Mapping[str, Mark] | None = None
) -> tuple[RankedFix, ...]:
    """Return the fixes of `entry`: those that did not help the user near the end, those that
    the run already has last.

    The author's order stands otherwise: it puts the cheapest decisive step first, and no
    cure rates exist yet to say more. `marks` holds what the user said, by the fix's global id.
    """
    fixes = [_ranked(entry, fix, run, marks or {}) for fix in entry.fixes]
    return tuple(sorted(fixes, key=lambda fix: (fix.already_applied is True, did_not_help(fix))))


def did_not_help(fix: RankedFix) -> bool:
    """Return whether the user marked the fix so."""
    return fix.mark is not None and fix.mark.word == "did-not"


def _ranked(entry: Entry, fix: Fix, run: Run | None, marks: Mapping[str, Mark]) -> RankedFix:
    change = {key: _value(value, run) for key, value in fix.change.items()}
    name = f"{entry.id}#{fix.id}"
    return RankedFix(
        id=name,
        title=fix.title,
        change=change,
        cost=fix.cost,
        text=fix.text,
        already_applied=_applied(fix, run),
        mark=marks.get(name),
    )


def _value(value: Scalar, run: Run | None) -> Scalar:
    """Return a rule such as `= lr / 10` worked out for this run, or as words without one."""
    if not isinstance(value, str) or not value.startswith("="):
        return value
    rule = value[1:].strip()
    number = evaluate_value(parse(rule), run) if run else None
    return rule if number is None else float(f"{number:.4g}")


def _applied(fix: Fix, run: Run | None) -> bool | None:
    """Return whether the run has it: by its settings, else by `unless`; None if it cannot say."""
    if run is None:
        return None
    settings = {key: run.config.get(key) for key in fix.change}
    known = bool(settings) and None not in settings.values()
    if known and all(settings[key] == _value(value, run) for key, value in fix.change.items()):
        return True
    if fix.unless is not None:
        state = evaluate(parse(fix.unless), run).state
        return None if state == "unknown" else state == "fired"
    return False if known else None
