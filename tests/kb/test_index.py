"""Claims: both searches agree with brute force; the files are used only when they fit; whatever
happens to them, a search works.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import StoreError
from kb.index import Index, dense, files
from kb.index.lexical import FIELD_OF_KIND, FIELDS, K1, LexicalBuilder, best
from kb.store import Store
from kb.store_records import KIND_CODES
from kb.tokens import tokenize
from kb.types import PASSAGE_KINDS, Document, Entry, LineSpan, Owner, Passage, PassageKind

ENCODER = "fake@1"
DIM = 32
WORDS = "loss stuck collapse embedding not 4.14 temperature lr NT-Xent batch queue teacher".split()

Float32s = npt.NDArray[np.float32]


class Talk(list[str]):
    """What `notify` was told."""

    def __call__(self, line: str) -> None:
        self.append(line)


def quiet(line: str) -> None:
    """Say nothing."""


def a_document(name: str, seed: int, owner: Owner = "user", entries: int = 6) -> Document:
    """Entries with passages that alternate, so that grouping has something to do."""
    random = np.random.default_rng(seed)
    made = tuple(Entry(f"{name}/{at}", "t", "loss", owner, "draft") for at in range(entries))
    places = [*range(entries)] * 4 + [None] * 5  # the last five belong to no entry
    passages = tuple(
        Passage(
            f"p{at}",
            PASSAGE_KINDS[int(random.integers(len(PASSAGE_KINDS)))],
            " ".join(random.choice(WORDS, 12)),
            LineSpan(at, at),
            entry_id=None if place is None else made[place].id,
        )
        for at, place in enumerate(places)
    )
    return Document(f"{owner}:{name}", name, owner, "x", name, "0", "", passages, made)


def vectors_of(document: Document, seed: int) -> Float32s:
    shape = (len(document.passages), DIM)
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def fill(store: Store, names: str, owner: Owner = "user") -> None:
    for seed, name in enumerate(names):
        document = a_document(name, seed, owner)
        store.put(document, vectors_of(document, seed), ENCODER)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[list[Store]]:
    with Store.open(tmp_path / "b.sqlite") as bundled, Store.open(tmp_path / "u.sqlite") as user:
        fill(bundled, "abc", "bundled")
        fill(user, "xy")
        yield [bundled, user]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def load(cache: Path, stores: Sequence[Store], talk: Talk | None = None) -> Index:
    return Index.load_or_build(cache, stores, ENCODER, DIM, talk if talk is not None else quiet)


def query(seed: int = 99) -> Float32s:
    return np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)


def texts_of(index: Index, stores: Sequence[Store]) -> list[str]:
    found = []
    for passage in range(index.n_passages):
        store, rowid = index.passage(passage)
        found.append(stores[store].passages([rowid])[0].passage.searched_text)
    return found


# --- lookups -----------------------------------------------------------------------------------


def test_units_are_entries_and_lone_passages(cache: Path, stores: list[Store]) -> None:
    index = load(cache, stores)
    assert (index.n_units, index.n_passages) == (5 * (6 + 5), 5 * (24 + 5))
    seen: list[int] = []
    for number in range(index.n_units):
        unit = index.unit(number)
        passages = range(index.n_passages)[index.unit_passages(number)]
        seen += passages
        assert len(passages) == (4 if unit.entry_id else 1)
        assert unit.owner == ("bundled", "user")[unit.store]
        assert index.passage(passages[0]) == (unit.store, unit.rowid)
        for passage in passages:
            assert index.units[passage] == number
            stored = stores[unit.store].passages([index.passage(passage)[1]])[0]
            assert stored.passage.entry_id == unit.entry_id
            assert KIND_CODES[stored.passage.kind] == index.kinds[passage]
        if unit.entry_id:
            assert index.unit_of(unit.entry_id) == number
    assert seen == list(range(index.n_passages))
    assert index.unit_of("no/such") is None
    assert index.unit_of("") is None


def test_an_entry_id_in_two_stores_is_found_in_the_first(tmp_path: Path) -> None:
    with Store.open(tmp_path / "1") as first, Store.open(tmp_path / "2") as second:
        fill(first, "a", "bundled")
        fill(second, "a")
        index = load(tmp_path / "cache", [first, second])
        unit = index.unit_of("a/3")
        assert unit is not None
        assert index.unit(unit).store == 0
        assert sum(index.unit(at).entry_id == "a/3" for at in range(index.n_units)) == 2


def test_empty_stores_give_an_index_that_finds_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s") as store:
        for stores in ([], [store]):
            for _ in range(2):  # built, then loaded
                index = load(tmp_path / "cache", stores)
                assert len(index.dense(query(), 5)[0]) == 0
                assert len(index.lexical({"loss": 1.0}, 5)[0]) == 0
                assert len(index.cosines(query(), np.zeros(0, np.int64))[0]) == 0


# --- by meaning --------------------------------------------------------------------------------


def brute_force(index: Index, stores: Sequence[Store], vector: Float32s) -> Float32s:
    """Return the cosine of every passage from the store's own vectors."""
    by_place = {
        (number, rowid): row.astype(np.float32)
        for number, store in enumerate(stores)
        for rowid, row in zip(*store.vectors(ENCODER), strict=True)
    }
    rows = np.array([by_place[index.passage(at)] for at in range(index.n_passages)])
    cosines: Float32s = rows @ vector / np.linalg.norm(rows, axis=1) / np.linalg.norm(vector)
    return cosines


