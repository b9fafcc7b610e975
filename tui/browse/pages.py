"""Pages of Browse: an entry whole, a document by section, a topic that is not written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.content import Content

from assistant.fixes import ranked_fixes
from assistant.render.page import with_marks
from assistant.shelf import ShelfItem
from tui.ask.entry import fix_item
from tui.browse.rows import MEANINGS, SIGNS
from tui.browse.shelves import key_block
from tui.plain import shown, shown_line
from tui.references import address_of
from tui.widgets.markdown import blocks_of
from tui.widgets.page import Block, Item, heading

if TYPE_CHECKING:
    from assistant.explain import Page
    from assistant.sections import PageSection


def entry_blocks(page: Page, room: int) -> tuple[list[Block], list[Item]]:
    """Return an entry's page, with its fixes and references as what can be copied or opened."""
    entry = page.entry
    assert entry is not None
    items = [fix_item(fix) for fix in ranked_fixes(entry, None)]
    steps = {place: place - 1 for place in range(1, len(items) + 1)}
    references = {name: len(items) + at for at, name in enumerate(entry.references)}
    items += [
        Item("reference", name, "the address of the reference", address_of(name))
        for name in entry.references
    ]
    title, *body = blocks_of(with_marks(page), room, steps, references) or [Block(Content(""))]
    return [title, *_facts(page), *body], items


def section_blocks(
    page: Page, parts: Sequence[PageSection], at: int, room: int
) -> tuple[list[Block], list[Item]]:
    """Return one section of a document, with where it stands in it."""
    part = parts[at]
    place = f"{at + 1} of {len(parts)}"
    facts = _facts(page)
    if len(parts) > 1:
        facts.append(Block(Content.styled(f"part {place}  (n next, N before)", "$text-accent")))
    what = f"the part “{shown_line(part.title or page.title, 80)}”"
    item = Item("section", page.id, what, shown(part.markdown))
    body = blocks_of(part.markdown, room)
    if part.level == 1 and body:
        # Its own title, said once.
        return [body[0], *facts, *body[1:]], [item]
    title = Block(Content.styled(shown_line(page.title), "bold"))
    return [title, *facts, *(replace(one, space=True) for one in body[:1]), *body[1:]], [item]


def topic_blocks(item: ShelfItem, others: Sequence[ShelfItem]) -> list[Block]:
    """Return what is known of a topic without a page, and what of its family is written."""
    blocks = [
        Block(Content.styled(shown_line(item.title), "bold")),
        Block(Content.styled(f"{item.id} · not written yet", "dim")),
        Block(
            Content("Nobody has written this page, so no answer ever names it."),
            space=True,
        ),
    ]
    if others:
        blocks.append(heading(f"Written in {shown_line(item.family)}"))
        for one in others:
            sign = Content.styled(f"{SIGNS.get(one.standing, '○')} ", "$text-accent")
            name = Content.styled(f"\n{shown_line(one.id)}", "dim")
            blocks.append(Block(Content(shown_line(one.title)) + name, sign, 2))
    return blocks


def no_match_blocks(asked: str) -> list[Block]:
    """Return what stands on the page when the filter leaves nothing."""
    return [
        heading(f"Nothing here holds “{shown_line(asked, 60)}”"),
        Block(
            Content(
                "Every word must stand in the id, title, family, status or method. One field "
                "alone: family:collapse, status:documented, method:byol."
            )
        ),
        key_block("i", "change the filter", space=True),
        key_block("/", "ask in your own words instead"),
    ]


def no_notes_blocks() -> list[Block]:
    """Return what stands on the page when the user's shelf is empty."""
    return [
        heading("Nothing of yours yet"),
        Block(
            Content(
                "Post-mortems, fix lists, method documents and reading notes in Markdown become "
                "part of every answer, marked as yours. Your files are only ever read."
            )
        ),
        key_block("+", "add a file, a folder or a whole vault", space=True),
    ]


def _facts(page: Page) -> list[Block]:
    entry = page.entry
    if page.owner == "user":
        said = Content.styled("▌ yours", "$text-success bold")
        lines = [said + Content.styled(f" · {shown_line(page.source)}", "dim")]
    elif entry is not None:
        mark = f"{SIGNS.get(entry.status, '○')} {entry.status}"
        meaning = MEANINGS.get(entry.status, "")
        said = Content.styled(mark, "$text-accent")
        lines = [said + Content.styled(f": {meaning} · {shown_line(entry.id)}", "dim")]
    else:
        lines = [Content.styled(f"method document · {shown_line(page.source)}", "dim")]
    if entry is not None and entry.methods:
        methods = ", ".join(shown_line(one, 40) for one in entry.methods)
        lines.append(Content.styled(f"methods: {methods}", "dim"))
    return [Block(line) for line in lines]
