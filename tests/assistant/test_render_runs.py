"""Claims: pages about runs keep to 80 columns and hold no control characters of anybody's names;
a sparkline shows the shape; a table tells runs apart.
"""

from __future__ import annotations

import math
import re

import click
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import entry, falls, flat, run_of

from assistant.answer import SCHEMA, Answer, Diagnosis, RunVerdict, Settings
from assistant.compare import Comparison, Parting, compare
from assistant.many import Judgement
from assistant.render.layout import WIDTH
from assistant.render.runs import comparison, header, series_page, table
from assistant.render.spark import BLOCKS, BROKEN, sparkline
from kb.run import Finding, Naming, Run, Series

HOSTILE = (
    "\x1b[31mred\x1b]8;;http://x\x07link\x1b]8;;\x07 \x9b2J \x07\x08 \u202eright\u2066 "
    "[@click=app.quit]x[/] <b>b</b> | pipe\r\nnew\u2028line " + "x" * 200
)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069]")


def assert_tidy(page: str) -> None:
    for line in click.unstyle(page).split("\n"):
        assert len(line) <= WIDTH, line
        assert not _CONTROL.search(line), repr(line)
        assert line == line.rstrip()


def flowing(page: str) -> str:
    return " ".join(click.unstyle(page).split())


def run_with(text: str) -> Run:
    """Return a run in which `text` stands wherever text from a log can stand."""
    values = np.array([1.0, math.nan, 1e300])
    series = Series("z_std", values, np.arange(3), text)
    return Run(
        {"method": text, "lr": 0.1},
        {"z_std": series},
        {text: Series(text, values, np.arange(3), text)},
        source=text,
        format=text,
        files=(text,),
        settings={text: text},
        names=(
            Naming(text, "z_std", text, (), 0.01),
            Naming(f"{text}2", None, text, (text,)),
        ),
        findings=(Finding("step went back", text, text, 7),),
    )


def answer(
    verdict: RunVerdict | None, *reasons: str, named: str = "", confidence: float = 0.9
) -> Answer:
    found = (Diagnosis(entry(named), confidence, (), (), "bundled"),) if named else ()
    return Answer(
        SCHEMA, "", True, verdict, reasons, found, (), (), (), (), None,
        Settings(5, 0.5, "", 1, 0),
    )  # fmt: skip


# Sparklines


def test_a_rise_and_a_fall_read_as_such() -> None:
    assert sparkline(np.arange(8.0), 8) == BLOCKS
    assert sparkline(-np.arange(8.0), 8) == BLOCKS[::-1]
    assert sparkline(np.array([1.0, 2.0])) == BLOCKS[0] + BLOCKS[-1]


def test_each_character_is_the_median_of_its_stretch() -> None:
    assert sparkline(np.repeat([0.0, 1.0, 0.0], 50), 3) == BLOCKS[0] + BLOCKS[-1] + BLOCKS[0]
    assert len(sparkline(np.arange(1000.0), 24)) == 24


def test_one_spike_does_not_flatten_the_rest() -> None:
    values = np.linspace(1, 0, 240)
    values[100] = 1e9
    assert len(set(sparkline(values))) >= 6


def test_broken_stretches_are_shown_as_such() -> None:
    values = np.concatenate([np.linspace(1, 0, 50), np.full(50, math.nan)])
    line = sparkline(values, 10)
    assert line[5:] == BROKEN * 5
    assert BROKEN not in line[:5]
    assert sparkline(np.full(5, math.inf)) == BROKEN * 5


def test_nothing_and_constants_have_a_line_of_their_length() -> None:
    assert sparkline(np.array([])) == ""
    assert sparkline(np.full(9, 3.0)) == BLOCKS[0] * 9


@given(st.lists(st.floats(), max_size=100), st.integers(1, 40))
@settings(deadline=None)
def test_any_values_give_a_line_within_the_width(values: list[float], width: int) -> None:
    line = sparkline(np.array(values, dtype=np.float64), width)
    assert len(line) == min(width, len(values))
    assert set(line) <= {*BLOCKS, BROKEN}


def test_the_largest_and_the_smallest_floats_have_a_shape() -> None:
    largest = np.finfo(np.float64).max
    assert sparkline(np.array([-largest, 0, largest]), 3) == BLOCKS[0] + BLOCKS[4] + BLOCKS[-1]
    assert sparkline(np.array([0, 5e-324])) == BLOCKS[0] + BLOCKS[-1]


# The header


def test_the_header_says_what_was_read() -> None:
    run = Run(
        {"method": "byol"},
        run_of(loss=flat(1.0, count=1234), z_std=[0.1]).series,
        source="runs/a",
        format="table",
        names=(Naming("odd", None, "not in the vocabulary"),),
    )
    assert flowing(header(run)) == (
        "runs/a: byol, table, 2 metrics, 1,234 points; "
        "1 name not understood (ssl-doctor series shows them)"
    )


def test_what_the_log_itself_shows_stands_below_with_its_step_once() -> None:
    findings = (
        Finding("step went back", "the clock went back", "a", 40),
        Finding("not finite", "loss is nan at step 70, and 3 more times", "a", 70),
        Finding("several ranks", "2 ranks", "a"),
    )
    page = flowing(header(Run({}, {}, source="a", findings=findings)))
    assert "· the clock went back (step 40)" in page
    assert "· loss is nan at step 70, and 3 more times ·" in page
    assert page.endswith("· 2 ranks")


# The table


