"""An explain page for a terminal: our Markdown, wrapped, with its marks turned into style."""

from __future__ import annotations

import re

import click

from assistant.explain import Page
from assistant.render.layout import bold, dim, wrapped
from kb.plain_text import plain, strip_controls

_ITEM = re.compile(r"^(?P<indent>\s*)(?P<mark>[-*+]|\d+\.)\s+(?P<text>.*)$")


def render_page(page: Page) -> str:
    """Return the page as styled lines of at most 80 columns; tables and code stay as they are."""
    lines = [_facts(page)] if page.entry else []
    fenced = False
    paragraph: list[str] = []

    def flush() -> None:
        if paragraph:
            lines.extend(_block(" ".join(part.strip() for part in paragraph), paragraph[0]))
            paragraph.clear()

    for line in strip_controls(page.markdown).split("\n"):
        if line.strip().startswith(("```", "~~~")):
            flush()
            fenced = not fenced
            continue
        if fenced:
            lines.append("    " + line)
        elif not line.strip():
            flush()
            if lines and lines[-1]:
                lines.append("")
        elif line.startswith("#") or line.lstrip().startswith("|"):
            flush()
            lines.append(_heading(line) if line.startswith("#") else plain_row(line))
        else:
            if _ITEM.match(line):
                flush()
            paragraph.append(line)
    flush()
    if page.also:
        lines += ["", dim(f"Also called so: {', '.join(page.also)}")]
    return "\n".join(lines).rstrip()


def plain_row(line: str) -> str:
    """Return a table row with its emphasis marks dropped and its columns kept."""
    return re.sub(r"\*\*|`", "", line)


def _facts(page: Page) -> str:
    entry = page.entry
    assert entry is not None
    owner = "yours" if entry.owner == "user" else "ssl-doctor"
    methods = ", ".join(entry.methods)
    shown = f"{entry.id} · {entry.status} · {owner}" + (f" · {methods}" if methods else "")
    return dim("\n".join(wrapped(shown, 0))) + "\n"


def _heading(line: str) -> str:
    level = len(line) - len(line.lstrip("#"))
    text = plain(line.lstrip("#"))
    return bold(text.upper() if level == 1 else text) if level <= 2 else click.style(text, underline=True)


def _block(text: str, first: str) -> list[str]:
    item = _ITEM.match(text)
    if item is None:
        indent = len(first) - len(first.lstrip())
        return wrapped(plain(text), indent, " " * indent)
    lead = " " * len(item["indent"]) + item["mark"] + " "
    return wrapped(plain(item["text"]), len(lead), lead)
