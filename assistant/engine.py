"""`query` and `diagnose`: understand, search, judge, rank, and say why or that nothing fits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from assistant import evidence, fits, judge, measure, numeric, passages, posterior, rank
from assistant.answer import SCHEMA, Answer, Diagnosis, Hit, RunVerdict, Settings, Topic
from assistant.features import Float32s, ranker
from assistant.fixes import ranked_fixes
from assistant.judge import Judged
from assistant.knowledge import Knowledge, Notify, silent
from assistant.numeric import Reading
from assistant.run_input import RunInput, as_run
from assistant.search import Found, search
from assistant.understand import Understood, understand
from assistant.verdict import overturned, verdict_of
from kb.errors import UsageError
from kb.run import Run

NEAREST = 3
"""Topics named when nothing fits: enough to recognise one, few enough to read."""

GUESSED = 0.3
"""Confidence of a number that a formula gives at a guessed setting, where nothing else speaks
for it and its chance of coincidence is 0. A choice, and no verdict rests on it."""

NAMED_RIGHT = 0.9
"""How often the fault named first was there, of the real faulty runs that were called sick: 61 of
67 (`python -m benchmarks.diagnosis benchmarks/data/real_runs`). No confidence exceeds it."""

LIKELY = 0.01
"""Least probability of a cause that a run shows for it to be listed."""


def query(text: str, run: RunInput | None = None, k: int = 5, *, notify: Notify = silent) -> Answer:
    """Answer a symptom in words, with the numbers of a run where there are any.

    `run` is a kb.run.Run, a path to a log or run folder, or a mapping of metric and config names
    to values or sequences, such as {"loss": 4.143, "batch_size": 32, "z_std": 1e-4}. At most `k`
    diagnoses come back. Raises UsageError for an empty text, a `k` below 1 or values that are no
    numbers, InputUnreadable for a path that holds no run.
    """
    if not text.strip():
        raise UsageError("the question is empty", hint='for example "loss stuck at 4.14"')
    _check(k)
    knowledge = Knowledge.open(notify)
    knowledge.start_encoder()
    return _worded(_Case(knowledge, understand(text), as_run(run), k))


def diagnose(run: RunInput, k: int = 5, *, notify: Notify = silent) -> Answer:
    """Judge a run without words; see `query`. Loads neither encoder nor index."""
    _check(k)
    return _unworded(_Case(Knowledge.open(notify), understand(""), as_run(run), k))


def _check(k: int) -> None:
    if k < 1:
        raise UsageError(f"k is {k}, expected at least 1")


@dataclass(frozen=True, eq=False)
class _Case:
    """What is asked, and what the run says about it."""

    knowledge: Knowledge
    understood: Understood
    run: Run | None
    k: int

    @cached_property
    def judged(self) -> dict[str, Judged]:
        return judge.judge(self.knowledge.signed, self.run) if self.run is not None else {}

    @cached_property
    def fired(self) -> list[str]:
        return judge.fired_of(self.judged)

    @cached_property
    def numbers(self) -> dict[str, list[Reading]]:
        return numeric.readings(self.understood, self.run, self.knowledge.signed)

    @cached_property
    def model(self) -> posterior.Model:
        return posterior.model_of(self.knowledge.signed)

    @cached_property
    def weighed(self) -> list[posterior.Weighed]:
        method = self.run.config.get("method") if self.run else None
        return posterior.weigh(self.model, self.judged, method if isinstance(method, str) else None)

    @cached_property
    def verdict(self) -> tuple[RunVerdict | None, tuple[str, ...]]:
        return verdict_of(self.run, self.judged, self.weighed)

    @cached_property
    def clues(self) -> rank.Clues:
        by_entry: dict[str, float] = {}
        if self.judged:
            scores = self.model.scores(judge.states_of(self.judged))
            by_entry = dict(zip(self.model.signed, scores.tolist(), strict=True))
        return rank.Clues(self.numbers, self.judged, by_entry, self.weighed)


def _worded(case: _Case) -> Answer:
    knowledge, understood = case.knowledge, case.understood
    found = search(knowledge, understood, case.clues.names())
    ranked = rank.rank(knowledge, understood, found, case.clues)
    matched = any(one.strength >= 1 for ones in case.numbers.values() for one in ones)
    # The numbers themselves show it, whatever the words are about.
    sure = bool(case.fired) or matched
    probability = 1.0 if sure else _fitting(case, found.vector, found.matched.values)
    hits = passages.loose_hits(knowledge, found, understood.methods)
    answered = passages.answers(hits, understood.methods)
    fitting = probability >= ranker().threshold
    diagnoses = _diagnoses(case, ranked, probability) if fitting else ()
    first = diagnoses[0].entry.id if diagnoses else None
    worded = _by_words_alone(case, found) if case.fired else None
    return _answer(
        case,
        diagnoses,
        fits_=bool(diagnoses) or answered,
        hits=hits if fitting or answered else (),
        nearest=() if diagnoses or answered else _nearest(knowledge, ranked, probability),
        more_reasons=overturned(worded, first, case.fired),
    )


def _fitting(case: _Case, vector: Float32s, values: Float32s) -> float:
    return fits.probability(ranker(), case.understood, vector, values)


def _by_words_alone(case: _Case, found: Found) -> str | None:
    """Return what the words point to, when by themselves they would have been answered."""
    if _fitting(case, found.vector, found.matched.values) < ranker().threshold:
        return None
    alone = rank.rank(case.knowledge, case.understood, found, rank.Clues({}, {}))
    return alone[0].entry_id if alone else None


def _unworded(case: _Case) -> Answer:
    candidates = [
        rank.Candidate(-1, one.entry_id, one.score, one.share, -1, 0.0)
        for one in case.weighed
        if one.share >= LIKELY or one.entry_id in case.fired
    ]
    if not candidates and case.verdict[0] == "undecided":
        # No signature fired; a number that some formula gives is still worth naming.
        candidates = [
            rank.Candidate(-1, name, 0.0, GUESSED * ones[0].strength, -1, 0.0)
            for name, ones in sorted(case.numbers.items(), key=lambda item: -item[1][0].strength)
            if ones[0].strength >= evidence.MIN_STRENGTH and ones[0].explanation.claim != "matched"
        ]
    diagnoses = _diagnoses(case, candidates, NAMED_RIGHT if case.fired else 1.0)
    return _answer(case, diagnoses, fits_=bool(diagnoses), hits=(), nearest=(), more_reasons=())


def _answer(
    case: _Case,
    diagnoses: tuple[Diagnosis, ...],
    *,
    fits_: bool,
    hits: tuple[Hit, ...],
    nearest: tuple[Topic, ...],
    more_reasons: tuple[str, ...],
) -> Answer:
    knowledge = case.knowledge
    checked, unchecked = judge.checks(case.judged)
    verdict, reasons = case.verdict
    return Answer(
        schema=SCHEMA,
        query=case.understood.text,
        fits=fits_ or verdict == "healthy",
        verdict=verdict,
        reasons=(*reasons, *more_reasons),
        diagnoses=diagnoses,
        passages=hits,
        nearest=nearest,
        checked=checked,
        unchecked=(*unchecked, *judge.unknown_names(case.run)),
        next_measurement=measure.next_measurement(diagnoses, case.run, case.judged, case.model),
        settings=Settings(
            case.k,
            ranker().threshold,
            knowledge.encoder_identity,
            len(knowledge.bundled_entries),
            knowledge.user_documents,
        ),
    )


def _diagnoses(
    case: _Case, ranked: list[rank.Candidate], probability: float
) -> tuple[Diagnosis, ...]:
    kept = ranked[: case.k]
    found: list[Diagnosis] = []
    names = [one.entry_id for one in kept]
    marks = case.knowledge.marks()
    for candidate in kept:
        entry = case.knowledge.entry(candidate.entry_id)
        if entry is None:  # removed by another process since the index was loaded
            continue
        why = evidence.collect(case.knowledge, case.understood, candidate, entry, case.clues, names)
        refuted = passages.contradictions(case.knowledge, entry) if entry.owner == "user" else ()
        confidence = round(candidate.share * probability, 4)
        fixes = ranked_fixes(entry, case.run, marks)
        found.append(Diagnosis(entry, confidence, why, fixes, entry.owner, refuted))
    return tuple(_ours_first(found))


def _ours_first(diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    """Put a user's entry that we correct below every entry of ours."""
    return sorted(diagnoses, key=lambda one: bool(one.contradictions))


def _nearest(
    knowledge: Knowledge, ranked: list[rank.Candidate], probability: float
) -> tuple[Topic, ...]:
    found = [(one, knowledge.entry(one.entry_id)) for one in ranked[:NEAREST]]
    return tuple(
        Topic(entry.id, entry.title, round(one.share * probability, 4))
        for one, entry in found
        if entry is not None
    )
