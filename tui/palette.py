"""The palette: every action that applies as `area: Verb object`, and every page by id or title."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.widgets import Input

from tui.actions import ACTIONS
from tui.help import shown_key
from tui.screen import DoctorScreen
from tui.themes import ORDER

if TYPE_CHECKING:
    from tui.action import Action
    from tui.app import DoctorApp

MOST_PAGES = 20
"""Pages listed for one search. More is not read, and each is drawn."""


class DoctorPalette(CommandPalette):
    """Textual's palette over the commands below."""

    CSS_PATH = "palette.tcss"

    def __init__(self, *, id: str) -> None:
        super().__init__([DoctorCommands], placeholder="a command, or a page by its title", id=id)

    def on_mount(self) -> None:
        """Keep the cursor still, as in every other box."""
        self.query_one(Input).cursor_blink = False


class DoctorCommands(Provider):
    """Commands of the action table, themes, and pages of the catalogue."""

    @property
    def _doctor(self) -> DoctorApp:
        from tui.app import DoctorApp

        app = self.app
        assert isinstance(app, DoctorApp)
        return app

    async def discover(self) -> Hits:
        """Yield every command that applies, in the order of the table."""
        for action in self._applying():
            yield DiscoveryHit(
                Content(action.command), self._run(action), action.command, _help(action)
            )

    async def search(self, query: str) -> Hits:
        """Yield commands, themes and pages that match."""
        matcher = self.matcher(query)
        for action in self._applying():
            if (score := matcher.match(action.command)) > 0:
                yield Hit(
                    score,
                    matcher.highlight(action.command),
                    self._run(action),
                    action.command,
                    _help(action),
                )
        for name in ORDER:
            text = f"view: Take theme {name}"
            if (score := matcher.match(text)) > 0:
                yield Hit(score, matcher.highlight(text), partial(self._theme, name), text)
        for hit in self._pages(query):
            yield hit

    def _pages(self, query: str) -> list[Hit]:
        from kb.topics import topics

        matcher = self.matcher(query)
        found: list[Hit] = []
        for topic in topics().values():
            text = f"page: Open {topic.id}: {topic.title}"
            if (score := matcher.match(text)) > 0:
                # Below every command: names are long, and match many short words.
                found.append(
                    Hit(score / 2, Content(text), partial(self._doctor.open_entry, topic.id), text)
                )
        return sorted(found, key=lambda hit: -hit.score)[:MOST_PAGES]

    def _theme(self, name: str) -> None:
        self._doctor.take_theme(name)

    def _applying(self) -> list[Action]:
        screen = self.screen
        places = ("app", screen.place) if isinstance(screen, DoctorScreen) else ("app",)
        return [
            action
            for action in ACTIONS
            if any(place in action.places for place in places)
            and action.id != "app.palette"
            and self._applies(action)
        ]

    def _applies(self, action: Action) -> bool:
        name = action.does.partition("(")[0]
        node = self.app if "app" in action.places else self.screen
        return node.check_action(name, ()) is True

    def _run(self, action: Action) -> Callable[[], object]:
        node = self.app if "app" in action.places else self.screen
        return partial(self.app.run_action, action.does, node)


def _help(action: Action) -> str:
    return f"{action.help} (key {shown_key(action.keys[0])})"
