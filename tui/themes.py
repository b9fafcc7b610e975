"""Two themes of our own, and the order in which `t` goes through the themes."""

from __future__ import annotations

from collections.abc import Mapping

from textual.color import Color
from textual.theme import Theme

DARK = Theme(
    name="doctor-dark",
    primary="#62bfae",
    secondary="#8fb4dd",
    accent="#e3b768",
    success="#86c274",
    warning="#e3a55a",
    error="#ea7a7d",
    foreground="#d6dde3",
    background="#11161b",
    surface="#161c22",
    panel="#1d252d",
    dark=True,
)
LIGHT = Theme(
    name="doctor-light",
    primary="#0b6b60",
    secondary="#2a5a94",
    accent="#8a5300",
    success="#2f6b1f",
    warning="#8a4b00",
    error="#a8262e",
    foreground="#1f262c",
    background="#f8f6f1",
    surface="#f1eee6",
    panel="#e6e2d8",
    dark=False,
)
OURS: tuple[Theme, ...] = (DARK, LIGHT)
ORDER: tuple[str, ...] = (
    "doctor-dark",
    "doctor-light",
    "textual-dark",
    "textual-light",
    "nord",
    "ansi-dark",
    "ansi-light",
)
"""What `t` goes through; the last two use the sixteen colours of the terminal itself."""


def after(name: str) -> str:
    """Return the theme that follows `name`."""
    place = ORDER.index(name) if name in ORDER else -1
    return ORDER[(place + 1) % len(ORDER)]


MUTED = 0.38
"""How far muted text goes from foreground to background: contrast stays above 4.5 in ours."""


def muted(variables: Mapping[str, str]) -> str:
    """Return the colour of muted text in a theme; the terminal's own grey in the ansi themes."""
    foreground = variables["foreground"]
    if foreground.startswith("ansi"):
        return "ansi_bright_black"
    blended = Color.parse(foreground).blend(Color.parse(variables["background"]), MUTED)
    return blended.hex6
