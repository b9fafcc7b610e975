"""What Browse and Methods ask of the assistant and of ingest; a worker thread runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from kb.errors import SslDoctorError
from tui.worker import with_engine

if TYPE_CHECKING:
    from assistant.explain import Page
    from assistant.fingerprints import Fingerprint
    from assistant.methods import MethodItem
    from assistant.sections import PageSection
    from assistant.shelf import ShelfItem
    from ingest.report import Report


@dataclass(frozen=True, slots=True)
class MethodPage:
    """A method's document in outline, empty when none is written, and the values of its losses."""

    outline: tuple[tuple[str, tuple[PageSection, ...]], ...]
    values: tuple[Fingerprint, ...]


class Stopped(SslDoctorError):
    """The user stopped an ingest."""


def everything() -> tuple[ShelfItem, ...]:
    """Return all there is to read."""
    from assistant.knowledge import Knowledge
    from assistant.shelf import shelf

    return with_engine(lambda: shelf(Knowledge.open()))


def page(name: str) -> Page:
    """Return the page of an entry or document."""
    from assistant.explain import page_of

    return with_engine(lambda: page_of(name))


def all_methods() -> tuple[MethodItem, ...]:
    """Return every method, with what there is about it."""
    from assistant.knowledge import Knowledge
    from assistant.methods import methods

    return with_engine(lambda: methods(Knowledge.open()))


def method_page(method: MethodItem) -> MethodPage:
    """Return the document and the values of one method."""
    from assistant.fingerprints import fingerprints
    from assistant.methods import outline

    values = fingerprints(method.name) if method.has_values else ()
    text = page(method.document).markdown if method.document else ""
    return MethodPage(outline(text), values)


def ingested(
    path: Path, stop: Event, tell: Callable[[int, int], None], notify: Callable[[str], None]
) -> Report:
    """Ingest a file or folder; raise Stopped between two steps once `stop` is set.

    The assistant is not held meanwhile: questions are answered while a vault goes in.
    """
    from ingest import add

    def progress(done: int, total: int) -> None:
        if stop.is_set():
            raise Stopped("stopped: what was read until then is in your store")
        tell(done, total)

    return add(path, progress=progress, describe_unchanged=True, notify=notify)


def removed(document_id: str) -> tuple[str, ...]:
    """Take a document out of the user's store."""
    from ingest.remove import remove

    return with_engine(lambda: remove([Path(document_id)]))
