"""Masked and latent prediction: MAE, I-JEPA, V-JEPA, data2vec and token prediction."""

from __future__ import annotations

import math
from dataclasses import replace

from kb.closed_forms.base import ClosedForm, fixed, log_of

_MAE_PATCH = {"dim": 768.0}
"""Values per patch, 16 x 16 x 3: the decoder's output width (official mae_vit_base_patch16)."""


def _smooth_l1_of_normal(variance: float) -> float:
    """Return E[smooth_l1(x)] (beta 1) for x ~ N(0, variance): half squares inside +-1."""
    edge = 1 / math.sqrt(variance)
    density = math.exp(-0.5 * edge**2) / math.sqrt(2 * math.pi)
    inside = math.erf(edge / math.sqrt(2))
    squares = 0.5 * variance * (inside - 2 * edge * density)
    return squares + 2 * math.sqrt(variance) * density - 0.5 * (1 - inside)


_MAE = ClosedForm(
    loss="mae",
    quantity="chance",
    parameters=(),
    formula="(n - 1)/n, n values per patch",
    reading="Every patch is predicted as its own mean; flat patches count 0 and lower it.",
    source="arXiv:2111.06377 section 3; gh:facebookresearch/mae models_mae.py (norm_pix_loss)",
    compute=lambda values: (values - 1) / values,
    methods=("mae", "videomae"),
    defaults=_MAE_PATCH,
    usual={"dim": (48.0, 192.0, 588.0, 768.0)},
)

_I_JEPA = ClosedForm(
    loss="i_jepa",
    quantity="chance",
    parameters=(),
    formula="E smooth_l1(N(0, 1)) = 0.4247",
    reading="Zero is predicted for layer-normalised targets.",
    source="arXiv:2301.08243; gh:facebookresearch/ijepa src/train.py (smooth_l1_loss)",
    compute=fixed(_smooth_l1_of_normal(1.0)),
    methods=("ijepa", "jepa"),
)

_V_JEPA = replace(
    _I_JEPA,
    loss="v_jepa",
    formula="E|N(0, 1)| = sqrt(2/pi)",
    source="arXiv:2404.08471 (L1 to layer-normalised targets)",
    compute=fixed(math.sqrt(2 / math.pi)),
    methods=("vjepa", "vjepa2", "jepa"),
    rarity=1,
)

_DATA2VEC = replace(
    _I_JEPA,
    loss="data2vec",
    formula="E[N(0, 1)^2] = 1",
    source="arXiv:2202.03555 (squared error to layer-normalised targets)",
    compute=fixed(1.0),
    methods=("data2vec", "data2vec2", "jepa"),
    rarity=1,
)


def _collapsed(one: ClosedForm) -> tuple[ClosedForm, ClosedForm]:
    zero = replace(
        one,
        quantity="collapse",
        formula="0",
        reading="Targets are constant (or predicted perfectly): the spread of targets tells which.",
        compute=fixed(0.0),
    )
    return zero, replace(zero, quantity="floor")


_TOKENS = ClosedForm(
    loss="token_prediction",
    quantity="chance",
    parameters=("classes",),
    formula="ln V",
    reading="All V codes or words are equally likely.",
    source="arXiv:2106.08254; arXiv:2202.04200; arXiv:1810.04805",
    compute=log_of(),
    methods=("beit", "beitv2", "maskgit", "bert", "mlm", "gpt", "gpt2"),
    rarity=1,
    usual={"classes": (1024.0, 8192.0, 16384.0, 30522.0, 32000.0, 50257.0)},
)

FORMS: tuple[ClosedForm, ...] = (
    _MAE,
    _I_JEPA,
    replace(
        _I_JEPA,
        variant="unrelated",
        formula="E smooth_l1(N(0, 2)) = 0.720",
        reading="The prediction is a layer-normalised vector unrelated to the target.",
        compute=fixed(_smooth_l1_of_normal(2.0)),
        rarity=1,
    ),
    *_collapsed(_I_JEPA),
    _V_JEPA,
    *_collapsed(_V_JEPA),
    _DATA2VEC,
    *_collapsed(_DATA2VEC),
    _TOKENS,
    replace(_TOKENS, quantity="collapse", reading="Outputs do not depend on the input."),
)
