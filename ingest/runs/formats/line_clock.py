"""The clock of one line of free text: progress meters, bars, `epoch 3`, `step 100`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingest.runs.formats.clock import Tick

_EPOCH = re.compile(
    r"(?i:\b(?:train[ _])?(?:epoch|ep)\b)(?: ?\(\w{1,10}\))?\s{0,3}[:=#]?\s{0,3}[\[(]?\s{0,6}"
    r"(\d{1,9}(?:\.\d{1,12})?)(?:\s{0,3}(?:/|of)\s{0,3}\d{1,9})?\s{0,3}[\])]?"
)
_STEP = re.compile(
    r"(?i:\b(global[_ ]step|step|iteration|iter|itr|it|num_updates|updates?|batch)\b)"
    r"(?: ?\(\w{1,10}\))?\s{0,3}[:=#]?\s{0,3}\[?\s{0,6}"
    r"(\d{1,15})(?![.\d])(?:\s{0,3}(?:/|of)\s{0,3}(\d{1,12}))?\s{0,3}\]?"
)
_STEP_WORDS = ("step", "it", "update", "batch")
"""One of them stands in whatever _STEP finds: to look for them first takes a tenth of the time."""

_OF_TOTAL = r"\s{0,6}(\d{1,12})\s{0,3}/\s{0,3}(\d{1,12})"
_METER = re.compile(
    rf"\s{{0,3}}:?\s{{0,3}}\[{_OF_TOTAL}\s{{0,3}}(\(\s{{0,3}}\d{{1,3}}%\))?\s{{0,3}}\]"
)
_PLAIN_METER = re.compile(rf"\s{{0,3}}:{_OF_TOTAL}(?=\s)")
_TIMM = re.compile(rf"\bTrain: (\d{{1,9}})(?:/\d{{1,9}})? \[{_OF_TOTAL} \(\s{{0,3}}\d{{1,3}}%\)\]")
_PAIR = re.compile(r"\s{0,3}\[\s{0,6}(\d{1,9})\s{0,3},\s{0,8}(\d{1,12})\s{0,3}\]")
_BAR = re.compile(rf"\|{_OF_TOTAL} \[[\d:]{{1,20}}<")


@dataclass(frozen=True, slots=True)
class LineClock:
    """What a line says of time, and the line without that.

    `of` is the total that a meter shows. `bar` is True for a progress bar, which is drawn again
    and again for the same step.
    """

    tick: Tick
    rest: str
    of: int = 0
    bar: bool = False
    logger: str = ""


def read_clock(line: str) -> LineClock | None:
    """Return the clock of a line, or None when it carries none."""
    bar = _BAR.search(line) if "<" in line else None
    if bar is not None:
        return _of_bar(line, bar)
    timm = _TIMM.search(line) if "Train: " in line else None
    if timm is not None:
        tick = Tick(float(timm[2]), float(timm[1]), True, int(timm[3]))
        return LineClock(tick, _without(line, timm), int(timm[3]), logger="timm")
    pair = _PAIR.match(line)
    if pair is not None:
        return LineClock(Tick(float(pair[2]), float(pair[1]), True), _without(line, pair))
    epoch = _EPOCH.search(line)
    if epoch is None:
        return _of_steps(line)
    return _of_epoch(line, epoch)


def _of_bar(line: str, bar: re.Match[str]) -> LineClock:
    """`Epoch 3:  45%|####  | 90/200 [00:12<00:15, 7.1it/s, loss=4.14]`"""
    epoch = _EPOCH.search(line, 0, bar.start())
    tick = Tick(float(bar[1]), epoch and float(epoch[1]), True, int(bar[2]))
    return LineClock(tick, line[bar.end() :], int(bar[2]), bar=True)


def _of_epoch(line: str, epoch: re.Match[str]) -> LineClock:
    number, rest = float(epoch[1]), _without(line, epoch)
    meter = _METER.match(line, epoch.end()) or _PLAIN_METER.match(line, epoch.end())
    counted = _of_word(rest)
    if counted is not None and not counted.tick.restarts:
        return LineClock(counted.tick._replace(epoch=number), counted.rest)
    if meter is not None:
        # `Train Epoch: 0 [12800/1000000 (1%)]` counts images.
        images = meter.re is _METER and meter[3] is not None
        tick = Tick(float(meter[1]), number, True, int(meter[2]), in_steps=not images)
        rest = line[: epoch.start()] + "|" + line[meter.end() :]
        # The meters of PyTorch's ImageNet example, which time each step.
        logger = "meter" if rest.lstrip("| \t").startswith("Time") else ""
        return LineClock(tick, rest, int(meter[2]), logger=logger)
    counted = counted or _of_meter(rest)
    if counted is not None:
        tick = counted.tick._replace(epoch=number, per_epoch=counted.of)
        return LineClock(tick, counted.rest, counted.of)
    return LineClock(Tick(None, number, whole="." not in epoch[1]), rest)


def _of_steps(line: str) -> LineClock | None:
    return _of_word(line) or _of_meter(line)


def _of_word(line: str) -> LineClock | None:
    step = _STEP.search(line) if any(map(line.lower().__contains__, _STEP_WORDS)) else None
    if step is None:
        return None
    restarts = step[1].lower()[:6] not in ("global", "num_up")
    tick = Tick(float(step[2]), None, restarts)
    return LineClock(tick, _without(line, step), int(step[3] or 0))


def _of_meter(line: str) -> LineClock | None:
    meter = _METER.search(line) if "[" in line else None
    if meter is None:
        return None
    return LineClock(Tick(float(meter[1]), None, True), _without(line, meter), int(meter[2]))


def _without(line: str, match: re.Match[str]) -> str:
    return line[: match.start()] + "|" + line[match.end() :]
