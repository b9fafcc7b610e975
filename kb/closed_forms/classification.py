"""Plain classification: pretext tasks, probes and binary losses at a uniform guess."""

from __future__ import annotations

import math
from dataclasses import replace

from kb.closed_forms.base import ClosedForm, fixed, log_of

_CROSS_ENTROPY = ClosedForm(
    loss="cross_entropy",
    quantity="chance",
    parameters=("classes",),
    formula="ln C",
    reading="All classes are equally likely: a probe or head that learnt nothing.",
    source="cross-entropy of a uniform guess",
    compute=log_of(),
    methods=("linearprobe", "supervised", "crossentropy", "finetune"),
    usual={"classes": (2.0, 10.0, 100.0, 200.0, 1000.0)},
)

_JIGSAW = replace(
    _CROSS_ENTROPY,
    loss="jigsaw",
    formula="ln(permutations)",
    reading="All permutations of the tiles are equally likely.",
    source="arXiv:1603.09246 section 4",
    methods=("jigsaw", "pirl"),
    rarity=1,
    usual={"classes": (100.0, 1000.0)},
)


def _of(loss: str, classes: int, reading: str, source: str, rarity: int) -> ClosedForm:
    return replace(
        _CROSS_ENTROPY,
        loss=loss,
        parameters=(),
        formula=f"ln {classes}",
        reading=reading,
        source=source,
        compute=fixed(math.log(classes)),
        methods=(loss.replace("_", ""),),
        rarity=rarity,
    )


_ROTATION = replace(
    _of("rotation", 4, "All four rotations are equally likely.", "arXiv:1803.07728", 1),
    methods=("rotation", "rotnet"),
)
_RELATIVE_PATCH = replace(
    _of("relative_patch", 8, "All eight positions are equally likely.", "arXiv:1505.05192", 1),
    methods=("relativepatch", "contextprediction", "relativelocation"),
)
_BCE = replace(
    _of("bce", 2, "A binary decision at even odds.", "logistic loss at logit 0", 0),
    methods=("bce", "logistic"),
)

FORMS: tuple[ClosedForm, ...] = tuple(
    form
    for chance in (_CROSS_ENTROPY, _JIGSAW, _ROTATION, _RELATIVE_PATCH, _BCE)
    for form in (
        chance,
        replace(chance, quantity="collapse", reading="Outputs do not depend on the input."),
    )
)
