"""One row of the action table: what a key does, said once for keys, footer, help, palette, docs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from textual.binding import Binding

Place = Literal["app", "ask", "run", "fixes", "browse", "methods", "compare", "numbers"]
"""Where an action applies: everywhere, or on one screen."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something a user can do.

    `id` is `area.verb`, permanent: users remap keys by it. `does` is the Textual action that is
    run, such as `attach` for a method `action_attach` of the screen (or of the app, for place
    `app`). `keys` are tried in order; the first is shown. `label` is the word in the footer,
    `command` what the palette lists, as `area: Verb object`, and `help` one sentence. `footer`
    orders the footer, which shows the six lowest that apply; None keeps the action out of it.
    """

    id: str
    keys: tuple[str, ...]
    does: str
    label: str
    command: str
    help: str
    places: tuple[Place, ...] = ("app",)
    footer: int | None = None

    def binding(self) -> Binding:
        """Return the Textual binding; its id is the action's, so that a keymap can name it."""
        from textual.binding import Binding

        return Binding(
            ",".join(self.keys),
            self.does,
            self.label,
            show=self.footer is not None,
            id=self.id,
            tooltip=self.help,
        )
