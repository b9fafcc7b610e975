"""An explain page for a terminal: our Markdown, wrapped, with its marks turned into style."""

from __future__ import annotations

import re
import textwrap

import click

from assistant.explain import Page
from assistant.render.layout import WIDTH, bold, dim, wrapped
from assistant.render.marks import MARKED
from assistant.render.table import table_lines
from kb.plain_text import plain, strip_controls

_ITEM = re.compile(r"^(?P<indent>\s*)(?P<mark>[-*+]|\d+\.)\s+(?P<text>.*)$")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_COMMIT = re.compile(r"(?<=@)([0-9a-f]{12})[0-9a-f]{28}(?=:)")
"""A commit in a reference; twelve digits name it as well and leave room for the path."""

_COMMENT = re.compile(r"^(?P<indent>\s*)(?P<code>[^\s#][^#'\"]*?)?\s*#\s?(?P<comment>[^#]*)$")

CODE_INDENT = 4
CODE_WIDTH = WIDTH - CODE_INDENT


def render_page(page: Page) -> str:
    """Return the page as styled lines of at most 80 columns; code keeps its lines."""
    writer = _Writer()
    if page.entry is not None:
        writer.lines += _facts(page)
    for line in with_marks(page).expandtabs(4).split("\n"):
        writer.read(_COMMIT.sub(r"\1", line))
    writer.flush()
    if page.also:
        also = wrapped(f"Also called so: {', '.join(page.also)}", 0)
        writer.lines += ["", *(dim(line) for line in also)]
    return "\n".join(writer.lines).rstrip()


def with_marks(page: Page) -> str:
    """Return the page's Markdown without control characters, a word beside each marked fix.

    It stands after the fix's title, in bold in a list of ours and as the heading of one fix;
    elsewhere nothing is said.
    """
    text = strip_controls(page.markdown)
    titles = {f"{page.id}#{fix.id}": fix.title for fix in page.entry.fixes} if page.entry else {}
    for mark in page.marks:
        title = re.escape(strip_controls(titles[mark.fix]).rstrip("."))
        head = re.compile(rf"^(\d+\. +\*\*{title}\.?\*\*|# {title}\.?$)", re.MULTILINE)
        if found := head.search(text):
            text = f"{text[: found.end()]} ({MARKED[mark.word]}){text[found.end() :]}"
    return text


class _Writer:
    """Collects lines into paragraphs, tables and code, and writes each when it ends."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._paragraph: list[str] = []
        self._table: list[str] = []
        self._code: list[str] | None = None

    def read(self, line: str) -> None:
        if _FENCE.match(line):
            self._fence()
        elif self._code is not None:
            self._code.append(line)
        elif line.lstrip().startswith("|"):
            self._end_paragraph()
            self._table.append(line)
        elif line.startswith("#"):
            self.flush()
            self.lines += _heading(line)
        elif line.strip():
            self._end_table()
            if _ITEM.match(line):
                self._end_paragraph()
            self._paragraph.append(line)
        else:
            self.flush()
            if self.lines and self.lines[-1]:
                self.lines.append("")

    def flush(self) -> None:
        self._end_paragraph()
        self._end_table()
        if self._code is not None:
            self._fence()

    def _end_paragraph(self) -> None:
        if self._paragraph:
            text = " ".join(part.strip() for part in self._paragraph)
            self.lines += _block(text, self._paragraph[0])
            self._paragraph.clear()

    def _end_table(self) -> None:
        self.lines += table_lines(self._table)
        self._table.clear()

    def _fence(self) -> None:
        if self._code is None:
            self._end_paragraph()
            self._end_table()
            self._code = []
            return
        common = min((_indent(one) for one in self._code if one.strip()), default=0)
        for one in self._code:
            self.lines += _code_lines(one[common:])
        self._code = None


def _code_lines(line: str) -> list[str]:
    """Return a line of code indented, so that what is copied still runs.

    When it is too long its comment goes above it, and the code goes on after a backslash.
    """
    pieces: list[str] = []
    said = _COMMENT.match(line) if len(line) > CODE_WIDTH else None
    if said:
        lead = f"{said['indent']}# "
        pieces = textwrap.wrap(
            said["comment"], CODE_WIDTH, initial_indent=lead, subsequent_indent=lead
        )
        line = said["indent"] + (said["code"] or "")
    while len(line) > CODE_WIDTH and line.strip():
        indent = _indent(line)
        cut = line.rfind(" ", indent + 1, CODE_WIDTH - 1)
        cut = cut if cut > 0 else CODE_WIDTH - 2
        pieces.append(f"{line[:cut]} \\")
        line = " " * min(indent + 4, 16) + line[cut:].lstrip()
    if line.strip() or not pieces:
        pieces.append(line)
    return [(" " * CODE_INDENT + piece).rstrip() for piece in pieces]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _facts(page: Page) -> list[str]:
    entry = page.entry
    assert entry is not None
    owner = "yours" if entry.owner == "user" else entry.status
    methods = ", ".join(entry.methods)
    shown = f"{entry.id} · {owner}" + (f" · {methods}" if methods else "")
    return [*(dim(line) for line in wrapped(shown, 0)), ""]


def _heading(line: str) -> list[str]:
    level = len(line) - len(line.lstrip("#"))
    lines = wrapped(plain(line.lstrip("#")), 0)
    if level == 1:
        return [*(bold(one) for one in lines), bold("=" * max(len(one) for one in lines))]
    if level == 2:
        return [*(bold(one) for one in lines), bold("-" * max(len(one) for one in lines))]
    return [click.style(one, underline=True) for one in lines]


def _block(text: str, first: str) -> list[str]:
    item = _ITEM.match(text)
    indent = min(_indent(first), WIDTH // 2)
    if item is None:
        return wrapped(plain(text), indent, " " * indent)
    lead = " " * indent + item["mark"] + " "
    return wrapped(plain(item["text"]), len(lead), lead)
