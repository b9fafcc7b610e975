"""What stands behind the entries: references that were opened.

Results of trials will lie beside `references.json` under `trials/`; the laboratory writes
them, this module reads them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kb.errors import InputUnreadable
from kb.paths import EVIDENCE

SCHEMA = 1
REFERENCES = EVIDENCE / "references.json"

_FORMS = (
    re.compile(r"arxiv:\d{4}\.\d{4,5}"),
    re.compile(r"gh:[\w.-]+/[\w.-]+#\d+"),
    re.compile(r"gh:[\w.-]+/[\w.-]+@[0-9a-f]{7,40}:[^\s#]+(#L\d+(-L\d+)?)?"),
    re.compile(r"url:https://\S+"),
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A source that was opened, when, and what it supports, in our own words."""

    id: str
    title: str
    url: str
    opened: str
    supports: str


def is_reference_id(text: str) -> bool:
    """Return whether `text` has one of the four forms of docs/catalogue.md."""
    return any(form.fullmatch(text) for form in _FORMS)


def read_references(path: Path = REFERENCES) -> Mapping[str, Reference]:
    """Return all recorded references by id; raise InputUnreadable when the file is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}, expected {SCHEMA}")
        records = [Reference(**record) for record in content["references"]]
        found = {record.id: record for record in records}
        if len(found) < len(records):
            twice = next(one.id for one in records if found[one.id] is not one)
            raise ValueError(f"{twice} stands twice")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputUnreadable(str(error), where=str(path)) from error
    return found
