"""Claims: rows stand under headings that cannot be chosen; the choice survives other rows; a long
list is cut and says so.
"""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.content import Content
from tui_pilot import driven

from tui.widgets.grouped_list import MOST_ROWS, GroupedList, ListGroup, ListRow


class ListApp(App[None]):
    def compose(self) -> ComposeResult:
        yield GroupedList("list")


def rows(*keys: str) -> list[ListRow]:
    return [ListRow(key, lambda width, key=key: Content(key[:width])) for key in keys]  # type: ignore[misc]


def chosen(found: GroupedList) -> str | None:
    return found.key


@driven
async def test_headings_are_skipped_and_the_choice_stays() -> None:
    app = ListApp()
    async with app.run_test() as pilot:
        found = app.query_one(GroupedList)
        found.focus()
        found.show([ListGroup("A", rows("a1", "a2")), ListGroup("B", rows("b1"))])
        assert chosen(found) == "a1"
        await pilot.press("down", "down")
        assert chosen(found) == "b1"
        found.show([ListGroup("B", rows("b0", "b1"))])
        assert chosen(found) == "b1"
        found.show([ListGroup("B", rows("b0", "b2"))], stay=True)
        assert chosen(found) == "b2"
        found.show([ListGroup("C", rows("c0"))])
        assert chosen(found) == "c0"
        found.show([])
        assert chosen(found) is None
        found.step(1)
        assert chosen(found) is None


@driven
async def test_steps_go_round() -> None:
    app = ListApp()
    async with app.run_test():
        found = app.query_one(GroupedList)
        found.show([ListGroup("A", rows("a1")), ListGroup("B", rows("b1"))])
        found.step(-1)
        assert chosen(found) == "b1"
        found.step(1)
        assert chosen(found) == "a1"


@driven
async def test_a_long_list_is_cut_and_says_how_many_are_left() -> None:
    app = ListApp()
    async with app.run_test():
        found = app.query_one(GroupedList)
        many = rows(*(f"r{at}" for at in range(MOST_ROWS + 5)))
        found.show([ListGroup("A", many), ListGroup("B", rows("b"))])
        assert len(found.keys_listed) == MOST_ROWS
        assert "and 6 more" in str(found.get_option_at_index(found.option_count - 1).prompt)
