"""What the panes of the Ask screen show for a session and a highlighted row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.ask.rows import Row, rows_of
from tui.ask.states import (
    error_blocks,
    example_rows,
    nothing_fits_blocks,
    short_blocks,
    topic_rows,
    welcome_blocks,
)
from tui.widgets.page import Section

if TYPE_CHECKING:
    from assistant.answer import Answer, Diagnosis, Hit
    from tui.session import Session

Sections = list[Section]


def listed(session: Session) -> Answer | None:
    """Return the answer that is listed: that to the words, or to the run alone."""
    return session.answer if session.query else session.run_answer


def rows_for(session: Session) -> list[Row]:
    """Return the rows of the list in the session's state."""
    answer = listed(session)
    if session.error is not None:
        return []
    if answer is None:
        return [] if session.query or session.has_run else example_rows()
    if not answer.fits and session.query:
        return topic_rows(answer.nearest)
    return rows_of(answer, session.moved if session.query else ())


def diagnosis_of(session: Session, key: str | None) -> Diagnosis | None:
    """Return the diagnosis whose row has this key."""
    answer = listed(session)
    if answer is None:
        return None
    return next((one for one in answer.diagnoses if one.entry.id == key), None)


def passage_of(session: Session, key: str | None) -> Hit | None:
    """Return the passage whose row has this key."""
    answer, (kind, _, place) = listed(session), (key or "").partition(":")
    if answer is None or kind != "passage" or int(place) >= len(answer.passages):
        return None
    return answer.passages[int(place)]


def sections_for(session: Session, key: str, typed: str) -> tuple[Sections, Sections]:
    """Return the sections of the page, and those that go to a third pane where there is one.

    `key` is that of the highlighted row, `typed` what stands in the query box.
    """
    answer = listed(session)
    if session.error is not None:
        return [Section(error_blocks(session.error))], []
    if answer is None:
        return [Section(short_blocks() if typed.strip() else welcome_blocks())], []
    if not answer.fits and session.query:
        return [Section(nothing_fits_blocks(answer))], []
    # Imported now: the first frame shows no entry.
    from tui.ask.document import passage_page
    from tui.ask.entry import answer_section, sections_of

    passage = passage_of(session, key)
    if passage is not None:
        return [Section(*passage_page(passage))], []
    moved = session.moved if session.query else ()
    whole = answer_section(answer, moved)
    diagnosis = diagnosis_of(session, key)
    if diagnosis is None:
        return [whole], []
    sections = sections_of(diagnosis, next((m for m in moved if m.entry_id == key), None))
    return (
        [one for one in sections if not one.aside],
        [whole, *(one for one in sections if one.aside)],
    )
