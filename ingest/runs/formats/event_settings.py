"""Settings inside TensorBoard events: the hparams plugin, and text that holds JSON or a table."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.runs.formats.json_lines import parse
from ingest.runs.formats.settings_text import scalar
from ingest.runs.formats.wire import bytes_key, double, double_key, fields, text, varint_key

_SESSION_START = bytes_key(3)
_HPARAMS = bytes_key(1)
_KEY, _VALUE = bytes_key(1), bytes_key(2)
_NUMBER, _STRING, _BOOL = double_key(2), bytes_key(3), varint_key(4)

_ARGUMENTS = frozenset(
    {"args", "arguments", "cfg", "config", "configuration", "hparams", "hyperparameters", "params"}
)
"""Tags of a whole configuration: what it holds needs no prefix."""

_TEXT_SUFFIX = "/text_summary"
_MOST_TEXTS = 8
_LONGEST_TABLE = 256 * 1024


def hparams(data: bytes, start: int, stop: int) -> Iterator[tuple[str, object]]:
    """Yield the settings with which a session started, from the hparams plugin's content."""
    for key, _, first, end in fields(data, start, stop):
        if key != _SESSION_START:
            continue
        for inner, _, pair_first, pair_end in fields(data, first, end):
            if inner == _HPARAMS:
                yield _pair(data, pair_first, pair_end)


def _pair(data: bytes, start: int, stop: int) -> tuple[str, object]:
    name: str = ""
    value: object = None
    for key, _, first, end in fields(data, start, stop):
        if key == _KEY:
            name = text(data, first, end)
        elif key == _VALUE:
            value = _value(data, first, end)
    return name, value


def _value(data: bytes, start: int, stop: int) -> object:
    """Return a google.protobuf.Value that is a number, text or boolean; None otherwise."""
    value: object = None
    for key, number, first, end in fields(data, start, stop):
        if key == _NUMBER:
            plain = double(data, first)
            value = int(plain) if plain.is_integer() and abs(plain) < 2**53 else plain
        elif key == _STRING:
            value = text(data, first, end)
        elif key == _BOOL:
            value = number != 0
    return value


def text_settings(tag: str, texts: list[str]) -> Iterator[tuple[str, object]]:
    """Yield the settings of a text summary, if it is a JSON object or a two-column table."""
    name = tag.removesuffix(_TEXT_SUFFIX)
    prefix = "" if name.rpartition("/")[2].lower() in _ARGUMENTS else name
    for one in texts[:_MOST_TEXTS]:
        held = parse(one.strip()) or _table(one)
        for key, value in held.items():
            yield f"{prefix}.{key}" if prefix else key, value


def _table(markdown: str) -> dict[str, object]:
    """Return a Markdown table `|name|value|` as a mapping; empty when the text is none."""
    lines = [line.strip() for line in markdown[:_LONGEST_TABLE].splitlines() if line.strip()]
    if len(lines) < 3 or set(lines[1]) - set("|-: ") or "|" not in lines[1]:
        return {}
    rows = [line.strip("|").split("|") for line in lines[2:]]
    return {row[0].strip(): scalar(row[1]) for row in rows if len(row) == 2}
