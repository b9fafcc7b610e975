"""What leaves the screen by the clipboard: OSC 52, bounded, and the command that is equivalent."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tui.plain import shown

if TYPE_CHECKING:
    from kb.types import Scalar
    from tui.session import Session

MOST = 60_000
"""Characters copied at most: terminals cut or drop longer OSC 52 sequences (xterm 75,000 bytes of
base64, tmux 1 MB; a choice below the least)."""


def fit_to_copy(text: str) -> str:
    """Return `text` as it may be pasted into a shell or editor: no control characters, bounded."""
    return shown(text, MOST)


def command_of(session: Session) -> str:
    """Return the `ssl-doctor` command whose answer is the one on the Ask screen."""
    words = [session.query] if session.query.strip() else []
    if session.run_path is not None:
        path = str(session.run_path)
        return _line(["ask", *words, "--run", path] if words else ["diagnose", path])
    if session.numbers is not None:
        return _line(["ask", *words, *number_options(session.numbers)])
    return _line(["ask", *words]) if words else _line(["tui"])


def number_options(numbers: Mapping[str, Scalar | Sequence[float]]) -> list[str]:
    """Return `--metric` and `--set` options for typed numbers."""
    from kb.run import CONFIG_NAMES

    options: list[str] = []
    for name, value in numbers.items():
        listed = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        option = "--set" if name in CONFIG_NAMES else "--metric"
        options += [option, f"{name}={','.join(_number(one) for one in listed)}"]
    return options


def _number(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _line(arguments: list[str]) -> str:
    return shlex.join(["ssl-doctor", *(fit_to_copy(one) for one in arguments)])
