"""Runs on a terminal: a header for one, a table for many, series with their shape, partings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

import click
import numpy as np

from assistant.compare import Comparison, Parting
from assistant.levels import Level
from assistant.many import Judgement
from assistant.render.layout import WIDTH, bold, dim, one_line, wrapped
from assistant.render.spark import sparkline
from assistant.verdict import headline
from kb.plain_text import strip_controls
from kb.run import Naming, Run, Series
from kb.types import Scalar

_NAME = 28
"""Columns of a run's name in a table; the rest holds the longest id with its share."""

_COLOURS = {"sick": "red", "healthy": "green", "undecided": "yellow"}


def header(run: Run) -> str:
    """Return what was read, in one or two lines above the answer."""
    points = max((len(one) for one in run), default=0)
    method = f"{run.config['method']}, " if "method" in run.config else ""
    text = (
        f"{run.source}: {method}{run.format or 'values'}, {len(run.series)} metrics, "
        f"{points:,} points"
    )
    unread = [name for name in run.names if name.metric is None]
    if unread:
        names = "1 name" if len(unread) == 1 else f"{len(unread)} names"
        text += f"; {names} not understood (ssl-doctor series shows them)"
    lines = [dim(line) for line in wrapped(text, 0)]
    for finding in run.findings:
        said = finding.text
        if finding.step is not None and f"step {finding.step}" not in said:
            said += f" (step {finding.step})"
        lines += [dim(line) for line in wrapped(said, 2, "·")]
    return "\n".join(lines)


def table(judgements: Sequence[Judgement]) -> str:
    """Return one line for each run: verdict, path, and the first diagnosis."""
    shown = _unshared([one.path for one in judgements])
    width = min(max((len(name) for name in shown), default=4), _NAME)
    return "\n".join(_row(one, name, width) for one, name in zip(judgements, shown, strict=True))


def _row(one: Judgement, name: str, width: int) -> str:
    verdict = one.answer.verdict or "unread" if one.answer else "unread"
    word = click.style(f"{verdict:<9}", fg=_COLOURS.get(verdict))
    if one.answer is None:
        said = one.error
    elif verdict == "sick" and one.answer.diagnoses:
        first = one.answer.diagnoses[0]
        said = f"{first.confidence:.0%} {first.entry.id}"
    else:
        said = headline(one.answer)
    rest = WIDTH - 11 - width - 2
    said = one_line(said)
    said = said if len(said) <= rest else said[: rest - 1] + "…"
    return f"{word} {_cut(name, width):<{width}}  {said}".rstrip()


def _unshared(paths: Sequence[str]) -> list[str]:
    """Return the paths without the folders that all of them share."""
    parts = [PurePath(one_line(path)).parts or (".",) for path in paths]
    shared = 0
    while len(parts) > 1 and all(len(one) > shared + 1 for one in parts):
        if len({one[shared] for one in parts}) > 1:
            break
        shared += 1
    return [str(PurePath(*one[shared:])) for one in parts]


def _cut(text: str, width: int) -> str:
    """Return `text` without its middle where it is too long: run folders differ at the front,
    files at the end."""
    half = (width - 1) // 2
    return text if len(text) <= width else f"{text[: width - 1 - half]}…{text[-half:]}"


def series_page(run: Run, levels: Mapping[str, Sequence[Level]] | None = None) -> str:
    """Return how each logged name was read, with its values, its shape and the levels it is read
    against; then the settings."""
    lines = [header(run), ""]
    known = {one.logged_as: one for one in run.names}
    for series in run:
        lines += _series(series, known.get(series.logged_as))
        lines += _levels((levels or {}).get(series.metric, ()))
    if run.unknown:
        lines += ["", bold("Not used")]
        for name, series in run.unknown.items():
            reason = known[name].reason if name in known else "not in the vocabulary"
            said = f"{name}: {reason}; {_values(series)}"
            lines += wrapped(said, 3, "")
        lines += [dim(line) for line in wrapped("Name one yourself with --map NAME=METRIC.", 0)]
    lines += ["", bold("Settings"), *_settings(run)]
    return "\n".join(lines)


def _series(series: Series, naming: Naming | None) -> list[str]:
    shape = sparkline(series.values)
    lines = [f"{_cut(series.metric, 18):<18} {shape:<24} {_values(series)}"[:WIDTH]]
    if naming is not None and series.logged_as != series.metric:
        scale = f", times {naming.scale:g}" if naming.scale != 1 else ""
        told = f"logged as {strip_controls(series.logged_as)} ({naming.reason}{scale})"
        lines += [dim(line) for line in wrapped(told, 5, "   ")]
    return lines


def _levels(levels: Sequence[Level]) -> list[str]:
    if not levels:
        return []
    said = "; ".join(f"{one.label} ({one.formula})" for one in levels)
    return [dim(line) for line in wrapped(f"known levels: {said}", 5, "   ")]


def _values(series: Series) -> str:
    finite = series.values[np.isfinite(series.values)]
    broken = len(series) - finite.size
    ends = f"{finite[0]:.4g} to {finite[-1]:.4g}" if finite.size else "no finite value"
    return f"{ends}, n={len(series):,}" + (f", {broken} not finite" if broken else "")


def _settings(run: Run) -> list[str]:
    if not run.config:
        return wrapped("none found; --set NAME=VALUE gives one, such as batch_size=256", 0)
    return wrapped("  ".join(f"{name}={_plain(value)}" for name, value in run.config.items()), 0)


def _plain(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else strip_controls(str(value))


def comparison(found: Comparison, a: str, b: str) -> str:
    """Return where two runs part, metric by metric, and how their settings differ."""
    lines = [*wrapped(f"A: {a}", 3, ""), *wrapped(f"B: {b}", 3, ""), ""]
    parted = [one for one in found.partings if one.step is not None]
    if parted:
        first = parted[0]
        lines += [
            bold(line)
            for line in wrapped(f"They part at step {first.step:,}, first by {first.metric}.", 0)
        ]
        lines += [_parted(one) for one in parted]
    else:
        lines.append(bold("No metric of the two runs parts clearly."))
    same = [one.metric for one in found.partings if one.step is None]
    for title, names in (
        ("alike", same),
        ("only in A", found.only_a),
        ("only in B", found.only_b),
        ("too short to compare", found.too_short),
    ):
        if names:
            lines += [dim(line) for line in wrapped(f"{title}: {', '.join(names)}", 3, "")]
    if found.settings:
        lines += ["", bold("Settings that differ")]
        for name, (left, right) in found.settings.items():
            said = " / ".join("not given" if one is None else _plain(one) for one in (left, right))
            lines += wrapped(f"{name}: {said}", 3, "   ")
    return "\n".join(lines)


def _parted(one: Parting) -> str:
    return f"   {one.metric:<18} step {one.step:>9,}   A {one.a:.4g}   B {one.b:.4g}"
