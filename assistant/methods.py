"""Methods with what there is about each: a document, the values of its losses, both or neither."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.fingerprints import methods_with_forms, spelled
from assistant.knowledge import Knowledge
from assistant.sections import PageSection, sections
from kb.method_names import known_methods

INTRODUCTION = "Introduction"
"""The heading of what stands before the first of the second level."""


@dataclass(frozen=True, slots=True)
class MethodItem:
    """A method. `document` is the id of its document, "" when none is written; `title` that of
    the document, else the method's name."""

    name: str
    title: str
    document: str
    has_values: bool


def methods(knowledge: Knowledge) -> tuple[MethodItem, ...]:
    """Return every method: those with a document first, then those with values, by name."""
    written = {
        info.id.rpartition("/")[2]: info
        for info in knowledge.bundled.documents()
        if info.id.startswith("methods/")
    }
    valued = set(methods_with_forms())
    items = [
        MethodItem(
            name,
            written[name].title if name in written else name,
            written[name].id if name in written else "",
            spelled(name) in valued,
        )
        for name in dict.fromkeys((*written, *known_methods()))
    ]
    items.sort(key=lambda item: (not item.document, not item.has_values, item.name))
    return tuple(items)


def outline(markdown: str) -> tuple[tuple[str, tuple[PageSection, ...]], ...]:
    """Return a document's sections under the headings of its second level.

    A heading without text of its own only groups what is below it.
    """
    groups: list[tuple[str, list[PageSection]]] = []
    for part in sections(markdown):
        bare = len([line for line in part.markdown.split("\n") if line.strip()]) <= 1
        if part.level == 2 or not groups:
            groups.append((part.title if part.level == 2 else INTRODUCTION, []))
        if not (bare and part.level in (1, 2)):
            groups[-1][1].append(part)
    return tuple((title, tuple(parts)) for title, parts in groups if parts)
