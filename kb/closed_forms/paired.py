"""Losses over B pairs of two towers or one direction: InfoNCE, CLIP, NNCLR and SigLIP."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kb.closed_forms.base import POWERS, ClosedForm, fixed, log_of
from kb.closed_forms.contrastive import simplex_gap, spread_of_cosines
from kb.run import FloatArray

_SIGLIP_LOGIT = 10.0
"""SigLIP starts with scale 10 and bias -10 (paper, section 3.1): unrelated pairs get -10."""


def _best_constant_logit(batch: FloatArray) -> FloatArray:
    # One match and B - 1 mismatches a row, all with the probability that fits best, 1/B.
    return np.log(batch) - (batch - 1) * np.log1p(-1 / batch)


def _siglip_start(batch: FloatArray) -> FloatArray:
    match = np.logaddexp(0.0, _SIGLIP_LOGIT)
    return np.asarray(match + (batch - 1) * np.logaddexp(0.0, -_SIGLIP_LOGIT))


_INFO_NCE = ClosedForm(
    loss="info_nce",
    quantity="chance",
    parameters=("batch_size",),
    formula="ln B",
    reading="The match is not told apart from the other B - 1 candidates; B = 1 gives 0.",
    source="arXiv:1807.03748 Eq. 4; arXiv:2103.00020 Fig. 3; arXiv:2104.14548",
    compute=log_of(),
    methods=("infonce", "clip", "openclip", "nnclr", "simcse", "coca", "cpc"),
    usual={"batch_size": (*(p for p in POWERS if 16 <= p <= 32768), 48.0, 96.0, 192.0)},
)

_SIGLIP = ClosedForm(
    loss="siglip",
    quantity="chance",
    parameters=("batch_size",),
    formula="ln B - (B - 1) ln(1 - 1/B)",
    reading="Only the bias was learnt: every pair gets the same, best constant, probability 1/B.",
    source="arXiv:2303.15343 Alg. 1",
    compute=_best_constant_logit,
    methods=("siglip", "siglip2"),
    rarity=1,
    usual=_INFO_NCE.usual,
)

_SIGLIP_ZERO = replace(
    _SIGLIP,
    variant="zero_logits",
    formula="B ln 2",
    reading="All logits are 0: scale or bias is missing, or the embeddings are zero.",
    compute=lambda batch: batch * np.log(2),
    rarity=2,
)

FORMS: tuple[ClosedForm, ...] = (
    _INFO_NCE,
    replace(
        _INFO_NCE,
        quantity="collapse",
        reading="All embeddings are identical, so every candidate ties.",
    ),
    replace(
        _INFO_NCE,
        quantity="start",
        parameters=("batch_size", "temperature", "dim"),
        formula="ln B + 1/(2 D t^2)",
        reading="Both sides are unrelated random directions.",
        compute=lambda batch, temperature, dim: np.log(batch) + spread_of_cosines(temperature, dim),
    ),
    replace(
        _INFO_NCE,
        quantity="floor",
        parameters=("batch_size", "temperature"),
        formula="ln(1 + (B - 1) exp(-(1 + 1/(B - 1))/t))",
        reading="Matches coincide and the rest is as far apart as it can be: converged.",
        compute=lambda batch, temperature: np.log1p((batch - 1) * simplex_gap(batch, temperature)),
    ),
    _SIGLIP,
    replace(_SIGLIP, quantity="collapse"),
    replace(
        _SIGLIP,
        quantity="start",
        formula="10.0000454 + 4.54e-5 (B - 1)",
        reading="First step with scale 10 and bias -10: every match counts as a miss.",
        compute=_siglip_start,
    ),
    replace(
        _SIGLIP,
        quantity="floor",
        parameters=(),
        formula="0",
        reading="Every match and mismatch is certain.",
        compute=fixed(0.0),
    ),
    _SIGLIP_ZERO,
    replace(_SIGLIP_ZERO, quantity="collapse"),
)
