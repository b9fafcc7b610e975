"""The answer as a file: Markdown or JSON, under a name that is free."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kb.errors import UsageError

if TYPE_CHECKING:
    from assistant.answer import Answer

Format = Literal["md", "json"]
MOST_TRIES = 1000


def text_of(answer: Answer, form: Format) -> str:
    """Return what `ssl-doctor ask --markdown` or `--json` prints for this answer."""
    if form == "md":
        return answer.to_markdown()
    return json.dumps(answer.to_dict(), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def free_name(query: str, form: Format, folder: Path) -> Path:
    """Return a name in `folder` that says what was asked and that no file has."""
    slug = re.sub(r"[^a-z0-9]+", "-", query.lower()).strip("-")[:40].rstrip("-") or "run"
    for number in range(1, MOST_TRIES):
        name = f"ssl-doctor-{slug}{f'-{number}' if number > 1 else ''}.{form}"
        if not (folder / name).exists():
            return folder / name
    raise UsageError(f"{MOST_TRIES} files of this name exist", where=str(folder))


def save(answer: Answer, path: Path) -> None:
    """Write the answer in the form that the suffix names; never over a file that exists.

    Raises UsageError for another suffix or a file that exists, OSError when writing fails.
    """
    form = path.suffix.removeprefix(".").lower()
    if form not in ("md", "json"):
        raise UsageError(f"found the suffix .{form}, expected .md or .json", where=str(path))
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text_of(answer, "md" if form == "md" else "json"))
    except FileExistsError:
        raise UsageError(
            "the file exists already", where=str(path), hint="choose another name"
        ) from None
