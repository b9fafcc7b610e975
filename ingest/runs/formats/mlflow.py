"""MLflow's stores: a folder of text files (`mlruns`), or a SQLite database (`mlflow.db`)."""

from __future__ import annotations

from pathlib import Path

from ingest.runs.formats.base import FolderFormat, FolderRun
from ingest.runs.formats.mlflow_database import listed
from ingest.runs.formats.mlflow_files import runs_below
from ingest.runs.formats.sqlite_source import runs_in


def _runs(path: Path) -> list[FolderRun]:
    """Return the runs at a store, an experiment, a run, or a folder that holds a store."""
    found = [*runs_in(path, listed), *runs_below(path)]
    return sorted(found, key=lambda run: run.updated, reverse=True)


FORMAT = FolderFormat("MLflow", "mlflow", _runs)