def test_dense_search_is_exact(cache: Path, stores: list[Store]) -> None:
    for _ in range(2):  # built, then loaded
        index = load(cache, stores)
        for seed in range(10):
            expected = brute_force(index, stores, query(seed))
            passages, cosines = index.dense(query(seed), 20)
            assert np.allclose(cosines, np.sort(expected)[::-1][:20], atol=1e-3)
            assert np.allclose(cosines, expected[passages], atol=1e-3)
            assert len(set(passages.tolist())) == 20
        assert len(index.dense(query(), 10_000)[0]) == index.n_passages
        assert len(index.dense(query(), 0)[0]) == 0
        assert len(index.dense(np.zeros(DIM, np.float32), 3)[0]) == 3


def test_cosines_of_given_units_are_exact(cache: Path, stores: list[Store]) -> None:
    index = load(cache, stores)
    units = np.array([7, 0, 40])
    passages, cosines = index.cosines(query(), units)
    wanted = [at for unit in units for at in range(index.n_passages)[index.unit_passages(unit)]]
    assert passages.tolist() == wanted
    assert np.allclose(cosines, brute_force(index, stores, query())[passages], atol=1e-3)


def test_a_large_index_is_approximate_and_its_cosines_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "EXACT_UP_TO", 500)
    random = np.random.default_rng(0)
    centres = random.standard_normal((20, DIM)).astype(np.float32)
    with Store.open(tmp_path / "s") as store:
        passages = tuple(Passage(f"{at}", "note", "x", LineSpan(1, 1)) for at in range(4000))
        noise = 0.3 * random.standard_normal((4000, DIM)).astype(np.float32)
        vectors = centres[random.integers(20, size=4000)] + noise
        store.put(Document("d", "d", "user", "x", "d", "0", "", passages), vectors, ENCODER)
        for _ in range(2):
            index = load(tmp_path / "cache", [store])
            kept = 0
            for number in range(20):
                vector = centres[number] + 0.3 * query(number)
                expected = brute_force(index, [store], vector)
                found, cosines = index.dense(vector, 64)
                assert np.allclose(cosines, expected[found], atol=1e-3)
                assert (np.diff(cosines) <= 0).all()
                kept += len(set(np.argsort(-expected)[:64].tolist()) & set(found.tolist()))
            assert kept / (20 * 64) > 0.95


def test_passages_without_vectors_are_found_by_words_alone(
    cache: Path, stores: list[Store]
) -> None:
    late = a_document("late", 7)
    stores[1].put(late, None, ENCODER)
    talk = Talk()
    index = load(cache, stores, talk)
    assert talk[-1].startswith(f"{len(late.passages)} passages have no vectors")
    assert index.n_unencoded == len(late.passages)
    found = index.dense(query(), index.n_passages)[0]
    assert len(found) == index.n_passages - index.n_unencoded
    unit = index.unit_of("late/1")
    assert unit is not None
    assert index.cosines(query(), np.array([unit]))[1].tolist() == [0.0] * 4
    assert unit in index.lexical(dict.fromkeys(WORDS, 1.0), 100)[0]


def test_vectors_of_another_width_are_explained(cache: Path, stores: list[Store]) -> None:
    with pytest.raises(StoreError, match="32 dimensions, the encoder gives 64"):
        Index.load_or_build(cache, stores, ENCODER, 64, quiet)


# --- by words ----------------------------------------------------------------------------------

Passages = list[tuple[int, PassageKind, list[str]]]


def reference_scores(passages: Passages, n_units: int, tokens: Mapping[str, float]) -> list[float]:
    """BM25F in plain Python, straight from the formula."""
    counts: list[list[Counter[str]]] = [[Counter() for _ in FIELDS] for _ in range(n_units)]
    for unit, kind, words in passages:
        counts[unit][FIELD_OF_KIND[KIND_CODES[kind]]].update(words)
    scores = [0.0] * n_units
    for token, weight in tokens.items():
        holders = sum(any(one[token] for one in unit) for unit in counts)
        idf = math.log(1 + (n_units - holders + 0.5) / (holders + 0.5))
        for number, words_of in enumerate(counts):
            frequency = 0.0
            for at, field in enumerate(FIELDS):
                lengths = [one[at].total() for one in counts if one[at]]
                if lengths:
                    relative = words_of[at].total() / (sum(lengths) / len(lengths))
                    discount = 1 - field.b + field.b * relative
                    frequency += field.weight * words_of[at][token] / discount
            scores[number] += weight * idf * frequency * (K1 + 1) / (K1 + frequency)
    return scores


