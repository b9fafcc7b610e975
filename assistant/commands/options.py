"""Options that several commands share, and how they are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema number.")(
        function
    )


def print_json(content: object) -> None:
    """Print `content` as JSON on stdout."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


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
        found[name.strip()] = value.strip()
    return found
