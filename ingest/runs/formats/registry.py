"""All formats, each loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module

from ingest.runs.formats.base import FileFormat, FolderFormat

_FILES = ("delimited", "json_lines", "json_document", "tensorboard", "wandb", "console")
_FOLDERS = ("wandb_folder", "mlflow", "trackio")
_SURE = 0.9
"""A claim from here on is not weighed against those of formats further down the list."""


def file_formats() -> Iterator[FileFormat]:
    """Yield the formats that live in one growing file, those that load fastest first."""
    for name in _FILES:
        form = _load(name)
        assert isinstance(form, FileFormat)
        yield form


def folder_formats() -> Iterator[FolderFormat]:
    """Yield the formats that are a database or a folder of many files."""
    for name in _FOLDERS:
        form = _load(name)
        assert isinstance(form, FolderFormat)
        yield form


def recognise(name: str, head: bytes) -> FileFormat | None:
    """Return the format that is surest of a file by its name and first bytes, None for no log.

    Of equally sure ones the first in `file_formats` counts; `.gz` is no part of the name.
    """
    name = name.removesuffix(".gz")
    best, surest = None, 0.0
    for form in file_formats():
        claim = form.claims(name, head)
        if claim > surest:
            best, surest = form, claim
        if surest >= _SURE:
            break
    return best


@cache
def _load(name: str) -> object:
    return import_module(f"ingest.runs.formats.{name}").FORMAT
