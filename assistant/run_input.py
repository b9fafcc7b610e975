"""What callers pass as a run -> a Run under vocabulary names, with the unknown kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kb.errors import UsageError, nearest
from kb.run import CONFIG_NAMES, Run, Series
from kb.types import Scalar
from kb.vocabulary import vocabulary

RunValue = Scalar | Sequence[float]
RunInput = Run | Mapping[str, RunValue]

_CONFIG_ALIASES: dict[str, str] = {
    "bs": "batch_size",
    "batch": "batch_size",
    "tau": "temperature",
    "learning_rate": "lr",
    "sim_coeff": "lambda_inv",
    "std_coeff": "lambda_var",
    "cov_coeff": "lambda_cov",
    "num_gpus": "world_size",
    "n_gpus": "world_size",
    "out_dim": "prototypes",
    "nmb_prototypes": "prototypes",
    "ema": "ema_momentum",
    "momentum_teacher": "ema_momentum",
}


def as_run(run: RunInput | None) -> Run | None:
    """Return a Run for a Run or a mapping of metric and config names.

    A name that is both, such as `lr`, is a config value when it is a single number. Names
    that the vocabulary does not know are kept in `unknown`.
    """
    if run is None or isinstance(run, Run):
        return run
    if not isinstance(run, Mapping):
        raise UsageError(
            f"run is a {type(run).__name__}, expected a mapping of names to values or a kb.run.Run",
            hint='for example {"loss": 4.143, "batch_size": 32}',
        )
    config: dict[str, Scalar] = {}
    series: dict[str, Series] = {}
    unknown: dict[str, Series] = {}
    for name, value in run.items():
        setting = _config_name(str(name))
        if setting is not None and isinstance(value, str | int | float | bool):
            config[setting] = _setting(setting, value)
            continue
        one = _series(str(name), value)
        metric = vocabulary().resolve(str(name), method=_text(config.get("method"))).metric
        if metric is None:
            unknown[str(name)] = one
        else:
            series[metric] = Series(metric, one.values, one.steps, str(name))
    return Run(config, series, unknown, "values given")


def named_run(metrics: Mapping[str, str], settings: Mapping[str, str]) -> Run | None:
    """Return the Run of `--metric` and `--set`, or None when neither was given.

    Here every name must be known: it was typed, so a wrong one is a slip.
    """
    if not metrics and not settings:
        return None
    config: dict[str, Scalar] = {}
    for name, text in settings.items():
        setting = _config_name(name)
        if setting is None:
            raise UsageError(
                f'unknown setting "{name}"{nearest(name, (*CONFIG_NAMES, *_CONFIG_ALIASES))}',
                where="--set",
                hint=f"known: {', '.join(CONFIG_NAMES)}",
            )
        config[setting] = _setting(setting, _scalar(text))
    series: dict[str, Series] = {}
    for name, text in metrics.items():
        resolved = vocabulary().resolve(name, method=_text(config.get("method")))
        if resolved.metric is None:
            could = f"could be {', '.join(resolved.candidates)}" if resolved.candidates else ""
            raise UsageError(
                f'unknown metric "{name}"{nearest(name, vocabulary().names())}',
                where="--metric",
                hint=could or "ssl-doctor list --metrics names them all",
            )
        try:
            values = [float(part) for part in text.split(",")]
        except ValueError as error:
            raise UsageError(
                f'"{text}" is no number', where=f"--metric {name}", hint="expected 0.02 or 4.2,4.1"
            ) from error
        given = Series.from_values(resolved.metric, values)
        series[resolved.metric] = Series(resolved.metric, given.values, given.steps, name)
    return Run(config, series, {}, "values given")


def _config_name(name: str) -> str | None:
    lowered = name.strip().lower().replace("-", "_")
    lowered = _CONFIG_ALIASES.get(lowered, lowered)
    return lowered if lowered in CONFIG_NAMES else None


def _setting(name: str, value: Scalar) -> Scalar:
    if name in ("method", "precision"):
        return str(value).lower()
    number = _scalar(value) if isinstance(value, str) else value
    if isinstance(number, str) or number != number:
        raise UsageError(f'"{value}" is no number', where=name)
    return number


def _series(name: str, value: RunValue) -> Series:
    try:
        if isinstance(value, str):
            value = float(value)
        return Series.from_values(name, value)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"found {value!r}, expected a number or a sequence of numbers", where=name
        ) from error


def _scalar(text: str) -> Scalar:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number == int(number) and abs(number) < 2**53 else number


def _text(value: Scalar | None) -> str | None:
    return value if isinstance(value, str) else None
