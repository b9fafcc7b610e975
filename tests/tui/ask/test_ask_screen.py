"""Claims: the Ask screen answers while one types, never blanks or mixes answers, and every action
of it does what its row says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from ask_driving import (
    CODE,
    NUMBERS,
    Engine,
    answer_of,
    ask,
    box,
    entry,
    fake_engine,
    opened,
    page_text,
    results,
)  # fmt: skip
from tui_pilot import driven, text_of, until

from kb.errors import InputUnreadable
from tui.app import DoctorApp
from tui.ask.states import EXAMPLES
from tui.ask.status import StatusLines
from tui.widgets.footer import KeyFooter

engine = fake_engine


def status(app: DoctorApp) -> str:
    return text_of(app.screen.query_one(StatusLines))


@driven
async def test_a_burst_of_keys_is_one_question(engine: Engine) -> None:
    async with opened() as (app, pilot):
        for end in range(1, len("loss stuck") + 1):
            box(app).value = "loss stuck"[:end]
        await until(pilot, lambda: app.session.answer is not None)
        assert [text for text, _ in engine.asked] == ["loss stuck"]
        assert results(app).count == 3


@driven
async def test_what_is_stale_is_dimmed_and_stays_until_the_next_answer(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        engine.gate.clear()
        box(app).value = "how do I cook rice"
        await until(pilot, lambda: len(engine.asked) == 2)
        await until(pilot, lambda: app.screen.has_class("-stale"))
        assert results(app).count == 3
        engine.gate.set()
        await until(pilot, lambda: not app.session.asking)
        assert not app.screen.has_class("-stale")
        assert app.session.state == "nothing fits"


@driven
async def test_a_late_answer_to_an_old_question_is_dropped(engine: Engine) -> None:
    async with opened() as (app, pilot):
        engine.gate.clear()
        box(app).value = "how do I cook rice"
        await until(pilot, lambda: len(engine.asked) == 1)
        box(app).value = "loss stuck at 4.14"
        await until(pilot, lambda: app.session.query == "loss stuck at 4.14")
        engine.gate.set()
        await until(pilot, lambda: app.session.answer is not None)
        assert app.session.answer is not None
        assert app.session.answer.query == "loss stuck at 4.14"
        assert app.session.state == "answered"


@driven
async def test_a_question_taken_back_takes_its_answer_with_it(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        box(app).value = ""
        await until(pilot, lambda: app.session.query == "")
        assert app.session.state == "first"
        assert results(app).count == len(EXAMPLES)


@driven
async def test_the_page_says_everything_about_the_cause(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        shown = page_text(entry(app))
    for part in (
        "The loss sits at its chance value", "62% likely", "contrastive/stuck", "documented",
        "ln(2B - 1) = ln 63 = 4.143", "Symptoms", "The loss stays at 4.14", "Why it happens",
        "Every candidate looks the same", "What to try", "Measure the spread first",
        "spread = z.std(dim=0).mean()", "cured 4 of 5 (38% to 96%)", "lr = 0.03",
        "Tell it apart", "the spread of the embeddings", "False alarms", "References",
        "arxiv:2002.05709", "Measure next", "z_std",
    ):  # fmt: skip
        assert part in shown


@driven
async def test_an_explained_number_is_underlined_wherever_it_stands(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        content = entry(app).text
        underlined = [
            content.plain[span.start : span.end]
            for span in content.spans
            if "underline" in str(span.style)
        ]
    assert len(underlined) >= 3
    assert set(underlined) == {"4.14"}


@driven
async def test_a_run_reranks_and_says_what_moved_and_why(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        assert results(app).key == "contrastive/stuck"
        app.use_numbers(NUMBERS)
        await until(pilot, lambda: bool(app.session.moved) and app.session.run_answer is not None)
        assert results(app).key == "collapse/whole"
        assert "run sick: its numbers show collapse/whole" in status(app)
        assert "↑ 3 to 1: Every picture gets the same vector" in status(app)
        assert "The last z_std is 0.0001" in status(app)
        shown = page_text(entry(app))
        assert "✗ The loss is at its floor (gone, was 2)" in " ".join(shown.split())
        assert "the run speaks against it" in " ".join(shown.split())


@driven
async def test_without_words_the_run_alone_is_listed(engine: Engine) -> None:
    async with opened() as (app, pilot):
        app.use_numbers(NUMBERS)
        await until(pilot, lambda: app.session.run_answer is not None and results(app).count == 2)
        assert results(app).key == "collapse/whole"
        assert "from the run's numbers alone" in status(app)


@driven
async def test_detach_brings_the_answer_to_the_words_back(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        app.use_numbers(NUMBERS)
        await until(pilot, lambda: bool(app.session.moved))
        await pilot.press("escape", "d")
        await until(pilot, lambda: results(app).count == 3)
        assert not app.session.has_run
        assert not app.session.moved


@driven
async def test_enter_on_an_example_asks_it(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.session.answer is not None)
        assert app.session.query == EXAMPLES[0][0]
        assert box(app).value == EXAMPLES[0][0]


@driven
async def test_enter_in_the_box_goes_to_the_results_and_then_to_the_page(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        focused = []
        for _ in range(2):
            await pilot.press("enter")
            focused.append(app.focused)
        assert focused == [results(app), entry(app)]


@driven
async def test_on_a_narrow_terminal_the_page_takes_the_place_of_the_list(engine: Engine) -> None:
    async with opened((60, 24)) as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        assert results(app).display
        assert not entry(app).display
        await pilot.press("enter", "enter")
        assert entry(app).display
        assert not results(app).display
        await pilot.press("escape")
        assert results(app).display
        assert app.focused is results(app)


@driven
async def test_fixes_are_stepped_through_and_copied(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("escape", "y")
        assert app.clipboard == "spread = z.std(dim=0).mean()  # 1 healthy"
        await pilot.press("n", "n", "y")
        assert app.clipboard == "lr: 0.03\nwarmup_epochs: 10"
        await pilot.press("n", "y")
        assert app.clipboard == "Wait for two epochs\nIt may recover."
        await pilot.press("N", "y")
        assert app.clipboard.startswith("lr: 0.03")
        notices = [notice.message for notice in app._notifications]
        assert "✓ copied the setting of “Lower the learning rate”" in notices


@driven
async def test_a_reference_is_opened_or_its_address_copied(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_urls: list[str] = []
    async with opened() as (app, pilot):
        monkeypatch.setattr(app, "open_url", opened_urls.append)
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("escape", "o")
        assert app.clipboard == "https://arxiv.org/abs/2002.05709"
        monkeypatch.setenv("DISPLAY", ":0")
        await pilot.press("n", "n", "n", "n", "n", "o")
    assert opened_urls == [
        "https://github.com/google-research/simclr/blob/67b562524223e65c/tf2/objective.py"
    ]


@driven
async def test_results_change_without_leaving_the_page(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("enter", "enter", "right_square_bracket")
        assert app.focused is entry(app)
        assert results(app).key == "loss/floor"
        assert "as low as the temperature" in page_text(entry(app))
        await pilot.press("left_square_bracket")
        assert results(app).key == "contrastive/stuck"


@driven
async def test_the_cursor_stays_on_its_cause_when_the_ranking_changes(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("enter")
        app.use_numbers(NUMBERS)
        await until(pilot, lambda: bool(app.session.moved))
        assert results(app).key == "contrastive/stuck"
        assert results(app).highlighted == 1


@driven
async def test_an_error_has_ways_out(engine: Engine) -> None:
    async with opened() as (app, pilot):
        engine.error = InputUnreadable("the store is damaged", where="store.sqlite")
        await ask(pilot, app, "loss stuck")
        assert "store.sqlite: the store is damaged" in page_text(entry(app))
        await pilot.press("escape", "y")
        assert app.clipboard == "InputUnreadable: store.sqlite: the store is damaged"
        engine.error = None
        await pilot.press("r")
        await until(pilot, lambda: app.session.state == "answered")


@driven
async def test_nothing_fits_names_topics_that_open(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[str] = []
    async with opened() as (app, pilot):
        monkeypatch.setattr(app, "open_entry", wanted.append)
        await ask(pilot, app, "how do I cook rice")
        assert "What to log" in page_text(entry(app))
        await pilot.press("enter", "enter")
    assert wanted == ["loss/floor"]


@driven
async def test_the_whole_page_opens_on_the_browse_screen(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[str] = []
    async with opened() as (app, pilot):
        monkeypatch.setattr(app, "open_entry", wanted.append)
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("escape", "x")
    assert wanted == ["contrastive/stuck"]


@driven
async def test_a_passage_opens_the_section_it_is_from(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[object] = []
    async with opened() as (app, pilot):
        monkeypatch.setattr(app, "open_section", lambda *place: wanted.append(place))
        monkeypatch.setattr(app, "open_entry", wanted.append)
        await ask(pilot, app, "vicreg formula")
        assert "x: this section in its document" in " ".join(page_text(entry(app)).split())
        await pilot.press("escape", "x")
        answer = app.session.answer
        assert answer is not None
        mine = replace(answer.passages[0], owner="user", source="/notes/mine.md")
        engine.answers["my own note"] = replace(answer, passages=(mine,))
        await ask(pilot, app, "my own note")
        await pilot.press("x")
    assert wanted == [("vicreg", 12), "user:/notes/mine.md"]


@driven
async def test_the_answer_is_saved_and_no_file_is_written_over(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("escape", "e", "enter")
        await pilot.press("e", "down", "enter")
        await pilot.press("e", "enter")
    names = sorted(path.name for path in tmp_path.iterdir())
    stem = "ssl-doctor-loss-stuck-at-4-14"
    assert names == [f"{stem}-2.md", f"{stem}.json", f"{stem}.md"]
    assert json.loads((tmp_path / f"{stem}.json").read_text()) == answer_of().to_dict()
    assert (tmp_path / f"{stem}.md").read_text() == answer_of().to_markdown()


@pytest.mark.parametrize(
    ("numbers", "command"),
    [
        (None, "ssl-doctor ask 'loss stuck at 4.14'"),
        (
            NUMBERS,
            "ssl-doctor ask 'loss stuck at 4.14' --metric loss=4.143 --set batch_size=32 "
            "--metric z_std=0.0001",
        ),
    ],
)
@driven
async def test_the_equivalent_command_is_copied(
    numbers: dict[str, float] | None, command: str, engine: Engine
) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        if numbers is not None:
            app.use_numbers(numbers)
            await until(pilot, lambda: bool(app.session.moved))
        await pilot.press("escape", "c")
        assert app.clipboard == command


@driven
async def test_letters_are_text_in_the_box_and_keys_outside_it(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await pilot.press("q", "question_mark", "slash", "1")
        assert box(app).value == "q?/1"
        footer = app.screen.query_one(KeyFooter)
        assert "esc Back" in text_of(footer)
        assert " q " not in text_of(footer)
        await pilot.press("escape")
        assert app.focused is not box(app)
        await pilot.pause()
        assert "q Quit" in text_of(footer)
        assert "? Help" in text_of(footer)
        await pilot.press("slash")
        assert app.focused is box(app)


@driven
async def test_escape_and_a_letter_in_one_go_are_not_typed(engine: Engine) -> None:
    """As tmux sends them: it holds an escape back, so that both arrive as alt+letter."""
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("alt+c")
        await until(pilot, lambda: app.clipboard.startswith("ssl-doctor ask"))
        assert box(app).value == "loss stuck at 4.14"


@driven
async def test_the_footer_shows_six_keys_at_most_and_a_click_does_what_the_key_does(
    engine: Engine,
) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("escape")
        await pilot.pause()
        footer = text_of(app.screen.query_one(KeyFooter))
        assert footer == " / Ask   n Next fix   y Copy   a Attach run   ? Help   q Quit"
        await pilot.click(KeyFooter, offset=(footer.index("y Copy"), 0))
        assert app.clipboard == CODE.split("\n")[3]


@driven
async def test_a_page_of_log_pasted_becomes_one_line(engine: Engine) -> None:
    from textual.events import Paste

    async with opened() as (app, pilot):
        box(app).post_message(Paste("epoch 1 loss 4.14\nepoch 2 loss 4.14\n\x1b[31mNaN\x1b[0m\n"))
        await until(pilot, lambda: app.session.answer is not None)
        assert box(app).value == "epoch 1 loss 4.14 epoch 2 loss 4.14 NaN"


@driven
async def test_the_question_and_the_place_survive_going_away_and_back(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        asking = app.screen
        await pilot.press("enter", "down", "3")
        await until(pilot, lambda: app.screen is not asking)
        await pilot.press("1")
        await until(pilot, lambda: app.screen is asking)
        assert box(app).value == "loss stuck at 4.14"
        assert results(app).key == "loss/floor"


@driven
async def test_behind_another_screen_the_list_waits_and_then_shows_the_newest(
    engine: Engine,
) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        listed = results(app)
        app.switch_mode("run")
        app.use_numbers(NUMBERS)
        await until(pilot, lambda: bool(app.session.moved))
        assert (listed.key, listed.count) == ("contrastive/stuck", 3)
        app.switch_mode("ask")
        await until(pilot, lambda: (listed.key, listed.count) == ("collapse/whole", 2))


@driven
async def test_a_run_is_asked_about_without_asking_the_words_again(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        app.use_numbers(NUMBERS)
        await until(pilot, lambda: bool(app.session.moved))
        assert engine.asked.count(("loss stuck at 4.14", False)) == 1
