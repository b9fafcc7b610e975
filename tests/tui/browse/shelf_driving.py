"""The app on Browse or Methods over a few items of its own, and no engine behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from textual.pilot import Pilot
from tui_pilot import until

from assistant.explain import Page
from assistant.fingerprints import fingerprints
from assistant.methods import MethodItem, outline
from assistant.shelf import ShelfItem
from ingest.report import FileResult, Refuted, Report
from kb.errors import UsageError
from kb.types import Entry, Fix
from tui.app import DoctorApp
from tui.browse import jobs
from tui.browse.shelves import ShelvesScreen

ENTRY_TEXT = """# The loss does not move

## Symptoms

- It sits at `ln(2B-1)`.

## Suggested next steps

1. **Look at the spread.** Before anything else.
   ```python
   spread = z.std(dim=0)
   ```
2. **Lower the rate.** By ten.

## References

- `arxiv:2002.05709`: the loss.
"""

NOTE_TEXT = "# My post-mortem\n\nIt was the loader.\n\n" + "\n\n".join(
    f"## Day {day}\n\n" + f"Words of day {day}. " * 200 for day in range(1, 5)
)

METHOD_TEXT = """# SimCLR: contrast of two views

What this page calls B is the batch.

## The loss

### Formula

```
loss = -log softmax(sim / t)
```

### Table of values

| B | chance |
|---|---|
| 32 | 4.143 |

## Pitfalls

### Too small a batch

It sets the level, not the fault.
"""

FIXES = (
    Fix("look", "Look at the spread", "```python\nspread = z.std(dim=0)\n```", "live"),
    Fix("lower", "Lower the rate", "By ten.", "restart", {"lr": "= lr / 10"}),
)
STUCK = Entry(
    "loss/stuck", "The loss does not move", "loss", "bundled", "documented", ("simclr",),
    fixes=FIXES, references=("arxiv:2002.05709",),
)  # fmt: skip
MINE = ShelfItem(
    "user:/notes/mine.md", "document", "My post-mortem", "yours", "yours", (), "user",
    "user:/notes/mine.md", "post_mortem",
)  # fmt: skip
LISTED = ShelfItem(
    "user:/notes/list.md", "document", "My fixes", "yours", "yours", (), "user",
    "user:/notes/list.md", "fix_list", 1,
)  # fmt: skip
OWN_ENTRY = ShelfItem(
    "list/slow", "entry", "Everything is slow", "yours", "yours", (), "user", "user:/notes/list.md"
)
ITEMS = (
    MINE,
    LISTED,
    OWN_ENTRY,
    ShelfItem(
        "loss/stuck", "entry", STUCK.title, "loss", "documented", ("simclr",), "bundled",
        "loss/stuck",
    ),
    ShelfItem(
        "optim/fast", "entry", "The steps are too large", "optim", "cured", ("byol", "simclr"),
        "bundled", "optim/fast",
    ),
    ShelfItem("loss/rises", "topic", "The loss rises", "loss", "not written"),
)  # fmt: skip
METHODS = (
    MethodItem("simclr", "SimCLR: contrast of two views", "methods/simclr", True),
    MethodItem("byol", "byol", "", True),
    MethodItem("w-mse", "w-mse", "", False),
)


class Library:
    """Stands for catalogue and store: what is there, what was ingested and removed."""

    def __init__(self) -> None:
        self.items: tuple[ShelfItem, ...] = ITEMS
        self.error: Exception | None = None
        self.removed: list[str] = []
        self.ingested: list[Path] = []
        self.report = Report(
            (
                FileResult(
                    "/n/a.md", "added", "post_mortem", {"passages": 4, "lines": 9,
                    "lines_covered": 9}, refuted=(Refuted(7, "B too small", "It is not.", "a/b"),),
                ),
                FileResult("/n/bad.md", "failed", error="/n/bad.md: not UTF-8; save it as UTF-8"),
            ),
            False,
            4,
        )  # fmt: skip
        self.gate = Event()
        self.gate.set()

    def everything(self) -> tuple[ShelfItem, ...]:
        if self.error is not None:
            raise self.error
        return self.items

    def page(self, name: str) -> Page:
        if name == "loss/stuck":
            return Page(name, STUCK.title, "bundled", "kb/x.md", ENTRY_TEXT, STUCK)
        if name == "user:/notes/mine.md":
            return Page(name, "My post-mortem", "user", "/notes/mine.md", NOTE_TEXT)
        if name == "methods/simclr":
            return Page(name, "SimCLR", "bundled", "kb/methods/simclr.md", METHOD_TEXT)
        if name.startswith(("user:", "list/")):
            return Page(name, "Mine", "user", "/notes/list.md", "# Mine\n\nwords\n")
        raise UsageError(f'nothing is called "{name}"')

    def ingest(
        self,
        path: Path,
        stop: Event,
        tell: Callable[[int, int], None],
        notify: Callable[[str], None],
    ) -> Report:
        self.ingested.append(path)
        notify("loading the encoder")
        for done in range(0, 10_001, 2_000):
            tell(done, 10_000)
            self.gate.wait(10)
            if stop.is_set():
                raise jobs.Stopped("stopped")
        if "missing" in path.name:
            return Report((FileResult(str(path), "failed", error="no such file"),), False, 0)
        return self.report

    def remove(self, document_id: str) -> tuple[str, ...]:
        self.removed.append(document_id)
        self.items = tuple(item for item in self.items if item.document != document_id)
        return (document_id,)

    def methods(self) -> tuple[MethodItem, ...]:
        if self.error is not None:
            raise self.error
        return METHODS

    def method_page(self, method: MethodItem) -> jobs.MethodPage:
        values = fingerprints(method.name) if method.has_values else ()
        return jobs.MethodPage(outline(METHOD_TEXT if method.document else ""), values)


def replace_jobs(monkeypatch: pytest.MonkeyPatch) -> Library:
    """Put a Library in the place of assistant and ingest, and let the engine rest."""
    library = Library()
    monkeypatch.setattr(jobs, "everything", library.everything)
    monkeypatch.setattr(jobs, "page", library.page)
    monkeypatch.setattr(jobs, "ingested", library.ingest)
    monkeypatch.setattr(jobs, "removed", library.remove)
    monkeypatch.setattr(jobs, "all_methods", library.methods)
    monkeypatch.setattr(jobs, "method_page", library.method_page)
    monkeypatch.setattr("tui.consult.warm", lambda *_: None)
    return library


@asynccontextmanager
async def opened(
    mode: str, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[DoctorApp, Pilot[None], Any]]:
    """Open Browse or Methods and wait until it has read."""
    app = DoctorApp()
    async with app.run_test(size=size) as pilot:
        app.switch_mode(mode)
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, ShelvesScreen)
        await until(pilot, lambda: bool(screen.items.keys_listed) or screen.error is not None)
        yield app, pilot, screen


def page_text(screen: ShelvesScreen) -> str:
    """Return what the page shows, on one line."""
    return " ".join(str(screen.page._text.content).split())


def listed(screen: ShelvesScreen) -> list[str]:
    """Return the ids of the items in the list."""
    return [key.rpartition("\n")[2] for key in screen.items.keys_listed]
