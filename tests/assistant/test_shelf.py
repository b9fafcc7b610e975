"""Claims: everything there is stands on the shelf once, is grouped and found by its facts, and
`list` shows the same.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from assistant.cli import group
from assistant.explain import page_of
from assistant.knowledge import Knowledge
from assistant.shelf import NOT_WRITTEN, YOURS, ShelfItem, found, grouped, shelf
from kb.errors import UsageError
from kb.topics import topics

A = ShelfItem("a/x", "entry", "Loss is NaN", "a", "documented", ("byol", "dino"), "bundled", "a/x")
B = ShelfItem("b/y", "topic", "Slow loader", "b", NOT_WRITTEN)
C = ShelfItem("user:/n.md", "document", "Mine", YOURS, YOURS, (), "user", "user:/n.md", "headed")


def listed(*arguments: str) -> list[dict[str, str]]:
    result = CliRunner().invoke(group, ["list", *arguments, "--json"], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    rows: list[dict[str, str]] = json.loads(result.stdout)["rows"]
    return rows


def test_every_topic_and_entry_stands_there_once() -> None:
    items = shelf(Knowledge.open())
    ids = [item.id for item in items]
    assert len(set(ids)) == len(ids)
    assert {item.id for item in items if item.kind != "document"} >= set(topics())
    assert not any(item.owner == "user" for item in items)


def test_notes_of_the_user_come_first_each_document_before_its_entries(notes: Path) -> None:
    items = shelf(Knowledge.open())
    own = [item for item in items if item.owner == "user"]
    assert tuple(own) == items[: len(own)]
    assert [(item.kind, item.n_entries) for item in own] == [
        ("document", 2), ("entry", 0), ("entry", 0), ("document", 0),
    ]  # fmt: skip
    assert {item.document for item in own} == {item.document for item in own[::3]}
    assert all(item.standing == YOURS for item in own)


def test_groups_are_the_users_first_then_by_name_or_by_evidence() -> None:
    names = [group.name for group in grouped((B, A, C), "family")]
    assert names == [YOURS, "a", "b"]
    assert [group.name for group in grouped((B, A, C), "status")] == [
        YOURS, "documented", NOT_WRITTEN,
    ]  # fmt: skip
    by_method = grouped((B, A, C), "method")
    assert [group.name for group in by_method] == ["byol", "dino", "any"]
    assert by_method[2].items == (B, C)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("", (A, B, C)), ("nan loss", (A,)), ("LOADER", (B,)), ("method:dino", (A,)),
        ("status:not", (B,)), ("family:yours", (C,)), ("family:a nan", (A,)), ("http://x", ()),
    ],
)  # fmt: skip
def test_every_word_must_be_held(asked: str, wanted: tuple[ShelfItem, ...]) -> None:
    assert found((A, B, C), asked) == wanted


def test_the_list_command_narrows_by_status_and_method() -> None:
    everything = listed()
    some = listed("--method", "byol")
    assert 0 < len(some) < len(everything)
    assert {row["kind"] for row in listed("--status", "documented")} == {"documented"}
    assert listed("--forms", "--method", "simclr")[0]["text"].startswith(
        "ln(2B - 1); batch_size 32"
    )
    assert "vicreg" in {row["id"].rpartition("/")[2] for row in listed("--method", "vicreg")}


@pytest.mark.parametrize(
    ("option", "word"), [("--method", "byoll"), ("--status", "documentd"), ("--family", "colapse")]
)
def test_a_name_that_does_not_exist_is_explained(option: str, word: str) -> None:
    with pytest.raises(UsageError, match="did you mean"):
        listed(option, word)


def test_a_note_is_explained_by_its_id_also_when_its_path_names_a_method(
    tmp_path: Path, encoder_export: Path
) -> None:
    import ingest

    path = tmp_path / "vicreg.md"
    path.write_text("# My notes on it\n\nThe loader was slow.\n", encoding="utf-8")
    ingest.add(path)
    (document,) = [item.document for item in shelf(Knowledge.open()) if item.owner == "user"]
    assert page_of(document).title == "My notes on it"
