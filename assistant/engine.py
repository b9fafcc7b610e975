"""`query` and `diagnose`: understand, search, judge, rank, and say why or that nothing fits."""

from __future__ import annotations

from assistant import evidence, fits, judge, measure, numeric, passages, rank
from assistant.answer import SCHEMA, Answer, Diagnosis, RunVerdict, Settings, Topic
from assistant.features import ranker
from assistant.fixes import ranked_fixes
from assistant.knowledge import Knowledge, Notify, silent
from assistant.run_input import RunInput, as_run
from assistant.search import Found, search
from assistant.understand import Understood, understand
from kb.errors import UsageError
from kb.run import Run

NEAREST = 3
"""Topics named when nothing fits: enough to recognise one, few enough to read."""


def query(text: str, run: RunInput | None = None, k: int = 5, *, notify: Notify = silent) -> Answer:
    """Answer a symptom in words, with the numbers of a run where there are any.

    `run` is a kb.run.Run or a mapping of metric and config names to values or sequences, such
    as {"loss": 4.143, "batch_size": 32, "z_std": 1e-4}. At most `k` diagnoses come back.
    Raises UsageError for an empty text, a `k` below 1 or values that are no numbers.
    """
    if not text.strip():
        raise UsageError("the question is empty", hint='for example "loss stuck at 4.14"')
    if k < 1:
        raise UsageError(f"k is {k}, expected at least 1")
    return _answer(text, as_run(run), k, notify)


def diagnose(run: RunInput, k: int = 5, *, notify: Notify = silent) -> Answer:
    """Judge a run without words; see `query`."""
    if k < 1:
        raise UsageError(f"k is {k}, expected at least 1")
    return _answer("", as_run(run), k, notify)


def _answer(text: str, run: Run | None, k: int, notify: Notify) -> Answer:
    knowledge = Knowledge.open(notify)
    knowledge.start_encoder()
    understood = understand(text)
    judged = judge.judge(knowledge.signed, run) if run is not None else {}
    numbers = numeric.readings(understood, run, knowledge.signed)
    clues = rank.Clues(numbers, judged)
    found = search(knowledge, understood, clues.names())
    ranked = rank.rank(knowledge, understood, found, clues)
    fired = any(one.verdict.state == "fired" for one in judged.values())
    sure = fired or any(one.strength >= 1 for ones in numbers.values() for one in ones)
    probability = _probability(understood, found, sure, bool(text.strip()))
    hits = passages.loose_hits(knowledge, found, understood.methods) if text.strip() else ()
    fitting = probability >= ranker().threshold
    answered = passages.answers(hits, understood.methods)
    diagnoses: tuple[Diagnosis, ...] = ()
    if fitting:
        diagnoses = _diagnoses(knowledge, understood, run, ranked, clues, probability, k)
    checked, unchecked = judge.checks(judged)
    return Answer(
        schema=SCHEMA,
        query=understood.text,
        fits=bool(diagnoses) or answered,
        verdict=_verdict(run, fired),
        diagnoses=diagnoses,
        passages=hits if fitting or answered else (),
        nearest=() if diagnoses or answered else _nearest(knowledge, ranked, probability),
        checked=checked,
        unchecked=(*unchecked, *judge.unknown_names(run)),
        next_measurement=measure.next_measurement(diagnoses, run),
        settings=Settings(
            k,
            ranker().threshold,
            knowledge.encoder.identity,
            len(knowledge.bundled_entries),
            knowledge.user_documents,
        ),
    )


def _probability(understood: Understood, found: Found, sure: bool, words: bool) -> float:
    if sure:
        return 1.0  # the numbers themselves show it, whatever the words are about
    if not words:
        return 0.0
    return fits.probability(ranker(), understood, found.vector, found.matched.values)


def _verdict(run: Run | None, fired: bool) -> RunVerdict | None:
    if run is None or not run.series:
        return None  # settings alone are no measurement
    return "sick" if fired else "undecided"


def _diagnoses(
    knowledge: Knowledge,
    understood: Understood,
    run: Run | None,
    ranked: list[rank.Candidate],
    clues: rank.Clues,
    probability: float,
    k: int,
) -> tuple[Diagnosis, ...]:
    kept = ranked[:k]
    found: list[Diagnosis] = []
    names = [one.entry_id for one in kept]
    for candidate in kept:
        entry = knowledge.entry(candidate.entry_id)
        if entry is None:  # removed by another process since the index was loaded
            continue
        why = evidence.collect(knowledge, understood, candidate, entry, clues, names)
        refuted = passages.contradictions(knowledge, entry) if entry.owner == "user" else ()
        confidence = round(candidate.share * probability, 4)
        found.append(
            Diagnosis(entry, confidence, why, ranked_fixes(entry, run), entry.owner, refuted)
        )
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
