"""`python -m ingest.bundle`: catalogue and method documents -> the store shipped in the wheel.

Only documents that changed are encoded again. `--check` tells whether the shipped file is
stale, without a model.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ingest.markdown import parse_markdown
from ingest.parser_version import PARSER_VERSION
from kb.catalogue import Catalogue
from kb.errors import InputUnreadable
from kb.evidence import read_references
from kb.lint import lint
from kb.paths import BUNDLE, CATALOGUE, METHODS, PACKAGE
from kb.store import Store, write_stamp
from kb.types import Document


def documents() -> Iterator[Document]:
    """Yield every bundled document: catalogue entries, then method documents.

    Raises InputUnreadable when the catalogue has a problem, so that none is ever shipped.
    """
    catalogue = Catalogue.from_directory(CATALOGUE)
    problems = lint(catalogue, references=read_references())
    if problems:
        raise InputUnreadable(
            f"{len(problems)} problems, the first: {problems[0]}", hint="run ssl-doctor check"
        )
    for file in catalogue:
        yield file.document
    for path in sorted(METHODS.glob("*.md")):
        yield _without_entries(
            parse_markdown(
                path.read_text(encoding="utf-8"),
                path=path.relative_to(PACKAGE.parent).as_posix(),
                owner="bundled",
                document_id=f"methods/{path.stem}",
            )
        )


def _without_entries(document: Document) -> Document:
    """Return a method document whose pitfalls stay passages: the catalogue has the entries."""
    passages = tuple(replace(passage, entry_id=None) for passage in document.passages)
    return replace(document, passages=passages, entries=())


def stale(path: Path = BUNDLE) -> list[str]:
    """Return the ids of documents that are missing from, changed in, or left over in `path`."""
    from ingest.encode import encoder_identity

    stamp = write_stamp(PARSER_VERSION, encoder_identity())
    wanted = {document.id: (document.sha256, stamp) for document in documents()}
    if not path.is_file():
        return sorted(wanted)
    with Store.open(path, read_only=True) as store:
        held = store.known_hashes()
    names = wanted.keys() | held.keys()
    return sorted(name for name in names if wanted.get(name) != held.get(name))


def build(path: Path = BUNDLE) -> int:
    """Bring the bundle at `path` up to date; return how many passages were encoded.

    A bundle that is up to date is not touched, so that building twice gives the same bytes.
    """
    wanted = {document.id: document for document in documents()}
    if path.is_file() and not stale(path):
        return 0
    from ingest.encode import query_encoder

    encoder = query_encoder(_tell)
    stamp = write_stamp(PARSER_VERSION, encoder.identity)
    encoded = 0
    with Store.open(path) as store:
        held = store.known_hashes()
        for name in held.keys() - wanted.keys():
            store.remove(name)
        for name, document in wanted.items():
            if held.get(name) == (document.sha256, stamp):
                continue
            vectors = encoder.encode([passage.searched_text for passage in document.passages])
            store.put(document, vectors, encoder.identity, parser_version=PARSER_VERSION)
            encoded += len(document.passages)
        store.seal()
    return encoded


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> int:
    """Build the bundle, or with `--check` only say whether it is stale."""
    parser = argparse.ArgumentParser(prog="python -m ingest.bundle", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 when the bundle is stale")
    if parser.parse_args().check:
        changed = stale()
        for name in changed:
            sys.stdout.write(f"stale: {name}\n")
        return 1 if changed else 0
    encoded = build()
    sys.stdout.write(f"{BUNDLE}: {encoded} passages encoded, {BUNDLE.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
