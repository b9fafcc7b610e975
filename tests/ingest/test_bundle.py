"""The shipped store holds the catalogue and the method documents as they are now, or says so."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hash_encoder import HashEncoder, vectors_fit

from ingest import bundle
from kb.errors import InputUnreadable
from kb.paths import CATALOGUE, METHODS
from kb.store import Store

ENTRIES = ("collapse/complete", "contrastive/chance-level-loss", "contrastive/batch-too-small")
METHOD = "# Sample\n\nTwo views of a picture agree.\n\n## 1. Pitfall\n\nA wrong setting.\n"


@dataclass(frozen=True)
class Package:
    """A folder with a small catalogue, one method document and a bundle."""

    folder: Path
    encoder: HashEncoder

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle.sqlite"

    def entry(self, name: str) -> Path:
        return self.folder / "catalogue" / f"{name}.md"

    @property
    def method(self) -> Path:
        return self.folder / "methods" / "sample.md"

    def build(self) -> int:
        return bundle.build(self.bundle)

    def stale(self) -> list[str]:
        return bundle.stale(self.bundle)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    made = Package(tmp_path / "kb", HashEncoder())
    for name in ENTRIES:
        made.entry(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CATALOGUE / f"{name}.md", made.entry(name))
        shutil.copy(CATALOGUE / f"{name}.cases.yaml", made.entry(name).with_suffix(".cases.yaml"))
    made.method.parent.mkdir()
    made.method.write_text(METHOD)
    monkeypatch.setattr(bundle, "CATALOGUE", made.folder / "catalogue")
    monkeypatch.setattr(bundle, "METHODS", made.folder / "methods")
    monkeypatch.setattr(bundle, "PACKAGE", made.folder)
    monkeypatch.setattr(bundle, "BUNDLE", made.bundle)
    monkeypatch.setattr("ingest.encode.query_encoder", lambda notify: made.encoder)
    monkeypatch.setattr("ingest.encode.encoder_identity", lambda: HashEncoder.identity)
    return made


def test_a_bundle_holds_every_entry_and_method_document(package: Package) -> None:
    assert package.build() == len(package.encoder.texts) > 50
    assert package.stale() == []
    with Store.open(package.bundle, read_only=True) as store:
        documents = {info.id: info for info in store.documents()}
        assert set(documents) == {*ENTRIES, "methods/sample"}
        assert {info.owner for info in documents.values()} == {"bundled"}
        assert {entry.id for entry in store.entries()} == set(ENTRIES)
        assert documents["methods/sample"].path == "kb/methods/sample.md"
        assert vectors_fit(store)
        corrections = store.passages(store.rowids_of("correction"))
        assert all(one.passage.attributes["truth"] for one in corrections)
        assert corrections


def test_building_twice_changes_no_byte_and_encodes_nothing(package: Package) -> None:
    package.build()
    before, encoded = package.bundle.read_bytes(), len(package.encoder.texts)
    assert package.build() == 0
    assert package.bundle.read_bytes() == before
    assert len(package.encoder.texts) == encoded


def test_a_bundle_is_one_file_without_a_journal(package: Package) -> None:
    package.build()
    assert [path.name for path in package.folder.glob("bundle*")] == ["bundle.sqlite"]


def test_without_a_bundle_everything_is_stale(package: Package) -> None:
    assert package.stale() == sorted([*ENTRIES, "methods/sample"])


def test_changed_missing_and_left_over_documents_are_stale(package: Package) -> None:
    package.build()
    entry = package.entry("collapse/complete")
    entry.write_text(entry.read_text().replace("## False alarms", "## False alarms\n", 1))
    package.entry("contrastive/batch-too-small").unlink()
    package.method.with_name("second.md").write_text(METHOD)
    assert package.stale() == [
        "collapse/complete",
        "contrastive/batch-too-small",
        "methods/second",
    ]
    before = len(package.encoder.texts)
    package.build()
    assert package.stale() == []
    with Store.open(package.bundle, read_only=True) as store:
        assert {info.id for info in store.documents()} == {
            "collapse/complete",
            "contrastive/chance-level-loss",
            "methods/sample",
            "methods/second",
        }
        assert vectors_fit(store)
        changed = [store.document(name) for name in ("collapse/complete", "methods/second")]
    wanted = [one.searched_text for document in changed if document for one in document.passages]
    assert package.encoder.texts[before:] == wanted


def test_a_changed_method_document_is_stale(package: Package) -> None:
    package.build()
    package.method.write_text(METHOD.replace("agree", "differ"))
    assert package.stale() == ["methods/sample"]


def test_a_changed_cases_file_is_stale(package: Package) -> None:
    """The phrasings in it are passages too."""
    package.build()
    cases = package.entry("collapse/complete").with_suffix(".cases.yaml")
    text = cases.read_text(encoding="utf-8")
    cases.write_text(text.replace("phrasings:\n", "phrasings:\n  - all my vectors are one\n", 1))
    assert package.stale() == ["collapse/complete"]


@pytest.mark.parametrize("what", ["parser", "encoder"])
def test_another_parser_or_encoder_makes_everything_stale(
    package: Package, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    package.build()
    if what == "parser":
        monkeypatch.setattr(bundle, "PARSER_VERSION", "next")
    else:
        monkeypatch.setattr("ingest.encode.encoder_identity", lambda: "another")
    assert package.stale() == sorted([*ENTRIES, "methods/sample"])


def test_a_catalogue_with_a_problem_is_refused_and_the_bundle_left_alone(
    package: Package,
) -> None:
    package.build()
    before = package.bundle.read_bytes()
    entry = package.entry("collapse/complete")
    entry.write_text(entry.read_text().replace("family: collapse", "family: loss", 1))
    with pytest.raises(InputUnreadable, match=r"the first: .*complete\.md:.*family"):
        package.build()
    assert package.bundle.read_bytes() == before


def test_a_problem_is_found_before_a_first_bundle_is_made(package: Package) -> None:
    package.entry("collapse/complete").write_text("no head\n")
    with pytest.raises(InputUnreadable):
        package.build()
    assert not package.bundle.exists()
    assert package.encoder.texts == []


def test_pitfalls_of_a_method_document_stay_passages(package: Package) -> None:
    documents = {document.id: document for document in bundle.documents()}
    assert documents["methods/sample"].entries == ()
    assert {one.entry_id for one in documents["methods/sample"].passages} == {None}


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_the_command_builds_or_checks(
    package: Package,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["bundle", *arguments])
    # The defaults were bound when the module was loaded.
    monkeypatch.setattr(bundle.build, "__defaults__", (package.bundle,))
    monkeypatch.setattr(bundle.stale, "__defaults__", (package.bundle,))
    assert bundle.main() == (1 if arguments else 0)
    printed = capsys.readouterr().out
    if arguments:
        assert printed.splitlines() == [
            f"stale: {name}" for name in sorted([*ENTRIES, "methods/sample"])
        ]
        assert not package.bundle.exists()
    else:
        assert printed.startswith(f"{package.bundle}: {len(package.encoder.texts)} passages")
        monkeypatch.setattr(sys, "argv", ["bundle", "--check"])
        assert bundle.main() == 0


def test_the_check_needs_no_model(encoder_export: Path) -> None:
    script = (
        "import sys; from ingest.bundle import stale; stale(); "
        "print([name for name in ('torch', 'sentence_transformers', 'onnxruntime') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_the_real_catalogue_can_be_bundled() -> None:
    names = [document.id for document in bundle.documents()]
    assert len(names) == len(set(names)) > 40
    assert sum(name.startswith("methods/") for name in names) == len(list(METHODS.glob("*.md")))
