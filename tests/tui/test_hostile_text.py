"""Claims: text from outside shows as plain text, triggers nothing and stalls nothing."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import replace

import pytest
from ask_driving import (
    STUCK,
    Engine,
    answer_of,
    ask,
    entry,
    fake_engine,
    opened,
    page_text,
    results,
)
from hypothesis import given
from hypothesis import strategies as st
from tui_golden import golden_form
from tui_pilot import driven

from assistant.answer import Diagnosis, Evidence, RankedFix
from tui.copying import fit_to_copy
from tui.plain import MOST, content, shown, shown_line

engine = fake_engine

HOSTILE = (
    "[@click=app.quit]press me[/] [bold red]loud[/bold red] [link=file:///etc/passwd]x[/link] "
    "\x1b]52;c;aGF4\x07\x1b[2J\x1b[31mred \u202egnp.exe\u202c zero\u200bwidth \ufeff a\u0301\u0301"
    "\u0301\u0301\u0301\u0301\u0301\u0301\u0301 $(reboot) `reboot`"
)
PLAIN = "[@click=app.quit]press me[/] [bold red]loud[/bold red]"


@driven
async def test_markup_and_escapes_in_an_entry_stay_text(engine: Engine) -> None:
    hostile = replace(
        STUCK, title=HOSTILE, symptoms=(HOSTILE,), causes=(HOSTILE,), false_alarms=(HOSTILE,),
        references=(HOSTILE,), methods=(HOSTILE,), id=HOSTILE,
    )  # fmt: skip
    fix = RankedFix(HOSTILE, HOSTILE, {"lr": HOSTILE}, None, f"{HOSTILE}\n```\n{HOSTILE}\n```\n")
    evidence = (Evidence("number", HOSTILE, {"value": HOSTILE}), Evidence("text", HOSTILE))
    engine.answers["hostile"] = answer_of(
        "hostile", diagnoses=(Diagnosis(hostile, 0.5, evidence, (fix,), "user"),)
    )
    async with opened() as (app, pilot):
        await ask(pilot, app, "hostile")
        await pilot.press("enter", "enter", "n", "y")
        await pilot.click("#results", offset=(12, 0))
        await pilot.click("#entry", offset=(8, 2))
        screen, page = golden_form(app), page_text(entry(app))
        assert not app._exit
        copied = app.clipboard
    for text in (screen, page, copied):
        assert not any(unicodedata.category(one) in ("Cc", "Cf") for one in text.replace("\n", ""))
    assert PLAIN in " ".join(page.split())
    assert "[@click=app.quit]press me" in screen


@driven
async def test_a_line_of_ten_megabytes_stalls_nothing(engine: Engine) -> None:
    huge = "loss 4.14 " * 1_000_000
    hostile = replace(STUCK, title=huge, symptoms=(huge,), causes=(huge,))
    fix = RankedFix("x#y", huge, {"lr": huge}, None, huge)
    engine.answers["huge"] = answer_of(
        "huge",
        diagnoses=(Diagnosis(hostile, 0.5, (Evidence("text", huge),), (fix,), "user"),),
    )
    async with opened() as (app, pilot):
        started = time.process_time()
        await ask(pilot, app, "huge")
        await pilot.press("enter", "n")
        took = time.process_time() - started
        assert results(app).count == 1
        assert f"({len(huge):,} characters)" in page_text(entry(app))
    assert took < 10


@pytest.mark.parametrize("text", ["", "a", "[b]x[/b]", "\x1b[1mx", "\u202ex", "a\tb", "x\n\ny"])
def test_content_is_what_is_shown(text: str) -> None:
    assert content(text).plain == shown(text)
    assert not content(text).spans


@given(st.text(max_size=400))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    for made in (shown(text), shown_line(text), fit_to_copy(text)):
        left = [one for one in made.replace("\n", "") if unicodedata.category(one) == "Cc"]
        assert left == []
        assert not set(made) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b")
    assert "\n" not in shown_line(text)


@given(st.text(alphabet="ab \n\x1b[31m", max_size=200), st.integers(5, 50))
def test_what_is_shown_is_bounded(text: str, most: int) -> None:
    assert len(shown_line(text, most)) <= most
    assert len(shown(text, most)) <= most + len(" … (200 characters)")


def test_cutting_is_said() -> None:
    assert shown("x" * (MOST + 5)).endswith(f" … ({MOST + 5:,} characters)")
