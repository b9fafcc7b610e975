"""Does anything here fit at all? The probability that a query is about this field."""

from __future__ import annotations

import math

import numpy as np

from assistant.features import Float32s, Ranker
from assistant.understand import Understood


def evidence(
    ranker: Ranker, understood: Understood, vector: Float32s, values: Float32s
) -> tuple[float, ...]:
    """Return what the decision weighs; `values` are features of shape (units, features).

    The direction that separates the field from others, the best phrasing, the best words per
    word asked, whether a method is named, how many vocabulary metrics are, and how terse it is:
    three words cannot be as near to a sentence as a sentence can.
    """
    domain = float(vector @ ranker.domain) + ranker.domain_bias
    said = float(values[:, 0].max()) if len(values) else 0.0
    words = float(values[:, -1].max()) if len(values) else 0.0
    asked = max(len(understood.positive_text.split()), 3)
    metrics = sum(name != "loss" for name in understood.metrics)
    return (
        domain,
        said,
        words / math.sqrt(asked) / 10,
        float(bool(understood.methods)),
        min(metrics, 2) / 2,
        3 / asked,
    )


def probability(
    ranker: Ranker, understood: Understood, vector: Float32s, values: Float32s
) -> float:
    """Return the calibrated probability, between 0 and 1."""
    seen = np.array(evidence(ranker, understood, vector, values), dtype=np.float64)
    logit = float(seen @ ranker.fits[:-1] + ranker.fits[-1])
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, logit))))
