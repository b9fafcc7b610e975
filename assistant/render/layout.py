"""Lines of at most 80 columns with a hanging label, styled without a terminal library."""

from __future__ import annotations

import textwrap

import click

from kb.plain_text import strip_controls

WIDTH = 80
"""Fixed, so that output under a pipe is the same as on a terminal."""

INDENT = 3
LABEL = 6
_JOINT = "\ue000"


def wrapped(text: str, indent: int, first: str = "") -> list[str]:
    """Wrap `text` to WIDTH with `first` on the first line and spaces on the others.

    Terminal escapes and control characters are dropped: the text may be anybody's. What
    `unbroken` joined stays on one line.
    """
    head = f"{first:<{indent}}"
    lines = textwrap.wrap(
        strip_controls(text),
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * indent,
        break_long_words=True,
        break_on_hyphens=False,
    )
    return [line.replace(_JOINT, " ").rstrip() for line in lines] or [head.rstrip()]


def one_line(text: str) -> str:
    """Return `text` on one line, without terminal escapes and control characters."""
    return " ".join(strip_controls(text).split())


def unbroken(text: str) -> str:
    """Return `text` so that `wrapped` keeps it on one line."""
    return text.replace(" ", _JOINT)


def lines_wrapped(text: str, indent: int, most: int | None = None) -> list[str]:
    """Wrap each line of `text` by itself, so that formulas and table rows keep their lines.

    With `most`, later lines give way to an ellipsis.
    """
    lines = [line for part in text.split("\n") if part.strip() for line in wrapped(part, indent)]
    if most is None or len(lines) <= most:
        return lines
    last = lines[most - 1]
    if len(last) > WIDTH - 4:
        last = last[: WIDTH - 4].rsplit(" ", 1)[0]
    return [*lines[: most - 1], last + " ..."]


def labelled(label: str, texts: list[str]) -> list[str]:
    """Return `texts` as a hanging list; the dimmed label stands before the first only."""
    lines: list[str] = []
    for text in texts:
        block = [line for line in wrapped(text, INDENT + LABEL) if line.strip()]
        if block and not lines:
            head = " " * INDENT + f"{label:<{LABEL}}"
            block[0] = click.style(head, dim=True) + block[0][INDENT + LABEL :]
        lines += block
    return lines


def bold(text: str) -> str:
    """Return `text` in bold where the terminal can."""
    return click.style(text, bold=True)


def dim(text: str) -> str:
    """Return `text` dimmed where the terminal can."""
    return click.style(text, dim=True)
