"""Files with settings beside a log -> layers, the closest first. Nothing in them is executed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ingest.files import printable
from ingest.runs.config_text import settings_in
from ingest.runs.log import MAX_SETTINGS, flattened
from ingest.runs.settings import Layer
from ingest.runs.source import open_regular
from kb.errors import InputUnreadable
from kb.run import Finding
from kb.types import Scalar

MAX_BYTES = 1 << 20
"""Largest settings file read, a choice: those of large projects stay under 100 KB."""

_MAX_ENTRIES = 4096
_MAX_FILES = 24
_NAMES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"hparams\.(yaml|yml|json)",
        r"args\.(json|yaml|yml|txt)",
        r"(opt|opts|options|arguments|flags|training_args)\.(json|yaml|yml|txt)",
        r"(hyperparameters|hyperparams|params(-[a-z]{1,20})?)\.(json|yaml|yml|txt)",
        r"(config|cfg|configuration|train_config|model_config|settings)\.(json|yaml|yml)",
    )
)
"""Names of settings files, those that loggers and argument parsers write first."""

_FOLDERS = ((".hydra", re.compile(r"config\.yaml")), ("config", re.compile(r"[\w.-]{1,80}\.ya?ml")))


def config_layers(log: Path, folder: Path, top: Path) -> tuple[list[Layer], list[Finding]]:
    """Return the settings found for a log, and a finding for each file that cannot be read.

    Looked for are files in `folder`, then in each folder above it up to `top`, and a file named
    like the log. Links that leave `top` are not followed.
    """
    layers: list[Layer] = []
    findings: list[Finding] = []
    for path in islice(_files(log, folder, top), _MAX_FILES):
        where = printable(path.relative_to(top) if path.is_relative_to(top) else path.name)
        try:
            values = _read(path)
        except InputUnreadable as error:
            text = f"settings not read: {error.message}"
            findings.append(Finding("unreadable record", text, where))
            continue
        if values:
            layers.append(Layer(where, values))
    return layers, findings


def _files(log: Path, folder: Path, top: Path) -> Iterator[Path]:
    if log.is_file():
        stem = log.name.removesuffix(".gz").rpartition(".")[0]
        for suffix in (".yaml", ".yml", ".json"):
            named = folder / f"{stem}{suffix}"
            known = any(pattern.fullmatch(named.name) for pattern in _NAMES)
            if stem and not known and named.name != log.name and _readable(named, top):
                yield named
    while True:
        yield from _right_in(folder, top)
        if folder == top or not folder.is_relative_to(top):
            return
        folder = folder.parent


def _right_in(folder: Path, top: Path) -> Iterator[Path]:
    names = _listed(folder)
    for pattern in _NAMES:
        for name in names:
            if pattern.fullmatch(name) and _readable(folder / name, top):
                yield folder / name
    for inner, pattern in _FOLDERS:
        held = _listed(folder / inner) if inner in names else []
        fitting = [name for name in held if pattern.fullmatch(name)]
        # Of several files it is not known which were used.
        if len(fitting) == 1 and _readable(folder / inner / fitting[0], top):
            yield folder / inner / fitting[0]


def _listed(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in islice(entries, _MAX_ENTRIES))
    except OSError:
        return []


def _readable(path: Path, top: Path) -> bool:
    """Tell whether a path is a file that lies below `top`, links followed."""
    return path.is_file() and Path(os.path.realpath(path)).is_relative_to(top)


def _read(path: Path) -> dict[str, Scalar]:
    """Return the settings in a file; InputUnreadable when it is no settings file."""
    with open_regular(path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InputUnreadable(f"over {MAX_BYTES:,} bytes", where=printable(path))
    text = content.decode("utf-8-sig", "replace")
    return dict(islice(flattened("", settings_in(text, path.name)), MAX_SETTINGS))
