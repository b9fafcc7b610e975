"""Numbers in a sentence: value, precision, unit, and what each is a number of."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from kb.types import Scalar
from kb.vocabulary import vocabulary


@dataclass(frozen=True, slots=True)
class Number:
    """A number as typed. `tolerance` is half a unit of its last digit.

    `role` is a config name, a vocabulary metric, or None when the words do not say.
    """

    text: str
    value: float
    tolerance: float
    role: str | None
    unit: str | None
    position: int


_NUMBER = re.compile(
    r"(?:(?<![\w.])(?<!\d:)|(?<=\bbs)|(?<=\blr)|(?<=\btau))"
    r"(?P<text>[+−-]?(?:\d+(?:[ ,]\d{3})+(?!\d)|\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?)"
    r"(?P<suffix>[kK](?![A-Za-z]))?(?P<percent>\s?%)?(?![\d.]*\w?\d)(?!:\d)"
)

_ROLES: tuple[tuple[str, str], ...] = (
    ("global_batch_size", r"(?:global|total|effective)[ _-]?batch[ _-]?(?:size)?"),
    ("batch_size", r"(?:mini[- ]?)?batch[ _-]?size|batch(?:es of| of)?|bs"),
    ("teacher_temp", r"teacher[ _-]?temp(?:erature)?"),
    ("temperature", r"temperature|temp|tau|τ"),
    ("queue_size", r"queue[ _-]?(?:size|length|len)?|moco[_-]k|negatives?|bank(?:[ _]size)?"),
    ("prototypes", r"(?:nmb[_ ]|num[_ ]|n[_ ])?prototypes?|out[_ ]dim|head[_ ]n[_ ]prototypes"),
    (
        "dim",
        r"(?:(?:proj(?:ection|ector)?|embedding|output|out|feature|feat)[ _-])?dim(?:ension)?s?",
    ),
    ("lr", r"(?:base[ _]|peak[ _]|blr[ _]?)?(?:learning[ _]rate|lr)|blr"),
    ("epochs", r"(?:for|total|max)[ _]epochs?"),
    ("world_size", r"world[ _]size|n?gpus?|num[_ ]gpus"),
    ("accum_steps", r"(?:grad(?:ient)?[ _])?accum(?:ulation|ulate)?[ _-]?(?:steps|iter)?"),
    ("ema_momentum", r"(?:ema|teacher|target)[ _-]?(?:momentum|decay|m)|momentum[ _]teacher|ema"),
    ("lambda_inv", r"(?:sim|inv(?:ariance)?)[_ ](?:coeff|weight|lambda)|lambda[_ ]inv"),
    ("lambda_var", r"(?:std|var(?:iance)?)[_ ](?:coeff|weight)|lambda[_ ]var|mu"),
    ("lambda_cov", r"cov(?:ariance)?[_ ](?:coeff|weight)|lambda[_ ]cov|nu"),
    ("epoch", r"epochs?|ep"),
    ("step", r"steps?|iter(?:ation)?s?|it"),
    ("loss", r"(?:train(?:ing)?[ _/]?)?loss(?:es)?|nce|infonce|objective"),
)
_LETTERS = {"b": "batch_size", "t": "temperature", "d": "dim"}
_JOINT = r"(?:\s*(?:=|:|\bof\b|\bis\b|\bwas\b|\bat\b|~|≈|\baround\b|\babout\b|\bto\b|@|-))*\s*$"
_ROLE_BEFORE = re.compile(
    r"(?<![a-z0-9_])(?:"
    + "|".join(f"(?P<r_{name}>{words})" for name, words in _ROLES)
    + rf"){_JOINT}",
    re.IGNORECASE,
)
_LETTER_BEFORE = re.compile(
    r"(?<![\w'’])(?P<letter>[btkd])\s*(?:=|:|\bof\b|\bis\b)\s*$", re.IGNORECASE
)
"""A lone letter names a setting only with a sign after it: `B = 32`, but not `plan B 32`."""

_NO_NUMBER = r"(?!\s*(?:=|:|of|is)?\s*[\d.])"
"""What follows a number names it only if it does not name the next one: `4.14 batch size 32`."""

_UNIT_ROLES: tuple[tuple[str | None, str], ...] = (
    ("world_size", r"gpus?|x?\s?(?:nvidia\s)?(?:[avhl]\d{2,3}s?|rtx)"),
    ("batch_size", r"(?:(?:images?|samples?)\s)?(?:per|/)\s?gpu|(?:images?|samples?)\sper\sbatch|"
                   rf"batch(?:[ _-]?size)?+{_NO_NUMBER}"),
    ("temperature", rf"(?:temp(?:erature)?+|tau){_NO_NUMBER}"),
    ("lr", rf"(?:lr|learning\srate){_NO_NUMBER}"),
    ("prototypes", r"prototypes"),
    ("queue_size", r"negatives"),
    ("classes", r"classes"),
    ("dim", r"dims?|dimension(?:s|al)?|d(?=\s(?:emb|proj|out|feat|vec|rep|latent))"),
    (None, r"epochs?|steps?|iterations?|iters?|images?|samples?|workers|minutes?|min|hours?|h|"
           r"seconds?|s|ms|gb|mb|gib|mib|px|videos?|frames?|accuracy|acc|top-?[15]|nodes?"),
)  # fmt: skip
_UNIT_AFTER = re.compile(
    r"[\s-]*(?:" + "|".join(f"(?P<u{n}>{words})" for n, (_, words) in enumerate(_UNIT_ROLES))
    + r")(?!\w)",
    re.IGNORECASE,
)  # fmt: skip

_METRICS_SAID: tuple[tuple[str | None, str], ...] = (
    ("grad_norm", r"grad(?:ient)?s?[ -]norms?"),
    ("lin_acc", r"linear (?:prob(?:e|ing)|eval\w*|acc\w*|classif\w*)"),
    ("knn_acc", r"k-?nn(?: acc\w*)?"),
    ("val/loss", r"(?:val(?:idation)?|test|eval) loss"),
    ("amp_scale", r"(?:loss |grad ?)scaler?"),
    ("pos_sim", r"cosine similarity"),
    ("gpu_util", r"gpu util\w*"),
    (None, r"acc(?:uracy)?(?:@\d)?|top-?[15]|map|miou|auc|f1|momentum|decay|wd|dropout|"
           r"gradients?|norms?|std|variance|covariance|rank|similarity|cosine|clip\w*|entropy|"
           r"scale|weights?|coeff\w*|ratio|lambda|margin|version|torch|python|cuda|util\w*|time|"
           r"memory|eps(?:ilon)?|gamma|beta\w*|threshold|percent\w*|warm-?up"),
)  # fmt: skip
_OWNER = re.compile(
    r"(?<![a-z0-9_])(?:(?P<loss>loss(?:es)?|nce|infonce|objective)|"
    + "|".join(f"(?P<m{n}>{words})" for n, (_, words) in enumerate(_METRICS_SAID))
    + r")(?![a-z0-9_])",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"([A-Za-z]\w*_[\w/@.-]*)\s*(?:=|:|of|is|at|~|≈|around|about)?\s*$")

_COUNTS = ("batch_size", "global_batch_size", "queue_size", "prototypes", "dim", "world_size")
_SETTING_ROLES = frozenset(
    "batch_size global_batch_size temperature queue_size prototypes dim lr world_size accum_steps "
    "ema_momentum lambda_inv lambda_var lambda_cov classes".split()
)
_BEHIND, _AHEAD = 48, 28
"""Characters before and after a number in which the words that name it are looked for."""


def numbers_in(text: str, *, stuck: bool, k: str) -> tuple[Number, ...]:
    """Return the numbers of `text` in order.

    A number with a decimal point that nothing else names is a value of the loss, when the text
    is about a loss or, with `stuck`, about something that does not move. `k` is the setting
    that `K = 4096` means. Never raises.
    """
    about_loss = re.search(r"\bloss|\bnce\b|objective", text, re.IGNORECASE) is not None
    found: list[Number] = []
    for match in _NUMBER.finditer(text):
        value = float(match["text"].replace(",", "").replace(" ", "").replace("−", "-"))
        value *= 1000 if match["suffix"] else 1
        if not math.isfinite(value):
            continue
        before = text[max(0, match.start() - _BEHIND) : match.start()]
        unit, named = _unit(match, text[match.end() : match.end() + _AHEAD])
        role = _role(before, k) or named
        if role == "loss" and unit == "%":
            role = None
        if role in _COUNTS and (value != int(value) or value < 1):
            role = None
        if role is None:
            role = _metric(before, about_loss or stuck, _may_be_loss(match, unit, named))
        found.append(Number(match["text"], value, _tolerance(match), role, unit, match.start()))
    return tuple(found)


def settings_in(numbers: tuple[Number, ...]) -> Mapping[str, Scalar]:
    """Return the config values among `numbers`; the first of a name counts."""
    settings: dict[str, Scalar] = {}
    for number in numbers:
        if number.role in _SETTING_ROLES:
            whole = number.value == int(number.value) and abs(number.value) < 2**53
            settings.setdefault(str(number.role), int(number.value) if whole else number.value)
    return settings


def _unit(match: re.Match[str], after: str) -> tuple[str | None, str | None]:
    """Return the unit as typed and the role that it implies."""
    if match["percent"]:
        return "%", None
    unit = _UNIT_AFTER.match(after)
    if unit is None:
        return None, None
    return unit[0].strip(" -").lower(), _UNIT_ROLES[int(str(unit.lastgroup)[1:])][0]


def _role(before: str, k: str) -> str | None:
    match = _ROLE_BEFORE.search(before)
    if match:
        return str(match.lastgroup)[2:]
    letter = _LETTER_BEFORE.search(before)
    if letter:
        return _LETTERS.get(letter["letter"].lower(), k)
    word = _WORD_BEFORE.search(before)
    return vocabulary().resolve(word[1]).metric if word else None


def _metric(before: str, about_loss: bool, may_be_loss: bool) -> str | None:
    """Return what the nearest quantity before the number is; a loss when there is none."""
    if before.rstrip().endswith(("±", "+-", "+/-")):
        return None
    owners = list(_OWNER.finditer(before))
    if owners and owners[-1].lastgroup != "loss":
        return _METRICS_SAID[int(str(owners[-1].lastgroup)[1:])][0]
    return "loss" if about_loss and may_be_loss else None


def _may_be_loss(match: re.Match[str], unit: str | None, named: str | None) -> bool:
    # A whole number in a sentence about a loss is more often a count than its value.
    return unit is None and named is None and "." in match["text"] and not match["suffix"]


def _tolerance(match: re.Match[str]) -> float:
    mantissa, _, exponent = match["text"].lower().replace("−", "-").partition("e")
    decimals = len(mantissa.partition(".")[2])
    scale = 10.0 ** max(-300, min(int(exponent or 0), 300))
    return float(0.5 * 10.0**-decimals * scale * (1000 if match["suffix"] else 1))
