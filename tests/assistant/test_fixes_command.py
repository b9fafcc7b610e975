"""Claims: `fixes` lists and marks; a marked fix says so wherever it is shown, and one that did
not help moves down.
"""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner, Result

import assistant
from assistant.cli import group
from assistant.explain import page_of
from assistant.marks import set_marks
from assistant.render.layout import WIDTH
from assistant.render.page import render_page
from assistant.render.text import render
from kb.errors import UsageError

pytestmark = pytest.mark.usefixtures("encoder_export")

CHANCE = "contrastive/chance-level-loss"
FIRST = f"{CHANCE}#tell-the-causes-apart"
LAST = f"{CHANCE}#bring-back-spread"
SICK = ["--metric", "loss=4.143", "--metric", "z_std=1e-4", "--set", "batch_size=32"]


def ran(*arguments: str) -> Result:
    result = CliRunner().invoke(group, ["fixes", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def states(result: Result) -> dict[str, str]:
    items = json.loads(result.stdout)["items"]
    return {item["fix"]["id"]: item["state"] for item in items}


def test_a_question_lists_each_fix_once_with_id_and_cost() -> None:
    page = click.unstyle(ran("loss stuck at 4.14").stdout)
    assert page.startswith("To try\n 1  Measure spread")
    assert page.count(FIRST) == 1
    assert "[while it runs]" in page
    assert max(map(len, page.split("\n"))) <= WIDTH


def test_numbers_alone_are_enough_and_the_exit_code_is_that_of_ask() -> None:
    result = ran(*SICK, "--json")
    assert result.return_value == 5
    assert states(result)[FIRST] == "to try"


def test_marks_move_fixes_and_the_list_of_marks_needs_no_question() -> None:
    found = states(ran(*SICK, "--json", "--mark", FIRST, "did-not", "--mark", LAST, "helped"))
    assert (found[FIRST], found[LAST]) == ("did-not", "helped")
    assert list(found.values()).index("helped") < list(found.values()).index("did-not")
    page = click.unstyle(ran().stdout)
    assert "Helped\n 1  " in page
    assert "did not help on 20" in page
    ran("--mark", FIRST, "clear", "--mark", LAST, "clear")
    assert "No fix is marked yet" in ran().stdout


def test_nothing_that_fits_proposes_nothing_and_is_one() -> None:
    result = ran("how do I bake sourdough bread")
    assert "Nothing in the knowledge base fits" in result.stdout
    assert result.return_value == 1


def test_a_word_that_is_no_mark_is_a_usage_error() -> None:
    with pytest.raises(click.BadParameter, match="perhaps"):
        ran("--mark", FIRST, "perhaps")


def test_a_fix_that_is_none_is_refused_before_anything_is_listed() -> None:
    with pytest.raises(UsageError, match="has no fix"):
        ran("--mark", f"{CHANCE}#never", "tried")


def test_settings_alone_are_no_question() -> None:
    with pytest.raises(click.UsageError, match="question is empty"):
        ran("--set", "batch_size=32", "--mark", FIRST, "tried")
    assert "No fix is marked yet" in ran().stdout


def test_an_answer_says_of_each_marked_fix_what_came_of_it_and_moves_it_down() -> None:
    before = assistant.query("loss stuck at 4.14").diagnoses[0]
    assert before.fixes[0].id == FIRST
    set_marks([FIRST], "did-not")
    set_marks([LAST], "tried")
    answer = assistant.query("loss stuck at 4.14")
    first = answer.diagnoses[0]
    assert [fix.id for fix in first.fixes] == [fix.id for fix in before.fixes[1:]] + [FIRST]
    brief, full = (
        " ".join(click.unstyle(render(answer, full=one)).split()) for one in (False, True)
    )
    assert "Moved down, did not help: Measure spread" in brief
    assert "(did not help)" in full
    assert "(tried)" in full
    assert "did not help" in answer.to_markdown()
    plain = answer.to_dict()["diagnoses"]
    assert plain[0]["fixes"][-1]["mark"]["word"] == "did-not"  # type: ignore[index]


def test_a_page_shows_marks_beside_the_fix_whole_or_alone() -> None:
    set_marks([FIRST], "helped", "runs/1")
    whole, alone = page_of(CHANCE), page_of(FIRST)
    assert "(helped)" in click.unstyle(render_page(whole))
    assert click.unstyle(render_page(alone)).split("\n")[2].endswith("(helped)")
    assert "(helped)" not in whole.markdown
    marks = whole.to_dict()["marks"]
    assert [(one["fix"], one["word"], one["run"]) for one in marks] == [  # type: ignore[attr-defined]
        (FIRST, "helped", "runs/1")
    ]
