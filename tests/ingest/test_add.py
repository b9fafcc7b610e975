"""Claims: each file goes in whole or not at all, an unchanged one costs nothing, a bad one stops
no other, and what our entries refute or hold already is pointed out.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hash_encoder import HashEncoder, vectors_fit

import ingest
from ingest import ingestion
from ingest.ingestion import add, document_id
from ingest.report import FileResult, Outcome, Report
from ingest.similar import Catalogue
from kb.corrections import MIN_SCORE, Corrections
from kb.encoder import OnnxEncoder, Vectors
from kb.errors import InputUnreadable
from kb.paths import BUNDLE, user_store
from kb.store import Store
from kb.types import Document, Entry, LineSpan, Passage, PassageKind

NOTE = "# Note\n\nThe loss is stuck at 4.14.\n\nThe spread of the embeddings is zero.\n"
CLAIMS = Path(__file__).parents[1] / "data" / "corrected_claims.tsv"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store" / "store.sqlite")


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    folder = tmp_path / "my vault"
    for name in ("a.md", "über/ein Brief.md", "b/c/日本.md"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{NOTE}\nThis is {name}.\n", encoding="utf-8")
    return folder


def test_the_package_offers_the_function_every_time() -> None:
    """No module of that name may take its place once it is loaded."""
    assert [ingest.add, ingest.add] == [add, add]
    assert ingest.Report is Report


def outcomes(report: Report) -> list[Outcome]:
    return [file.outcome for file in report.files]


def contents(store: Store) -> dict[str, str]:
    """Return document id -> stored text."""
    found = {}
    for info in store.documents():
        document = store.document(info.id)
        assert document is not None
        found[info.id] = document.text
    return found


def test_a_vault_goes_in_whole_with_its_text_and_vectors(vault: Path, store: Store) -> None:
    report = add(vault, store, encoder=HashEncoder())
    assert outcomes(report) == ["added"] * 3
    assert contents(store) == {
        f"user:{path}": path.read_text(encoding="utf-8") for path in vault.rglob("*.md")
    }
    assert vectors_fit(store)
    assert report.encoded == len(store.passage_table())


def test_a_document_is_kept_under_its_absolute_path(
    vault: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(vault)
    report = add("a.md", store, encoder=HashEncoder())
    assert report.files[0].path == "a.md"
    assert [info.path for info in store.documents()] == [f"{vault}/a.md"]
    assert document_id(Path("a.md")) == f"user:{vault}/a.md"


def test_unchanged_files_are_not_parsed_encoded_or_written(vault: Path, store: Store) -> None:
    add(vault, store, encoder=HashEncoder())
    before = store.path.read_bytes(), store.index_stamp("hash@1")
    encoder = HashEncoder()
    report = add(vault, store, encoder=encoder)
    assert outcomes(report) == ["unchanged"] * 3
    assert encoder.texts == []
    assert (store.path.read_bytes(), store.index_stamp("hash@1")) == before


def test_nothing_to_do_does_not_load_the_configured_model(
    vault: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_model(notify: object) -> OnnxEncoder:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("ingest.encode.query_encoder", no_model)
    monkeypatch.setattr("ingest.encode.encoder_identity", lambda: HashEncoder.identity)
    add(vault, store, encoder=HashEncoder())
    assert outcomes(add(vault, store)) == ["unchanged"] * 3


def test_only_a_changed_file_is_encoded_again(vault: Path, store: Store) -> None:
    add(vault, store, encoder=HashEncoder())
    (vault / "a.md").write_text("# Note\n\nSomething else.\n")
    encoder = HashEncoder()
    report = add(vault, store, encoder=encoder)
    assert sorted(outcomes(report)) == ["unchanged", "unchanged", "updated"]
    assert "Something else." in " ".join(encoder.texts)
    assert "4.14" not in " ".join(encoder.texts)
    assert contents(store)[f"user:{vault}/a.md"] == "# Note\n\nSomething else.\n"
    assert vectors_fit(store)


def test_a_touched_file_with_the_same_content_is_unchanged(vault: Path, store: Store) -> None:
    add(vault, store, encoder=HashEncoder())
    os.utime(vault / "a.md", (1, 1))
    assert outcomes(add(vault, store, encoder=HashEncoder())) == ["unchanged"] * 3


@pytest.mark.parametrize("what", ["parser", "encoder"])
def test_another_parser_or_encoder_makes_every_document_anew(
    vault: Path, store: Store, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    add(vault, store, encoder=HashEncoder())
    encoder = HashEncoder()
    if what == "parser":
        monkeypatch.setattr(ingestion, "PARSER_VERSION", "next")
    else:
        monkeypatch.setattr(encoder, "identity", "hash@2")
    assert outcomes(add(vault, store, encoder=encoder)) == ["updated"] * 3
    assert outcomes(add(vault, store, encoder=encoder)) == ["unchanged"] * 3


def test_a_moved_file_loses_nothing(vault: Path, store: Store) -> None:
    add(vault, store, encoder=HashEncoder())
    text = (vault / "a.md").read_text()
    (vault / "a.md").rename(vault / "moved.md")
    add(vault, store, encoder=HashEncoder())
    assert contents(store)[f"user:{vault}/a.md"] == text
    assert contents(store)[f"user:{vault}/moved.md"] == text


def test_bad_files_are_named_and_the_others_go_in(vault: Path, store: Store) -> None:
    bad = {
        "binary.md": b"\0",
        "latin.md": "Ü".encode("latin-1"),
        "bomb.md": b"---\na: &a [x, x]\n" + b"b: [*a, *a, *a]\n" * 20 + b"---\n",
        "long integer.md": b"---\na: 0x" + b"f" * 9000 + b"\n---\n# T\n",
        "object.md": b'---\na: !!python/object/apply:os.system ["true"]\n---\n# T\n',
        "deep head.md": b"---\na: " + b"[" * 10_000 + b"]" * 10_000 + b"\n---\n",
        "line\nbreak.md": b"\x1b",
    }
    for name, content in bad.items():
        (vault / name).write_bytes(content)
    (vault / os.fsdecode(b"name\xff.md")).write_text(NOTE)
    (vault / "deep.md").write_text("> " * 10_000 + "x\n\n" + "- " * 10_000 + "y\n")
    (vault / "surrogate.md").write_text('---\ntitle: "\\ud800"\n---\n# T\n\ntext\n')
    report = add(vault, store, encoder=HashEncoder())
    assert {Path(file.path).name for file in report.failed} == {
        *(name.replace("\n", "\\n") for name in bad),
        "name\\udcff.md",
    }
    for file in report.failed:
        assert file.error.startswith(file.path)
        assert file.error.isprintable()
        assert len(file.error) < len(file.path) + 250
    assert report.count("added") == 5
    assert len(store.documents()) == 5
    assert vectors_fit(store)


def test_an_error_in_a_head_names_the_file_as_it_was_given(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.md").write_text("---\nx: [\n---\n# T\n")
    monkeypatch.chdir(tmp_path)
    assert add("a.md", store, encoder=HashEncoder()).files[0].error.startswith("a.md:")


def test_a_file_that_vanishes_meanwhile_is_reported(vault: Path, store: Store) -> None:
    def delete(_: int) -> None:
        (vault / "b" / "c" / "日本.md").unlink(missing_ok=True)

    report = add(vault, store, encoder=HashEncoder(delete))
    assert outcomes(report) == ["added", "failed", "added"]
    assert "No such file" in report.files[1].error


def test_a_file_that_changes_meanwhile_goes_in_as_it_is_then(vault: Path, store: Store) -> None:
    late = vault / "über" / "ein Brief.md"

    def change(_: int) -> None:
        late.write_text("# New\n\nnew text\n")

    add(vault, store, encoder=HashEncoder(change))
    assert contents(store)[f"user:{late}"] == "# New\n\nnew text\n"
    assert vectors_fit(store)


def test_a_broken_encoder_is_no_fault_of_a_file(
    vault: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(notify: object) -> OnnxEncoder:
        raise InputUnreadable("the model is missing")

    monkeypatch.setattr("ingest.encode.query_encoder", broken)
    monkeypatch.setattr("ingest.encode.encoder_identity", lambda: "real")
    with pytest.raises(InputUnreadable, match="the model is missing"):
        add(vault, store)


def test_interrupted_it_keeps_what_was_done_and_goes_on_from_there(
    vault: Path, store: Store
) -> None:
    calls: list[int] = []

    def interrupt(done: int) -> None:
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add(vault, store, encoder=HashEncoder(interrupt))
    assert len(store.documents()) == 2
    assert vectors_fit(store)
    assert sorted(outcomes(add(vault, store, encoder=HashEncoder()))) == [
        "added",
        "unchanged",
        "unchanged",
    ]


def test_a_dry_run_tells_the_same_and_writes_nothing(vault: Path, store: Store) -> None:
    add(vault / "a.md", store, encoder=HashEncoder())
    (vault / "a.md").write_text("# New\n\ntext\n")
    before = store.path.read_bytes(), store.content_hash()
    dry = add(vault, store, encoder=HashEncoder(), dry_run=True)
    assert (store.path.read_bytes(), store.content_hash()) == before
    assert dry.dry_run
    assert replace(dry, dry_run=False) == add(vault, store, encoder=HashEncoder())


def test_a_dry_run_does_not_even_make_the_store(vault: Path) -> None:
    add(vault, encoder=HashEncoder(), dry_run=True)
    assert not user_store().parent.exists()


def test_a_dry_run_leaves_every_byte_of_an_existing_store(vault: Path) -> None:
    add(vault / "a.md", encoder=HashEncoder())
    before = {path: path.read_bytes() for path in user_store().parent.iterdir()}
    assert outcomes(add(vault, encoder=HashEncoder(), dry_run=True)) == [
        "unchanged",
        "added",
        "added",
    ]
    assert {path: path.read_bytes() for path in user_store().parent.iterdir()} == before


def test_unchanged_files_are_described_when_asked(vault: Path, store: Store) -> None:
    first = add(vault, store, encoder=HashEncoder())
    again = add(vault, store, encoder=HashEncoder(), describe_unchanged=True)
    assert [replace(file, outcome="added") for file in again.files] == list(first.files)
    assert add(vault, store, encoder=HashEncoder()).files[0].counts == {}


def test_progress_counts_the_bytes_of_changed_files_up_to_all(vault: Path, store: Store) -> None:
    add(vault / "a.md", store, encoder=HashEncoder())
    (vault / "big.md").write_text("".join(f"# H{n}\n\ntext {n}\n\n" for n in range(400)))
    (vault / "empty.md").write_text("")
    steps: list[tuple[int, int]] = []
    report = add(vault, store, encoder=HashEncoder(), progress=lambda *step: steps.append(step))
    changed = [file.path for file in report.files if file.outcome == "added"]
    assert {total for _, total in steps} == {sum(Path(path).stat().st_size for path in changed)}
    done = [one for one, _ in steps]
    assert done == sorted(done)
    assert done[-1] == steps[0][1]
    assert len(done) > 5


def test_memory_does_not_grow_with_the_number_of_files(vault: Path, store: Store) -> None:
    """Each document is written before the next is read."""
    held: list[int] = []
    add(vault, store, encoder=HashEncoder(lambda _: held.append(len(store.documents()))))
    assert held == [0, 1, 2]


def test_counts_and_coverage_are_those_of_the_file(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "a.md"
    path.write_text(
        "# Fixes\n\n## 1. Loss is stuck\n\n**Symptoms:**\n- flat\n\n"
        "**Fix:**\n- lower it\n- wait\n\n"
        "## 2. Loss is NaN\n\n**Symptoms:**\n- nan\n\n**Fix:**\n- use fp32\n"
    )
    (file,) = add(path, store, encoder=HashEncoder()).files
    assert file.dialect == "fix_list"
    assert {name: file.counts[name] for name in ("entries", "symptoms", "steps", "lines")} == {
        "entries": 2,
        "symptoms": 2,
        "steps": 3,
        "lines": 12,
    }
    assert file.counts["lines_covered"] == file.counts["lines"]
    assert file.unparsed == ()


def test_a_report_is_plain_json(vault: Path, store: Store) -> None:
    report = add(vault, store, encoder=HashEncoder()).to_dict()
    assert report["schema"] == 1
    assert report["dry_run"] is False
    files = report["files"]
    assert isinstance(files, (list, tuple))
    assert set(files[0]) == set(FileResult.__dataclass_fields__)


# What our entries hold already or refute


def passage(text: str, kind: PassageKind = "claim", line: int = 1, lines: int = 1) -> Passage:
    return Passage(f"{kind}-{line}-{lines}", kind, text, LineSpan(line, line + lines - 1))


def unit(*values: float) -> Vectors:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


@pytest.fixture
def corrections() -> Corrections:
    claims = ("The standard temperature is 0.07.", "Warm-up is not needed with Adam.")
    return Corrections(claims, ("No.", "It is."), ("a/b", "c/d"), np.eye(2, dtype=np.float32))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The standard temperature is 0.07", True),
        ("Notes. Standard temperature: 0.07. More.", True),
        ("The standard temperature is 0.1", False),  # another number
        ("The standard temperature is not 0.07", False),  # the opposite
        ("It is a myth that the standard temperature is 0.07", False),
        ("Something else about an oven", False),
    ],
)
def test_a_claim_is_found_by_words_numbers_and_denial(
    corrections: Corrections, text: str, found: bool
) -> None:
    match = corrections.covering(passage(text), unit(0.9, 0.1))
    assert (match is not None and match.entry_id == "a/b") == found


def test_a_denying_claim_is_found_in_a_denying_passage_only(corrections: Corrections) -> None:
    vector = unit(0.1, 0.9)
    assert corrections.covering(passage("Warm-up is not needed with Adam"), vector)
    assert not corrections.covering(passage("Warm-up is needed with Adam"), vector)


def test_the_digits_of_a_name_are_no_number() -> None:
    text = "bf16 and v1.2.3, x2 in 10k steps: 4096+ (128-512), ~8.0 at 1e-3."
    (claim,) = Corrections((text,), ("",), ("",), np.eye(1, dtype=np.float32))._claimed
    assert claim.numbers == {4096, 128, 512, 8, 1e-3}


def test_a_passage_with_another_meaning_makes_no_claim(corrections: Corrections) -> None:
    assert not corrections.covering(passage("The standard temperature is 0.07"), unit(0.4, -1))


@pytest.mark.parametrize("kind", ["title", "symptom", "quote", "code", "table", "meta"])
def test_only_what_asserts_can_be_corrected(corrections: Corrections, kind: PassageKind) -> None:
    assert not corrections.covering(passage("The standard temperature is 0.07", kind), unit(1, 0))


def test_without_corrections_nothing_is_covered() -> None:
    none = Corrections((), (), (), np.zeros((0, 0), np.float32))
    assert none.covering(passage("x"), unit(1, 0)) is None


def document(*passages: Passage, entries: tuple[Entry, ...] = ()) -> Document:
    return Document("user:/a.md", "a.md", "user", "plain", "T", "0", "", passages, entries)


def test_of_a_paragraph_and_its_line_only_the_line_is_named(corrections: Corrections) -> None:
    line = "Standard temperature: 0.07"
    catalogue = Catalogue((), np.zeros((0, 2), np.float32), corrections)
    both = document(passage(f"Why:\n{line}\nIt is sharp", "cause", 3, 3), passage(line, "claim", 4))
    found = catalogue.refuted(both, np.stack([unit(1, 0.1)] * 2))
    assert [(one.line, one.passage, one.truth) for one in found] == [(4, line, "No.")]
    alone = document(both.passages[0])
    assert [one.line for one in catalogue.refuted(alone, unit(1, 0.1)[None])] == [3]


def test_a_near_entry_needs_more_than_one_general_sentence(corrections: Corrections) -> None:
    bundled = np.stack([unit(1, 0, 0), unit(0, 1, 0), unit(0, 0, 1)])
    catalogue = Catalogue(("x/near", "x/near", "x/far"), bundled, corrections)
    entry = Entry("mine/a", "T", "f", "user", "draft")

    def near(*vectors: Vectors) -> list[tuple[str, float]]:
        parts = [
            replace(passage("s", "symptom", line), entry_id="mine/a")
            for line in range(1, len(vectors) + 1)
        ]
        found = catalogue.near(document(*parts, entries=(entry,)), np.stack(vectors))
        return [(one.near, one.similarity) for one in found]

    assert near(unit(1, 0, 0), unit(0, 1, 0)) == [("x/near", 1.0)]
    assert near(unit(0, 0, 1)) == [("x/far", 1.0)]
    assert near(unit(0.7, 0, -0.7), unit(0, -1, 0.1)) == []


@pytest.fixture(scope="module")
def judged(encoder_export: Path) -> list[tuple[set[str], str, str | None]]:
    """Return for each marked sentence its entries, and the entry that it is corrected by."""
    rows = [line.split("\t") for line in CLAIMS.read_text(encoding="utf-8").splitlines()]
    encoder = OnnxEncoder(encoder_export)
    with Store.open(BUNDLE, read_only=True) as bundle:
        corrections = Corrections.from_store(bundle, encoder.identity)
    assert corrections.claims
    found = []
    for (entries, text), vector in zip(rows, encoder.encode([row[1] for row in rows]), strict=True):
        match = corrections.covering(passage(text), vector)
        found.append((set(entries.split()) - {"-"}, text, match.entry_id if match else None))
    return found


def test_true_neutral_and_opposite_sentences_are_not_corrected(
    judged: list[tuple[set[str], str, str | None]],
) -> None:
    assert [text for entries, text, entry in judged if not entries and entry] == []


def test_refuted_claims_are_corrected_by_their_entry(
    judged: list[tuple[set[str], str, str | None]],
) -> None:
    claims = [(entries, text, entry) for entries, text, entry in judged if entries]
    assert [text for entries, text, entry in claims if entry and entry not in entries] == []
    missed = [text for _, text, entry in claims if not entry]
    assert len(missed) <= 3, missed


def test_our_own_catalogue_makes_no_claim_that_it_refutes(encoder_export: Path) -> None:
    encoder = OnnxEncoder(encoder_export)
    with Store.open(BUNDLE, read_only=True) as bundle:
        corrections = Corrections.from_store(bundle, encoder.identity)
        rowids, matrix = bundle.vectors(encoder.identity)
        passages = bundle.passages(rowids.tolist())
    own = [
        (one.passage.text, match.claim)
        for one, vector in zip(passages, matrix.astype(np.float32), strict=True)
        if one.passage.entry_id and (match := corrections.covering(one.passage, vector))
    ]
    assert own == [], MIN_SCORE
    assert len(passages) > 1000


def test_a_post_mortem_is_told_what_is_wrong_and_what_is_known(
    tmp_path: Path, store: Store, encoder_export: Path
) -> None:
    path = tmp_path / "post-mortem.md"
    path.write_text(
        "# Loss plateaus early\n\n## 1. Loss plateaus early\n\n**Symptoms:**\n"
        "- The loss stops improving in the first epochs.\n\n**Fix:**\n"
        "- Set the temperature to 0.07, the standard of SimCLR.\n- Have lunch with Anna.\n\n"
        "## 2. Coffee machine is broken\n\n**Symptoms:**\n- No coffee.\n\n**Fix:**\n- Call Bob.\n"
    )
    (file,) = add(path, store, encoder=OnnxEncoder(encoder_export)).files
    assert [(one.line, one.entry_id) for one in file.refuted] == [
        (9, "contrastive/temperature-too-high")
    ]
    assert "0.1" in file.refuted[0].truth
    assert [(one.entry_id, one.near) for one in file.near] == [
        ("post-mortem/loss-plateaus-early", "loss/plateau-early")
    ]


def test_a_digest_is_that_of_the_text_as_it_was_read(vault: Path, store: Store) -> None:
    (vault / "a.md").write_bytes(b"\xef\xbb\xbf# T\r\n\r\ntext\r\n")
    add(vault / "a.md", store, encoder=HashEncoder())
    wanted = hashlib.sha256(b"# T\n\ntext\n").hexdigest()
    assert [info.sha256 for info in store.documents()] == [wanted]
    assert outcomes(add(vault / "a.md", store, encoder=HashEncoder())) == ["unchanged"]
