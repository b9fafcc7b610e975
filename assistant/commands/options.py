"""Options that several commands share, and how they are read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

_OBEYED = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema number.")(
        function
    )


def answer_options(function: F) -> F:
    """Add `-k`, `--full`, `--markdown` and `--json`, in this order."""
    for option in (
        json_option,
        click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown."),
        click.option("--full", is_flag=True, help="All evidence and all fixes of every diagnosis."),
        click.option(
            "-k",
            default=5,
            show_default=True,
            type=click.IntRange(1, 50),
            help="How many diagnoses at most.",
        ),
    ):
        function = option(function)
    return function


def print_json(content: object) -> None:
    """Print `content` as JSON on stdout; characters that a terminal obeys are escaped."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    click.echo(_OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def notify(line: str) -> None:
    """Tell the user what takes time or was repaired, on stderr."""
    click.echo(line, err=True)


def pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """Split `name=value` options; raise a usage error that names the option."""
    found: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise click.UsageError(f'{option}: found "{text}", expected name=value')
        if name.strip() in found:
            raise click.UsageError(
                f"{option}: {name.strip()} is given twice; several values go as NAME=4.2,4.1"
            )
        found[name.strip()] = value.strip()
    return found
