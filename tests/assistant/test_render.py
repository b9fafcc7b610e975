"""Claims: pages keep to 80 columns, hold no control characters of other people's text, and the
first screen holds the first diagnosis with why and what to try.
"""

from __future__ import annotations

import re
from dataclasses import replace

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import assistant
from assistant.answer import (
    SCHEMA,
    Answer,
    Check,
    Contradiction,
    Diagnosis,
    Evidence,
    Hit,
    Measurement,
    RankedFix,
    Settings,
    Topic,
)
from assistant.catalogue_list import Row, entry_rows, form_rows, metric_rows
from assistant.explain import Page, page_of
from assistant.render.layout import WIDTH, labelled, lines_wrapped, unbroken, wrapped
from assistant.render.markdown import to_markdown
from assistant.render.page import render_page
from assistant.render.rows import rendered
from assistant.render.table import table_lines
from assistant.render.text import render
from kb.types import Entry

HOSTILE = (
    "\x1b[31mred\x1b]8;;http://x\x07link\x1b]8;;\x07 \x9b2J \x07\x08 \u202eright\u2066 "
    "[@click=app.quit]x[/] "
    "<b>bold</b> `code` **strong** | pipe\r\nnew\u2028line " + "x" * 200
)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069]")


def answer_with(text: str) -> Answer:
    """Return an answer in which `text` stands wherever text from outside can stand."""
    entry = Entry(f"user/{text}", text, "user", "user", "draft", source=text)
    fix = RankedFix(f"{text}#1", text, {"lr": text}, None, text)
    diagnosis = Diagnosis(
        entry,
        0.5,
        (
            Evidence("text", text, {"passage": text}),
            Evidence("text", f"To tell it from {text}: {text}", {"neighbour": text}),
        ),
        (fix, fix),
        "user",
        (Contradiction(text, text, 1, 2, text, text),),
    )
    hit = Hit(text, text, 1, 2, (text, text), 0.9, "user", text)
    return Answer(
        SCHEMA,
        text,
        True,
        "sick",
        (text, text),
        (diagnosis, diagnosis),
        (hit, hit),
        (),
        (Check(text, "fired", text),),
        (Check(text, "unknown", f"missing: {text}"),),
        Measurement(text, text),
        Settings(5, 0.5, text, 1, 1),
    )


def plain_lines(page: str) -> list[str]:
    return click.unstyle(page).split("\n")


def assert_tidy(page: str) -> None:
    for line in plain_lines(page):
        assert len(line) <= WIDTH, line
        assert not _CONTROL.search(line), repr(line)
        assert line == line.rstrip()


@pytest.mark.parametrize("full", [False, True])
def test_hostile_text_comes_out_plain_and_within_the_width(full: bool) -> None:
    assert_tidy(render(answer_with(HOSTILE), full=full))


def test_hostile_topics_and_verdicts_come_out_plain_when_nothing_fits() -> None:
    answer = replace(
        answer_with(HOSTILE),
        fits=False,
        diagnoses=(),
        passages=(),
        nearest=(Topic(HOSTILE, HOSTILE, 0.1),),
    )
    assert_tidy(render(answer))


def test_a_hostile_page_comes_out_plain_and_within_the_width() -> None:
    markdown = f"# {HOSTILE}\n\n- {HOSTILE}\n\n```\n{HOSTILE}\n```\n| {HOSTILE} | b |\n|---|---|\n"
    entry = Entry(f"user/{HOSTILE}", HOSTILE, "user", "user", "draft", methods=(HOSTILE,))
    assert_tidy(render_page(Page(HOSTILE, HOSTILE, "user", HOSTILE, markdown, entry, (HOSTILE,))))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_a_page(text: str) -> None:
    assert_tidy(render(answer_with(text), full=True))
    assert_tidy(render_page(Page("a", "b", "user", "c", text)))


def test_markup_of_others_stays_text() -> None:
    assert "[@click=app.quit]x[/]" in " ".join(render(answer_with(HOSTILE)).split())


def test_long_words_wrap_and_cost_stays_on_one_line() -> None:
    assert max(map(len, wrapped("x" * 300, 9))) == WIDTH
    assert any("[while it runs]" in line for line in wrapped(
        "y" * 60 + " " + unbroken("[while it runs]"), 9
    ))  # fmt: skip


def test_a_label_stands_before_the_first_line_only() -> None:
    lines = plain_lines("\n".join(labelled("why", ["word " * 30, "second"])))
    assert [line[:9] for line in lines] == ["   why   "] + [" " * 9] * (len(lines) - 1)


def test_formula_lines_keep_their_lines_and_what_is_cut_says_so() -> None:
    text = "Prose first.\na = b\nc = d\ne = f"
    assert lines_wrapped(text, 2) == ["  Prose first.", "  a = b", "  c = d", "  e = f"]
    assert lines_wrapped(text, 2, most=2) == ["  Prose first.", "  a = b ..."]


