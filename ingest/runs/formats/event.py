"""One TensorBoard event: its scalars, with where their bytes are, and the settings it holds.

Histograms, images, audio, graphs and run metadata are passed over undecoded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Literal

from ingest.runs.formats.event_settings import hparams, text_settings
from ingest.runs.formats.wire import (
    bytes_key,
    double,
    double_key,
    fields,
    float_key,
    signed,
    text,
    varint,
    varint_key,
)

Layout = Literal["<f4", "<f8"]

_WALL_TIME, _STEP, _SUMMARY = double_key(1), varint_key(2), bytes_key(5)
_VALUE = bytes_key(1)
_TAG, _SIMPLE, _TENSOR, _METADATA = bytes_key(1), float_key(2), bytes_key(8), bytes_key(9)
_PLUGIN, _PLUGIN_NAME, _PLUGIN_CONTENT = bytes_key(1), bytes_key(1), bytes_key(2)
_DTYPE, _SHAPE, _CONTENT, _STRINGS = varint_key(1), bytes_key(2), bytes_key(4), bytes_key(8)
_DIMENSION, _SIZE = bytes_key(2), varint_key(1)

_FLOAT_VALUES = {bytes_key(5), float_key(5)}
_DOUBLE_VALUES = {bytes_key(6), double_key(6)}
_HALF_VALUES = {bytes_key(13), varint_key(13)}
_INTEGERS = {kind(number) for number in (7, 10, 11, 16, 17) for kind in (bytes_key, varint_key)}
"""Numbers of a tensor, packed or not; a packed field of one number holds the same bytes."""

_DT_HALF, _DT_STRING = 19, 7
_TYPES = {1: "<f", 2: "<d", 3: "<i", 4: "<B", 5: "<h", 6: "<b", 9: "<q", 10: "<?", 17: "<H"}
_TYPES |= {_DT_HALF: "<e", 22: "<I", 23: "<Q"}
"""How TensorFlow's numeric types read, as struct spells them."""

_LAYOUTS: dict[str, Layout] = {"<f": "<f4", "<d": "<f8"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value under its tag. `layout` says how its bytes at `start` read, None if they are no
    plain float."""

    tag: str
    value: float
    start: int = 0
    layout: Layout | None = None


@dataclass(slots=True)
class Event:
    """What is kept of one event. `step_at` encloses the bytes of the step, empty if left out."""

    wall_time: float = 0.0
    wall_time_at: int | None = None
    step: int = 0
    step_at: tuple[int, int] = (0, 0)
    scalars: list[Scalar] = field(default_factory=list)
    settings: list[tuple[str, object]] = field(default_factory=list)


def read_event(data: bytes, start: int, stop: int) -> Event:
    """Return the event in data[start:stop]; WireError when it is none."""
    event = Event()
    summaries: list[tuple[int, int]] = []
    for key, number, first, end in fields(data, start, stop):
        if key == _WALL_TIME:
            event.wall_time, event.wall_time_at = double(data, first), first
        elif key == _STEP:
            event.step, event.step_at = signed(number), (first, end)
        elif key == _SUMMARY:
            summaries.append((first, end))
    for first, end in summaries:
        for key, _, value_first, value_end in fields(data, first, end):
            if key == _VALUE:
                _read_value(event, data, value_first, value_end)
    return event


def _read_value(event: Event, data: bytes, start: int, stop: int) -> None:
    tag, plugin = "", ""
    content = tensor = simple = None
    for key, _, first, end in fields(data, start, stop):
        if key == _TAG:
            tag = text(data, first, end)
        elif key == _SIMPLE:
            simple = first
        elif key == _TENSOR:
            tensor = (first, end)
        elif key == _METADATA:
            plugin, content = _plugin(data, first, end)
    if simple is not None:
        value: float = struct.unpack_from("<f", data, simple)[0]
        event.scalars.append(Scalar(tag, value, simple, "<f4"))
    elif plugin == "hparams" and content is not None:
        event.settings += hparams(data, *content)
    elif tensor is not None and plugin in ("", "scalars", "text"):
        _read_tensor(event, tag, data, *tensor)


def _plugin(data: bytes, start: int, stop: int) -> tuple[str, tuple[int, int] | None]:
    name, content = "", None
    for key, _, first, end in fields(data, start, stop):
        if key != _PLUGIN:
            continue
        for inner, _, inner_first, inner_end in fields(data, first, end):
            if inner == _PLUGIN_NAME:
                name = text(data, inner_first, min(inner_end, inner_first + 64))
            elif inner == _PLUGIN_CONTENT:
                content = (inner_first, inner_end)
    return name, content


def _read_tensor(event: Event, tag: str, data: bytes, start: int, stop: int) -> None:
    """Take a tensor of one number, or of text that holds settings."""
    dtype, scalar = 0, None
    strings: list[str] = []
    for key, number, first, end in fields(data, start, stop):
        if key == _DTYPE:
            dtype = number
        elif key == _SHAPE:
            if not _is_single(data, first, end):
                return
        elif key == _STRINGS:
            strings.append(text(data, first, end))
        else:
            scalar = _number(tag, dtype, data, key, first, end) or scalar
    if dtype == _DT_STRING:
        event.settings += text_settings(tag, strings)
    elif scalar is not None:
        event.scalars.append(scalar)


def _number(tag: str, dtype: int, data: bytes, key: int, start: int, stop: int) -> Scalar | None:
    """Return the one number that a field of a tensor holds; None if it holds none or several."""
    if key in _INTEGERS or key in _HALF_VALUES:
        number, end = varint(data, start, stop)
        if end != stop:
            return None
        return Scalar(tag, float(signed(number)) if key in _INTEGERS else _half(number, dtype))
    if key in _FLOAT_VALUES:
        kind = "<f"
    elif key in _DOUBLE_VALUES:
        kind = "<d"
    else:
        kind = _TYPES.get(dtype, "") if key == _CONTENT else ""
    if not kind or stop - start != struct.calcsize(kind):
        return None
    value = float(struct.unpack_from(kind, data, start)[0])
    return Scalar(tag, value, start, _LAYOUTS.get(kind))


def _half(bits: int, dtype: int) -> float:
    """Return a 16-bit float; one that is no IEEE half is a bfloat16, the upper half of a float."""
    packed = struct.pack("<H", bits & 0xFFFF)
    if dtype == _DT_HALF:
        return float(struct.unpack("<e", packed)[0])
    return float(struct.unpack("<f", b"\0\0" + packed)[0])


def _is_single(data: bytes, start: int, stop: int) -> bool:
    for key, _, first, end in fields(data, start, stop):
        if key == _DIMENSION:
            for inner, size, _, _ in fields(data, first, end):
                if inner == _SIZE and size != 1:
                    return False
    return True
