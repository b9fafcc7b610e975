"""NT-Xent in its scalings, and its decoupled version: in-batch negatives from both views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kb.closed_forms.base import POWERS, ClosedForm, fixed, log_of
from kb.run import FloatArray

_METHODS = ("simclr", "simclrv2", "ntxent", "supcon", "supcontrast")
_BATCH = {"batch_size": (*(p for p in POWERS if 16 <= p <= 8192), 48.0, 96.0, 192.0)}
_SIMCLR = "arXiv:2002.05709 Eq. 1"
_OFFICIAL = "gh:google-research/simclr@67b562524223e65c0414a15c3bd7ac007d28f629:tf2/objective.py"
_SUPCON = "arXiv:2004.11362; gh:HobbitLong/SupContrast losses.py"
_DCL = "arXiv:2110.06848 Eq. 6; lightly 1.6.0 loss/dcl_loss.py"
_DCL_SEPARATE = (
    "gh:lightly-ai/lightly@30b2e456070ffb50ba22eb8e923737ef6a5e4393:lightly/loss/dcl_loss.py"
)

SUPCON_BASE_TEMPERATURE = 0.07
"""The SupContrast code multiplies the loss by temperature / base_temperature; its default."""

_Factor = Callable[[FloatArray | float], FloatArray | float]


def spread_of_cosines(temperature: FloatArray, dim: FloatArray) -> FloatArray:
    """Return 1/(2 dim t^2) = ln E exp(cos/t) for random unit vectors, whose cosine has
    variance 1/dim; exact for a normal cosine, within 1 % from dim 64 and t 0.1 on."""
    return 1 / (2 * dim * temperature**2)


def simplex_gap(points: FloatArray, temperature: FloatArray) -> FloatArray:
    """Return a negative's weight beside the positive's when `points` images spread ideally.

    Unit vectors can be no further apart than a simplex, cosine -1/(points - 1). That needs
    dim >= points - 1; below it the true floor lies higher.
    """
    return np.exp(-(1 + 1 / (points - 1)) / temperature)


def _nt_xent(
    variant: str, prefix: str, factor: _Factor, source: str, rarity: int
) -> tuple[ClosedForm, ...]:
    def chance(batch: FloatArray, temperature: FloatArray | float = 1.0) -> FloatArray:
        return np.asarray(factor(temperature) * np.log(2 * batch - 1))

    def start(batch: FloatArray, temperature: FloatArray, dim: FloatArray) -> FloatArray:
        excess = factor(temperature) * spread_of_cosines(temperature, dim)
        return np.asarray(chance(batch, temperature) + excess)

    def floor(batch: FloatArray, temperature: FloatArray) -> FloatArray:
        others = (2 * batch - 2) * simplex_gap(batch, temperature)
        return np.asarray(factor(temperature) * np.log1p(others))

    base = ClosedForm(
        loss="nt_xent",
        variant=variant,
        quantity="chance",
        parameters=("batch_size", "temperature") if variant == "supcon" else ("batch_size",),
        formula=f"{prefix}ln(2B - 1)",
        reading="The positive is not told apart from the other 2B - 2 candidates.",
        source=source,
        compute=chance,
        methods=_METHODS,
        rarity=rarity,
        usual=_BATCH,
    )
    return (
        base,
        replace(
            base,
            quantity="collapse",
            reading="All embeddings are identical (or zero), so every candidate ties.",
        ),
        replace(
            base,
            quantity="start",
            parameters=("batch_size", "temperature", "dim"),
            formula=f"{prefix}[ln(2B - 1) + 1/(2 D t^2)]",
            reading="Views are unrelated random directions: an untrained, uncollapsed network.",
            compute=start,
        ),
        replace(
            base,
            quantity="floor",
            parameters=("batch_size", "temperature"),
            formula=f"{prefix}ln(1 + (2B - 2) exp(-(1 + 1/(B - 1))/t))",
            reading="Positives coincide and all images are as far apart as they can be: converged.",
            compute=floor,
        ),
    )


_PLAIN, *_ = _nt_xent("", "", lambda _: 1.0, _SIMCLR, 0)

_UNMASKED = replace(
    _PLAIN,
    variant="unmasked",
    formula="ln(2B)",
    reading="Chance of a loss that forgot to mask an anchor's similarity with itself.",
    compute=log_of(factor=2.0),
    rarity=1,
)

_DCL_BASE = replace(
    _PLAIN,
    loss="dcl",
    formula="ln(2B - 2)",
    reading="The positive is as similar as every negative; it is not in the denominator.",
    source=_DCL,
    compute=lambda batch: np.log(2 * batch - 2),
    methods=("dcl", "dclw"),
    rarity=1,
)

_DCL_SUMS = replace(
    _DCL_BASE,
    variant="separate",
    parameters=("batch_size", "temperature"),
    formula="2 ln(B - 1) + 1/t",
    reading="The same, in the older code that adds one log-sum per view instead of joining them.",
    source=_DCL_SEPARATE,
    compute=lambda batch, temperature: 2 * np.log(batch - 1) + 1 / temperature,
    rarity=2,
)

FORMS: tuple[ClosedForm, ...] = (
    *_nt_xent("", "", lambda _: 1.0, _SIMCLR, 0),
    replace(
        _PLAIN,
        variant="orthogonal",
        quantity="floor",
        parameters=("batch_size", "temperature"),
        formula="ln(1 + (2B - 2) exp(-1/t))",
        reading="Positives coincide and negatives stand at right angles: trained, in practice.",
        compute=lambda batch, temperature: np.log1p((2 * batch - 2) * np.exp(-1 / temperature)),
    ),
    *_nt_xent("sum2", "2 * ", lambda _: 2.0, _OFFICIAL, 1),
    *_nt_xent("supcon", "t/0.07 * ", lambda t: t / SUPCON_BASE_TEMPERATURE, _SUPCON, 1),
    _UNMASKED,
    replace(_UNMASKED, quantity="collapse"),
    replace(
        _UNMASKED,
        quantity="floor",
        parameters=("batch_size", "temperature"),
        formula="ln(2 + (2B - 2) exp(-(1 + 1/(B - 1))/t))",
        reading="Views coincide and images spread, yet the unmasked self ties with the positive.",
        compute=lambda batch, temperature: np.log(
            2 + (2 * batch - 2) * simplex_gap(batch, temperature)
        ),
    ),
    replace(
        _UNMASKED,
        variant="unmasked_cold",
        quantity="floor",
        parameters=(),
        formula="ln 2",
        reading="Limit of the unmasked loss at low temperature: self and positive tie for good.",
        compute=fixed(np.log(2)),
    ),
    _DCL_BASE,
    replace(_DCL_BASE, quantity="collapse"),
    replace(
        _DCL_BASE,
        quantity="start",
        parameters=("batch_size", "temperature", "dim"),
        formula="ln(2B - 2) + 1/(2 D t^2)",
        reading="Views are unrelated random directions.",
        compute=lambda batch, temperature, dim: (
            np.log(2 * batch - 2) + spread_of_cosines(temperature, dim)
        ),
    ),
    replace(
        _DCL_BASE,
        quantity="floor",
        parameters=("batch_size", "temperature"),
        formula="ln(2B - 2) - (1 + 1/(B - 1))/t",
        reading="Positives coincide and images spread ideally; negative values are normal here.",
        compute=lambda batch, temperature: np.log(
            (2 * batch - 2) * simplex_gap(batch, temperature)
        ),
    ),
    _DCL_SUMS,
    replace(_DCL_SUMS, quantity="collapse"),
)
