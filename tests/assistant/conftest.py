"""Fixtures of this room: a small vault of the user's own notes, ingested into an empty store."""

from __future__ import annotations

from pathlib import Path

import pytest

POST_MORTEM = """# Post-mortem: SimCLR loss stuck at 4.14

## Symptoms

The SimCLR loss stayed at 4.14 for 50 epochs and never moved.

## Root cause

A batch size of 32 leaves too few negatives, so the SimCLR loss stays constant at 4.14.

A temperature of 0.5 makes the loss landscape flat, which keeps the SimCLR loss from moving.

## Fix

Raise the batch size to 512 and lower the temperature to 0.07.
"""

FIX_LIST = """# SSL fixes

## 1. SimCLR loss stuck at 4.14

**Symptom:** loss is stuck at 4.14 and does not go down.

**Cause:** batch size 32 has too few negatives for SimCLR.

**Fix:** increase the batch size to 256 and use temperature 0.1.

## 2. Barlow Twins loss explodes on one GPU

**Symptom:** the Barlow Twins loss explodes in the first epoch on one GPU.

**Cause:** the learning rate was copied from a 32-GPU recipe.

**Fix:** divide the learning rate by eight.
"""


@pytest.fixture
def notes(tmp_path: Path, encoder_export: Path) -> Path:
    """Return a folder whose two files are in the user's store of this test."""
    import ingest

    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "postmortem.md").write_text(POST_MORTEM, encoding="utf-8")
    (folder / "fixes.md").write_text(FIX_LIST, encoding="utf-8")
    report = ingest.add(folder)
    assert not report.failed
    return folder
