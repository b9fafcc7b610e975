"""Lines of at most 80 columns with a hanging label, styled without a terminal library."""

from __future__ import annotations

import textwrap

import click

WIDTH = 80
"""Fixed, so that output under a pipe is the same as on a terminal."""

INDENT = 3
LABEL = 6


def wrapped(text: str, indent: int, first: str = "") -> list[str]:
    """Wrap `text` to WIDTH with `first` on the first line and spaces on the others."""
    head = f"{first:<{indent}}"
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * indent,
        break_long_words=True,
        break_on_hyphens=False,
    ) or [head.rstrip()]


def labelled(label: str, texts: list[str]) -> list[str]:
    """Return `texts` as a hanging list; the dimmed label stands before the first only."""
    lines: list[str] = []
    for number, text in enumerate(texts):
        block = wrapped(text, INDENT + LABEL)
        if number == 0:
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
