"""Claims about the bundled catalogue: lint finds nothing; its traces and the healthy runs come
out as they must; statuses are earned; no test query is indexed.
"""

from __future__ import annotations

import csv
import datetime
import re
from collections import Counter

import pytest
from healthy_runs import healthy_runs

from kb.cases import Trace
from kb.catalogue import Catalogue
from kb.entry_reader import EntryFile
from kb.evidence import Reference, is_reference_id, read_references
from kb.head import ENTRY_ID
from kb.lint import lint
from kb.method_names import KINDS, kinds_of, known_methods, methods_in
from kb.paths import TOPICS
from kb.run import CONFIG_NAMES, Run
from kb.signature import evaluate, parse
from kb.status import earned_status
from kb.tokens import tokenize
from kb.topics import topics
from kb.vocabulary import vocabulary

CATALOGUE = Catalogue.from_directory()
REFERENCES = read_references()
HEALTHY = healthy_runs()
WITH_SIGNATURE = [file for file in CATALOGUE if file.entry.signature is not None]

ALLOWED_TO_FIRE: frozenset[tuple[str, str]] = frozenset()
"""Entry and healthy run that fire all the same, each with its reason beside it; none today."""


def of_entry(file: EntryFile) -> str:
    return file.entry.id


def state_of(file: EntryFile, run: Run) -> str:
    assert file.entry.signature is not None
    return evaluate(parse(file.entry.signature), run).state


def test_lint_finds_nothing() -> None:
    assert len(CATALOGUE) >= 48
    assert [str(one) for one in lint(CATALOGUE, references=REFERENCES)] == []


@pytest.mark.parametrize(
    ("file", "trace"),
    [(file, trace) for file in WITH_SIGNATURE for trace in file.cases.fires],
    ids=lambda one: one.entry.id if isinstance(one, EntryFile) else one.name.replace(" ", "-"),
)
def test_a_run_that_shows_the_failure_fires(file: EntryFile, trace: Trace) -> None:
    assert state_of(file, trace.run) == "fired"


@pytest.mark.parametrize(
    ("file", "trace"),
    [(file, trace) for file in WITH_SIGNATURE for trace in file.cases.silent],
    ids=lambda one: one.entry.id if isinstance(one, EntryFile) else one.name.replace(" ", "-"),
)
def test_a_run_that_does_not_show_it_stays_silent(file: EntryFile, trace: Trace) -> None:
    assert state_of(file, trace.run) != "fired"


@pytest.mark.parametrize("file", WITH_SIGNATURE, ids=of_entry)
def test_one_of_the_silent_runs_is_known_to_be_so(file: EntryFile) -> None:
    """A signature that is merely unknown everywhere would prove nothing."""
    assert "silent" in {state_of(file, trace.run) for trace in file.cases.silent}


@pytest.mark.parametrize("name", list(HEALTHY))
def test_no_signature_fires_on_a_healthy_run(name: str) -> None:
    fired = {
        file.entry.id
        for file in WITH_SIGNATURE
        if state_of(file, HEALTHY[name]) == "fired" and (file.entry.id, name) not in ALLOWED_TO_FIRE
    }
    assert fired == set()


def test_healthy_runs_are_many_and_reproducible() -> None:
    assert len(HEALTHY) >= 25
    again = healthy_runs()
    for name, run in HEALTHY.items():
        for metric, series in run.series.items():
            assert series.values.tolist() == again[name].series[metric].values.tolist()


def test_healthy_runs_speak_the_vocabulary() -> None:
    for run in HEALTHY.values():
        assert set(run.series) <= set(vocabulary().names())
        assert set(run.config) <= set(CONFIG_NAMES)
        for name, series in run.series.items():
            if name.endswith("_acc"):
                assert 0 <= series.values.min() <= series.values.max() <= 1


@pytest.mark.parametrize("file", WITH_SIGNATURE, ids=of_entry)
def test_some_healthy_run_logs_all_that_a_signature_looks_at(file: EntryFile) -> None:
    assert "silent" in {state_of(file, run) for run in HEALTHY.values()}


@pytest.mark.parametrize("file", CATALOGUE.files, ids=of_entry)
def test_the_status_is_the_one_that_the_evidence_earns(file: EntryFile) -> None:
    assert file.entry.status == earned_status(file.entry, REFERENCES)


