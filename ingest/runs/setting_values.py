"""Values of settings in one spelling: counts, shares, optimisers, precisions, methods."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from ingest.runs.log import number
from kb.method_names import known_methods, methods_in
from kb.types import Scalar

Read = Callable[[Scalar], Scalar | None]

_OPTIMIZERS = (
    "adamw adam sgd lars lamb lion rmsprop adagrad adadelta adafactor nadam radam muon shampoo "
    "sophia"
).split()
_HALF = re.compile(r"(fp|float)?16(_?(mixed|true))?|half|amp(_fp16)?|o[123]")
_BRAIN = re.compile(r"(amp_)?(pure_)?(bf|bfloat_?)16(_?(mixed|true))?")
_FULL = re.compile(r"(fp|float)?32(_?true)?|no|full|none|o0")
_NONE = frozenset(("none", "null", "", "false", "no"))
_VARIANTS = {"mocov2plus": "moco", "barlowtwins": "barlow", "dinov1": "dino"}


def numeric(value: Scalar) -> float | None:
    """Return a setting as a finite number; None for switches and other text."""
    found = number(value)
    return found if found is not None and math.isfinite(found) else None


def method_named(text: str) -> str | None:
    """Return the one method that a text names, as kb.method_names spells it, else None.

    MoCo v3 stays apart from the versions with a queue: its loss has another scale.
    """
    plain = text.lower().replace("_", " ").strip()
    variant = _VARIANTS.get(re.sub(r"[^a-z0-9]", "", plain))
    found = methods_in(plain)
    if variant or len(found) != 1:
        return variant
    return "mocov3" if found[0] == "moco" and re.search(r"moco[- ]?v?3", plain) else found[0]


def is_method(text: str) -> bool:
    """Tell whether a text is the name of a method and nothing more."""
    letters = re.sub(r"[^a-z0-9]", "", text.lower())
    bare = re.sub(r"v?[123]$", "", letters)
    known = {re.sub(r"[^a-z0-9]", "", name) for name in known_methods()}
    return letters in known or bare in known or letters in _VARIANTS


def read_value(name: str, value: Scalar) -> Scalar | None:
    """Return the value of a config name, None when it cannot be one."""
    return _READ[name](value)


def _whole(found: float) -> int | float:
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _first(value: Scalar) -> float | None:
    """Return a number, the first of several that were joined by commas."""
    if isinstance(value, str):
        value = value.strip("[]() ").split(",")[0].strip()
    return numeric(value)


def _between(low: float, high: float, *, open_low: bool = False) -> Read:
    def read(value: Scalar) -> Scalar | None:
        found = _first(value)
        if found is None or not low <= found <= high or (open_low and found == low):
            return None
        return _whole(found)

    return read


def _one_value(value: Scalar) -> Scalar | None:
    """Read a positive number; a list of several parameter groups has no single one."""
    found = numeric(value)
    return None if found is None or found < 0 else _whole(found)


def _clip(value: Scalar) -> Scalar | None:
    if isinstance(value, str) and value.strip().lower() in _NONE:
        return 0
    if value is False:
        return 0
    found = numeric(value)
    return None if found is None else _whole(max(found, 0.0))


def _switch(value: Scalar) -> Scalar | None:
    if isinstance(value, str):
        return {"true": 1, "false": 0, "1": 1, "0": 0}.get(value.strip().lower())
    return int(value) if value in (0, 1) else None


def _optimizer(value: Scalar) -> Scalar | None:
    if not isinstance(value, str):
        return None
    words = re.findall(r"[a-z]+", value.lower())
    found = [name for name in _OPTIMIZERS if name in words]
    return found[0] if len(found) == 1 else None


def _precision(value: Scalar) -> Scalar | None:
    plain = re.sub(r"[^a-z0-9]+", "_", str(value).lower()).strip("_")
    for pattern, name in ((_BRAIN, "bf16"), (_HALF, "fp16"), (_FULL, "fp32")):
        if pattern.fullmatch(plain):
            return name
    return None


def _method(value: Scalar) -> Scalar | None:
    return method_named(value) if isinstance(value, str) else None


_COUNT = _between(1, 2**53)
_POSITIVE = _between(0, 1e6, open_low=True)
_WEIGHT = _between(0, 1e9)

_READ: dict[str, Read] = {
    **dict.fromkeys(
        "batch_size global_batch_size world_size accum_steps dim hidden_dim queue_size prototypes "
        "classes dataset_size".split(),
        _COUNT,
    ),
    **dict.fromkeys(("temperature", "teacher_temperature", "epochs"), _POSITIVE),
    **dict.fromkeys(("lambda_inv", "lambda_var", "lambda_cov", "warmup_epochs"), _WEIGHT),
    "lr": _one_value,
    "weight_decay": _one_value,
    "ema_momentum": _between(0, 1),
    "mask_ratio": _between(0, 1),
    "grad_clip": _clip,
    "stop_gradient": _switch,
    "optimizer": _optimizer,
    "precision": _precision,
    "method": _method,
}
