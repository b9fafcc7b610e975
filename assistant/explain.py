"""An id, alias or method name -> the page that explains it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from assistant.knowledge import Knowledge, Notify, silent
from assistant.method_evidence import evidence_of_document, with_evidence
from kb.errors import UsageError, nearest
from kb.evidence import MethodEvidence
from kb.method_names import methods_in
from kb.store import Store
from kb.topics import topics
from kb.types import Document, Entry, Mark, Owner


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the knowledge base. `markdown` is the source without its head.

    `marks` are what the user said of the fixes of its entry; `evidence` is what the laboratory
    found about the methods of a method document, and stands in its text as well.
    """

    id: str
    title: str
    owner: Owner
    source: str
    markdown: str
    entry: Entry | None = None
    also: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    evidence: tuple[MethodEvidence, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        entry = self.entry
        return {
            "schema": 1,
            "id": self.id,
            "title": self.title,
            "owner": self.owner,
            "source": self.source,
            "status": entry.status if entry else None,
            "methods": list(entry.methods) if entry else [],
            "aliases": list(entry.aliases) if entry else [],
            "fixes": [f"{entry.id}#{fix.id}" for fix in entry.fixes] if entry else [],
            "references": list(entry.references) if entry else [],
            "also": list(self.also),
            "marks": [asdict(mark) for mark in self.marks],
            "evidence": [one.to_dict() for one in self.evidence],
            "markdown": self.markdown,
        }


def page_of(name: str, *, notify: Notify = silent) -> Page:
    """Return the page for `name`; raise UsageError with the nearest id when there is none."""
    knowledge = Knowledge.open(notify)
    wanted = name.strip()
    pages = _exact(knowledge, wanted) or [
        page for store in knowledge.stores if (page := _page(store, wanted))
    ]
    if pages:
        first, *rest = pages
        fixes = [f"{first.id}#{fix.id}" for fix in first.entry.fixes] if first.entry else []
        marks = knowledge.marks()
        return replace(
            first,
            also=tuple(page.id for page in rest),
            marks=tuple(marks[fix] for fix in fixes if fix in marks),
        )
    raise _unknown(knowledge, wanted)


def _exact(knowledge: Knowledge, name: str) -> list[Page]:
    """Return the document of this very id: the path of a note may hold the name of a method."""
    if not name.startswith("user:") or knowledge.user is None:
        return []
    document = knowledge.user.document(name)
    return [_whole(document)] if document is not None else []


def _whole(document: Document) -> Page:
    folder, _, stem = document.id.partition("/")
    ours = document.owner == "bundled" and folder == "methods"
    evidence = evidence_of_document(stem) if ours else ()
    body = with_evidence(_body(document, None), evidence)
    return Page(document.id, document.title, document.owner, document.path, body, evidence=evidence)


def _unknown(knowledge: Knowledge, wanted: str) -> UsageError:
    if topic := topics().get(wanted):
        return UsageError(
            f'"{topic.title}" is not written yet',
            where=wanted,
            hint=f"ssl-doctor list --family {topic.family} shows what is",
        )
    if wanted in {topic.family for topic in topics().values()}:
        return UsageError(
            f'"{wanted}" is a family of entries', hint=f"ssl-doctor list --family {wanted}"
        )
    if methods := methods_in(wanted):
        return UsageError(
            f"there is no document about {methods[0]} yet",
            hint=f'ask what you see, such as ssl-doctor "{methods[0]} loss does not move"',
        )
    known = [entry_id for store in knowledge.stores for entry_id in store.names()]
    return UsageError(
        f'nothing is called "{wanted}"{nearest(wanted, known)}',
        hint="ssl-doctor list shows all ids",
    )


def _page(store: Store, name: str) -> Page | None:
    whole = store.resolve(name)
    entry_id = whole or store.resolve(name.partition("#")[0])
    entry = store.entry(entry_id) if entry_id else None
    if entry is not None:
        document = store.document(store.document_of(entry.id) or "")
        if document is not None:
            body = _body(document, entry) if whole else _fix(entry, name)
            return Page(entry.id, entry.title, entry.owner, entry.source, body, entry)
    method = next(iter(methods_in(name)), name.lower())
    document = store.document(f"methods/{method}") or store.document(name)
    return None if document is None else _whole(document)


def _fix(entry: Entry, name: str) -> str:
    """Return one fix of `entry` as Markdown; raise UsageError when it has none of that id."""
    wanted = name.partition("#")[2]
    for place, fix in enumerate(entry.fixes, 1):
        if wanted in (fix.id, str(place)):
            return f"# {fix.title}\n\n{fix.text}\n"
    ids = [fix.id for fix in entry.fixes]
    raise UsageError(
        f'{entry.id} has no fix "{wanted}"{nearest(wanted, ids)}',
        hint=f"its fixes are {', '.join(ids)}" if ids else "it has none",
    )


def _body(document: Document, entry: Entry | None) -> str:
    lines = document.text.split("\n")
    if entry is not None and len(document.entries) > 1:
        return "\n".join(lines[entry.span.start - 1 : entry.span.end])
    if lines and lines[0].rstrip() == "---" and "---" in (line.rstrip() for line in lines[1:]):
        closing = next(n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---")
        lines = lines[closing + 1 :]
    return "\n".join(lines).strip("\n") + "\n"
