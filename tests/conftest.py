"""Fixtures for every test: the user's own folders are never touched, the encoder is made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


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
