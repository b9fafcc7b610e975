"""Documents go out of the store by path, folder or id, whether or not the file still exists."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hash_encoder import HashEncoder, vectors_fit

from ingest.ingestion import add
from ingest.remove import remove
from kb.errors import UsageError
from kb.paths import user_store
from kb.store import Store

NAMES = ("a.md", "b/c.md", "b/d/ü e.md", "bb.md")


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    for name in NAMES:
        path = tmp_path / "vault" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n\nThe loss is stuck.\n", encoding="utf-8")
    return tmp_path / "vault"


@pytest.fixture
def store(tmp_path: Path, vault: Path) -> Store:
    store = Store.open(tmp_path / "store.sqlite")
    add(vault, store, encoder=HashEncoder())
    return store


def left(store: Store, vault: Path) -> set[str]:
    assert vectors_fit(store)
    return {info.id.removeprefix(f"user:{vault}/") for info in store.documents()}


def test_a_file_is_removed_by_its_path_and_stays_on_disk(store: Store, vault: Path) -> None:
    assert remove([vault / "a.md"], store) == (f"user:{vault}/a.md",)
    assert left(store, vault) == {"b/c.md", "b/d/ü e.md", "bb.md"}
    assert (vault / "a.md").exists()


def test_a_relative_path_is_taken_from_the_working_folder(
    store: Store, vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(vault / "b")
    remove([Path("c.md"), Path("../a.md")], store)
    assert left(store, vault) == {"b/d/ü e.md", "bb.md"}


def test_a_folder_takes_what_lies_below_it_and_nothing_named_alike(
    store: Store, vault: Path
) -> None:
    assert len(remove([vault / "b"], store)) == 2
    assert left(store, vault) == {"a.md", "bb.md"}


def test_the_root_folder_takes_everything(store: Store, vault: Path) -> None:
    remove([Path("/")], store)
    assert left(store, vault) == set()


def test_an_id_is_enough(store: Store, vault: Path) -> None:
    remove([Path(f"user:{vault}/b/d/ü e.md")], store)
    assert left(store, vault) == {"a.md", "b/c.md", "bb.md"}


def test_a_file_or_folder_that_no_longer_exists_is_removed(store: Store, vault: Path) -> None:
    shutil.rmtree(vault)
    remove([vault / "a.md", vault / "b"], store)
    assert left(store, vault) == {"bb.md"}


def test_a_name_given_twice_counts_once(store: Store, vault: Path) -> None:
    assert len(remove([vault / "b", vault / "b" / "c.md"], store)) == 2


def test_an_unknown_name_removes_nothing_and_suggests_the_nearest(
    store: Store, vault: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        remove([vault / "a.md", vault / "aa.md"], store)
    assert str(caught.value) == (
        f'{vault}/aa.md: no such document, did you mean "{vault}/a.md"?; '
        "ssl-doctor list --mine shows yours"
    )
    assert left(store, vault) == set(NAMES)


def test_a_cyclic_link_and_a_name_with_a_line_break_are_no_documents(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path / "loop", tmp_path / "line\nbreak\x1b"):
        with pytest.raises(UsageError) as caught:
            remove([path], store)
        assert str(caught.value).isprintable()


def test_what_was_removed_goes_in_again(store: Store, vault: Path) -> None:
    remove([vault], store)
    assert add(vault, store, encoder=HashEncoder()).count("added") == 4
    assert left(store, vault) == set(NAMES)


def test_before_the_first_ingest_there_is_nothing_and_nothing_is_made() -> None:
    with pytest.raises(UsageError, match="nothing was ingested yet"):
        remove([Path("a.md")])
    assert not user_store().parent.exists()


def test_the_users_own_store_is_the_default(vault: Path) -> None:
    add(vault, encoder=HashEncoder())
    remove([vault / "b"])
    with Store.open(user_store()) as opened:
        assert left(opened, vault) == {"a.md", "bb.md"}
