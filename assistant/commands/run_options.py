"""Options of the commands that read runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from assistant.commands.options import pairs
from kb.types import Scalar

F = TypeVar("F", bound=Callable[..., Any])


def map_option(function: F) -> F:
    """Add `--map`."""
    return click.option(
        "--map",
        "names",
        multiple=True,
        metavar="LOGGED=METRIC",
        help="What a logged name means, such as emb_spread=z_std. Repeatable.",
    )(function)


def naming_options(function: F) -> F:
    """Add `--map` and `--set`."""
    return map_option(
        click.option(
            "-s",
            "--set",
            "settings",
            multiple=True,
            metavar="NAME=VALUE",
            help="A setting the log does not hold, such as batch_size=32. Repeatable.",
        )(function)
    )


def named(names: tuple[str, ...]) -> dict[str, str]:
    """Return `--map` as a mapping of logged names to metrics."""
    return pairs(names, "--map")


def set_by_hand(settings: tuple[str, ...]) -> dict[str, Scalar]:
    """Return `--set` as settings, numbers as numbers."""
    from assistant.run_input import typed_settings

    return typed_settings(pairs(settings, "--set"))
