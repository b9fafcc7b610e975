"""Claims: what goes in comes out equal; each file state is explained; hashes tell every change."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from kb import store_schema
from kb.errors import StoreError, UsageError
from kb.store import DocumentInfo, Store, write_stamp
from kb.store_records import KIND_CODES, OWNERS
from kb.store_schema import APPLICATION_ID, SCHEMA_VERSION
from kb.types import (
    Document,
    Entry,
    Fix,
    LineSpan,
    Mark,
    Passage,
)

ENCODER = "fake@1"


def a_document(name: str = "notes", words: str = "loss stuck", passages: int = 3) -> Document:
    entry = Entry(
        f"{name}/stuck",
        "Stuck",
        "loss",
        "user",
        "draft",
        aliases=(f"{name}#1", "shared-alias"),
        fixes=(Fix("lower-lr", "Lower it", "Why", "restart", {"lr": "= lr / 10"}),),
        span=LineSpan(1, 9),
    )
    parts = tuple(
        Passage(
            f"p{at}",
            "symptom" if at else "title",
            f"{words} {at}",
            LineSpan(at + 1, at + 1),
            entry_id=entry.id if at < 2 else None,
        )
        for at in range(passages)
    )
    return Document(
        f"user:{name}",
        f"/home/me/{name}.md",
        "user",
        "postmortem",
        name,
        f"{hash(words) & 0xFFFF:064x}",
        f"{words}\nsecond line\n",
        parts,
        (entry,),
    )


def some_vectors(document: Document, seed: int = 0) -> npt.NDArray[np.float32]:
    shape = (len(document.passages), 8)
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite") as opened:
        yield opened


def test_what_a_document_is_listed_as(tmp_path: Path) -> None:
    clock = datetime(2025, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    document = a_document()
    with Store.open(tmp_path / "s.sqlite", clock=lambda: clock) as store:
        store.put(document, some_vectors(document), ENCODER, parser_version="7")
        assert store.documents() == [
            DocumentInfo(
                document.id, document.path, "user", "postmortem", "notes", document.sha256,
                "7", 1, 3, 2, "2025-01-02T03:04:05+00:00",
            )
        ]  # fmt: skip
        stamp = write_stamp("7", ENCODER)
        assert store.known_hashes() == {document.id: (document.sha256, stamp)}


def test_put_replaces_the_whole_document(store: Store) -> None:
    store.put(a_document(passages=5), None, ENCODER)
    store.put(a_document("other"), None, ENCODER)
    shorter = a_document(words="new words", passages=1)
    store.put(shorter, None, ENCODER)
    assert store.document(shorter.id) == shorter
    assert len(store.passage_table()) == 1 + 3
    assert len(list(store.entries())) == 2


def test_a_passage_number_is_never_used_again(store: Store) -> None:
    document = a_document()
    store.put(document, None, ENCODER)
    first = store.passage_table().rowids.tolist()
    store.remove(document.id)
    store.put(document, None, ENCODER)
    assert not set(first) & set(store.passage_table().rowids.tolist())
    assert store.passages(first) == []


def test_passages_come_in_the_order_asked_for(store: Store) -> None:
    store.put(a_document(passages=1200), None, ENCODER)
    rowids = store.passage_table().rowids[::-1].tolist()
    found = store.passages([*rowids, 10**9])
    assert [one.rowid for one in found] == rowids
    assert (found[0].document_id, found[0].source) == ("user:notes", "/home/me/notes.md")


def test_the_passage_table_names_entries_kinds_and_owners(store: Store) -> None:
    store.put(a_document(), None, ENCODER)
    table = store.passage_table()
    number = next(iter(store.entry_ids()))
    assert table.entries.tolist() == [number, number, -1]
    assert table.kinds.tolist() == [KIND_CODES[kind] for kind in ("title", "symptom", "symptom")]
    assert [OWNERS[code] for code in table.owners] == ["user"] * 3


def test_ids_come_before_aliases_and_the_first_document_before_the_next(store: Store) -> None:
    first, second = a_document("a"), a_document("b")
    named = dataclasses.replace(second.entries[0], id="shared-alias", aliases=())
    for document in (first, second):
        store.put(document, None, ENCODER)
    assert store.resolve("a#1") == "a/stuck"
    assert store.resolve("shared-alias") == "a/stuck"
    assert store.resolve("nothing") is None
    store.put(dataclasses.replace(second, entries=(named,), passages=()), None, ENCODER)
    assert store.resolve("shared-alias") == "shared-alias"
    assert store.entry("a/stuck") == first.entries[0]
    assert store.entry("b/stuck") is None


def test_names_that_are_not_unicode_are_refused_and_never_found(store: Store) -> None:
    with pytest.raises(StoreError, match="not valid Unicode"):
        store.put(a_document("caf\udce9"), None, ENCODER)
    assert store.documents() == []
    assert store.document("user:caf\udce9") is None
    assert store.resolve("\udce9") is None
    assert store.remove("\udce9") is False


def test_documents_that_contradict_themselves_are_refused(store: Store) -> None:
    document = a_document()
    with pytest.raises(StoreError, match="two passages with one key"):
        store.put(dataclasses.replace(document, passages=document.passages * 2), None, ENCODER)
    with pytest.raises(StoreError, match="two entries with one id"):
        store.put(dataclasses.replace(document, entries=document.entries * 2), None, ENCODER)
    for value in ((1, 2), {1: "a"}, {"b": datetime(2025, 1, 1, tzinfo=UTC)}):
        with pytest.raises(StoreError, match="meta cannot be kept: date"):
            store.put(dataclasses.replace(document, meta={"date": value}), None, ENCODER)
    assert store.documents() == []
    assert set(store.content_hash()) == {"0"}


# --- vectors -----------------------------------------------------------------------------------


def test_vectors_come_back_by_passage(store: Store) -> None:
    documents = [a_document(name, passages=count) for name, count in (("a", 5000), ("b", 3))]
    kept = [some_vectors(document, seed) for seed, document in enumerate(documents)]
    for document, vectors in zip(documents, kept, strict=True):
        store.put(document, vectors, ENCODER)
    rowids, matrix = store.vectors(ENCODER)
    assert matrix.dtype == np.float16
    assert rowids.tolist() == store.passage_table().rowids.tolist()
    assert np.array_equal(matrix, np.concatenate(kept).astype(np.float16))
    assert store.vectors("another")[1].shape == (0, 0)


def test_vectors_can_be_added_for_another_encoder(store: Store) -> None:
    document, without = a_document("a"), a_document("b")
    store.put(document, some_vectors(document), ENCODER)
    store.put(without, None, ENCODER)
    assert store.missing_vectors(ENCODER) == ["user:b"]
    assert store.missing_vectors("new") == ["user:a", "user:b"]
    before = store.content_hash(), store.index_stamp(ENCODER)
    assert store.set_vectors(document, some_vectors(document, 1), "new")
    assert (store.content_hash(), store.index_stamp(ENCODER)) == before
    assert store.missing_vectors("new") == ["user:b"]
    assert store.known_hashes()["user:a"][1] == write_stamp("", "new")


def test_vectors_of_a_document_that_changed_meanwhile_are_not_stored(store: Store) -> None:
    store.put(a_document(), None, ENCODER)
    old = a_document(words="other words")
    assert not store.set_vectors(old, some_vectors(old), ENCODER)
    gone = a_document("gone")
    assert not store.set_vectors(gone, some_vectors(gone), ENCODER)
    assert len(store.vectors(ENCODER)[0]) == 0


def test_vectors_of_a_wrong_shape_or_not_finite_are_refused(store: Store) -> None:
    document = a_document()
    for vectors in (np.zeros((2, 8)), np.zeros(3), np.full((3, 8), np.nan), np.full((3, 8), 1e9)):
        with pytest.raises(ValueError, match="vectors"):
            store.put(document, vectors.astype(np.float32), ENCODER)
    assert store.documents() == []


# --- hashes ------------------------------------------------------------------------------------


def test_the_content_hash_does_not_depend_on_order_time_or_vectors(tmp_path: Path) -> None:
    documents = [a_document(name) for name in "abc"]
    with Store.open(tmp_path / "1.sqlite") as one, Store.open(tmp_path / "2.sqlite") as other:
        for document in documents:
            one.put(document, some_vectors(document), ENCODER)
        for document in [a_document("x"), *documents[::-1]]:
            other.put(document, None, "another", parser_version="2")
        assert one.content_hash() != other.content_hash()
        other.remove("user:x")
        assert one.content_hash() == other.content_hash()
        assert one.index_stamp(ENCODER) != other.index_stamp(ENCODER)


def test_every_change_of_content_changes_the_hash(store: Store) -> None:
    document = a_document()
    entry, passage = document.entries[0], document.passages[0]
    fixed = dataclasses.replace(entry.fixes[0], change={"lr": 0.1})
    seen = {store.content_hash()}
    for version in (
        document,
        dataclasses.replace(document, text="x"),
        dataclasses.replace(document, meta={"a": 1}),
        dataclasses.replace(document, unparsed=(LineSpan(1, 1),)),
        dataclasses.replace(document, entries=(dataclasses.replace(entry, fixes=(fixed,)),)),
        dataclasses.replace(document, passages=(dataclasses.replace(passage, text="x"),)),
        dataclasses.replace(document, passages=document.passages[::-1]),
    ):
        store.put(version, None, ENCODER)
        seen.add(store.content_hash())
    assert len(seen) == 8
    store.put(document, None, ENCODER)
    assert store.content_hash() in seen


def test_the_index_stamp_tells_new_numbers_and_new_vectors(store: Store) -> None:
    document = a_document()
    stamps = [store.index_stamp(ENCODER)]
    store.put(document, some_vectors(document), ENCODER)
    stamps.append(store.index_stamp(ENCODER))
    store.put(document, some_vectors(document), ENCODER)  # same content, other row numbers
    stamps.append(store.index_stamp(ENCODER))
    store.set_vectors(document, some_vectors(document, 1), ENCODER)
    stamps.append(store.index_stamp(ENCODER))
    assert len(set(stamps)) == 4
    store.set_marks(["a/b#c"], "tried")
    assert store.index_stamp(ENCODER) == stamps[-1]


def test_the_same_documents_make_the_same_file(tmp_path: Path) -> None:
    for name in ("1.sqlite", "2.sqlite"):
        with Store.open(tmp_path / name, clock=lambda: datetime(2025, 1, 1, tzinfo=UTC)) as store:
            for document in map(a_document, "abc"):
                store.put(document, some_vectors(document), ENCODER)
            store.seal()
    assert (tmp_path / "1.sqlite").read_bytes() == (tmp_path / "2.sqlite").read_bytes()


# --- marks -------------------------------------------------------------------------------------


def test_marks_are_kept_with_date_and_run_replaced_and_forgotten(tmp_path: Path) -> None:
    noon = "2025-01-01T12:00:00+00:00"
    path = tmp_path / "s.sqlite"
    with Store.open(path, clock=lambda: datetime.fromisoformat(noon)) as store:
        store.set_marks(["loss/x#b"], "tried", "runs/1")
        store.set_marks(["loss/x#a"], "did-not")
        store.set_marks(["loss/x#b"], "helped", "runs/2")
    with Store.open(path) as store:
        assert store.marks() == {
            "loss/x#a": Mark("loss/x#a", "did-not", noon, ""),
            "loss/x#b": Mark("loss/x#b", "helped", noon, "runs/2"),
        }
        store.set_marks(["loss/x#a", "never/marked#z"], None)
        assert list(store.marks()) == ["loss/x#b"]
        with pytest.raises(UsageError, match="expected tried, helped, did-not"):
            store.set_marks(["loss/x#b"], "maybe")  # type: ignore[arg-type]
        assert store.marks()["loss/x#b"].word == "helped"


def test_several_fixes_are_marked_together_or_not_at_all(store: Store) -> None:
    def broken() -> Iterator[str]:
        yield "loss/x#a"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.set_marks(broken(), "helped")
    assert store.marks() == {}


def test_a_run_whose_name_is_no_text_can_be_marked(store: Store) -> None:
    store.set_marks(["loss/x#a"], "tried", "runs/\udcff")
    assert store.marks()["loss/x#a"].run == "runs/\\udcff"


# --- files -------------------------------------------------------------------------------------


def test_a_sealed_store_is_one_file_and_opens_in_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "site-packages"
    with Store.open(folder / "bundle.sqlite") as store:
        store.put(a_document(), None, ENCODER)
        store.seal()
    assert [one.name for one in folder.iterdir()] == ["bundle.sqlite"]
    (folder / "bundle.sqlite").chmod(0o444)
    folder.chmod(0o555)
    try:
        with Store.open(folder / "bundle.sqlite", read_only=True) as store:
            assert store.document("user:notes") == a_document()
            with pytest.raises(StoreError, match="read-only"):
                store.remove("user:notes")
        assert [one.name for one in folder.iterdir()] == ["bundle.sqlite"]
    finally:
        folder.chmod(0o755)


def test_read_only_sees_what_a_writer_has_not_checkpointed(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with Store.open(path) as writer:
        writer.put(a_document(), None, ENCODER)
        with Store.open(path, read_only=True) as reader:
            assert len(reader.documents()) == 1


def test_a_store_open_elsewhere_cannot_be_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb.store_connection.PATIENCE_SECONDS", 0.2)
    with Store.open(tmp_path / "s.sqlite") as one, Store.open(tmp_path / "s.sqlite") as other:
        one.put(a_document(), None, ENCODER)
        assert len(other.documents()) == 1
        with pytest.raises(StoreError):
            one.seal()


def test_a_missing_store_is_made_only_when_asked(tmp_path: Path) -> None:
    for read_only in (False, True):
        with pytest.raises(StoreError, match="no such store"):
            Store.open(tmp_path / "none.sqlite", read_only=read_only, create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["text", "header", "middle", "cut"])
def test_a_damaged_file_is_explained_and_left_as_it_is(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "s.sqlite"
    with Store.open(path) as store:
        store.put(a_document(passages=2000), None, ENCODER)
        store.seal()
    data = bytearray(path.read_bytes())
    if damage == "text":
        data = bytearray(b"# these are my notes\n" * 400)
    elif damage == "header":
        data[:100] = bytes(100)
    elif damage == "middle":
        for at in range(4096, len(data), 4096):
            data[at : at + 2000] = b"\xff" * 2000
    else:
        del data[5000:]
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"s\.sqlite.*(damaged|not a store)") as caught:
        read_everything(path)
    assert "was left as it is" in caught.value.hint
    assert path.read_bytes() == data


def read_everything(path: Path) -> None:
    with Store.open(path, read_only=True) as store:
        store.passage_table()
        store.document("user:notes")


def test_a_record_that_does_not_decode_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with Store.open(path) as store:
        store.put(a_document(), None, ENCODER)
    change(path, "UPDATE passages SET payload = '{'", "UPDATE entries SET payload = '[]'")
    with Store.open(path) as store:
        for read in (
            lambda: store.document("user:notes"),
            lambda: store.passages([1]),
            lambda: store.entry("notes/stuck"),
            lambda: list(store.passage_texts()),
        ):
            with pytest.raises(StoreError, match="damaged"):
                read()


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "browser.sqlite"
    change(path, "CREATE TABLE history (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        Store.open(path)
    assert path.read_bytes() == before


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    Store.open(path).close()
    change(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"newer ssl-doctor.*upgrade"):
            Store.open(path, read_only=read_only)


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.touch()  # what a crash in the very first moment leaves
    with pytest.raises(StoreError, match="schema 0"):
        Store.open(path, read_only=True)
    with Store.open(path) as store:
        assert store.documents() == []


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="folder cannot be made"):
        Store.open(tmp_path / "file" / "s.sqlite")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(tmp_path)


def test_a_version_1_file_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(Path(__file__).with_name("store_v1.sql").read_text(encoding="utf-8"))
    connection.close()
    with pytest.raises(StoreError, match="has schema 1"):
        Store.open(path, read_only=True)
    with Store.open(path) as store:
        assert store.marks() == {}
        store.set_marks(["loss/x#y"], "tried")
        document = store.document("user:old")
        assert document is not None
        assert document.text == "old notes\n"
        assert [one.text for one in document.passages] == ["loss is flat"]
        assert store.resolve("old#1") == "old/flat"
        assert store.vectors(ENCODER)[1].tolist() == [[1.0, 0.5]]
        assert store.remove("user:old")
    with Store.open(path) as store:
        assert list(store.marks()) == ["loss/x#y"]
    version, application = change(path, "PRAGMA user_version", "PRAGMA application_id")
    assert (version, application) == (SCHEMA_VERSION, APPLICATION_ID)


def test_a_version_2_file_keeps_everything_and_its_marks_get_room_for_a_date(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(Path(__file__).with_name("store_v1.sql").read_text(encoding="utf-8"))
    connection.executescript(Path(__file__).with_name("store_v2.sql").read_text(encoding="utf-8"))
    connection.close()
    with Store.open(path, read_only=True) as store:  # what ships is read as it is
        old = store.document("user:old")
        content = store.content_hash()
        stamp = store.index_stamp(ENCODER)
    for _ in range(2):
        with Store.open(path) as store:
            assert list(store.marks().values()) == [
                Mark("old/flat#a", "helped"),
                Mark("old/flat#b", "did-not"),
                Mark("old/flat#c", "tried"),
            ]
            assert store.document("user:old") == old
            assert (store.content_hash(), store.index_stamp(ENCODER)) == (content, stamp)
            assert store.vectors(ENCODER)[1].tolist() == [[1.0, 0.5]]
    assert change(path, "PRAGMA user_version") == [SCHEMA_VERSION]


def test_a_migration_that_fails_half_way_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.sqlite"
    connection = sqlite3.connect(path)
    for name in ("store_v1.sql", "store_v2.sql"):
        connection.executescript(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    connection.close()
    whole = store_schema._MIGRATIONS
    cut = (*whole[:2], (*whole[2][:3], "a statement that fails"))
    monkeypatch.setattr(store_schema, "_MIGRATIONS", cut)
    with pytest.raises(StoreError):
        Store.open(path)
    assert change(path, "PRAGMA user_version") == [2]
    monkeypatch.setattr(store_schema, "_MIGRATIONS", whole)
    with Store.open(path) as store:
        assert len(store.marks()) == 3


def change(path: Path, *statements: str) -> list[object]:
    connection = sqlite3.connect(path)
    answers = [connection.execute(statement).fetchone() for statement in statements]
    connection.commit()
    connection.close()
    return [answer[0] if answer else None for answer in answers]


# --- several at once ---------------------------------------------------------------------------


def test_threads_may_share_a_store(store: Store) -> None:
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for round_number in range(15):
                document = a_document(name, f"words {round_number}")
                store.put(document, some_vectors(document), ENCODER)
                with store.snapshot():
                    assert len(store.passage_table()) == len(list(store.passage_texts()))
                assert store.document(document.id) == document
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(store.documents()) == 4


def test_a_snapshot_sees_one_state(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with Store.open(path) as reader, Store.open(path) as writer:
        writer.put(a_document("a"), None, ENCODER)
        with reader.snapshot():
            assert len(reader.documents()) == 1
            writer.put(a_document("b"), None, ENCODER)
            assert len(reader.documents()) == 1
            assert len(list(reader.entries())) == 1
        assert len(reader.documents()) == 2


def test_a_writer_that_never_ends_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb.store_connection.PATIENCE_SECONDS", 0.2)
    path = tmp_path / "s.sqlite"
    with Store.open(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process"):
            store.put(a_document(), None, ENCODER)
        other.execute("ROLLBACK")
        other.close()
        store.put(a_document(), None, ENCODER)


def test_importing_the_store_does_not_import_faiss() -> None:
    code = (
        "import sys, kb.store; print([m for m in sys.modules if m in ('faiss', 'torch', 'yaml')])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
