"""Paths that go on from what is typed: folders and Markdown files, a bounded number of them."""

from __future__ import annotations

import os
from pathlib import Path

from ingest.files import printable

MOST = 200
"""Names looked at in a folder beyond which no more are offered: one types on instead."""

_SUFFIXES = (".md", ".markdown", ".mdown")


def candidates(typed: str) -> list[str]:
    """Return what `typed` can become, folders with a slash at the end, sorted.

    Hidden names are offered only when a dot is typed; a folder that cannot be read has none.
    """
    folder, _, start = typed.rpartition("/")
    shown = f"{folder}/" if "/" in typed else ""
    top = Path(shown or ".").expanduser()
    held: list[str] = []
    try:
        with os.scandir(top) as found:
            for entry in found:
                name = entry.name
                if not name.lower().startswith(start.lower()) or printable(name) != name:
                    continue
                if name.startswith(".") and not start.startswith("."):
                    continue
                if entry.is_dir():
                    held.append(f"{shown}{name}/")
                elif name.lower().endswith(_SUFFIXES):
                    held.append(f"{shown}{name}")
                if len(held) >= MOST:
                    break
    except OSError:
        return []
    return sorted(held)


def completed(typed: str, offered: list[str]) -> str:
    """Return `typed` with what all candidates agree on."""
    if not offered:
        return typed
    first, last = min(offered), max(offered)
    agreed = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    common = first[: len(min(first, last, key=len)) if agreed is None else agreed]
    return common if len(common) > len(typed) else typed
