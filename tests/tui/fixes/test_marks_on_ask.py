"""Claims: what was said of a fix stands beside it on the Ask page, and a new mark asks again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fix_driving import LOOK, Marks, opened, replace_jobs, small_answer
from tui_pilot import driven

from kb.types import Mark
from tui.app import DoctorApp
from tui.ask.entry import sections_of


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (Mark(LOOK.id, "helped"), "✓ helped"),
        (Mark(LOOK.id, "did-not"), "✗ did not help"),
        (Mark(LOOK.id, "tried"), "● tried"),
    ],
)
def test_a_marked_fix_says_so_in_few_words(mark: Mark, said: str) -> None:
    diagnosis = small_answer().diagnoses[0]
    first = replace(diagnosis, fixes=(replace(LOOK, mark=mark),))
    blocks = [block for section in sections_of(first, None) for block in section.blocks]
    titles = [str(block.text) for block in blocks if LOOK.title in str(block.text)]
    assert titles == [f"{LOOK.title}  [while it runs]  {said}"]


@driven
async def test_a_mark_asks_the_open_question_again(monkeypatch: pytest.MonkeyPatch) -> None:
    marks: Marks = replace_jobs(monkeypatch)
    asked: list[str] = []
    monkeypatch.setattr(DoctorApp, "ask", lambda _, text: asked.append(text))
    async with opened(small_answer()) as (_, pilot, screen):
        await pilot.press("w")
        for _attempt in range(100):
            await pilot.pause(0.02)
            if asked:
                break
        assert LOOK.id in marks.held
        assert asked == ["loss stuck"]
        assert screen.is_read
