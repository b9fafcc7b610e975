"""Losses over K prototypes: SwAV, DINO, iBOT and MSN."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kb.closed_forms.base import POWERS, ClosedForm, fixed, log_of
from kb.closed_forms.contrastive import spread_of_cosines
from kb.run import FloatArray

_TEACHER_TEMPERATURE = 0.04
"""DINO's default at the start of training (main_dino.py); no config name carries it."""

_SWAV = ClosedForm(
    loss="swav",
    quantity="chance",
    parameters=("prototypes",),
    formula="ln K",
    reading="All images get the same prototype scores; Sinkhorn makes the codes uniform.",
    source="arXiv:2006.09882 Eq. 2; gh:facebookresearch/swav main_swav.py",
    compute=log_of(),
    methods=("swav", "deepclusterv2", "smog"),
    usual={"prototypes": (100.0, 300.0, 500.0, 512.0, 1000.0, 3000.0)},
)

_DINO = ClosedForm(
    loss="dino",
    quantity="chance",
    parameters=("prototypes",),
    formula="ln K",
    reading="Teacher and student outputs are uniform over the K prototypes.",
    source="arXiv:2104.14294 section 5.3; gh:facebookresearch/dino main_dino.py",
    compute=log_of(),
    methods=("dino", "dinov1", "dinov2", "dinov3", "ibot", "esvit", "simdino"),
    usual={"prototypes": (1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 65536.0, 131072.0)},
)

_MSN = ClosedForm(
    loss="msn",
    quantity="chance",
    parameters=("prototypes",),
    formula="ln K",
    reading="Uniform assignments, or everything on one prototype at entropy weight 1.",
    source="arXiv:2204.07141; gh:facebookresearch/msn@81cb8550:src/losses.py",
    compute=log_of(),
    methods=("msn", "pmsn"),
    rarity=1,
    usual={"prototypes": tuple(p for p in POWERS if 256 <= p <= 8192)},
)


def _dino_start(prototypes: FloatArray, dim: FloatArray, temperature: FloatArray) -> FloatArray:
    return np.log(prototypes) + spread_of_cosines(temperature, dim)


def _dino_agreeing(prototypes: FloatArray, dim: FloatArray, temperature: FloatArray) -> FloatArray:
    # The teacher's softmax leans on the student's logits by their covariance 1/(d ts tt).
    lean = 1 / (dim * temperature * _TEACHER_TEMPERATURE)
    return _dino_start(prototypes, dim, temperature) - lean


_DINO_START = replace(
    _DINO,
    quantity="start",
    parameters=("prototypes", "dim", "temperature"),
    formula="ln K + 1/(2 d ts^2)",
    reading="First steps, the two views' outputs are unrelated; d is the bottleneck width.",
    compute=_dino_start,
    usual={**_DINO.usual, "dim": (256.0,)},
)

FORMS: tuple[ClosedForm, ...] = (
    _SWAV,
    replace(_SWAV, quantity="collapse"),
    _DINO,
    replace(_DINO, quantity="collapse"),
    replace(
        _DINO,
        variant="one_hot",
        quantity="collapse",
        parameters=(),
        formula="0",
        reading="All images go to one prototype: the smallest loss there is, and useless.",
        compute=fixed(0.0),
    ),
    _DINO_START,
    replace(
        _DINO_START,
        variant="agree",
        formula="ln K + 1/(2 d ts^2) - 1/(0.04 d ts)",
        reading="First steps, the two views' outputs already agree (teacher temperature 0.04).",
        compute=_dino_agreeing,
    ),
    _MSN,
    replace(_MSN, quantity="collapse"),
    replace(
        _MSN,
        variant="constant",
        quantity="collapse",
        parameters=("prototypes", "dim", "temperature"),
        formula="ln K + 1/(D t^2)",
        reading="One constant output beside random prototypes, targets evened out by Sinkhorn.",
        compute=lambda prototypes, dim, temperature: (
            np.log(prototypes) + 2 * spread_of_cosines(temperature, dim)
        ),
        rarity=2,
    ),
)