def test_a_row_has_the_verdict_the_run_and_the_first_cause() -> None:
    rows = click.unstyle(
        table(
            [
                Judgement("runs/a", answer("sick", "x", named="collapse/complete")),
                Judgement("runs/b", answer("healthy", "3 checks found nothing; the loss fell")),
                Judgement("runs/c", answer("undecided", "3 checks found nothing", "no loss")),
                Judgement("runs/d", None, error="no log here"),
            ]
        )
    ).split("\n")
    assert rows == [
        "sick      a  90% collapse/complete",
        "healthy   b  3 checks found nothing; the loss fell",
        "undecided c  no loss",
        "unread    d  no log here",
    ]


def test_a_guess_about_an_undecided_run_is_not_shown_as_its_cause() -> None:
    guess = answer("undecided", "no check", "no progress", named="contrastive/chance-level-loss")
    assert "chance" not in table([Judgement("a", guess)])


def test_folders_that_all_share_are_left_out_and_others_are_not() -> None:
    def names(*paths: str) -> list[str]:
        rows = table([Judgement(path, answer("healthy", "well")) for path in paths]).split("\n")
        return [click.unstyle(row).split()[1] for row in rows]

    assert names("/a/b/run1/x.csv", "/a/b/run2/x.csv") == ["run1/x.csv", "run2/x.csv"]
    assert names("/a/x.csv", "b/x.csv") == ["/a/x.csv", "b/x.csv"]
    assert names("/a/b/x.csv") == ["/a/b/x.csv"]
    assert names("a", "a/b") == ["a", "a/b"]
    assert names(".") == ["."]


def test_long_names_keep_their_folder_and_their_end() -> None:
    paths = [f"runs/experiment{n}/lightning_logs/version_0/metrics.csv" for n in (1, 2)]
    rows = click.unstyle(table([Judgement(one, answer("healthy", "well")) for one in paths]))
    assert "experiment1" in rows
    assert "experiment2" in rows
    assert rows.count("metrics.csv") == 2


def test_a_hostile_table_is_tidy_with_one_line_a_run() -> None:
    judged = [
        Judgement(HOSTILE, None, error=HOSTILE),
        Judgement(f"{HOSTILE}/b", answer("undecided", HOSTILE, HOSTILE)),
        Judgement(f"a\n{HOSTILE}", answer("sick", HOSTILE, named=HOSTILE)),
    ]
    page = table(judged)
    assert_tidy(page)
    assert page.count("\n") == 2


# Series


def test_each_metric_shows_its_shape_its_ends_and_its_logged_name() -> None:
    series = Series("z_std", falls(0.02, 0.08, count=50), np.arange(50), "emb_spread")
    names = (Naming("emb_spread", "z_std", "chosen by --map", scale=0.01),)
    page = click.unstyle(series_page(Run({"lr": 0.1}, {"z_std": series}, names=names)))
    assert re.search(r"^z_std +▁\S{23} 0\.02 to 0\.07\d+, n=50$", page, re.MULTILINE)
    assert "logged as emb_spread (chosen by --map, times 0.01)" in page
    assert page.endswith("Settings\nlr=0.1")


def test_what_is_not_used_is_shown_with_why_and_how_to_name_it() -> None:
    odd = Series("odd", np.array([1.0, math.inf]), np.arange(2), "odd")
    names = (Naming("odd", None, "could be z_std or raw_std"),)
    page = flowing(series_page(Run({}, {}, {"odd": odd}, names=names)))
    assert "odd: could be z_std or raw_std; 1 to 1, n=2, 1 not finite" in page
    assert "--map NAME=METRIC" in page
    assert "none found; --set NAME=VALUE" in page


def test_a_hostile_log_comes_out_plain_and_within_the_width() -> None:
    assert_tidy(header(run_with(HOSTILE)))
    assert_tidy(series_page(run_with(HOSTILE)))
    assert "[@click=app.quit]x[/]" in flowing(series_page(run_with(HOSTILE)))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_a_page_about_a_run(text: str) -> None:
    run = run_with(text)
    assert_tidy(series_page(run))
    assert_tidy(table([Judgement(text, None, error=text), Judgement("b", None, error=text)]))
    assert_tidy(comparison(compare(run, Run({}, {})), text, text))


# Comparison


def test_a_comparison_says_where_runs_part_first_and_by_what() -> None:
    found = Comparison(
        (
            Parting("z_std", 150, 0.08, 0.01, 20.0),
            Parting("loss", 12_300, 2.0, math.nan, math.inf),
            Parting("lr", None, 0.1, 0.1, 0.0),
        ),
        {"lr": (0.1, 0.2), "dim": (None, 64)},
        ("knn_acc",),
        (),
        ("lin_acc",),
    )
    page = click.unstyle(comparison(found, "runs/a", "runs/b"))
    assert "They part at step 150, first by z_std." in page
    assert re.search(r"loss +step +12,300 +A 2 +B nan", page)
    for line in ("alike: lr", "only in A: knn_acc", "too short to compare: lin_acc"):
        assert f"\n   {line}" in page
    assert "only in B" not in page
    assert "   lr: 0.1 / 0.2\n   dim: not given / 64" in page
    assert_tidy(page)


@pytest.mark.parametrize("name", ["loss", "z_std"])
def test_runs_that_do_not_part_are_said_to_be_alike(name: str) -> None:
    run = run_of(**{name: falls(5, 3, noise=0.1)})
    page = click.unstyle(comparison(compare(run, run), "a", "b"))
    assert "No metric of the two runs parts clearly." in page
    assert f"alike: {name}" in page
    assert "Settings" not in page
