"""The fixes of all diagnoses in one list: each once, first what helps most for the least cost.

Within a diagnosis the order of its fixes stands, because early ones decide whether later ones
make sense; fixes that trials have measured are free of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from assistant.answer import Answer, Diagnosis, RankedFix, RunVerdict, plain_types
from assistant.fixes import ranked_fixes
from assistant.knowledge import Knowledge
from kb.types import Cost, Mark, Owner

SCHEMA = 1
"""Version of the JSON form of a Worklist; raised when a field changes its meaning."""

State = Literal["to try", "tried", "helped", "did-not", "already so"]

STATES: tuple[State, ...] = ("to try", "tried", "helped", "did-not", "already so")
"""The groups of a worklist in their order."""

EFFORT: Mapping[Cost | None, float] = {
    "live": 1.0,
    "resume": 2.0,
    "code": 3.0,
    "restart": 8.0,
    None: 8.0,
}
"""What trying costs, relative to a look at the running process. A choice; the unknown cost of a
user's own fix counts as the highest."""

UNTESTED = 0.3
"""Chance that a fix without trials helps when its diagnosis holds. A choice: it sets only how
measured fixes stand beside others."""


@dataclass(frozen=True, slots=True)
class For:
    """A diagnosis that a fix is proposed for. `confidence` is None outside an answer."""

    entry_id: str
    title: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A fix and the diagnoses that propose it.

    `ids` holds its own global id, then those of fixes of other diagnoses that change the same.
    `helps` is the probability that it cures the run, `doubt` what refutes the claim that it
    rests on.
    """

    fix: RankedFix
    ids: tuple[str, ...]
    proposed_for: tuple[For, ...]
    state: State
    owner: Owner = "bundled"
    helps: float = 0.0
    doubt: str = ""

    @property
    def mark(self) -> Mark | None:
        """Return what the user said of it."""
        return self.fix.mark


@dataclass(frozen=True, slots=True)
class Worklist:
    """What there is to do about an answer, or what was marked so far (no query, no run)."""

    query: str
    verdict: RunVerdict | None
    items: tuple[WorkItem, ...]
    schema: int = field(default=SCHEMA)

    def of(self, state: State) -> tuple[WorkItem, ...]:
        """Return the items in one state, in their order."""
        return tuple(item for item in self.items if item.state == state)

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types; the layout is versioned by `schema`."""
        plain = plain_types(self)
        assert isinstance(plain, dict)
        return plain


def worklist(answer: Answer, marks: Mapping[str, Mark]) -> Worklist:
    """Return the fixes of an answer's diagnoses in the order worth trying, in their groups.

    `marks` are those of now: the answer may be older than the last mark.
    """
    items, chains = _merged(answer.diagnoses, marks)
    sound = [[item for item in chain if not item.doubt] for chain in chains]
    doubted = [item for chain in chains for item in chain if item.doubt]
    ordered = [*_interleaved(_freed(sound)), *doubted]
    rest = [item for item in items if item.state != "to try"]
    rest.sort(key=lambda item: STATES.index(item.state))
    return Worklist(answer.query, answer.verdict, (*ordered, *rest))


def marked(knowledge: Knowledge) -> Worklist:
    """Return every fix that the user marked, those of one state by date, the newest first."""
    items = [_alone(knowledge, mark) for mark in knowledge.marks().values()]
    items.sort(key=lambda item: (item.mark.marked_at if item.mark else "", item.fix.id))
    items.reverse()
    items.sort(key=lambda item: STATES.index(item.state))
    return Worklist("", None, tuple(items))


def _alone(knowledge: Knowledge, mark: Mark) -> WorkItem:
    """Return a marked fix; one whose entry is gone is still named by its id."""
    entry_id = mark.fix.rpartition("#")[0]
    entry = knowledge.entry(entry_id)
    fixes = ranked_fixes(entry, None, {mark.fix: mark}) if entry else ()
    found = next((fix for fix in fixes if fix.id == mark.fix), None)
    if found is None or entry is None:
        gone = RankedFix(mark.fix, mark.fix, {}, None, mark=mark)
        return WorkItem(gone, (mark.fix,), (), mark.word)
    return WorkItem(found, (found.id,), (For(entry.id, entry.title),), mark.word, entry.owner)


