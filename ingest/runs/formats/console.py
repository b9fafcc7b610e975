"""What a training script prints: progress meters, bars, dicts, `name: value` in free text.

The lines of PyTorch's examples, DINO and MAE, I-JEPA, open_clip, fairseq, Hugging Face's
Trainer, timm, VISSL, mmcv, Lightning's bar, and what people write themselves. Prose is skipped.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePath

from ingest.runs.formats.base import FileFormat
from ingest.runs.formats.clock import Tick
from ingest.runs.formats.json_lines import JsonRecords, parse
from ingest.runs.formats.line_clock import LineClock, read_clock
from ingest.runs.formats.pairs import metrics_in
from ingest.runs.formats.records import Records
from ingest.runs.formats.settings_text import SettingLines, command_line, namespace, scalar
from ingest.runs.formats.standing import as_held_out
from ingest.runs.formats.state import CRASHED, RUNNING, STATE
from ingest.runs.log import MAX_COLUMNS, Log
from ingest.runs.source import Lines
from kb.plain_text import strip_controls

MAX_LINE = 64 * 1024
"""Longest line looked at, in characters."""

_PREFIX = re.compile(
    r"(?>(?>\[?\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d[\d.,Z+:]{0,20}\]?"
    r"|\[?\d\d[/-]\d\d \d\d:\d\d:\d\d\]?|\[?\d\d:\d\d:\d\d\]?"
    r"|\[(?! {0,4}(?i:val|test|eval))[A-Za-z][A-Za-z_ .-]{0,40}\]"
    r"|\[?(?:INFO|DEBUG|WARNING|ERROR)\b\]?(?::[\w.]{1,60}:)?"
    r"|[IWED]\d{4,8} [\d:.]{8,20} {1,8}\d{1,10} (?:[\w.]{1,60} )?[\w.]{1,60}:\d{1,6}\]"
    r"|\[?rank ?\d{1,5}\]?:|[-|:])[ \t]{0,8})+"
)
_HELD_OUT = re.compile(
    r"[*>\-|\[ ]{0,4}(?i:test(?:ing)?|val|valid|validation|validating|eval|evaluation|evaluating)\b"
    r"|(?:[\w.]{1,60} - ){0,3}(?:INFO - )?(?:Epoch|Iter) ?\(val\)|\s{0,4}\*\s"
)
_ITEM = re.compile(
    r"['\"]([^'\"\\\n]{1,200})['\"]\s{0,3}:\s{0,3}([^,'\"{}\[\]()]{1,64}|'[^'\n]{0,200}')"
)
_TRACEBACK = "Traceback (most recent call last):"
_FRAME = re.compile(r"(?:\[?(?:rank ?)?\d{1,5}\]?:)? {2}")
"""A line inside of a traceback; its code may look like a metric."""

_IGNORED = "Exception ignored in"
"""Stands above the traceback of an error that ends nothing."""

_CUT = re.compile(r"[\d.]")
_TEXTS = ("", ".log", ".txt", ".out", ".err", ".stdout", ".stderr")


class ConsoleReader:
    """Reads printed lines as they come; see `ingest.runs.source.Reader`.

    Settings are read until the first record. A line with an epoch alone, as a heading, gives
    its epoch to the lines below it.
    """

    def __init__(self, log: Log, where: str) -> None:
        self._log = log
        self._where = where
        self._lines = Lines()
        self._records = Records(log, where)
        self._objects = JsonRecords(log, self._records)
        self._settings = SettingLines()
        self._heading = Tick()
        self._drawn: tuple[Tick, frozenset[str]] | None = None
        self._bars = 0
        self._begun = False
        self._timed: set[str] = set()
        self._in_traceback = False
        self._above = ""

    def feed(self, data: bytes) -> None:
        """Read every complete line."""
        for line in self._lines.feed(data):
            self._read(line)
        self._records.flush()

    def close(self) -> None:
        """Read a last line without an end, unless the number it ends with may go on."""
        rest = self._lines.close().rstrip()
        if _CUT.search(rest[-1:]) and read_clock(tidy(rest)) is not None:
            text = "the last line has no end, so that its last number may be cut; it was not read"
            self._log.find("incomplete record", text, self._where)
        else:
            self._read(rest)
        self._lines.report(self._log, self._where)
        self._records.close("one record")

    def _read(self, line: str) -> None:
        if self._in_traceback and _FRAME.match(line):
            return
        line = tidy(line)
        if not line or line.isspace():
            return
        self._in_traceback = line.endswith(_TRACEBACK)
        if self._in_traceback and not self._above.startswith(_IGNORED):
            self._log.set(STATE, CRASHED)
        self._above = line
        if not self._in_traceback:
            self._read_told(line)

    def _read_told(self, line: str) -> None:
        if "{" in line and self._read_object(line):
            self._goes_on()
        elif self._read_metrics(line):
            self._begun = True
            self._goes_on()
        elif not (self._begun or self._objects.begun):
            self._read_settings(line)

    def _goes_on(self) -> None:
        """Take back that the run crashed: it logs on, the error was caught."""
        if self._log.settings.get(STATE) == CRASHED:
            self._log.set(STATE, RUNNING)

    def _read_object(self, line: str) -> bool:
        record = _object_in(line)
        if record:
            self._objects.add(record)
        return bool(record)

    def _read_metrics(self, line: str) -> bool:
        clock = read_clock(line) if any(map(str.isdigit, line)) else None
        held_out = _HELD_OUT.match(line) is not None
        if clock is not None and held_out and clock.of:
            if clock.tick.number != clock.of:
                return True  # A meter over the validation set: only its last line is a result.
            clock = replace(clock, tick=clock.tick._replace(number=None))
        if clock is not None and clock.tick.number is None:
            self._heading = clock.tick
        found = self._metrics(line, clock, held_out)
        if found:
            self._add(found, clock)
        return bool(found)

    def _metrics(self, line: str, clock: LineClock | None, held_out: bool) -> dict[str, float]:
        summary = line.lstrip().startswith("* ")
        rest = line if clock is None else clock.rest
        found = metrics_in(rest, clocked=summary or clock is not None)
        if held_out:
            found = {as_held_out(name): value for name, value in found.items()}
        if clock is None:
            # What lines with a clock logged, a line without one only sums up.
            return {name: value for name, value in found.items() if name not in self._timed}
        if len(self._timed) < MAX_COLUMNS:
            self._timed.update(found)
        return found

    def _add(self, found: dict[str, float], clock: LineClock | None) -> None:
        tick = self._heading if clock is None else clock.tick
        if clock is not None and clock.logger:
            self._log.logger = clock.logger
        if clock is not None and clock.bar:
            tick = self._of_bar(tick)
            drawn = (tick, frozenset(found))
            if drawn == self._drawn:
                return
            self._drawn = drawn
        self._records.add(self._records.layout(tuple(found)), list(found.values()), tick)

    def _of_bar(self, tick: Tick) -> Tick:
        """Return the tick of a bar; one without an epoch counts how often it started anew."""
        if tick.epoch is not None:
            return tick
        last = self._drawn[0].number if self._drawn else None
        if last is not None and tick.number is not None and tick.number < last:
            self._bars += 1
        return tick._replace(epoch=float(self._bars))

    def _read_settings(self, line: str) -> None:
        options = namespace(line) or command_line(line)
        for name, value in options.items():
            self._log.set(name, value)
        setting = None if options else self._settings.read(line)
        if setting is not None and setting[0] not in self._log.settings:
            self._log.set(*setting)


def tidy(line: str) -> str:
    """Return a line without colours, control characters, time stamp and log level."""
    if len(line) > MAX_LINE:
        return ""
    if not line.isprintable():
        line = strip_controls(line)
    prefix = _PREFIX.match(line)
    return line[prefix.end() :] if prefix is not None else line


def _object_in(line: str) -> dict[str, object] | None:
    """Return the JSON object or the flat Python dict that a line holds; None without one."""
    text = line[line.find("{") : line.rfind("}") + 1]
    record = parse(text)
    if record is not None or not text.startswith(("{'", '{"')):
        return record
    return {item[1]: scalar(item[2]) for item in _ITEM.finditer(text)}


def _claims(name: str, head: bytes) -> float:
    suffix = PurePath(name).suffix.lower()
    job = suffix[:2] in (".o", ".e") and suffix[2:].isdigit()
    if b"\0" in head or not (suffix in _TEXTS or job):
        return 0.0
    log = Log()
    reader = ConsoleReader(log, name)
    reader.feed(head)
    records = max((len(column.values) for column in log.columns.values()), default=0)
    if not records:
        return 0.0
    return 0.6 if records > 2 else 0.4


FORMAT = FileFormat("console text", "", _claims, ConsoleReader)