def test_an_entry_without_opened_references_earns_nothing() -> None:
    entry = CATALOGUE.files[0].entry
    assert earned_status(entry, REFERENCES) == "documented"
    assert earned_status(entry, {}) == "draft"


def test_every_reference_of_the_catalogue_is_recorded() -> None:
    used = {name for file in CATALOGUE for name in file.entry.references}
    assert used - set(REFERENCES) == set()


@pytest.mark.parametrize("reference", list(REFERENCES.values()), ids=lambda one: one.id)
def test_a_recorded_reference_says_what_was_opened_when(reference: Reference) -> None:
    assert is_reference_id(reference.id)
    assert reference.title.strip()
    assert reference.supports.strip()
    assert reference.url.startswith("https://")
    assert datetime.date.fromisoformat(reference.opened)


def test_topics_are_unique_ids_of_their_family() -> None:
    with TOPICS.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert Counter(row["id"] for row in rows).most_common(1)[0][1] == 1
    assert list(topics()) == [row["id"] for row in rows]
    for topic in topics().values():
        assert ENTRY_ID.match(topic.id)
        assert topic.family == topic.id.partition("/")[0]
        assert topic.title.strip()


def test_every_entry_is_a_topic() -> None:
    assert {file.entry.id for file in CATALOGUE} <= set(topics())


def test_no_query_is_among_the_phrasings() -> None:
    phrased = {" ".join(tokenize(said.text)) for file in CATALOGUE for said in file.cases.phrasings}
    asked = [(file.entry.id, said.text) for file in CATALOGUE for said in file.cases.queries]
    assert [one for one in asked if " ".join(tokenize(one[1])) in phrased] == []


def test_no_query_becomes_a_passage() -> None:
    for file in CATALOGUE:
        texts = {passage.text for passage in file.document.passages}
        assert not texts & {said.text for said in file.cases.queries}


def test_keys_of_passages_are_unique_in_their_entry() -> None:
    for file in CATALOGUE:
        keys = Counter(passage.key for passage in file.document.passages)
        assert keys.most_common(1)[0][1] == 1


def test_no_passage_names_the_machine_it_was_read_on() -> None:
    for file in CATALOGUE:
        paths = [
            file.document.path,
            *(p.attributes.get("file", "") for p in file.document.passages),
        ]
        assert not [
            path for path in paths if path.startswith(("/", "\\")) or re.match("[A-Z]:", path)
        ]


# Methods


def test_every_method_has_a_kind_and_a_way_to_be_written() -> None:
    for name in known_methods():
        assert kinds_of(name)
        assert methods_in(f"a {name} run") == (name,)
    assert kinds_of("resnet") == frozenset()
    assert kinds_of("lejepa") == {"redundancy", "jepa"}
    assert set(KINDS) >= {"contrastive", "distillation", "masked"}


@pytest.mark.parametrize(
    ("text", "methods"),
    [
        ("SimCLR v2 with NT-Xent", ("simclr",)),
        ("MoCo-v2+ against BYOL-A", ("moco", "byol")),
        ("dinov2 beats DINO v1", ("dinov2", "dino")),
        ("Sim Siam, Barlow Twins and VICReg-L", ("simsiam", "barlow", "vicreg")),
        ("vicregl, vibcreg, vicreg", ("vicregl", "vibcreg", "vicreg")),
        ("wav2vec 2.0 and data2vec2", ("wav2vec2", "data2vec")),
        ("I-JEPA or V-JEPA 2 or LeJEPA", ("i-jepa", "v-jepa", "lejepa")),
        ("masked autoencoder (MAE)", ("mae",)),
        ("OpenCLIP and siglip2", ("clip", "siglip")),
        ("my CLIP loss is ln 512", ("clip",)),
        ("gradient clip at 1.0", ()),
        ("grad_clip=3", ()),
        ("clip_grad_norm_(1.0)", ()),
        ("I clip the gradients", ()),
        ("clip_frac is 0.9", ()),
        ("clipping and clipped", ()),
        ("paddle, maestro, bodice", ()),
        ("", ()),
    ],
)
def test_methods_are_found_as_people_write_them(text: str, methods: tuple[str, ...]) -> None:
    assert methods_in(text) == methods