TOKEN = st.sampled_from(["a", "b", "c", "4.14", "not", "损失", "\ud800"])
PASSAGES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(PASSAGE_KINDS), st.lists(TOKEN, max_size=8)),
    max_size=12,
)


@settings(deadline=None)
@given(PASSAGES, st.dictionaries(TOKEN, st.floats(0.1, 3), max_size=4), st.integers(1, 6))
def test_lexical_scores_agree_with_the_formula(
    passages: Passages, tokens: dict[str, float], k: int
) -> None:
    builder = LexicalBuilder()
    for unit, kind, words in passages:
        builder.add(unit, KIND_CODES[kind], words)
    lexical = builder.build(5)
    expected = np.array(reference_scores(passages, 5, tokens))
    assert np.allclose(lexical.scores_of(tokens, np.arange(5)), expected, rtol=1e-5)
    units, scores = lexical.top(tokens, k)
    assert np.allclose(scores, np.sort(expected[expected > 0])[::-1][:k], rtol=1e-5)
    assert np.allclose(scores, expected[units], rtol=1e-5)


def test_the_index_scores_what_the_store_holds(cache: Path, stores: list[Store]) -> None:
    index = load(cache, stores)
    texts = texts_of(index, stores)
    passages = [
        (int(index.units[at]), PASSAGE_KINDS[index.kinds[at]], tokenize(text))
        for at, text in enumerate(texts)
    ]
    tokens = dict.fromkeys(tokenize("NT-Xent loss stuck at 4.14, not moving"), 1.5)
    expected = np.array(reference_scores(passages, index.n_units, tokens))
    for _ in range(2):  # built, then loaded
        units, scores = index.lexical(tokens, 1000)
        assert np.allclose(scores, np.sort(expected[expected > 0])[::-1], rtol=1e-5)
        assert np.allclose(index.lexical_scores(tokens, units), scores, rtol=1e-5)
        index = load(cache, stores)


@settings(deadline=None)
@given(st.lists(st.integers(0, 5).map(float), max_size=30), st.integers(0, 35))
def test_the_best_are_the_highest_ties_by_number(values: list[float], k: int) -> None:
    scores = np.array(values, np.float32)
    numbers, top = best(np.arange(len(values)), scores, k)
    expected = sorted(range(len(values)), key=lambda at: (-values[at], at))[:k]
    assert numbers.tolist() == expected
    assert top.tolist() == [values[at] for at in expected]


def test_every_kind_of_passage_has_one_field() -> None:
    assert sorted(kind for field in FIELDS for kind in field.kinds) == sorted(PASSAGE_KINDS)


# --- files -------------------------------------------------------------------------------------


def homes(cache: Path) -> set[str]:
    return {one.name for one in cache.iterdir() if one.is_dir()}


def test_an_index_that_fits_is_not_built_again(cache: Path, stores: list[Store]) -> None:
    talk = Talk()
    load(cache, stores, talk)
    assert talk == ["building the search index: there is none yet"]
    load(cache, stores, talk)
    assert len(talk) == 1
    assert {one.name for one in cache.glob("*/*")} == {
        files.MANIFEST, files.DENSE, files.VECTORS, files.LEXICAL, files.TABLE,
    }  # fmt: skip


def test_a_change_of_content_rebuilds(cache: Path, stores: list[Store]) -> None:
    load(cache, stores)
    talk = Talk()
    fill(stores[1], "z")
    assert load(cache, stores, talk).unit_of("z/0") is not None
    stores[1].remove("user:z")
    assert load(cache, stores, talk).unit_of("z/0") is None
    document = a_document("x", 0)
    stores[1].put(document, vectors_of(document, 5), ENCODER)  # same text, other vectors
    load(cache, stores, talk)
    # Going back to what was there before finds the index of then.
    assert talk == ["building the search index: something changed"] * 2
    assert len(homes(cache)) == files.KEPT


def test_another_encoder_rebuilds(cache: Path, stores: list[Store]) -> None:
    load(cache, stores)
    talk = Talk()
    index = Index.load_or_build(cache, stores, "another@2", DIM, talk)
    assert talk[0] == "building the search index: something changed"
    assert index.n_unencoded == index.n_passages
    load(cache, stores, talk)
    assert len(talk) == 2  # both indexes are kept


