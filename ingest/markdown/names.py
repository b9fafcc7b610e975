"""Names made from titles: slugs, and titles without their number and ornaments."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

SLUG_LENGTH = 60
"""Longest slug, a choice: fits a terminal column and still names a heading."""

_NUMBER = re.compile(r"^\s*(\d{1,6})\s*[.):]\s+(?=\S)")
_NUMBER_WORD = re.compile(
    r"^\s*(?:solution|fix|option|cause|step|issue|problem|remedy|action)\s+(\d{1,6})\b", re.I
)
_NUMBER_WORD_HEAD = re.compile(r"^\s*[A-Za-z]+\s+\d{1,6}\s*(?:[:.)]|[-–—])?\s*")
_APOSTROPHE = re.compile(r"['’`]")
_NOT_WORD = re.compile(r"[^\w]+|_+")


def slug(text: str) -> str:
    """Return a lower-case, hyphenated name for `text`; letters of any script are kept."""
    flat = unicodedata.normalize("NFKD", text[: 8 * SLUG_LENGTH])
    bare = "".join(c for c in flat if not unicodedata.combining(c))
    words = _NOT_WORD.sub("-", _APOSTROPHE.sub("", bare).lower()).strip("-")
    if len(words) <= SLUG_LENGTH:
        return words
    return words[: SLUG_LENGTH + 1].rpartition("-")[0] or words[:SLUG_LENGTH]


def stem_slug(path: str) -> str:
    """Return the slug of a file's name without its extension."""
    return slug(PurePosixPath(path.replace("\\", "/")).stem) or "document"


def undecorated(text: str) -> str:
    """Return `text` without ticks, crosses, emoji and colons at either end."""
    bare = unticked(text)
    end = len(bare)
    while end and (_is_ornament(bare[end - 1]) or bare[end - 1] in ":："):
        end -= 1
    return bare[:end]


def unticked(text: str) -> str:
    """Return `text` without the ticks, crosses and emoji it starts with."""
    start = 0
    while start < len(text) and _is_ornament(text[start]):
        start += 1
    return text[start:]


def number_of(heading: str) -> str:
    """Return the number a heading starts with (`7. Title`, `Solution 3: Title`), or ``""``."""
    found = _NUMBER.match(heading) or _NUMBER_WORD.match(heading)
    return found.group(1) if found else ""


def without_number(heading: str) -> str:
    """Return a heading without its leading number and without ornaments."""
    bare = undecorated(heading)
    if _NUMBER.match(bare):
        bare = _NUMBER.sub("", bare, count=1)
    elif _NUMBER_WORD.match(bare):
        bare = _NUMBER_WORD_HEAD.sub("", bare, count=1) or bare
    return undecorated(bare)


def _is_ornament(character: str) -> bool:
    """Say whether a character is white space, an emoji or a joiner of emoji.

    Currency and mathematical signs are symbols too, but they carry meaning.
    """
    category = unicodedata.category(character)
    return category in ("So", "Sk", "Cf", "Mn", "Me") or character.isspace()
