"""MoCo: negatives from a queue (v1, v2), and v3's scaled in-batch loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kb.closed_forms.base import POWERS, ClosedForm, log_of
from kb.closed_forms.contrastive import simplex_gap, spread_of_cosines
from kb.run import FloatArray


def _fresh_queue(queue: FloatArray, temperature: FloatArray, dim: FloatArray) -> FloatArray:
    # Query and key still agree (cosine 1) while the queue holds random directions.
    return np.log1p(queue * np.exp(spread_of_cosines(temperature, dim) - 1 / temperature))


_MOCO = ClosedForm(
    loss="moco",
    quantity="chance",
    parameters=("queue_size",),
    formula="ln(K + 1)",
    reading="The key is not told apart from the K entries of the queue.",
    source="arXiv:1911.05722 Eq. 1; gh:facebookresearch/moco moco/builder.py",
    compute=log_of(shift=1.0),
    methods=("moco", "mocov1", "mocov2", "mocov2plus", "mocoplus"),
    usual={"queue_size": (1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0)},
)


def _v3(variant: str, factor: float, reading: str) -> tuple[ClosedForm, ...]:
    base = ClosedForm(
        loss="moco_v3",
        variant=variant,
        quantity="chance",
        parameters=("batch_size", "temperature"),
        formula=f"{factor:.0f} t ln B",
        reading=reading,
        source="arXiv:2104.02057 Alg. 1; gh:facebookresearch/moco-v3 moco/builder.py",
        compute=lambda batch, temperature: factor * temperature * np.log(batch),
        methods=("mocov3",),
        rarity=1,
        usual={"batch_size": tuple(p for p in POWERS if 64 <= p <= 8192)},
    )
    return (
        base,
        replace(base, quantity="collapse", reading="All embeddings are identical."),
        replace(
            base,
            quantity="start",
            parameters=("batch_size", "temperature", "dim"),
            formula=f"{factor:.0f} t (ln B + 1/(2 D t^2))",
            reading="Queries and keys are unrelated random directions.",
            compute=lambda batch, temperature, dim: (
                factor * temperature * (np.log(batch) + spread_of_cosines(temperature, dim))
            ),
        ),
        replace(
            base,
            quantity="floor",
            formula=f"{factor:.0f} t ln(1 + (B - 1) exp(-(1 + 1/(B - 1))/t))",
            reading="Positives coincide and the rest is as far apart as it can be: converged.",
            compute=lambda batch, temperature: (
                factor * temperature * np.log1p((batch - 1) * simplex_gap(batch, temperature))
            ),
        ),
    )


FORMS: tuple[ClosedForm, ...] = (
    _MOCO,
    replace(
        _MOCO,
        quantity="collapse",
        reading="Query, key and the whole queue are identical.",
    ),
    replace(
        _MOCO,
        quantity="start",
        parameters=("queue_size", "temperature", "dim"),
        formula="ln(1 + K exp(1/(2 D t^2) - 1/t))",
        reading="First step, queue of random vectors: the loss rises from here while it fills.",
        compute=_fresh_queue,
    ),
    *_v3("", 4.0, "Chance of the official loss: both directions, each multiplied by 2t."),
    *_v3("one_direction", 2.0, "Chance of one direction, multiplied by 2t."),
)
