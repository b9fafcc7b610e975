"""What stands behind entries and method documents: references that were opened, losses and
claims that were checked.

The laboratory writes `methods/<method>.json`; this module reads them. Results of trials will
lie beside them under `trials/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import nan
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from kb.code_hash import ROOT, code_hash
from kb.errors import InputUnreadable
from kb.paths import EVIDENCE

SCHEMA = 1
REFERENCES = EVIDENCE / "references.json"
METHOD_EVIDENCE = EVIDENCE / "methods"

Outcome = Literal["confirmed", "refuted", "undecided"]

_FORMS = (
    re.compile(r"arxiv:\d{4}\.\d{4,5}"),
    re.compile(r"gh:[\w.-]+/[\w.-]+#\d+"),
    re.compile(r"gh:[\w.-]+/[\w.-]+@[0-9a-f]{7,40}:[^\s#]+(#L\d+(-L\d+)?)?"),
    re.compile(r"url:https://\S+"),
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A source that was opened, when, and what it supports, in our own words."""

    id: str
    title: str
    url: str
    opened: str
    supports: str


def is_reference_id(text: str) -> bool:
    """Return whether `text` has one of the four forms of docs/catalogue.md."""
    return any(form.fullmatch(text) for form in _FORMS)


def read_references(path: Path = REFERENCES) -> Mapping[str, Reference]:
    """Return all recorded references by id; raise InputUnreadable when the file is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}, expected {SCHEMA}")
        records = [Reference(**record) for record in content["references"]]
        found = {record.id: record for record in records}
        if len(found) < len(records):
            twice = next(one.id for one in records if found[one.id] is not one)
            raise ValueError(f"{twice} stands twice")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputUnreadable(str(error), where=str(path)) from error
    return found


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where, with what and from which code a result came. `files` are relative to the folder
    that holds the packages."""

    device: str
    hardware: str
    versions: Mapping[str, str]
    date: str
    code_hash: str
    files: tuple[str, ...]

    def is_stale(self, root: Path = ROOT) -> bool:
        """Return whether the code has changed in substance since, or is not here to compare."""
        try:
            return code_hash(self.files, root) != self.code_hash
        except (OSError, SyntaxError, ValueError):
            return True


@dataclass(frozen=True, slots=True)
class CheckCount:
    """The checks of one kind: how many, how many failed, the largest error among them."""

    count: int
    failed: int
    worst: float | None


@dataclass(frozen=True, slots=True)
class LossEvidence:
    """The checks of one loss in one convention, by kind."""

    loss: str
    source: str
    checks: Mapping[str, CheckCount]

    @property
    def failed(self) -> int:
        """Return how many checks failed."""
        return sum(one.failed for one in self.checks.values())


@dataclass(frozen=True, slots=True)
class ValueEvidence:
    """The values of a method's losses on one device. `skipped` says what could not be checked."""

    stamp: Stamp
    seed: int
    losses: tuple[LossEvidence, ...]
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimEvidence:
    """What short trainings say about one claim.

    `first` and `second` hold the final measure of both arms, seed by seed, `untrained` that of
    the same encoders before training where the measure is a probe; `ratio` is the geometric mean
    of second/first and `low` to `high` its interval at 95%, None where there is none (`note` says
    why).
    """

    id: str
    text: str
    source: str
    measure: str
    expect: str
    margin: float
    arms: tuple[str, str]
    settings: Mapping[str, Any]
    seeds: tuple[int, ...]
    first: tuple[float | None, ...]
    second: tuple[float | None, ...]
    ratio: float | None
    low: float | None
    high: float | None
    outcome: Outcome
    entries: tuple[str, ...]
    stamp: Stamp
    note: str = ""
    untrained: tuple[float, ...] = ()

    @property
    def means(self) -> tuple[float, float]:
        """Return the mean measure of both arms over the seeds that gave one; NaN without any."""
        first, second = (
            [value for value in arm if value is not None] for arm in (self.first, self.second)
        )
        return (fmean(first) if first else nan, fmean(second) if second else nan)


@dataclass(frozen=True, slots=True)
class MethodEvidence:
    """Everything recorded about one method of the laboratory, by its registry name."""

    method: str
    values: tuple[ValueEvidence, ...] = ()
    claims: tuple[ClaimEvidence, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, as the file holds them."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> MethodEvidence:
        """Return the evidence of a file's content; KeyError, TypeError or ValueError when it is
        not what `to_dict` writes."""
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}, expected {SCHEMA}")
        values = tuple(_values_from(one) for one in content["values"])
        return cls(content["method"], values, tuple(_claim_from(one) for one in content["claims"]))


def read_method_evidence(method: str, folder: Path = METHOD_EVIDENCE) -> MethodEvidence | None:
    """Return what is recorded about a method, None when nothing is; InputUnreadable when the
    file is damaged."""
    path = folder / f"{method}.json"
    if not path.exists():
        return None
    try:
        return MethodEvidence.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputUnreadable(f"no evidence of a method: {error}", where=str(path)) from error


def methods_of_document(stem: str, folder: Path = METHOD_EVIDENCE) -> tuple[str, ...]:
    """Return the methods with evidence that a method document covers, such as moco_v2 and
    moco_v3 for `moco`, or w_mse for `w-mse`."""
    known = sorted(path.stem for path in folder.glob("*.json"))
    return tuple(name for name in known if re.sub(r"-v\d+$", "", name.replace("_", "-")) == stem)


def _values_from(content: Mapping[str, Any]) -> ValueEvidence:
    losses = tuple(
        LossEvidence(
            one["loss"],
            one["source"],
            {kind: CheckCount(**count) for kind, count in one["checks"].items()},
        )
        for one in content["losses"]
    )
    skipped = tuple(content["skipped"])
    return ValueEvidence(_stamp_from(content["stamp"]), content["seed"], losses, skipped)


def _claim_from(content: Mapping[str, Any]) -> ClaimEvidence:
    held: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
    }
    held["stamp"] = _stamp_from(content["stamp"])
    return ClaimEvidence(**held)


def _stamp_from(content: Mapping[str, Any]) -> Stamp:
    return Stamp(**{**content, "files": tuple(content["files"])})
