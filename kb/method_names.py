"""Self-supervised methods by name: what people write, and which kind of method it is."""

from __future__ import annotations

import re
from functools import lru_cache

KINDS: dict[str, tuple[str, ...]] = {
    "contrastive": ("simclr", "supcon", "moco", "nnclr", "dcl", "cpc", "pirl", "simcse", "clip"),
    "distillation": (
        "byol",
        "simsiam",
        "dino",
        "ibot",
        "dinov2",
        "dinov3",
        "data2vec",
        "ressl",
        "esvit",
    ),
    "redundancy": ("vicreg", "vicregl", "vibcreg", "barlow", "w-mse", "tico", "lejepa"),
    "clustering": ("swav", "deepcluster", "msn", "sela", "odc"),
    "masked": ("mae", "beit", "simmim", "videomae", "maskfeat", "wav2vec2", "hubert", "ibot"),
    "jepa": ("i-jepa", "v-jepa", "lejepa", "data2vec"),
    "multimodal": ("clip", "siglip", "slip"),
}
"""Each kind and the methods of it; a method may be of two kinds."""

_PATTERNS: tuple[tuple[str, str], ...] = (
    ("simclr", r"sim[- ]?clr(?:[- ]?v?2)?|nt[-_ ]?xent"),
    ("supcon", r"sup[- ]?con(?:trast|loss)?|supervised contrastive"),
    ("moco", r"moco(?:[- ]?v?[123]\+?)?|momentum contrast"),
    ("nnclr", r"nn[- ]?clr"),
    ("dcl", r"dclw?"),
    ("cpc", r"cpc(?:[- ]?v?2)?|contrastive predictive coding"),
    ("pirl", r"pirl"),
    ("simcse", r"simcse"),
    ("byol", r"byol(?:-a)?|bootstrap your own latent"),
    ("simsiam", r"sim[- ]?siam"),
    ("dinov2", r"dino[- ]?v?2"),
    ("dinov3", r"dino[- ]?v?3"),
    ("dino", r"dino(?:[- ]?v?1)?"),
    ("ibot", r"ibot"),
    ("data2vec", r"data2vec(?:[- ]?2)?"),
    ("ressl", r"ressl"),
    ("esvit", r"es[- ]?vit"),
    ("vicregl", r"vicregl"),
    ("vibcreg", r"vibc[- ]?reg"),
    ("vicreg", r"vic[- ]?reg"),
    ("barlow", r"barlow(?:[- ]?twins?)?"),
    ("w-mse", r"w[- ]?mse"),
    ("tico", r"tico"),
    ("lejepa", r"le[- ]?jepa|sigreg"),
    ("swav", r"swav"),
    ("deepcluster", r"deep[- ]?cluster(?:[- ]?v?2)?"),
    ("msn", r"p?msn"),
    ("odc", r"odc"),
    ("sela", r"sela"),
    ("mae", r"mae|masked auto-?encoders?"),
    ("videomae", r"video[- ]?mae(?:[- ]?v?2)?"),
    ("beit", r"beit(?:[- ]?v?[23])?"),
    ("simmim", r"simmim"),
    ("maskfeat", r"maskfeat"),
    ("wav2vec2", r"wav2vec(?:[- ]?2(?:\.0)?)?"),
    ("hubert", r"hubert"),
    ("i-jepa", r"i[- ]?jepa"),
    ("v-jepa", r"v[- ]?jepa(?:[- ]?2)?"),
    ("clip", r"(?:open[- ]?)?clip"),
    ("siglip", r"siglip(?:[- ]?2)?"),
    ("slip", r"slip"),
)

# "clip" next to one of these is gradient clipping, not the method.
_CLIPPED_BEFORE = re.compile(r"(?:\bgrad[a-z]*|norm|value|weight)s?[ _-]*$", re.IGNORECASE)
_CLIPPED_AFTER = re.compile(
    r"[ _-]*(?:(?:the|my|our|its)[ ]+)?(?:grad|norm|value|weight|frac|thresh)", re.IGNORECASE
)
_REACH = 24
"""Characters before "clip" in which such a word is looked for."""


@lru_cache(maxsize=1)
def _finder() -> re.Pattern[str]:
    groups = "|".join(f"(?P<m{number}>{pattern})" for number, (_, pattern) in enumerate(_PATTERNS))
    return re.compile(rf"(?<![a-z0-9])(?:{groups})(?![a-z0-9])", re.IGNORECASE)


def methods_in(text: str) -> tuple[str, ...]:
    """Return the methods named in `text`, in order of first mention, each once."""
    found: dict[str, None] = {}
    for match in _finder().finditer(text):
        name = _PATTERNS[int(str(match.lastgroup)[1:])][0]
        if name == "clip" and _is_clipping(text, match.start(), match.end()):
            continue
        found[name] = None
    return tuple(found)


def _is_clipping(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - _REACH) : start]
    return bool(_CLIPPED_BEFORE.search(before) or _CLIPPED_AFTER.match(text, end))


def kinds_of(method: str) -> frozenset[str]:
    """Return the kinds a method belongs to; empty for an unknown one."""
    return frozenset(kind for kind, members in KINDS.items() if method in members)


def known_methods() -> tuple[str, ...]:
    """Return every method of `KINDS` once."""
    return tuple(dict.fromkeys(name for members in KINDS.values() for name in members))
