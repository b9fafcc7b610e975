"""What the losses of a method log when something is wrong: closed forms at usual settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kb.closed_forms import forms
from kb.closed_forms.base import QUANTITIES, ClosedForm, Quantity
from kb.errors import UsageError, nearest

ASSUMED: Mapping[str, tuple[float, ...]] = {
    "batch_size": (32, 64, 128, 256, 512, 1024, 4096),
    "queue_size": (4096, 16384, 65536),
    "prototypes": (300, 1000, 3000, 4096, 65536),
    "dim": (128, 256, 2048, 8192),
    "classes": (10, 100, 1000),
    "temperature": (0.07, 0.1, 0.2, 0.5),
}
"""Settings at which values are shown, a choice among those that people use."""

FIXED: Mapping[str, float] = {
    "batch_size": 256,
    "dim": 128,
    "temperature": 0.1,
}
"""Values of the other settings while one varies, said beside the values. A choice; losses on wide
projectors bring their own widths."""

MOST = 6
"""Values shown of one form."""


@dataclass(frozen=True, slots=True)
class Value:
    """The loss at one setting."""

    setting: float
    loss: float


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A closed form with its values. `varied` is the setting that `values` run over, "" for a
    constant; `held` are the settings that stay as they are."""

    loss: str
    quantity: Quantity
    formula: str
    reading: str
    source: str
    varied: str
    held: Mapping[str, float]
    values: tuple[Value, ...]

    @property
    def said(self) -> str:
        """Return the values as words: `batch_size 32: 4.143, 64: 4.844 (temperature 0.1)`."""
        if not self.varied:
            return f"{self.values[0].loss:.4g}" if self.values else "no usual value"
        listed = ", ".join(f"{one.setting:g}: {one.loss:.4g}" for one in self.values)
        held = ", ".join(f"{name} {value:g}" for name, value in self.held.items())
        return f"{self.varied} {listed}" + (f" ({held})" if held else "")


def methods_with_forms() -> tuple[str, ...]:
    """Return every name of a method that has closed forms."""
    return tuple(dict.fromkeys(name for one in forms() for name in one.methods))


def fingerprints(method: str) -> tuple[Fingerprint, ...]:
    """Return the closed forms of a method's losses, common conventions first.

    The name is read without case and punctuation. Raises UsageError when it has none.
    """
    wanted = spelled(method)
    own = [one for one in forms() if wanted in one.methods]
    if not own:
        raise UsageError(
            f'no closed form is known for "{method}"{nearest(wanted, methods_with_forms())}',
            hint="ssl-doctor list --forms shows all",
        )
    losses = list(dict.fromkeys(one.name for one in own))
    own.sort(key=lambda one: (losses.index(one.name), QUANTITIES.index(one.quantity)))
    return tuple(_fingerprint(one) for one in own)


def spelled(method: str) -> str:
    """Return a method's name as closed forms spell it: lower-case letters and digits."""
    return "".join(letter for letter in method.lower() if letter.isalnum())


def _fingerprint(one: ClosedForm) -> Fingerprint:
    varied = one.parameters[0] if one.parameters else ""
    held = {name: _usual(one, name) for name in one.parameters[1:] if name in FIXED}
    held |= one.defaults
    base = Fingerprint(
        one.name, one.quantity, one.formula, one.reading, one.source, varied, held, ()
    )
    settings: Sequence[float] = ASSUMED.get(varied, ()) if varied else (math.nan,)
    values = [Value(at, _value(one, held | ({varied: at} if varied else {}))) for at in settings]
    kept = [value for value in values if math.isfinite(value.loss)][:MOST]
    return replace(base, values=tuple(kept))


def _usual(one: ClosedForm, name: str) -> float:
    """Return the width that people use with this loss, the largest, or what is fixed for all."""
    usual = one.usual.get(name, ()) if name == "dim" else ()
    return max(usual) if usual else FIXED[name]


def _value(one: ClosedForm, config: Mapping[str, float]) -> float:
    if any(name not in config for name in one.parameters):
        return math.nan
    return one.value(**config)
