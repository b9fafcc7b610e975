"""Speech: wav2vec 2.0 (contrastive over quantised codes) and HuBERT (cluster prediction).

fairseq logs losses in bits; those values are under the variant `bits`.
"""

from __future__ import annotations

import math
from dataclasses import replace

from kb.closed_forms.base import ClosedForm, fixed, log_of

_DISTRACTORS = 100
_CODES = 640
_GROUPS = 2
_DIVERSITY_WEIGHT = 0.1
"""wav2vec 2.0 base: 100 distractors, 2 groups of 320 codes, diversity weight 0.1
(arXiv:2006.11477 section 4.2)."""

_CANDIDATES = math.log(_DISTRACTORS + 1)
_NO_DIVERSITY = (_CODES - _GROUPS) / _CODES
_NATS_PER_BIT = math.log(2)

_WAV2VEC2 = ClosedForm(
    loss="wav2vec2",
    quantity="chance",
    parameters=(),
    formula="ln 101",
    reading="The true code is not told apart from 100 distractors.",
    source="arXiv:2006.11477 Eq. 3; gh:facebookresearch/fairseq criterions/wav2vec_criterion.py",
    compute=fixed(_CANDIDATES),
    methods=("wav2vec2", "wav2vec20", "xlsr", "wav2vec"),
    rarity=1,
)

_COLLAPSED = replace(
    _WAV2VEC2,
    quantity="collapse",
    formula="0.1 * (640 - 2)/640",
    reading="One code in use: contrast is 0 and only the diversity term is left.",
    compute=fixed(_DIVERSITY_WEIGHT * _NO_DIVERSITY),
)

_HUBERT = ClosedForm(
    loss="hubert",
    quantity="chance",
    parameters=("classes",),
    formula="ln(clusters + 4)",
    reading="All clusters (and fairseq's 4 special symbols) are equally likely.",
    source="arXiv:2106.07447; gh:facebookresearch/fairseq criterions/hubert_criterion.py",
    compute=log_of(shift=4.0),
    methods=("hubert", "wavlm"),
    rarity=1,
    usual={"classes": (100.0, 500.0)},
)

_HUBERT_BITS = replace(
    _HUBERT,
    variant="bits",
    formula="log2(clusters + 4)",
    compute=log_of(shift=4.0, scale=1 / _NATS_PER_BIT),
)

FORMS: tuple[ClosedForm, ...] = (
    _WAV2VEC2,
    _COLLAPSED,
    replace(
        _WAV2VEC2,
        variant="bits",
        formula="log2 101",
        compute=fixed(_CANDIDATES / _NATS_PER_BIT),
    ),
    replace(
        _COLLAPSED,
        variant="bits",
        formula="0.1 * (640 - 2)/640 / ln 2",
        compute=fixed(_DIVERSITY_WEIGHT * _NO_DIVERSITY / _NATS_PER_BIT),
    ),
    replace(
        _COLLAPSED,
        variant="contrast",
        formula="0",
        reading="Every distractor equals the target and is masked out: the term is empty.",
        compute=fixed(0.0),
    ),
    replace(
        _COLLAPSED,
        variant="diversity",
        formula="(640 - 2)/640",
        reading="Diversity term, before its weight, when each group uses a single code.",
        compute=fixed(_NO_DIVERSITY),
    ),
    replace(
        _COLLAPSED,
        variant="perplexity",
        formula="G = 2",
        reading="Code perplexity (a metric, not a loss) when each group uses a single code.",
        compute=fixed(float(_GROUPS)),
    ),
    _HUBERT,
    replace(_HUBERT, quantity="collapse", reading="Outputs do not depend on the input."),
    _HUBERT_BITS,
    replace(_HUBERT_BITS, quantity="collapse", reading="Outputs do not depend on the input."),
)
