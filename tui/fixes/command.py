"""The command that lists what the Fixes screen lists."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from tui.copying import fit_to_copy, number_options

if TYPE_CHECKING:
    from tui.session import Session


def fixes_command(session: Session) -> str:
    """Return `ssl-doctor fixes` with the question, the run or the numbers of the session."""
    parts = ["ssl-doctor", "fixes"]
    if session.query.strip():
        parts.append(session.query)
    if session.run_path is not None:
        parts += ["--run", str(session.run_path)]
    elif session.numbers is not None:
        parts += number_options(session.numbers)
    return shlex.join(fit_to_copy(part) for part in parts)
