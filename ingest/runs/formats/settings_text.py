"""Settings as programs print them: a command line, an argparse Namespace, `key: value` lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kb.types import Scalar

MAX_LINE = 64 * 1024
"""Longest line in which settings are looked for, in characters; no command line has it."""

_MAX_WORDS = 1024
_OPTION = re.compile(r"--?([A-Za-z][\w.-]{0,99})(?:=(.*))?", re.DOTALL)
_ASSIGNMENT = re.compile(r"\+{0,2}([A-Za-z_][\w.-]{0,99})=(.*)", re.DOTALL)
_SCRIPT = re.compile(r"(?:^|[\s/])[\w.-]{1,200}\.py(?=\s)")
_LINE = re.compile(
    r"([ \t]{0,40})[-*]{0,2}[ \t]?([A-Za-z_][\w.-]{0,60})[ \t]{0,40}[:=](?:[ \t]+|(?!/))(.*)"
)
_LEVELS = frozenset("debug info warning warn error critical note saving loading".split())
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "none": None, "null": None}


def scalar(text: str) -> Scalar | None:
    """Return what a printed setting says: number, truth, text without its quotes, or None."""
    plain = text.strip()
    if len(plain) > 1 and plain[0] == plain[-1] and plain[0] in "'\"":
        return plain[1:-1]
    if plain.lower() in _WORDS:
        return _WORDS[plain.lower()]
    if len(plain) > 64 or "_" in plain:
        return plain
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return plain


def command_line(line: str) -> dict[str, object]:
    """Return the options after a script's name, as argparse calls them; {} when there are none.

    `main.py --batch-size 256 --flag lr=0.3` gives batch_size, flag (True) and lr; an option
    with several values gives a list.
    """
    script = _SCRIPT.search(line) if len(line) <= MAX_LINE else None
    if script is None:
        return {}
    found: dict[str, object] = {}
    name = ""
    for word in line[script.end() :].split()[:_MAX_WORDS]:
        option = _OPTION.fullmatch(word)
        assignment = _ASSIGNMENT.fullmatch(word)
        if option is not None:
            name = option[1].replace("-", "_")
            found[name] = True if option[2] is None else scalar(option[2])
            name = "" if option[2] is not None else name
        elif assignment is not None and found.get(name) is not True:
            found[assignment[1]] = scalar(assignment[2])
        elif name:
            found[name] = _joined(found[name], scalar(word))
    return found


def _joined(held: object, value: Scalar | None) -> object:
    if held is True:
        return value
    return [*held, value] if isinstance(held, list) else [held, value]


def namespace(text: str) -> dict[str, Scalar | None]:
    """Return what stands in `Namespace(batch_size=256, ...)`, which the line may leave open."""
    start = text.find("Namespace(")
    if start < 0 or len(text) > MAX_LINE:
        return {}
    found: dict[str, Scalar | None] = {}
    for part in _parts(text[start + len("Namespace(") :]):
        assignment = _ASSIGNMENT.fullmatch(part.strip())
        if assignment is not None:
            found[assignment[1]] = scalar(assignment[2])
    return found


def _parts(text: str) -> Iterator[str]:
    """Yield what stands between the commas that are in no bracket and no quotes."""
    depth, quote, begin = 0, "", 0
    for at, one in enumerate(text):
        if quote:
            quote = "" if one == quote else quote
        elif one in "'\"":
            quote = one
        elif one in "([{":
            depth += 1
        elif one in ")]}":
            depth -= 1
            if depth < 0:
                yield text[begin:at]
                return
        elif one == "," and depth == 0:
            yield text[begin:at]
            begin = at + 1
    yield text[begin:]


class SettingLines:
    """Reads lines of `key: value` or `key=value`; deeper ones belong to the key above them."""

    def __init__(self) -> None:
        self._above: list[tuple[int, str]] = []

    def read(self, line: str) -> tuple[str, Scalar] | None:
        """Return the dotted name and the value of a line, or None when it is no setting.

        A value with a blank in it is one only in quotes or brackets: anything else is prose.
        """
        match = _LINE.fullmatch(line.rstrip()) if len(line) <= 500 else None
        if match is None or match[2].lower() in _LEVELS:
            self._above.clear()
            return None
        indent, key, text = len(match[1]), match[2], match[3].strip().rstrip(",")
        while self._above and self._above[-1][0] >= indent:
            self._above.pop()
        if not text:
            if len(self._above) < 8:
                self._above.append((indent, key))
            return None
        # The last line of a Namespace printed one argument a line.
        if text.endswith(")") and "(" not in text:
            text = text[:-1]
        value = scalar(text)
        if value is None or (" " in text and text[0] not in "'\"[("):
            return None
        return ".".join([*(name for _, name in self._above), key]), value
