"""The Run screen: each state is told in words, each action does what its row says."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from run_driving import opened, quiet_app, small_answer, small_run
from textual.widgets import Input, Static
from tui_pilot import driven, text_of, until

from ingest.runs.follow import Life
from kb.errors import InputUnreadable
from kb.run import Run, Series
from tui.app import DoctorApp
from tui.messages import RunChanged
from tui.run.chart import ChartView
from tui.run.charts import Charts
from tui.run.picker import PickerScreen
from tui.run.picker_pane import Picker
from tui.run.screen import REDRAW_EVERY, RunScreen
from tui.widgets.page import Page

LIVE = Life("live", 3.0)


def state_of(screen: RunScreen) -> str:
    return text_of(screen.query_one("#run-state", Static))


def verdict_of(screen: RunScreen) -> str:
    return text_of(screen.query_one("#run-verdict", Static))


# States


@driven
async def test_without_a_run_the_picker_is_the_screen() -> None:
    async with quiet_app() as (app, pilot):
        assert app.screen.query_one(Picker).has_focus_within
        assert not app.screen.query_one("#run-panes").display
        await until(pilot, lambda: "below" in text_of(app.screen.query_one("#picker-said")))


@pytest.mark.parametrize(
    ("life", "said"),
    [
        (None, "○ unknown"),
        (LIVE, "● live, 3 s ago"),
        (Life("silent", 720.0), "○ silent for 12 min"),
        (Life("finished", 9.0), "✓ finished"),
        (Life("crashed", 9.0), "✗ crashed"),
        (Life("waiting", 30.0), "○ waiting 30 s"),
    ],
)
@driven
async def test_the_state_of_a_run_is_a_sign_with_a_word(life: Life | None, said: str) -> None:
    async with opened(small_run(), small_answer(), life) as (_, _, screen):
        assert state_of(screen).strip().startswith(said)
        assert "simclr · JSON lines · step 399 · 3 metrics" in state_of(screen)


@driven
async def test_a_sick_run_shows_the_cause_the_reasons_and_what_to_do() -> None:
    async with opened(small_run(), small_answer(), LIVE, (120, 40)) as (_, _, screen):
        assert verdict_of(screen).strip().startswith("✗ sick  contrastive/stuck 90%")
        why = text_of(screen.query_one("#why", Page).query_one(Static))
        for said in (
            "4.143 is ln(2B - 1)", "Measure next", "neg_sim: near 1", "1. Measure the spread",
            "2. Warm up [new run]", "10% collapse/whole",
        ):  # fmt: skip
            assert said in why
        checks = text_of(screen.query_one("#checks", Page).query_one(Static))
        for said in (
            "✗ 1 found", "✓ 1 not found", "○ 1 lack numbers", "step 3 was logged twice",
            "✗ std not used: two meanings could be", "train/loss → loss", "batch_size = 32",
            "collapse/whole missing: neg_sim",
        ):  # fmt: skip
            assert said in checks


@pytest.mark.parametrize(
    ("verdict", "sign"), [("healthy", "✓ healthy"), ("undecided", "○ undecided")]
)
@driven
async def test_other_verdicts_have_their_own_sign(verdict: str, sign: str) -> None:
    answer = small_answer(verdict)  # type: ignore[arg-type]
    async with opened(small_run(), answer, LIVE) as (_, _, screen):
        assert verdict_of(screen).strip().startswith(sign)


@driven
async def test_a_run_that_is_waited_for_says_so_with_the_reason() -> None:
    missing = InputUnreadable("nothing here", where="runs/exp7")
    life = Life("waiting", 4.0)
    async with opened(None, None, life, run_error=missing) as (_, _, screen):
        assert "looked at until a run begins" in verdict_of(screen)
        assert "runs/exp7: nothing here" in verdict_of(screen)


@driven
async def test_a_run_that_cannot_be_read_says_what_was_found() -> None:
    broken = InputUnreadable("no metric values", where="runs/exp7", hint="it may have just begun")
    async with opened(None, None, None, run_error=broken) as (_, _, screen):
        assert verdict_of(screen).split() == (
            "✗ not read runs/exp7: no metric values; it may have just begun".split()
        )


@driven
async def test_nan_is_marked_in_the_chart_and_counted_in_its_title() -> None:
    async with opened(small_run(nan_from=300), small_answer(), LIVE) as (_, _, screen):
        drawn = text_of(screen.query(ChartView).first())
        assert "✗ 100 NaN/inf from 300" in drawn.splitlines()[0]
        assert "✗✗✗✗✗" in drawn


@driven
async def test_numbers_given_stand_for_a_run() -> None:
    numbers = {"loss": 4.143, "batch_size": 32}
    async with opened(None, small_answer(), None, run_path=None, numbers=numbers) as (_, _, screen):
        assert state_of(screen).strip().startswith("● 2 numbers given")
        assert screen.query_one(Charts).metrics == ["loss"]


@driven
async def test_other_numbers_and_another_run_take_the_place_of_the_first() -> None:
    first, second = {"loss": 4.143}, {"z_std": 0.1}
    async with opened(None, None, None, run_path=None, numbers=first) as (app, pilot, screen):
        app.session.numbers = second
        app.tell(RunChanged())
        await until(pilot, lambda: screen.query_one(Charts).metrics == ["z_std"])
        app.session.numbers, app.session.run_path = None, Path("runs/exp7")
        app.session.run, app.session.life = small_run(400), LIVE
        app.tell(RunChanged())
        await until(pilot, lambda: "step 399" in state_of(screen))
        app.session.run, app.session.run_path = small_run(40), Path("runs/exp8")
        app.tell(RunChanged())
        await until(pilot, lambda: "step 39 " in state_of(screen))
        assert "cut short" not in verdict_of(screen), "another run is no log that began anew"


@driven
async def test_behind_another_screen_nothing_is_drawn_until_it_comes_back() -> None:
    async with opened(small_run(50), small_answer(), LIVE) as (app, pilot, screen):
        app.switch_mode("ask")
        await pilot.pause(0.2)
        before = screen.redraws
        app.session.run = small_run(90)
        app.tell(RunChanged())
        await pilot.pause(0.8)
        assert screen.redraws == before
        app.switch_mode("run")
        await until(pilot, lambda: "step 89" in state_of(screen))


@driven
async def test_charts_are_those_of_the_diagnosis_first_and_names_not_understood_last() -> None:
    async with opened(small_run(), small_answer(), LIVE) as (_, _, screen):
        assert screen.query_one(Charts).metrics == ["loss", "z_std", "grad_norm", "std"]
        assert "chance = collapse 4.143" in text_of(screen.query(ChartView).first())


@driven
async def test_a_log_cut_short_is_noticed() -> None:
    async with opened(small_run(400), small_answer(), LIVE) as (app, pilot, screen):
        app.session.run = small_run(40)
        app.tell(RunChanged())
        await until(pilot, lambda: "cut short" in verdict_of(screen))
        assert "it had reached step 399" in verdict_of(screen)


@driven
async def test_a_run_followed_live_is_drawn_at_most_four_times_a_second() -> None:
    async with opened(small_run(50), small_answer(), LIVE) as (app, pilot, screen):
        before, begun, steps = screen.redraws, time.monotonic(), 50
        while time.monotonic() - begun < 1.0:
            steps += 1
            app.session.run = small_run(steps)
            app.tell(RunChanged())
            await asyncio.sleep(0.02)
        taken = time.monotonic() - begun
        await until(pilot, lambda: f"step {steps - 1}" in state_of(screen))
        assert steps - 50 > taken / REDRAW_EVERY or taken > 1.2  # more came than may be drawn
        assert screen.redraws - before <= taken / REDRAW_EVERY + 2
        assert REDRAW_EVERY >= 0.25


@driven
async def test_another_verdict_is_drawn_at_once() -> None:
    async with opened(small_run(50), small_answer(), LIVE) as (app, _, screen):
        screen.on_run_changed()  # this one waits, or was the last that did not
        before = screen.redraws
        app.session.run_answer = small_answer("healthy")
        screen.on_run_changed()
        assert screen.redraws == before + 1
        screen.on_run_changed()
        assert screen.redraws == before + 1


@pytest.mark.parametrize("size", [(60, 24), (80, 24), (100, 30), (120, 40)])
@driven
async def test_nothing_is_lost_at_any_size(size: tuple[int, int]) -> None:
    async with opened(small_run(), small_answer(), LIVE, size) as (_, _, screen):
        for pane in ("#charts", "#why", "#checks"):
            region = screen.query_one(pane).region
            assert region.height >= 4
            assert region.width >= 20
            assert region.right <= size[0]
            assert region.bottom <= size[1]


# Actions


@driven
async def test_keys_read_the_curves_change_the_scale_and_choose_a_chart() -> None:
    async with opened(small_run(), small_answer(), LIVE) as (_, pilot, screen):
        charts = screen.query_one(Charts)
        assert charts.has_focus
        await pilot.press("left")
        assert charts.cursor == 399
        await pilot.press("left", "left_square_bracket")
        first = charts.cursor
        assert first is not None
        assert first < 399
        await pilot.press("right")
        assert charts.cursor is not None
        assert charts.cursor > first
        title = text_of(screen.query(ChartView).first()).splitlines()[0]
        assert "at step 399" not in title
        await pilot.press("right_square_bracket", "right_square_bracket", "x")
        assert "at step 399" in text_of(screen.query(ChartView).first()).splitlines()[0]
        await pilot.press("j")
        assert charts.chosen == 1
        view = charts.chosen_view
        assert view is not None
        before = view.is_log
        await pilot.press("s")
        assert view.is_log is not before
        await pilot.press("k", "G")
        assert charts.chosen == 3
        await pilot.press("g")
        assert charts.chosen == 0


@driven
async def test_a_logarithmic_scale_of_negative_values_is_refused_with_the_reason() -> None:
    at = np.arange(9, dtype=np.int64)
    run = Run({}, {"loss": Series("loss", -np.ones(9), at, "loss")}, source="runs/x")
    async with opened(run, None, LIVE) as (app, pilot, _):
        await pilot.press("s")
        await until(pilot, lambda: bool(app._notifications))
        assert "above 0" in next(iter(app._notifications)).message


@driven
async def test_a_click_reads_the_curve_there() -> None:
    async with opened(small_run(), small_answer(), LIVE) as (_, pilot, screen):
        view = screen.query(ChartView).first()
        await pilot.click(view, offset=(view.size.width // 2, 2))
        await pilot.pause()
        cursor = screen.query_one(Charts).cursor
        assert cursor is not None
        assert 100 < cursor < 300


@driven
async def test_enter_opens_the_entry_of_the_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(DoctorApp, "open_entry", lambda _, name: seen.append(name))
    async with opened(small_run(), small_answer(), LIVE) as (_, pilot, _):
        await pilot.press("enter")
    assert seen == ["contrastive/stuck"]


@driven
async def test_b_asks_for_a_second_run_and_compares(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[tuple[Path, Path]] = []
    monkeypatch.setattr(DoctorApp, "compare", lambda _, a, b: seen.append((a, b)))
    async with opened(small_run(), small_answer(), LIVE) as (app, pilot, _):
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, PickerScreen))
        app.screen.query_one(Picker).post_message(Picker.Picked(tmp_path))
        await until(pilot, lambda: bool(seen))
    assert seen == [(Path("runs/exp7"), tmp_path)]


@driven
async def test_what_is_copied_is_the_chosen_fix_else_the_reading() -> None:
    async with opened(small_run(), small_answer(), LIVE) as (_, pilot, screen):
        copied = screen.to_copy()
        assert copied is not None
        assert copied[0].startswith("loss 4.14")
        screen.query_one("#why", Page).step(1)
        await pilot.pause()
        copied = screen.to_copy()
        assert copied is not None
        assert "Measure the spread first" in copied[0]


@driven
async def test_the_command_that_gives_the_same_verdict_is_told() -> None:
    async with opened(small_run(), small_answer(), LIVE) as (_, _, screen):
        assert screen.equivalent_command() == "ssl-doctor diagnose runs/exp7"
    numbers = {"loss": 4.143, "batch_size": 32}
    async with opened(None, None, None, run_path=None, numbers=numbers) as (_, _, screen):
        assert screen.equivalent_command() == (
            "ssl-doctor diagnose --numbers 'loss 4.143, batch_size 32'"
        )


# From outside


@driven
async def test_hostile_names_and_texts_stay_text() -> None:
    name = "[@click=app.quit]x[/] \x1b]52;c;aGk=\x07 \u202elog\u200b" + "m" * 300
    run = small_run(name=name)
    run = replace(run, unknown={name: run.unknown["std"]}, source=f"runs/{name}")
    async with opened(run, small_answer(), LIVE, (120, 40)) as (app, pilot, screen):
        shown = "\n".join(text_of(one) for one in screen.walk_children(Static) if one.size.height)
        shown += "\n".join(text_of(one) for one in screen.query(ChartView))
        assert "[@click=app.quit]x" in shown
        assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(shown)
        await pilot.click(Charts, offset=(3, 1))
        assert app.is_running


@driven
async def test_a_run_on_disk_is_attached_followed_and_judged(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    (tmp_path / "config.json").write_text(json.dumps({"method": "simclr", "batch_size": 32}))
    rng = np.random.default_rng(0)

    def rows(first: int, last: int) -> str:
        return "".join(
            json.dumps({"step": n, "loss": 4.143 + rng.normal(0, 1e-3), "z_std": 1e-4}) + "\n"
            for n in range(first, last)
        )

    log.write_text(rows(0, 200))
    async with quiet_app() as (app, pilot):
        app.attach(tmp_path)
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await until(pilot, lambda: "✗ sick" in verdict_of(screen))
        assert "contrastive/chance-level-loss" in verdict_of(screen)
        with log.open("a") as file:
            file.write(rows(200, 260))
        await until(pilot, lambda: "step 259" in state_of(screen))
        log.write_text(rows(0, 20))
        await until(pilot, lambda: "cut short or written anew" in verdict_of(screen))


@driven
async def test_the_picker_lists_filters_and_attaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, name in enumerate(("old", "new")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "log.jsonl").write_text('{"step": 1, "loss": 4}\n{"step": 2, "loss": 3}\n' * 4)
        os.utime(folder / "log.jsonl", (1000 + place, 1000 + place))
    monkeypatch.chdir(tmp_path)
    async with quiet_app() as (app, pilot):
        picker = app.screen.query_one(Picker)
        await until(pilot, lambda: "2 runs below" in text_of(picker.query_one("#picker-said")))
        assert [run.name for run in picker._shown] == ["new", "old"]
        await pilot.press("o", "l")
        assert [run.name for run in picker._shown] == ["old"]
        await pilot.press("enter")
        await until(pilot, lambda: app.session.run is not None)
        assert app.session.run_path == tmp_path / "old"
        assert not app.screen.query(Picker)


@driven
async def test_a_path_without_a_run_is_told_and_taken_when_insisted_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with quiet_app() as (app, pilot):
        said = app.screen.query_one("#picker-said")
        await until(pilot, lambda: "No run found below" in text_of(said))
        app.screen.query_one(Input).value = str(tmp_path / "later")
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: "Enter again waits" in text_of(said))
        assert app.session.run_path is None
        await pilot.press("enter")
        await until(pilot, lambda: app.session.run_path == tmp_path / "later")
