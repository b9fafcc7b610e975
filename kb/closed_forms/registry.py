"""Every closed form in one place, found by loss, variant and quantity."""

from __future__ import annotations

from functools import cache

from kb.closed_forms import (
    audio,
    classification,
    clustering,
    contrastive,
    distillation,
    masked,
    paired,
    queue,
    redundancy,
    spread,
)
from kb.closed_forms.base import QUANTITIES, ClosedForm
from kb.errors import UsageError, nearest

_FAMILIES = (
    contrastive,
    paired,
    queue,
    clustering,
    distillation,
    redundancy,
    spread,
    masked,
    audio,
    classification,
)


@cache
def forms() -> tuple[ClosedForm, ...]:
    """Return all closed forms, common losses first."""
    return tuple(one for family in _FAMILIES for one in family.FORMS)


def form(name: str, quantity: str) -> ClosedForm:
    """Return the form of a loss such as `nt_xent` or `nt_xent.sum2`.

    Raises UsageError that names the nearest spelling, or the quantities that the loss has.
    """
    found = _table().get((name, quantity))
    if found is not None:
        return found
    if quantity not in QUANTITIES:
        raise UsageError(
            f'unknown quantity "{quantity}"{nearest(quantity, QUANTITIES)}',
            hint=f"known: {', '.join(QUANTITIES)}",
        )
    names = dict.fromkeys(one.name for one in forms())
    if name not in names:
        raise UsageError(
            f'unknown loss "{name}"{nearest(name, names)}',
            hint="`ssl-doctor list --forms` shows all",
        )
    known = [one.quantity for one in forms() if one.name == name]
    raise UsageError(f"{name} has no {quantity} value", hint=f"it has {', '.join(known)}")


@cache
def _table() -> dict[tuple[str, str], ClosedForm]:
    return {(one.name, one.quantity): one for one in forms()}
