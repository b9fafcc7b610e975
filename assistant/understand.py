"""A symptom in words -> what it says: numbers with roles, settings, methods, direction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kb.method_names import methods_in
from kb.plain_text import strip_controls
from kb.types import Scalar
from kb.vocabulary import vocabulary

MAX_CHARACTERS = 8000
"""A pasted log excerpt is read up to here; the encoder itself stops far earlier."""

Direction = Literal["flat", "up", "down", "nan", "oscillates"]


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


@dataclass(frozen=True, slots=True)
class Understood:
    """Everything the words say. `positive_text` lacks what the user says is absent."""

    text: str
    positive_text: str
    numbers: tuple[Number, ...]
    settings: Mapping[str, Scalar]
    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    directions: frozenset[Direction]
    absent: tuple[str, ...]

    @property
    def losses(self) -> tuple[Number, ...]:
        """Return the numbers that are values of the training loss."""
        return tuple(number for number in self.numbers if number.role == "loss")


_NUMBER = re.compile(
    r"(?<![\w.])(?P<text>[+-]?(?:\d+(?:[ ,]\d{3})+(?!\d)|\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?)"
    r"(?P<suffix>[kK](?![A-Za-z]))?(?P<percent>\s?%)?(?![\d.]*\w?\d)"
)

_ROLES: tuple[tuple[str, str], ...] = (
    ("global_batch_size", r"(?:global|total|effective)[ _-]?batch[ _-]?(?:size)?"),
    ("batch_size", r"(?:mini[- ]?)?batch[ _-]?size|batch(?:es of| of)?|bs|b"),
    ("temperature", r"temperature|temp|tau|τ|t"),
    ("queue_size", r"queue[ _-]?(?:size|length|len)?|moco[_-]k|negatives?|bank(?:[ _]size)?|k"),
    ("prototypes", r"(?:nmb[_ ]|num[_ ]|n[_ ])?prototypes?|out[_ ]dim|head[_ ]n[_ ]prototypes"),
    ("dim", r"(?:proj(?:ection|ector)?|embedding|output|out|feature|feat)?[ _-]?dim(?:ension)?s?|d"),
    ("lr", r"(?:base[ _]|peak[ _]|blr[ _]?)?(?:learning[ _]rate|lr)|blr"),
    ("epochs", r"(?:for|total|max)[ _]epochs?"),
    ("world_size", r"world[ _]size|n?gpus?|num[_ ]gpus"),
    ("accum_steps", r"(?:grad(?:ient)?[ _])?accum(?:ulation|ulate)?[ _-]?(?:steps|iter)?"),
    ("ema_momentum", r"(?:ema|teacher|target)[ _-]?(?:momentum|decay|m)|momentum[ _]teacher|ema"),
    ("lambda_inv", r"(?:sim|inv(?:ariance)?)[_ ](?:coeff|weight|lambda)|lambda[_ ]inv"),
    ("lambda_var", r"(?:std|var(?:iance)?)[_ ](?:coeff|weight)|lambda[_ ]var|mu"),
    ("lambda_cov", r"cov(?:ariance)?[_ ](?:coeff|weight)|lambda[_ ]cov|nu"),
    ("epoch", r"epochs?|ep"),
    ("step", r"steps?|iter(?:ation)?s?|it|step ~?"),
    ("loss", r"(?:train(?:ing)?[ _/]?)?loss(?:es)?|nce|infonce|objective"),
)
_ROLE_BEFORE = re.compile(
    r"(?<![a-z0-9_])(?:" + "|".join(f"(?P<r_{name}>{words})" for name, words in _ROLES)
    + r")(?:\s*(?:=|:|of|is|was|at|~|≈|around|about|to|@|-)?\s*)*$",
    re.IGNORECASE,
)
_UNIT_AFTER = re.compile(
    r"^[\s-]*(?P<unit>gpus?|epochs?|steps?|iterations?|iters?|images?|samples?|classes|prototypes|"
    r"dims?|dimensions|negatives|workers|minutes?|min|hours?|h|seconds?|s|ms|gb|mb|gib|mib|px|"
    r"bits?|nats?|videos?|frames?|accuracy|acc|top-?1|nodes?)\b",
    re.IGNORECASE,
)
_UNIT_ROLE = {
    "gpu": "world_size",
    "gpus": "world_size",
    "prototypes": "prototypes",
    "negatives": "queue_size",
    "classes": "classes",
    "dim": "dim",
    "dims": "dim",
    "dimensions": "dim",
}
_NOT_A_LOSS = frozenset(
    "epoch epochs step steps iteration iterations iters images image samples classes workers minutes "
    "minute min hours hour h seconds second s ms gb mb gib mib px videos video frames node nodes "
    "accuracy acc top1 top-1".split()
)
_SETTING_ROLES = frozenset(
    "batch_size global_batch_size temperature queue_size prototypes dim lr world_size accum_steps "
    "ema_momentum lambda_inv lambda_var lambda_cov classes".split()
)
_WORD_BEFORE = re.compile(r"([A-Za-z][\w/@.-]*(?: [a-z]+)?)\s*(?:=|:|of|is|at|~|≈|around|about)?\s*$")

_DIRECTIONS: tuple[tuple[Direction, str], ...] = (
    (
        "flat",
        r"stuck|stays?|stayed|constant|flat(?:lin\w+)?|plateau\w*|stagnat\w*|saturat\w*|"
        r"(?:does|do|did|is|are|will|would|has|have|can)(?: ?n[o']t|not|nt)(?: really)? "
        r"(?:go(?:ing)?|mov|chang|decreas|drop|improv|fall|budg|converg|leav)\w*|"
        r"doesn'?t \w+|unchanged|never (?:goes|moves|changes|drops|decreases)|same (?:number|value)|"
        r"not (?:decreasing|dropping|improving|converging|moving|changing)|hovers?",
    ),
    ("up", r"increas\w*|ris(?:es|ing|e)|rose|goes? up|going up|climb\w*|grow\w*|explod\w*|diverg\w*"),
    ("down", r"decreas\w*|drops?|dropp\w*|falls?|fell|goes? down|declin\w*|degrad\w*|decay\w*"),
    ("nan", r"nan|inf(?:inity)?|not a number|overflow\w*"),
    ("oscillates", r"oscillat\w*|bounc\w*|fluctuat\w*|jump\w*|spik\w*|zig ?zag\w*|unstable"),
)
_DIRECTION = {name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for name, words in _DIRECTIONS}

_ABSENT = re.compile(
    r"\b(?:no|without(?: any)?|not a|isn'?t a|rather than|instead of)\s+"
    r"(?P<what>nans?|infs?|collapse|errors?|oom|overflow|divergence|overfitting|leak|warm-?up)\b",
    re.IGNORECASE,
)


def understand(text: str) -> Understood:
    """Read `text`; never raises. Control characters are dropped and long text is cut."""
    cleaned = " ".join(strip_controls(text[:MAX_CHARACTERS].replace("\n", " ; ")).split())
    absent = tuple(match["what"].lower() for match in _ABSENT.finditer(cleaned))
    positive = " ".join(_ABSENT.sub(" ", cleaned).split())
    numbers = _numbers(cleaned)
    settings: dict[str, Scalar] = {}
    for number in numbers:
        if number.role in _SETTING_ROLES:
            settings.setdefault(str(number.role), _as_setting(number.value))
    methods = methods_in(cleaned)
    if methods:
        settings.setdefault("method", methods[0])
    return Understood(
        text=cleaned,
        positive_text=positive or cleaned,
        numbers=numbers,
        settings=settings,
        methods=methods,
        metrics=_metrics(cleaned),
        directions=frozenset(name for name, words in _DIRECTION.items() if words.search(positive)),
        absent=absent,
    )


def _numbers(text: str) -> tuple[Number, ...]:
    found: list[Number] = []
    about_loss = re.search(r"\bloss|\bnce\b|objective", text, re.IGNORECASE) is not None
    for match in _NUMBER.finditer(text):
        try:
            value = float(match["text"].replace(",", "").replace(" ", ""))
        except ValueError:  # pragma: no cover - the pattern admits only numbers
            continue
        value *= 1000 if match["suffix"] else 1
        before = text[max(0, match.start() - 48) : match.start()]
        after = text[match.end() : match.end() + 20]
        unit = "%" if match["percent"] else _unit(after)
        role = _role(before, unit)
        if role is None and about_loss and _may_be_loss(match, unit):
            role = "loss"
        if role in ("batch_size", "queue_size", "prototypes", "dim") and value != int(value):
            role = None
        found.append(Number(match["text"], value, _tolerance(match), role, unit, match.start()))
    return tuple(found)


def _unit(after: str) -> str | None:
    match = _UNIT_AFTER.match(after)
    return match["unit"].lower() if match else None


def _role(before: str, unit: str | None) -> str | None:
    match = _ROLE_BEFORE.search(before)
    if match:
        return str(match.lastgroup)[2:]
    if unit in _UNIT_ROLE:
        return _UNIT_ROLE[unit]
    word = _WORD_BEFORE.search(before)
    for candidate in (word[1], word[1].split(" ")[0]) if word else ():
        metric = vocabulary().resolve(candidate).metric if "_" in candidate else None
        if metric:
            return metric
    return None


def _may_be_loss(match: re.Match[str], unit: str | None) -> bool:
    if unit is not None and (unit == "%" or unit in _NOT_A_LOSS):
        return False
    # A whole number in a sentence about a loss is more often a count than its value.
    return "." in match["text"] and not match["suffix"]


def _tolerance(match: re.Match[str]) -> float:
    mantissa, _, exponent = match["text"].lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    scale = 10.0 ** min(int(exponent or 0), 300)
    return float(0.5 * 10.0**-decimals * scale * (1000 if match["suffix"] else 1))


def _as_setting(value: float) -> Scalar:
    return int(value) if value == int(value) and abs(value) < 2**53 else value


def _metrics(text: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for word in re.findall(r"[A-Za-z][\w/@]*", text):
        if "_" in word or word.lower() in ("rankme", "lidar", "gnorm"):
            metric = vocabulary().resolve(word).metric
            if metric:
                found[metric] = None
    for pattern, metric in _SPOKEN:
        if pattern.search(text):
            found.setdefault(metric)
    return tuple(found)


_SPOKEN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"\b(?:{words})\b", re.IGNORECASE), metric)
    for words, metric in (
        (r"grad(?:ient)?[ -]norms?", "grad_norm"),
        (r"k-?nn", "knn_acc"),
        (r"linear prob(?:e|ing)|linear eval\w*|linear classif\w*|linear acc\w*", "lin_acc"),
        (r"learning rate|lr", "lr"),
        (r"val(?:idation)? loss|test loss|eval loss", "val/loss"),
        (r"loss", "loss"),
        (r"loss scale|grad ?scaler", "amp_scale"),
        (r"data(?:loader|loading)?[ _]?time|data loading", "data_time"),
        (r"gpu util\w*", "gpu_util"),
        (r"rankme", "rankme_h"),
        (r"fine-?tun\w*", "ft_acc"),
        (r"cosine similarity", "pos_sim"),
    )
)
