"""Claims: every action of the Fixes screen does what its row says, by key; marks are kept, shown
and taken back; each empty state says why and what to do; hostile text stays text.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fix_driving import (
    LOOK,
    SAME,
    SLOWER,
    WARM,
    WRONG,
    Marks,
    opened,
    replace_jobs,
    small_answer,
)
from textual.widgets import Static
from tui_pilot import driven, until

from kb.errors import StoreError
from tui.app import DoctorApp
from tui.fixes.detail import interval
from tui.fixes.screen import FixesScreen
from tui.fixes.worklist_view import WorklistView
from tui.widgets.filter_box import FilterBox
from tui.widgets.page import Page


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch) -> Marks:
    return replace_jobs(monkeypatch)


def rows(screen: FixesScreen) -> list[str]:
    return screen.query_one(WorklistView).keys_listed


def chosen(screen: FixesScreen) -> str | None:
    return screen.query_one(WorklistView).key


def text_of(screen: FixesScreen, selector: str) -> str:
    return str(screen.query_one(selector, Page)._text.content)


def about(screen: FixesScreen) -> str:
    return str(screen.query_one("#about", Static).content)


@driven
async def test_fixes_of_all_causes_are_listed_once_with_the_refuted_and_the_applied_last(
    marks: Marks,
) -> None:
    async with opened(small_answer()) as (_, _, screen):
        assert rows(screen) == [
            LOOK.id, SLOWER.id, WARM.id, WRONG.id, "loss/stuck#bf16",
        ]  # fmt: skip
        assert chosen(screen) == LOOK.id
        assert "“loss stuck”" in about(screen)
        assert "4 to try" in about(screen)
        assert "1 already so" in about(screen)


@pytest.mark.parametrize(
    ("key", "word", "said"),
    [("w", "helped", "helped"), ("x", "did-not", "did not help"), ("m", "tried", "tried")],
)
@driven
async def test_a_key_marks_the_chosen_fix_and_goes_on_to_the_next(
    marks: Marks, key: str, word: str, said: str
) -> None:
    async with opened(small_answer()) as (app, pilot, screen):
        app.session.run_path = Path("runs/7")
        await pilot.press(key)
        await until(pilot, lambda: bool(marks.held) and rows(screen)[0] == SLOWER.id)
        mark = marks.held[LOOK.id]
        assert (mark.word, mark.run) == (word, "runs/7")
        assert chosen(screen) == SLOWER.id
        assert f"1 {said}" in about(screen)


@driven
async def test_the_same_key_again_takes_the_mark_back_and_so_does_unmark(marks: Marks) -> None:
    async with opened(small_answer()) as (_, pilot, screen):
        for key in ("x", "u"):
            await pilot.press("w")
            await until(pilot, lambda: LOOK.id in marks.held)
            screen.query_one(WorklistView).choose(LOOK.id)
            await pilot.pause()
            if key == "x":
                assert screen._item is not None
                assert screen._item.state == "helped"
                await pilot.press("w")
            else:
                await pilot.press("u")
            await until(pilot, lambda: not marks.held and rows(screen)[0] == LOOK.id)
            screen.query_one(WorklistView).choose(LOOK.id)
            await pilot.pause()


@driven
async def test_marking_one_change_marks_it_for_every_cause_that_proposes_it(marks: Marks) -> None:
    async with opened(small_answer()) as (_, pilot, screen):
        await pilot.press("j", "x")
        await until(pilot, lambda: len(marks.held) == 2)
        assert set(marks.held) == {SLOWER.id, SAME.id}
        await until(pilot, lambda: rows(screen)[-2] == SLOWER.id)


@driven
async def test_a_store_that_cannot_be_written_is_said_and_nothing_is_lost(marks: Marks) -> None:
    async with opened(small_answer()) as (app, pilot, screen):
        marks.error = StoreError("the store cannot grow, the disk is full", where="s.sqlite")
        await pilot.press("w")
        await until(pilot, lambda: bool(app._notifications))
        assert "disk is full" in next(iter(app._notifications)).message
        assert rows(screen)[0] == LOOK.id


@driven
async def test_copying_gives_the_code_or_the_setting(marks: Marks) -> None:
    async with opened(small_answer()) as (app, pilot, _):
        await pilot.press("y")
        assert app.clipboard == "spread = z.std(dim=0).mean()"
        await pilot.press("j", "y")
        assert "lr: 0.03" in app.clipboard


@driven
async def test_the_page_shows_rate_interval_causes_and_what_was_said(marks: Marks) -> None:
    async with opened(small_answer(), (120, 40)) as (_, pilot, screen):
        await pilot.press("j")
        assert "set lr = 0.03" in text_of(screen, "#fix")
        evidence = text_of(screen, "#evidence")
        assert "4 of 5 seeds, 95% interval 38% to 96%" in evidence
        assert interval(0.8, 0.38, 0.96) in evidence
        assert "62%" in evidence
        assert "The steps are too large" in evidence
        await pilot.press("x")
        await until(pilot, lambda: bool(marks.held))
        screen.query_one(WorklistView).choose(SLOWER.id)
        await until(pilot, lambda: "did not help on 2025-01-01" in text_of(screen, "#evidence"))


def test_an_interval_is_drawn_from_end_to_end() -> None:
    assert interval(1.0, 0.5, 1.0) == "─" * 12 + "━" * 11 + "●"
    assert interval(0.0, 0.0, 0.0)[0] == "●"
    assert len(interval(0.3, 0.1, 0.6)) == 24


@driven
async def test_a_refuted_fix_says_what_holds(marks: Marks) -> None:
    async with opened(small_answer()) as (_, pilot, screen):
        screen.query_one(WorklistView).choose(WRONG.id)
        await pilot.pause()
        said = text_of(screen, "#fix")
        assert "does not hold: Batch size only sets the" in " ".join(said.split())


@driven
async def test_the_filter_keeps_what_holds_every_word_and_escape_brings_all_back(
    marks: Marks,
) -> None:
    async with opened(small_answer()) as (_, pilot, screen):
        await pilot.press("i", *"lr new")
        assert rows(screen) == [SLOWER.id]
        assert "4 filtered out" in about(screen)
        await pilot.press("enter")
        assert screen.query_one(WorklistView).has_focus
        await pilot.press("i", *" nowhere")
        assert rows(screen) == []
        assert "No fix holds “lr new nowhere”" in text_of(screen, "#state")
        await pilot.press("escape")
        assert len(rows(screen)) == 5
        assert not screen.query_one(FilterBox).display


@driven
async def test_the_cause_of_a_fix_is_opened_on_browse(
    marks: Marks, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_entries: list[str] = []
    monkeypatch.setattr(DoctorApp, "open_entry", lambda _, entry: opened_entries.append(entry))
    async with opened(small_answer()) as (_, pilot, _):
        await pilot.press("o")
        assert opened_entries == ["loss/stuck"]


@driven
async def test_enter_reads_the_fix_also_where_only_one_pane_fits(marks: Marks) -> None:
    async with opened(small_answer(), (60, 20)) as (_, pilot, screen):
        assert not screen.query_one("#fix").display
        await pilot.press("enter")
        assert screen.query_one("#fix").display
        assert screen.query_one("#fix").has_focus
        await pilot.press("escape")
        assert screen.query_one(WorklistView).has_focus
        assert screen.query_one(WorklistView).display
        assert not screen.query_one("#fix").display


@driven
async def test_escape_goes_back_step_by_step_to_the_list_without_filter_then_to_ask(
    marks: Marks,
) -> None:
    async with opened(small_answer()) as (app, pilot, screen):
        await pilot.press("i", "l", "r", "enter", "enter")
        assert screen.query_one("#fix").has_focus
        await pilot.press("escape")
        assert len(rows(screen)) == 2
        await pilot.press("escape")
        assert len(rows(screen)) == 5
        await pilot.press("escape")
        await until(pilot, lambda: app.current_mode == "ask")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Nothing to work on yet"),
        (small_answer(fits=False, diagnoses=()), "Nothing fits well enough"),
        (small_answer(verdict="healthy", diagnoses=()), "looks healthy"),
    ],
)
@driven
async def test_each_empty_state_says_why_and_what_to_do(
    marks: Marks, answer: object, said: str
) -> None:
    async with opened(answer) as (_, pilot, screen):  # type: ignore[arg-type]
        assert said in text_of(screen, "#state")
        assert not screen.query_one("#fix-panes").display
        await pilot.press("w", "x", "u", "o", "y")  # nothing to act on, and no harm
        assert marks.held == {}


@driven
async def test_without_a_question_everything_marked_is_listed(marks: Marks) -> None:
    marks.mark((LOOK.id,), "helped", "")
    async with opened(None) as (_, _, screen):
        assert rows(screen) == [LOOK.id]
        assert "Everything you marked so far" in about(screen)


@driven
async def test_a_worklist_that_cannot_be_read_says_so_and_can_be_copied(marks: Marks) -> None:
    marks.error = StoreError("the store is damaged", where="s.sqlite")
    async with opened(small_answer()) as (app, pilot, screen):
        assert "could not be read" in text_of(screen, "#state")
        assert screen.to_copy() == ("s.sqlite: the store is damaged", "the message")
        await pilot.press("y")
        assert "damaged" in app.clipboard


@driven
async def test_a_new_answer_and_new_marks_are_followed(marks: Marks) -> None:
    from tui.messages import AnswerChanged

    async with opened(small_answer()) as (app, pilot, screen):
        other = small_answer("other words", diagnoses=small_answer().diagnoses[1:2])
        app.session.query, app.session.answer = other.query, other
        app.tell(AnswerChanged())
        await until(pilot, lambda: rows(screen) == [SAME.id, WARM.id])


@driven
async def test_the_equivalent_command_holds_question_and_run(marks: Marks) -> None:
    async with opened(small_answer()) as (app, _, screen):
        assert screen.equivalent_command() == "ssl-doctor fixes 'loss stuck'"
        app.session.run_path = Path("my runs/7")
        assert screen.equivalent_command() == "ssl-doctor fixes 'loss stuck' --run 'my runs/7'"


HOSTILE = "[@click=app.quit]x[/] \x1b[2J\u202eabc\u200b\n" + "y" * 50_000


@driven
async def test_hostile_text_is_shown_as_text_and_stalls_nothing(marks: Marks) -> None:
    first = small_answer().diagnoses[0]
    bad = replace(LOOK, id=f"a/b#{HOSTILE}", title=HOSTILE, text=HOSTILE, change={"lr": HOSTILE})
    entry = replace(first.entry, id=HOSTILE, title=HOSTILE)
    answer = small_answer(diagnoses=(replace(first, entry=entry, fixes=(bad,)),))
    async with opened(answer) as (app, pilot, screen):
        shown = text_of(screen, "#fix")
        assert "[@click=app.quit]x[/]" in shown
        assert not {"\x1b", "\u202e", "\u200b"} & set(shown)
        await pilot.click("#worklist", offset=(6, 1))
        await pilot.click("#fix", offset=(6, 1))
        assert app.is_running
