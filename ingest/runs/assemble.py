"""A Log and the settings found beside it -> a Run under vocabulary names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ingest.files import printable
from ingest.runs.infer import Inferred, inferred_method, library
from ingest.runs.log import Log
from ingest.runs.naming import name_columns
from ingest.runs.settings import Layer, merged, read_config
from kb.run import Finding, FloatArray, IntArray, Naming, Run, Series

Columns = Mapping[str, tuple[IntArray, FloatArray]]


def assemble(
    log: Log,
    *,
    layers: Sequence[Layer] = (),
    names: Mapping[str, str] | None = None,
    source: str = "",
    format: str = "",
    files: Sequence[Path] = (),
    findings: Sequence[Finding] = (),
    updated: float | None = None,
) -> Run:
    """Return the Run that a Log and the settings in `layers` make; values stay in log order.

    The closest layer comes first; the log's own settings stand where the caller put them.
    `names` maps logged names to metrics (UsageError for a wrong one); `findings` are those
    about the place that the log was found in.
    """
    columns = {name: column.arrays() for name, column in log.columns.items()}
    columns = {name: held for name, held in columns.items() if held[1].size}
    config = read_config(layers)
    inferred: Inferred | None = None
    settings = merged(layers)
    if "method" not in config.values:
        inferred = inferred_method(columns, settings)
        if inferred is not None:
            config = read_config(layers, inferred.method)
    method = config.values.get("method")
    namings = name_columns(
        {name: values for name, (_, values) in columns.items()},
        method=method if isinstance(method, str) else None,
        logger=" ".join(filter(None, (log.logger, library(settings)))),
        chosen=names,
    )
    series, unknown = _series(columns, namings)
    told = [*findings, *log.findings, *config.findings]
    if inferred is not None:
        told.append(inferred.finding())
    if not any(one.kind == "step went back" for one in log.findings):
        told += _back(series.values())
    return Run(
        config=config.values,
        series=series,
        unknown=unknown,
        source=source,
        format=format,
        files=tuple(map(printable, files)),
        settings=settings,
        names=namings,
        findings=(*told, *_not_finite(series.values())),
        updated=updated,
    )


def _series(
    columns: Columns, namings: Sequence[Naming]
) -> tuple[dict[str, Series], dict[str, Series]]:
    series: dict[str, Series] = {}
    unknown: dict[str, Series] = {}
    for naming in namings:
        name = naming.logged_as
        steps, values = columns[name]
        if naming.metric is None:
            unknown[name] = Series(name, values, steps, name)
        else:
            scaled = values * naming.scale if naming.scale != 1 else values
            series[naming.metric] = Series(naming.metric, scaled, steps, name)
    return series, unknown


def _back(series: Iterable[Series]) -> Iterator[Finding]:
    """Find where the files of a resumed run overlap: no reader saw both."""
    for one in sorted(series, key=lambda one: one.metric in ("step", "epoch")):
        back = np.flatnonzero(np.diff(one.steps) < 0)
        if back.size:
            before, after = one.steps[back[0]], one.steps[back[0] + 1]
            text = f"the step of {one.logged_as} went back from {before} to {after}"
            yield Finding("step went back", text, step=int(after))
            return


def _not_finite(series: Iterable[Series]) -> Iterator[Finding]:
    for one in series:
        odd = np.flatnonzero(~np.isfinite(one.values))
        if odd.size:
            first = int(odd[0])
            step = int(one.steps[first])
            text = f"{one.logged_as} is {one.values[first]} at step {step}"
            more = f", and {odd.size - 1} more times" if odd.size > 1 else ""
            yield Finding("not finite", text + more, step=step)
