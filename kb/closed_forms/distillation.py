"""BYOL and SimSiam: no negatives, and a minimum that a collapsed model reaches as well."""

from __future__ import annotations

from dataclasses import replace

from kb.closed_forms.base import ClosedForm, fixed

_BYOL = ClosedForm(
    loss="byol",
    quantity="chance",
    parameters=(),
    formula="2",
    reading="Prediction and target are at right angles: unrelated, one direction logged.",
    source="arXiv:2006.07733 Eq. 2; solo-learn byol_loss_func",
    compute=fixed(2.0),
    methods=("byol", "mocobyol"),
)

_BYOL_COLLAPSE = replace(
    _BYOL,
    quantity="collapse",
    formula="0",
    reading="Prediction equals target: perfect or collapsed; only the spread tells which.",
    compute=fixed(0.0),
)

_SIMSIAM = ClosedForm(
    loss="simsiam",
    quantity="chance",
    parameters=(),
    formula="0",
    reading="Prediction and target are at right angles: unrelated.",
    source="arXiv:2011.10566 Eq. 1, section 4.1",
    compute=fixed(0.0),
    methods=("simsiam",),
)

_SIMSIAM_COLLAPSE = replace(
    _SIMSIAM,
    quantity="collapse",
    formula="-1",
    reading="Prediction equals target: perfect or collapsed; only the spread tells which.",
    compute=fixed(-1.0),
)

_SUM2_SOURCE = (
    "arXiv:2006.07733 Eq. 2; gh:google-deepmind/deepmind-research byol/byol_experiment.py"
)

FORMS: tuple[ClosedForm, ...] = (
    _BYOL,
    _BYOL_COLLAPSE,
    replace(_BYOL_COLLAPSE, quantity="floor"),
    replace(
        _BYOL,
        variant="sum2",
        formula="4",
        reading="Prediction and target are unrelated, the sum of both directions logged.",
        source=_SUM2_SOURCE,
        compute=fixed(4.0),
    ),
    replace(_BYOL_COLLAPSE, variant="sum2", source=_SUM2_SOURCE),
    replace(_BYOL_COLLAPSE, variant="sum2", quantity="floor", source=_SUM2_SOURCE),
    replace(
        _BYOL,
        variant="mse",
        parameters=("dim",),
        formula="2/D",
        reading="Unrelated unit vectors, averaged over dimensions instead of summed.",
        source="mean squared error of L2-normalised vectors: |a - b|^2 / D with a.b = 0",
        compute=lambda dim: 2 / dim,
        rarity=1,
    ),
    replace(_BYOL_COLLAPSE, variant="mse", rarity=1),
    replace(_BYOL_COLLAPSE, variant="mse", quantity="floor", rarity=1),
    _SIMSIAM,
    _SIMSIAM_COLLAPSE,
    replace(_SIMSIAM_COLLAPSE, quantity="floor"),
)