def _merged(
    diagnoses: Sequence[Diagnosis], marks: Mapping[str, Mark]
) -> tuple[list[WorkItem], list[list[WorkItem]]]:
    """Return all items, and those to try as one list for each diagnosis.

    What two diagnoses propose stands with the first of them.
    """
    held: dict[object, WorkItem] = {}
    keys: list[list[object]] = []
    for diagnosis in diagnoses:
        keys.append([])
        for fix in diagnosis.fixes:
            item = _item(diagnosis, replace(fix, mark=marks.get(fix.id)))
            key = _same(item)
            if key in held:
                held[key] = _joined(held[key], item)
            else:
                held[key] = item
                keys[-1].append(key)
    chains = [[held[key] for key in chain if held[key].state == "to try"] for chain in keys]
    return list(held.values()), chains


def _item(diagnosis: Diagnosis, fix: RankedFix) -> WorkItem:
    entry, refuted = diagnosis.entry, diagnosis.contradictions
    return WorkItem(
        fix,
        (fix.id,),
        (For(entry.id, entry.title, diagnosis.confidence),),
        _state(fix),
        diagnosis.owner,
        diagnosis.confidence * _cures(fix),
        refuted[0].truth if refuted else "",
    )


def _state(fix: RankedFix) -> State:
    if fix.already_applied:
        return "already so"
    return fix.mark.word if fix.mark else "to try"


def _cures(fix: RankedFix) -> float:
    """Return the chance that a fix helps if its diagnosis holds: (k + 1)/(n + 2) with trials."""
    if fix.cure_rate is None:
        return UNTESTED
    cured, seeds, *_ = fix.cure_rate
    return (cured + 1) / (seeds + 2)


def _same(item: WorkItem) -> object:
    """Return what makes two fixes the same thing to do: the settings that they change.

    A claim that does not hold is never joined to a sound fix.
    """
    change = item.fix.change
    return (bool(item.doubt), *sorted(change.items(), key=str)) if change else item.fix.id


def _joined(first: WorkItem, second: WorkItem) -> WorkItem:
    """Return the first with what the second adds; the newer mark and the trials count."""
    newer = max((first.mark, second.mark), key=lambda mark: mark.marked_at if mark else "")
    applied = first.fix.already_applied or second.fix.already_applied
    rate = first.fix.cure_rate or second.fix.cure_rate
    fix = replace(
        first.fix,
        mark=first.mark if newer is None else newer,
        already_applied=applied,
        cure_rate=rate,
    )
    return replace(
        first,
        fix=fix,
        ids=(*first.ids, *second.ids),
        proposed_for=(*first.proposed_for, *second.proposed_for),
        state=_state(fix),
        helps=first.helps + second.helps,
    )


def _freed(chains: Iterable[Sequence[WorkItem]]) -> Iterator[list[WorkItem]]:
    """Yield the chains without measured fixes, and each measured fix by itself."""
    for chain in chains:
        yield [item for item in chain if item.fix.cure_rate is None]
        yield from ([item] for item in chain if item.fix.cure_rate is not None)


def _interleaved(chains: Iterable[Sequence[WorkItem]]) -> Iterator[WorkItem]:
    """Yield all items, each chain in its order, always from the one that promises most.

    Help counts where the chain's best beginning is over: of all orders that keep the chains,
    this one has the least effort before help, weighted by how much it helps.
    """
    waiting = [list(chain) for chain in chains if chain]
    while waiting:
        best = max(waiting, key=_promise)
        yield best.pop(0)
        waiting = [chain for chain in waiting if chain]


def _promise(chain: Sequence[WorkItem]) -> float:
    """Return the most help per effort that a beginning of the chain has."""
    most = helps = effort = 0.0
    for item in chain:
        helps += item.helps
        effort += EFFORT[item.fix.cost]
        most = max(most, helps / effort)
    return most