def test_another_tokenizer_rebuilds(
    cache: Path, stores: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(cache, stores)
    talk = Talk()
    monkeypatch.setattr("kb.index.build.TOKENIZER_VERSION", "next")
    load(cache, stores, talk)
    assert talk == ["building the search index: something changed"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "removed", "emptied", "garbage"])
@pytest.mark.parametrize(
    "name", [files.MANIFEST, files.DENSE, files.VECTORS, files.LEXICAL, files.TABLE]
)
def test_a_damaged_file_rebuilds(cache: Path, stores: list[Store], name: str, damage: str) -> None:
    expected = load(cache, stores).dense(query(), 9)
    (path,) = cache.glob(f"*/{name}")
    data = bytearray(path.read_bytes())
    if damage == "removed":
        path.unlink()
    else:
        middle = len(data) // 2
        data[middle] ^= 0xFF
        replaced: dict[str, bytes | bytearray] = {
            "cut": data[:middle],
            "flipped": data,
            "emptied": b"",
            "garbage": b"x" * 9999,
        }
        path.write_bytes(replaced[damage])
    talk = Talk()
    index = load(cache, stores, talk)
    assert talk[0].startswith("building the search index: it is damaged")
    assert np.array_equal(index.dense(query(), 9)[0], expected[0])
    load(cache, stores, talk)
    assert len(talk) == 1
    assert len(homes(cache)) == 1


def test_a_copied_cache_is_used_after_its_checksums_hold(
    cache: Path, stores: list[Store], tmp_path: Path
) -> None:
    load(cache, stores)
    shutil.copytree(cache, tmp_path / "copy", copy_function=shutil.copyfile)
    talk = Talk()
    load(tmp_path / "copy", stores, talk)
    assert talk == []


def test_a_manifest_that_lies_about_its_identity_is_not_believed(
    cache: Path, stores: list[Store]
) -> None:
    load(cache, stores)
    (path,) = cache.glob(f"*/{files.MANIFEST}")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["identity"]["encoder"] = "another@2"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    talk = Talk()
    load(cache, stores, talk)
    assert "damaged" in talk[0]


@pytest.mark.parametrize("at", ["write", "read"])
def test_when_files_cannot_be_written_the_index_stays_in_memory(
    cache: Path, stores: list[Store], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dense, at, fail)
    talk = Talk()
    index = load(cache, stores, talk)
    assert len(index.dense(query(), 5)[0]) == 5
    assert "be kept" in talk[-1]
    assert "No space left" in talk[-1]
    if at == "write":
        assert homes(cache) == set()


def test_a_folder_that_cannot_be_made_leaves_the_index_in_memory(
    tmp_path: Path, stores: list[Store]
) -> None:
    (tmp_path / "file").touch()
    talk = Talk()
    index = load(tmp_path / "file" / "cache", stores, talk)
    assert len(index.lexical({"loss": 1.0}, 5)[0]) == 5
    assert len(talk) == 1
    assert "none can be kept" in talk[0]


def test_what_a_killed_build_left_is_ignored_and_later_removed(
    cache: Path, stores: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = cache / "building-abc"
    left.mkdir(parents=True)
    (left / files.DENSE).write_bytes(b"half")
    load(cache, stores)
    assert left.exists()  # young: its process may still be at work
    monkeypatch.setattr(files, "_ABANDONED_SECONDS", -1.0)
    fill(stores[1], "z")
    load(cache, stores)
    assert not left.exists()


def test_a_loaded_index_outlives_its_files(cache: Path, stores: list[Store]) -> None:
    load(cache, stores)
    index = load(cache, stores)
    expected = index.cosines(query(), np.arange(index.n_units))[1].copy()
    shutil.rmtree(cache)
    assert np.array_equal(index.cosines(query(), np.arange(index.n_units))[1], expected)


def test_two_processes_build_once(cache: Path, stores: list[Store]) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from kb.index import Index; from kb.store import Store\n"
        "stores = [Store.open(Path(one)) for one in sys.argv[2:]]\n"
        f"index = Index.load_or_build(Path(sys.argv[1]), stores, {ENCODER!r}, {DIM}, print)\n"
        "print(index.n_passages)"
    )
    paths = [str(cache), *(str(store.path) for store in stores)]
    processes = [
        subprocess.Popen([sys.executable, "-c", code, *paths], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=60)[0].splitlines() for process in processes]
    assert [lines[-1] for lines in said] == ["145"] * 3
    assert sum("building the search index:" in line for lines in said for line in lines) == 1
    assert len(homes(cache)) == 1


def test_importing_the_index_does_not_import_faiss() -> None:
    code = "import sys, kb.index; print('faiss' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_a_query_leaves_faiss_on_one_thread(cache: Path, stores: list[Store]) -> None:
    import faiss

    load(cache, stores)
    assert faiss.omp_get_max_threads() == 1
