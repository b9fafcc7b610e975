"""References of an entry, short enough to read and as an address that can be opened."""

from __future__ import annotations

import os
import re
import sys

from tui.plain import shown_line

_ARXIV = re.compile(r"arxiv:(?P<id>[\w.\-/]+)")
_FILE = re.compile(r"gh:(?P<repo>[\w.-]+/[\w.-]+)@(?P<commit>[0-9a-f]{7,40}):(?P<path>[^\s?#]+)")
_THREAD = re.compile(r"gh:(?P<repo>[\w.-]+/[\w.-]+)#(?P<number>\d+)")
_WEB = re.compile(r"https?://[^\s\"'<>]+")


def address_of(reference: str) -> str:
    """Return the web address of a reference, or the reference itself when its form is not known."""
    if found := _ARXIV.fullmatch(reference):
        return f"https://arxiv.org/abs/{found['id']}"
    if found := _FILE.fullmatch(reference):
        return f"https://github.com/{found['repo']}/blob/{found['commit']}/{found['path']}"
    if found := _THREAD.fullmatch(reference):
        return f"https://github.com/{found['repo']}/issues/{found['number']}"
    return shown_line(reference, 2000)


def is_address(text: str) -> bool:
    """Return whether `text` is a web address: only those are ever handed to a browser."""
    return _WEB.fullmatch(text) is not None


def short_reference(reference: str) -> str:
    """Return a reference with its commit cut to eight digits."""
    return shown_line(re.sub(r"(@[0-9a-f]{8})[0-9a-f]+(?=:)", r"\1", reference))


def has_browser() -> bool:
    """Return whether a browser can be seen from here: not over ssh, not without a display."""
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        return False
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or bool(shown)
