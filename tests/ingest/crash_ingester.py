"""The process that `test_ingest_crash` kills; without pytest, so that it starts quickly."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from hash_encoder import HashEncoder

from ingest.ingestion import add
from kb.store import Store

NAMES = ("a", "b", "ü c", "sub/d", "sub/e f")


def text_of(name: str, version: int) -> str:
    """Return version `version` of a note; how many parts it has depends on it."""
    fixes = "".join(
        f"## {n}. {name} fails {version}\n\n**Symptoms:**\n- sign {n} of {version}\n\n"
        f"**Fix:**\n- step {version}\n- step {n}\n\n"
        for n in range(1, 3 + version * 7 % 23)
    )
    return f"# {version}\n\n{fixes}"


def write(folder: Path, version: int) -> None:
    for name in NAMES:
        path = folder / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(name, version), encoding="utf-8")


def main(store: str, folder: str, first: str) -> None:
    """Change all notes and ingest them, without end, saying which version is stored."""
    print("ready", flush=True)
    for version in itertools.count(int(first)):
        write(Path(folder), version)
        with Store.open(Path(store)) as opened:
            report = add(folder, opened, encoder=HashEncoder())
        assert len(report.files) == len(NAMES)
        assert not report.failed
        print(f"stored {version}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