def test_a_table_is_aligned_and_fits() -> None:
    lines = plain_lines("\n".join(table_lines(["| a | long name |", "|---|---|", "| 1 | `x` |"])))
    assert lines == ["a  long name", "1  x"]
    wide = table_lines([f"| {'word ' * 20} | {'other ' * 20} |", "|---|---|", "| 1 | 2 |"])
    assert max(len(line) for line in plain_lines("\n".join(wide))) <= WIDTH
    assert " ".join(wide).count("word") == 20


def test_code_in_a_page_can_be_copied() -> None:
    code = "    value = compute(" + ", ".join(f"argument_{n}" for n in range(9)) + ")  # why"
    page = Page("a", "b", "bundled", "c", f"```python\ndef f():\n{code}\n    return value\n```\n")
    lines = [line[4:] for line in render_page(page).split("\n")]
    names = {f"argument_{n}": n for n in range(9)}
    space: dict[str, object] = {"compute": lambda *given: list(given), **names}
    exec("\n".join(lines), space)
    function = space["f"]
    assert callable(function)
    assert function() == list(range(9))
    assert max(len(line) for line in lines) <= WIDTH - 4


def test_markdown_stays_what_it_says() -> None:
    markdown = to_markdown(answer_with("1. **x** <script> [a](b) `c` # d\n- e\x1b[31m"))
    assert "\x1b" not in markdown
    markdown = re.sub("`[^`]*`", "", markdown.replace(r"\`", ""))
    for raw in ("**x**", "<script>", "[a](b)"):
        assert not re.search(r"(?<!\\)" + re.escape(raw), markdown)
    assert r"\*\*x\*\*" in markdown
    assert "\n- e" not in markdown


def test_markdown_of_an_answer_with_decimals_reads_well() -> None:
    assert "- 4.14 would" in to_markdown(answer_with("4.14 would"))


# Real pages


@pytest.fixture(
    scope="module",
    params=[
        "loss stuck at 4.14",
        "simclr loss stuck at 5.54 batch size 128",
        "vicreg std_loss stays at 1 and cov loss is zero",
        "byol loss goes to zero within 100 steps",
        "dino teacher entropy drops to 0",
        "loss nan after 2000 steps with fp16",
        "multi gpu gives worse results than single gpu",
        "training is slow, gpu util 30%",
        "knn accuracy falls while the loss improves",
        "moco loss 11.09 with queue 65536",
    ],
)
def page(request: pytest.FixtureRequest, encoder_export: object) -> str:
    return render(assistant.query(str(request.param)))


def test_the_first_screen_holds_the_first_diagnosis(page: str) -> None:
    lines = plain_lines(page)
    screen = lines[: lines.index("")]
    assert len(screen) <= 22
    text = "\n".join(screen)
    assert text.startswith("1  ")
    assert "\n   why   " in text
    assert "\n   try   1. " in text


def test_a_page_is_tidy_and_says_nothing_twice(page: str) -> None:
    assert_tidy(page)
    text = " ".join(click.unstyle(page).split())
    for wrong in ("..,", " .", ": :", "::", " ,", "( ", "?.", " None"):
        assert wrong not in text.replace(" ...", ""), wrong
    sentences = [one for one in re.split(r"(?<=[.!?]) ", text) if len(one) > 60]
    assert len(set(sentences)) == len(sentences)


def test_a_page_ends_with_where_to_read_on(page: str) -> None:
    assert "Read on: ssl-doctor explain " in page


@pytest.mark.usefixtures("encoder_export")
def test_a_sick_run_has_its_verdict_and_first_diagnosis_on_the_first_screen() -> None:
    run = {"loss": 4.143, "batch_size": 32, "z_std": 1e-4}
    lines = plain_lines(render(assistant.query("loss stuck at 4.14", run=run)))
    assert lines[0].startswith("Run: sick.")
    second = next(n for n, line in enumerate(lines) if line.startswith("2  "))
    assert second <= 24


@pytest.mark.usefixtures("encoder_export")
def test_full_shows_at_least_what_brief_shows() -> None:
    answer = assistant.query("byol collapse")
    brief, full = render(answer), render(answer, full=True)
    assert len(full.split("\n")) > len(brief.split("\n"))
    assert "--full" in brief
    assert "--full" not in full
    for diagnosis in answer.diagnoses:
        for fix in diagnosis.fixes:
            assert fix.title in " ".join(click.unstyle(full).split())


def test_every_entry_and_method_document_is_a_tidy_page() -> None:
    rows = entry_rows(family=None, mine=False, all_topics=False)
    assert len(rows) >= 49
    for row in rows:
        assert_tidy(render_page(page_of(row.id)))


@pytest.mark.parametrize("kind", ["entries", "topics", "metrics", "forms"])
def test_every_list_is_tidy(kind: str) -> None:
    rows: list[Row] = {
        "entries": lambda: entry_rows(family=None, mine=False, all_topics=False),
        "topics": lambda: entry_rows(family=None, mine=False, all_topics=True),
        "metrics": metric_rows,
        "forms": form_rows,
    }[kind]()
    text = "\n".join(rendered(rows))
    assert_tidy(text)
    lines = click.unstyle(text)
    for row in rows:
        assert row.id in lines
