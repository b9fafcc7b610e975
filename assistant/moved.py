"""What a run changed in a ranking: which entries rose, fell, came or went, and why."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.answer import Answer, Diagnosis, plain_types


@dataclass(frozen=True, slots=True)
class Moved:
    """One entry whose place changed. Places are 1-based; None is not listed."""

    entry_id: str
    title: str
    before: int | None
    after: int | None
    why: str

    @property
    def where(self) -> str:
        """Return the move in words with its arrow, such as `↑ 3 to 1`."""
        if self.before is None:
            return f"↑ new at {self.after}"
        if self.after is None:
            return f"✗ gone, was {self.before}"
        sign = "↑" if self.after < self.before else "↓"
        return f"{sign} {self.before} to {self.after}"

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        plain = plain_types(self)
        assert isinstance(plain, dict)
        return plain


def moved(before: Answer, after: Answer) -> tuple[Moved, ...]:
    """Return what differs between two answers to one question, in the order of `after`.

    `after` is the answer with the run. The reason is the run's own: the clause that fired, the
    number that it explains, or the check that stayed silent.
    """
    places = {one.entry.id: place for place, one in enumerate(before.diagnoses, 1)}
    found = [
        Moved(
            one.entry.id,
            one.entry.title,
            places.get(one.entry.id),
            place,
            _why(one, after, places.get(one.entry.id), place),
        )
        for place, one in enumerate(after.diagnoses, 1)
        if places.get(one.entry.id) != place
    ]
    kept = {one.entry.id for one in after.diagnoses}
    found += [
        Moved(one.entry.id, one.entry.title, place, None, _why(one, after, place, None))
        for place, one in enumerate(before.diagnoses, 1)
        if one.entry.id not in kept
    ]
    return tuple(found)


def _why(one: Diagnosis, after: Answer, before: int | None, place: int | None) -> str:
    """Return the run's reason for a new place, or that others moved past it."""
    if place is not None and (before is None or place < before):
        shown = [item.text for item in one.evidence if item.kind in ("metric", "config", "number")]
        return shown[0] if shown else "others were ruled out or fit worse"
    for check in after.checked:
        if check.entry_id == one.entry.id and check.state == "silent":
            return f"the run speaks against it: {check.reason}"
    return "others fit the run better"
