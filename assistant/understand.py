"""A symptom in words -> what it says: numbers with roles, settings, methods, direction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from assistant.quantities import Number, numbers_in, settings_in
from kb.method_names import kinds_of, methods_in
from kb.plain_text import strip_controls
from kb.types import Scalar
from kb.vocabulary import vocabulary

MAX_CHARACTERS = 8000
"""A pasted log excerpt is read up to here; the encoder itself stops far earlier."""

Direction = Literal["flat", "up", "down", "nan", "oscillates"]


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


_DIRECTIONS: tuple[tuple[Direction, str], ...] = (
    (
        "flat",
        r"stuck|stays?|stayed|constant|flat(?:lin\w+)?|plateau\w*|stagnat\w*|saturat\w*|"
        r"(?:does|do|did|is|are|will|would|has|have|can)(?: ?n[o']t|not|nt)(?: really)? "
        r"(?:go(?:ing)?|mov|chang|decreas|drop|improv|fall|budg|converg|leav)\w*|"
        r"doesn'?t \w+|unchanged|never (?:goes|moves|changes|drops|decreases)|"
        r"same (?:number|value)|"
        r"not (?:decreasing|dropping|improving|converging|moving|changing)|hovers?",
    ),
    (
        "up",
        r"increas\w*|ris(?:es|ing|e)|rose|goes? up|going up|climb\w*|grow\w*|explod\w*|diverg\w*",
    ),
    (
        "down",
        r"decreas\w*|drops?|dropp\w*|falls?|fell|goes? down|declin\w*|degrad\w*|decay(?:s|ed)",
    ),
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
    written = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()  # no lone surrogates
    lines = [line for line in strip_controls(written).split("\n") if line.strip()]
    cleaned = " ".join(" ; ".join(lines).split())
    absent = tuple(match["what"].lower() for match in _ABSENT.finditer(cleaned))
    positive = " ".join(_ABSENT.sub(" ", cleaned).split())
    directions = _directions(positive)
    methods = methods_in(cleaned)
    numbers = numbers_in(cleaned, stuck="flat" in directions, k=_meaning_of_k(methods))
    settings: dict[str, Scalar] = dict(settings_in(numbers))
    if methods:
        settings.setdefault("method", methods[0])
    return Understood(
        text=cleaned,
        positive_text=positive or cleaned,
        numbers=numbers,
        settings=settings,
        methods=methods,
        metrics=_metrics(cleaned),
        directions=directions,
        absent=absent,
    )


def _directions(text: str) -> frozenset[Direction]:
    found: set[Direction] = {"flat"} if _DIRECTION["flat"].search(text) else set()
    # What is said not to move does not go down either: "not decreasing".
    moving = _DIRECTION["flat"].sub(" ", text)
    found |= {name for name, words in _DIRECTION.items() if words.search(moving)}
    return frozenset(found)


def _meaning_of_k(methods: tuple[str, ...]) -> str:
    """Return which setting people call K: the queue of MoCo, the prototypes of SwAV and DINO."""
    kinds = frozenset[str]().union(*(kinds_of(name) for name in methods))
    return "prototypes" if kinds & {"clustering", "distillation"} else "queue_size"


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
