"""Fixtures for every test: the user's own folders are never touched, the encoder is made once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Whoever shares the machine decides how long an example takes; pytest's own timeout stands.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell starts background jobs deaf to Ctrl-C; what is tested must hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

for _name in [one for one in os.environ if one.startswith("TEXTUAL")] + ["NO_COLOR", "COLORTERM"]:
    # Textual reads them when it is imported; the interface is tested as in a plain terminal.
    os.environ.pop(_name, None)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the cache folder of this test session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_folders(
    tmp_path_factory: pytest.TempPathFactory, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Point the store to an empty folder of this test, and the caches to that of the session."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    for name in ("SSH_CONNECTION", "SSH_TTY", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SSL_DOCTOR_MODEL", raising=False)


@pytest.fixture(scope="session")
def encoder_export(shared_cache: Path) -> Iterator[Path]:
    """Return the folder of the exported default encoder; making it takes about ten seconds."""
    from ingest.encode import export_folder, model_source, query_encoder

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared_cache))
        patch.delenv("SSL_DOCTOR_MODEL", raising=False)
        silent: Callable[[str], None] = lambda _: None  # noqa: E731
        query_encoder(silent)
        yield export_folder(model_source())


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
