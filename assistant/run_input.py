"""What callers pass as a run -> a Run under vocabulary names, with the unknown kept apart."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ingest.runs.setting_names import typed_name, unknown_setting
from kb.errors import UsageError, nearest
from kb.run import Run, Series
from kb.types import Scalar
from kb.vocabulary import vocabulary

RunValue = Scalar | Sequence[float]
RunInput = Run | str | os.PathLike[str] | Mapping[str, RunValue]

_SCALARS = (str, int, float, bool)
_TEXTS = ("method", "precision", "optimizer")
_POSITIVE = frozenset(
    "batch_size global_batch_size world_size accum_steps temperature dim hidden_dim queue_size "
    "prototypes classes epochs".split()
)


def as_run(run: RunInput | None) -> Run | None:
    """Return a Run for a Run or a mapping of metric and config names.

    A name that is both, such as `lr`, is a config value when it is a single number. Names
    that the vocabulary does not know are kept in `unknown`; None means not logged. Raises
    UsageError for values that are no numbers.
    """
    if run is None or isinstance(run, Run):
        return run
    if isinstance(run, str | os.PathLike):
        from ingest import open_run

        return open_run(run)
    if not isinstance(run, Mapping):
        raise UsageError(
            f"run is a {type(run).__name__}, expected a mapping of names to values or a kb.run.Run",
            hint='for example {"loss": 4.143, "batch_size": 32}',
        )
    given = {str(name): _bare(value) for name, value in run.items() if value is not None}
    config: dict[str, Scalar] = {}
    for name, value in given.items():
        setting = typed_name(name)
        if setting is not None and isinstance(value, _SCALARS):
            config[setting] = _setting(setting, value)
    series: dict[str, Series] = {}
    unknown: dict[str, Series] = {}
    for name, value in given.items():
        if typed_name(name) is not None and isinstance(value, _SCALARS):
            continue
        one = _series(name, value)
        metric = vocabulary().resolve(name, method=_text(config.get("method"))).metric
        if metric is None:
            unknown[name] = one
        else:
            series[metric] = Series(metric, one.values, one.steps, name)
    return Run(config, series, unknown, "values given")


def typed_settings(settings: Mapping[str, str]) -> dict[str, Scalar]:
    """Return settings that were typed as text, numbers as numbers."""
    return {name: _scalar(text) for name, text in settings.items()}


def named_run(metrics: Mapping[str, str], settings: Mapping[str, str]) -> Run | None:
    """Return the Run of `--metric` and `--set`, or None when neither was given.

    Here every name must be known: it was typed, so a wrong one is a slip. A setting given as
    a metric, or the reverse, is taken for what it is.
    """
    if not metrics and not settings:
        return None
    config: dict[str, Scalar] = {}
    logged = dict(metrics)
    for name, text in settings.items():
        setting = typed_name(name)
        if setting is not None:
            config[setting] = _setting(setting, _scalar(text))
        elif vocabulary().resolve(name).metric is not None:
            logged.setdefault(name, text)
        else:
            raise unknown_setting(name)
    series: dict[str, Series] = {}
    for name, text in logged.items():
        resolved = vocabulary().resolve(name, method=_text(config.get("method")))
        setting = typed_name(name)
        if resolved.metric is not None:
            series[resolved.metric] = _typed(resolved.metric, name, text)
        elif setting is not None:
            config.setdefault(setting, _setting(setting, _scalar(text)))
        else:
            could = f"could be {', '.join(resolved.candidates)}" if resolved.candidates else ""
            raise UsageError(
                f'unknown metric "{name}"{nearest(name, vocabulary().names())}',
                where="--metric",
                hint=could or "ssl-doctor list --metrics names them all",
            )
    return Run(config, series, {}, "values given")


def _typed(metric: str, name: str, text: str) -> Series:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(
            f'"{text}" is no number', where=f"--metric {name}", hint="expected 0.02 or 4.2,4.1"
        ) from error
    given = Series.from_values(metric, values)
    return Series(metric, given.values, given.steps, name)


def _setting(name: str, value: Scalar) -> Scalar:
    if name in _TEXTS:
        return str(value).lower()
    number = _scalar(value) if isinstance(value, str) else value
    if isinstance(number, str) or not math.isfinite(number):
        raise UsageError(f'"{value}" is no number', where=name)
    if name in _POSITIVE and number <= 0:
        raise UsageError(f"{value} is not possible, expected a number above 0", where=name)
    return number


def _series(name: str, value: object) -> Series:
    """Return the series; what is None was not logged, and its step has no value."""
    try:
        if isinstance(value, _SCALARS):
            return Series.from_values(name, float(value))
        held: Sequence[float | None] = value  # type: ignore[assignment]
        logged = [(step, float(one)) for step, one in enumerate(held) if one is not None]
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            f"found {_shown(value)}, expected a number or a sequence of numbers", where=name
        ) from error
    steps = np.array([step for step, _ in logged], dtype=np.int64)
    return Series(name, np.array([one for _, one in logged], dtype=np.float64), steps, name)


def _bare(value: object) -> object:
    """Return a number of NumPy or PyTorch as one of Python, anything else as it is."""
    item: Callable[[], object] | None = getattr(value, "item", None)
    if item is None or isinstance(value, _SCALARS) or getattr(value, "ndim", 0) != 0:
        return value
    return item()


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def _scalar(text: str) -> Scalar:
    try:
        number = float(text)
    except ValueError:
        return text
    whole = math.isfinite(number) and number == int(number) and abs(number) < 2**53
    return int(number) if whole else number


def _text(value: Scalar | None) -> str | None:
    return value if isinstance(value, str) else None
