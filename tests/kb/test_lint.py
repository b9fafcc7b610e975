"""Claims: a sound catalogue has no problem; each planted fault is found at its line, with what was
found, what was expected and the nearest spelling.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_catalogue import (
    CASES,
    CASES_PATH,
    ENTRY,
    PATH,
    REFERENCES,
    catalogue,
    replaced,
    write,
)

from kb.errors import InputUnreadable
from kb.evidence import is_reference_id, read_references
from kb.lint import lint, lint_paths, main
from kb.problems import Problem
from kb.status import set_statuses


@dataclass(frozen=True)
class Fault:
    """A change of the sound entry, the text of the line to be named, and parts of the message."""

    name: str
    old: str
    new: str
    at: str
    says: tuple[str, ...]


def check(folder: Path) -> list[Problem]:
    return lint(catalogue(folder), references=REFERENCES)


def line_with(text: str, part: str) -> int:
    """Return the first line that holds `part`; an empty part is line 1."""
    return next(number for number, line in enumerate(text.split("\n"), 1) if part in line)


def assert_found(problems: list[Problem], path: str, line: int, says: tuple[str, ...]) -> None:
    fitting = [one for one in problems if (one.path, one.line) == (path, line)]
    assert any(all(part in one.message for part in says) for one in fitting), problems


HEAD_FAULTS = [
    Fault("no head", "---\nid: coll", "id: coll", "id: coll", ("found no head", "expected ---")),
    Fault("head not closed", "#12\n---\n", "#12\n", "---", ("never closed",)),
    Fault("head of a list", ENTRY.split("---\n")[1], "- a\n", "- a", ("not a mapping",)),
    Fault("broken YAML", "family: collapse", "family: [x", "methods", ("expected",)),
    Fault("field twice", "family: collapse", "id: x/y\nfamily: collapse", "id: x/y", ("twice",)),
    Fault("alias in YAML", "family: collapse", "family: *x", "family", ("alias",)),
    Fault("unknown field", "family:", "famly:", "famly", ('"famly"', 'mean "family"')),
    Fault("missing field", "family: collapse\n", "", "id: ", ('"family" is missing',)),
    Fault("id of other path", "id: collapse/complete", "id: collapse/codebook", "id: collapse",
          ('found "collapse/codebook"', 'expected "collapse/complete"')),
    Fault("id in capitals", "id: collapse/complete", "id: collapse/Complete", "id: collapse",
          ('found "collapse/Complete"', "lower case")),
    Fault("id not a topic", "id: collapse/complete", "id: collapse/complet", "id: collapse",
          ("topics.tsv", 'mean "collapse/complete"')),
    Fault("id a number", "id: collapse/complete", "id: 7", "id: 7", ("found 7", "expected text")),
    Fault("other family", "family: collapse", "family: loss", "family",
          ('found "loss"', 'expected "collapse"')),
    Fault("long title", "title: Every picture", "title: Every" + " single" * 12 + " picture",
          "title: Every single", ("found 118 characters", "at most 90")),
    Fault("title not text", "title: Every picture gets the same vector", "title: 2024-01-01",
          "title: 2024", ("expected text",)),
    Fault("unknown status", "status: documented", "status: documentd", "status",
          ('found "documentd"', 'mean "documented"')),
    Fault("status not earned", "status: documented", "status: cured", "status",
          ('found "cured"', 'gives "documented"')),
    Fault("unknown metric", "metrics: [loss, z_std]", "metrics:\n- loss\n- z_std\n- z_stdd",
          "- z_stdd", ('"z_stdd"', 'mean "z_std"')),
    Fault("metrics not a list", "metrics: [loss, z_std]", "metrics: loss", "metrics",
          ("found 'loss'", "expected a list")),
    Fault("metric of the signature not listed", "metrics: [loss, z_std]", "metrics: [loss]",
          "metrics", ('"z_std"', "used by the signature")),
    Fault("consequence not a topic", "family: collapse",
          "leads_to: [loss/platau-early]\nfamily: collapse",
          "leads_to", ("loss/platau-early", 'mean "loss/plateau-early"')),
    Fault("its own consequence", "family: collapse",
          "leads_to: [collapse/complete]\nfamily: collapse",
          "leads_to", ("no other topic",)),
    Fault("unknown method", "methods: [simclr, byol]", "methods: [simclr, byoll]", "methods",
          ('"byoll"', 'mean "byol"')),
    Fault("no method", "methods: [simclr, byol]", "methods: []", "methods",
          ("found none", "[any]")),
    Fault("alias of another topic", "[post-mortem#3]", "[loss/plateau-early]", "aliases",
          ('"loss/plateau-early"', "another topic")),
    Fault("alias twice", "[post-mortem#3]", "[a#3, a#3]", "aliases", ('"a#3" already names',)),
    Fault("unknown reducer", "z_std.last *", "z_std.lats *", "signature",
          ("column 1", '"lats"', 'mean "last"')),
    Fault("unknown name in the signature", "sqrt(dim)", "sqrt(dimm)", "signature",
          ('"dimm"', 'mean "dim"')),
    Fault("signature is a number", " < 0.1\n  and not temperature > 5", "", "signature",
          ("expected a comparison",)),
    Fault("signature not text", "signature: >-\n  z_std.last * sqrt(dim) < 0.1\n  and not t",
          "signature: [1]\nx: t", "signature", ("found [1]", "expected text or null")),
    Fault("claim without truth", 'truth: "The', 'note: "The', "- claim",
          ("expected a claim and a truth",)),
    Fault("claim not text", '"A falling loss proves learning."', "null", "- claim",
          ("'claim': None", "both text")),
    Fault("corrects not a list", "corrects:\n  - claim", "corrects:\n    claim", "corrects",
          ("expected a list",)),
    Fault("references not recorded", "- gh:owner/repo#12", "- gh:owner/repo#13", "- gh:owner",
          ('"gh:owner/repo#13"', "references.json", 'mean "gh:owner/repo#12"')),
    Fault("reference of no form", "- gh:owner/repo#12", "- owner/repo#12", "- owner/repo#12",
          ('"owner/repo#12"', "none of the forms")),
    Fault("no reference", "references:\n  - arxiv:2105.04906\n  - gh:owner/repo#12",
          "references: []", "references", ("found none",)),
]  # fmt: skip

FIX_FAULTS = [
    Fault("no fix", ENTRY[ENTRY.index("fixes:") : ENTRY.index("references:")], "fixes: []\n",
          "fixes", ("at least one fix",)),
    Fault("fix not a mapping", "  - id: check-the-spread\n    title: Look at the spread first\n"
          "    change: {}\n    unless: defined(z_std)\n    cost: live\n", "  - check\n", "- check",
          ("found 'check'", "expected id, title, change, unless, cost")),
    Fault("unknown field of a fix", "    cost: live", "    cots: live", "cots",
          ('"cots"', 'mean "cost"')),
    Fault("number as field of a fix", "    cost: live", "    cost: live\n    1: x", "    1: x",
          ('unknown field "1"',)),
    Fault("fix id no slug", "id: lower-the-lr", "id: Lower the LR", "id: Lower",
          ("found 'Lower the LR'", "slug like")),
    Fault("fix id missing", "  - id: lower-the-lr\n    title", "  - title", "  - title: Lower",
          ("found None", "slug like")),
    Fault("fix id twice", "id: lower-the-lr", "id: check-the-spread", "id: check-the-spread\n",
          ('"check-the-spread" stands twice',)),
    Fault("fix without title", "    title: Lower the learning rate\n", "", "id: lower-the-lr",
          ("title: found None", "expected text")),
    Fault("unknown cost", "cost: restart", "cost: rerun", "cost: rerun",
          ('found "rerun"', "expected one of live, resume, restart, code")),
    Fault("change not a mapping", "    change: {}", "    change: lr", "change: lr",
          ("found 'lr'", "expected a mapping")),
    Fault("change of no config key", "    change: {}", "    change: {Learning-Rate: 1}",
          "change: {Learn", ("'Learning-Rate'", "no config key")),
    Fault("change to a list", "    change: {}", "    change:\n      lr: [1]", "lr: [1]",
          ("lr: found [1]", "expected a value")),
    Fault("rule that cannot be parsed", '"= lr / 10"', '"= lrr / 10"', "= lrr",
          ("change of lower-the-lr: lr", '"lrr"', 'mean "lr"')),
    Fault("rule that is no number", '"= lr / 10"', '"= lr > 10"', "= lr >",
          ('found "lr > 10"', "expected a number")),
    Fault("unless that cannot be parsed", "defined(z_std)", "defind(z_std)", "defind",
          ("unless of check-the-spread", '"defind"', 'mean "defined"')),
    Fault("unless that is a number", "defined(z_std)", "z_std.last", "unless: z_std",
          ('found "z_std.last"', "expected a comparison")),
    Fault("unless about nothing", "defined(z_std)", "1 > 0", "unless: 1", ("no metric",)),
    Fault("unless repeats the signature", "defined(z_std)",
          "(z_std.last*sqrt(dim) < 0.1) and not (temperature > 5)", "unless: (z",
          ("repeats the signature",)),
    Fault("unless not text", "defined(z_std)", "[1]", "unless: [1]",
          ("found [1]", "an expression or null")),
    Fault("more fixes than steps", "2. **Lower the learning rate.** By ten.", "Lower it.", "fixes:",
          ("2 fixes in the head", "1 numbered items")),
    Fault("other title of a step", "2. **Lower the learning rate.**", "2. **Raise it.**",
          "2. **Raise", ('titled "Raise it"', 'says "Lower the learning rate"')),
    Fault("step without bold title", "1. **Look at the spread first.** Log it.", "1. Log it.",
          "1. Log", ('titled ""', 'says "Look at the spread first"')),
    Fault("step without text", " By ten.\n\n   Then wait.", "", "- id: lower-the-lr",
          ('"lower-the-lr" has no text',)),
]  # fmt: skip

BODY_FAULTS = [
    Fault("no title", "# Every picture gets the same vector\n", "\n", "\n\n## Symptoms\n",
          ("no # title",)),
    Fault("other title", "# Every picture gets the same vector", "# Every one", "# Every one",
          ("differs from the head's title",)),
    Fault("heading missing", "## False alarms\n", "", "## Symptoms",
          ("expected", "'False alarms'", "in order")),
    Fault("heading misspelt", "## Tell it apart", "## Tell them apart", "## Symptoms",
          ("'Tell them apart'", "'Tell it apart'")),
    Fault("text before the headings", "\n## Symptoms", "\nBy the way.\n\n## Symptoms", "By the way",
          ('"By the way."', "before the first heading")),
    Fault("symptoms without bullets", "- The spread is 0.\n- Accuracy", "The spread. Accuracy",
          "## Symptoms", ("found no bullet",)),
    Fault("neighbour no topic", "- `collapse/dimensional`", "- `collapse/dimensionall`",
          "- `collapse/dimensionall`", ("no topic", 'mean "collapse/dimensional"')),
    Fault("neighbour of itself", "- `collapse/dimensional`", "- `collapse/complete`",
          "- `collapse/complete`", ("own neighbour",)),
    Fault("neighbour without mark", "`collapse/dimensional`: the", "collapse/dimensional: the",
          "- collapse/dimensional", ("expected - `id`: text",)),
    Fault("reference not listed below", "- `gh:owner/repo#12`: a run that did it.\n", "",
          "## References", ('found "nothing"', 'expected "gh:owner/repo#12"')),
    Fault("other order below", "- `arxiv:2105.04906`: the variance term.\n", "", "## References",
          ('found "gh:owner/repo#12"', 'expected "arxiv:2105.04906"')),
]  # fmt: skip

CASES_FAULTS = [
    Fault("broken YAML", "queries:", "queries: [", "  - \"why", ()),
    Fault("not a mapping", CASES, "- a\n", "- a", ("expected a mapping of phrasings",)),
    Fault("empty", CASES, "", "", ("expected a mapping of phrasings",)),
    Fault("unknown field", "queries:", "querys:", "querys", ('"querys"', 'mean "queries"')),
    Fault("few phrasings", '  - "every row of z is equal"\n', "", "phrasings",
          ("phrasings: found 7", "at least 8")),
    Fault("few queries", '  - "it predicts one thing for everything"\n', "", "queries",
          ("queries: found 3", "at least 4")),
    Fault("phrasings not a list", "phrasings:\n", "phrasings: all\nother:\n", "phrasings",
          ("phrasings: expected a list",)),
    Fault("phrasing no sentence", '"every row of z is equal"', "7", "- 7",
          ("found 7", "expected a sentence")),
    Fault("query repeats a phrasing", "why are my representations all alike",
          "all vectors became one and identical", "one and identical",
          ("repeats", '"all vectors became identical"', "0.80")),
    Fault("trace with an unknown field", "  - name: flat\n", "  - name: flat\n    note: x\n",
          "- name: flat", ("fires: expected a trace with name, config and metrics",)),
    Fault("trace with steps of another length", "  - name: flat\n",
          "  - name: flat\n    steps: [1, 2]\n",
          "- name: flat", ("steps match the length of none",)),
    Fault("trace without a name", "  - name: flat\n    config", "  - config", "  - config: {method",
          ("fires: expected a trace",)),
    Fault("trace of words", "z_std: 0.088", "z_std: high", "- name: healthy",
          ("silent: expected a trace",)),
    Fault("trace with a blank", "z_std: 0.088", "z_std: [0.1, null]", "- name: healthy",
          ("silent: expected a trace",)),
    Fault("trace with a flag", "z_std: 0.088", "z_std: [0.1, true]", "- name: healthy",
          ("silent: expected a trace",)),
    Fault("trace too large for a float", "z_std: 0.088", "z_std: [1" + "0" * 400 + "]",
          "- name: healthy", ("silent: expected a trace",)),
    Fault("field of a trace twice", "{z_std: 0.088}", "{z_std: 0.088}\n    config: {}",
          "    config: {}", ('key "config" stands twice',)),
    Fault("unknown config of a trace", "{method: simclr, dim: 128, temperature: 0.5}\n    metrics: "
          "{z_std: 0.088}", "{batchsize: 1}\n    metrics: {z_std: 0.088}", "- name: healthy",
          ('"batchsize"', 'mean "batch_size"')),
    Fault("unknown metric of a trace", "{z_std: 0.088}", "{z_std: 0.088, los: 1}",
          "- name: healthy", ('"los"', 'mean "loss"')),
    Fault("trace that should fire is silent", "1e-3, 1e-5]", "1e-3, 0.08]", "- name: flat",
          ('trace "flat": silent', "expected fired")),
    Fault("trace that should fire is unknown", "{z_std: [0.01, 1e-3, 1e-5]}", "{loss: 1}",
          "- name: flat", ('trace "flat": unknown', "expected fired", "missing z_std")),
    Fault("trace that should be silent fires", "{z_std: 0.088}", "{z_std: 0.0001}",
          "- name: healthy", ('trace "healthy": fired', "expected silence")),
    Fault("signature without firing traces",
          CASES[CASES.index("fires:") : CASES.index("silent:")], "", "",
          ("fires: found no trace",)),
    Fault("signature without silent traces", CASES[CASES.index("silent:") :], "silent: []\n",
          "silent", ("silent: found no trace",)),
]  # fmt: skip


def test_a_sound_catalogue_has_no_problem(tmp_path: Path) -> None:
    write(tmp_path)
    assert check(tmp_path) == []


@pytest.mark.parametrize(
    "fault", [*HEAD_FAULTS, *FIX_FAULTS, *BODY_FAULTS], ids=lambda fault: fault.name
)
def test_a_fault_of_an_entry_is_found_at_its_line(tmp_path: Path, fault: Fault) -> None:
    faulty = ENTRY.replace(fault.old, fault.new, 1)
    assert faulty != ENTRY
    write(tmp_path, faulty)
    line = line_of_last(faulty, fault.at)
    assert_found(check(tmp_path), PATH, line, fault.says)


def line_of_last(text: str, part: str) -> int:
    """Return the line on which the last `part` begins when it ends in a newline, else the first."""
    if part.endswith("\n"):
        return text[: text.rindex(part)].count("\n") + 1
    return line_with(text, part)


@pytest.mark.parametrize("fault", CASES_FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_the_cases_is_found_at_its_line(tmp_path: Path, fault: Fault) -> None:
    faulty = replaced(CASES, fault.old, fault.new)
    write(tmp_path, cases=faulty)
    assert_found(check(tmp_path), CASES_PATH, line_with(faulty, fault.at), fault.says)


def test_missing_cases_are_one_problem(tmp_path: Path) -> None:
    write(tmp_path, cases=None)
    assert [str(one) for one in check(tmp_path)] == [
        f"{CASES_PATH}:1: file is missing, expected cases for the entry"
    ]


def test_traces_need_a_signature(tmp_path: Path) -> None:
    signature = ENTRY[ENTRY.index("signature:") : ENTRY.index("metrics:")]
    write(tmp_path, replaced(ENTRY, signature, "signature: null\n"))
    line = line_with(CASES, "fires:")
    assert [str(one) for one in check(tmp_path)] == [
        f"{CASES_PATH}:{line}: fires: traces without a signature"
    ]


def test_an_entry_without_signature_and_traces_is_sound(tmp_path: Path) -> None:
    signature = ENTRY[ENTRY.index("signature:") : ENTRY.index("metrics:")]
    write(
        tmp_path,
        replaced(ENTRY, signature, "signature: null\n"),
        CASES[: CASES.index("fires:")],
    )
    assert check(tmp_path) == []


def test_an_unreadable_head_is_not_judged_field_by_field(tmp_path: Path) -> None:
    write(tmp_path, "Just a page.\n")
    messages = [one.message for one in check(tmp_path) if one.path == PATH]
    assert not [one for one in messages if "expected text" in one or "is missing" in one]
    assert "found no head, expected --- on line 1" in messages


@pytest.mark.parametrize("alias", ["post-mortem#3", "collapse/dimensional-collapse#1"])
def test_two_entries_cannot_share_a_name(tmp_path: Path, alias: str) -> None:
    write(tmp_path, replaced(ENTRY, "post-mortem#3", alias))
    second = ENTRY.replace("collapse/complete", "collapse/codebook").replace("post-mortem#3", alias)
    write(tmp_path, second, path="catalogue/collapse/codebook.md")
    problems = check(tmp_path)
    # Files are read in the order of their paths, so the later one repeats the name.
    assert_found(
        problems,
        PATH,
        line_with(ENTRY, "aliases:"),
        (f'"{alias}" already names catalogue/collapse/codebook.md',),
    )
    assert len(problems) == 1


def test_an_alias_cannot_be_the_id_of_a_written_entry(tmp_path: Path) -> None:
    write(tmp_path, replaced(ENTRY, "post-mortem#3", "collapse/codebook"))
    second = ENTRY.replace("collapse/complete", "collapse/codebook").replace("post-mortem#3", "b#1")
    write(tmp_path, second, path="catalogue/collapse/codebook.md")
    assert_found(
        check(tmp_path), PATH, line_with(ENTRY, "aliases:"), ('"collapse/codebook" already names',)
    )


def test_problems_are_sorted_and_each_stands_once(tmp_path: Path) -> None:
    faulty = replaced(ENTRY, "family: collapse", "family: loss")
    faulty = replaced(faulty, "status: documented", "status: nope")
    write(tmp_path, replaced(faulty, "[loss, z_std]", "[loss, loss2, loss2]"))
    problems = check(tmp_path)
    assert problems == sorted(set(problems))
    assert len(problems) >= 4


def test_a_file_that_is_not_text_is_a_problem(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(b"---\nid: \xff\xfe")
    assert_found(check(tmp_path), PATH, 1, ("cannot be read as UTF-8",))


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, ENTRY + "x" * 2**20)
    assert_found(check(tmp_path), PATH, 1, ("expected at most",))


def test_paths_may_be_files_folders_and_missing(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert lint_paths([path])[0] == 1
    assert lint_paths([tmp_path])[0] == 1
    count, problems = lint_paths([tmp_path / "nothing.md"])
    assert count == 1
    assert_found(problems, str(tmp_path / "nothing.md"), 1, ("No such file",))


def test_main_prints_problems_and_tells_by_its_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb.lint.read_references", lambda: REFERENCES)
    path = write(tmp_path)
    assert main([str(path)]) == 0
    assert capsys.readouterr() == ("", "1 entries, 0 problems\n")
    write(tmp_path, replaced(ENTRY, "family: collapse", "family: loss"))
    assert main([str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == f'{path}:4: family: found "loss", expected "collapse"\n'
    assert err == "1 entries, 1 problems\n"


def test_damaged_references_are_reported_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "references.json"
    path.write_text('{"schema": 9, "references": []}', encoding="utf-8")
    monkeypatch.setattr("kb.lint.read_references", lambda: read_references(path))
    assert lint_paths([write(tmp_path)]) == (0, [Problem(str(path), 1, "schema 9, expected 1")])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"references": []}',
        '{"schema": 1}',
        '{"schema": 1, "references": [{"id": "x"}]}',
        '{"schema": 1, "references": ["x"]}',
        '{"schema": 1, "references": [7]}',
        "[" * 100_000,
        '{"schema": 1, "references": {}',
    ],
)
def test_references_that_are_not_ours_are_unreadable(tmp_path: Path, text: str) -> None:
    path = tmp_path / "references.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputUnreadable, match=r"references\.json"):
        read_references(path)


def test_a_reference_recorded_twice_is_refused(tmp_path: Path) -> None:
    record = dataclasses.asdict(REFERENCES["gh:owner/repo#12"])
    path = tmp_path / "references.json"
    path.write_text(json.dumps({"schema": 1, "references": [record, record]}), encoding="utf-8")
    with pytest.raises(InputUnreadable, match="repo#12 stands twice"):
        read_references(path)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("arxiv:2105.04906", True),
        ("arxiv:0704.0001", True),
        ("gh:a-b/c.d#12", True),
        ("gh:a/b@4e12602:main.py", True),
        ("gh:a/b@4e12602:src/main.py#L10", True),
        ("gh:a/b@4e12602:src/main.py#L10-L20", True),
        ("url:https://example.org/x#y", True),
        ("arxiv:2105.049", False),
        ("arxiv:2105.04906v2", False),
        ("gh:a/b", False),
        ("gh:a/b@main:main.py", False),
        ("gh:a/b@4e12602:src/main.py#10", False),
        ("url:http://example.org", False),
        ("url:https://example.org and more", False),
        ("gh:a/b#12\n", False),
        ("https://example.org", False),
    ],
)
def test_the_forms_of_a_reference(text: str, is_one: bool) -> None:
    assert is_reference_id(text) is is_one


def test_statuses_are_set_from_the_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb.status.read_references", lambda: REFERENCES)
    draft = replaced(ENTRY, "status: documented", "status: draft")
    path = write(tmp_path, draft)
    unproved = replaced(draft, "  - gh:owner/repo#12\n", "  - gh:owner/repo#13\n").replace(
        "status: draft", "status: documented"
    )
    other = write(tmp_path, unproved, path="catalogue/collapse/codebook.md")
    changes = set_statuses(tmp_path / "catalogue")
    assert path.read_text(encoding="utf-8") == ENTRY
    assert "status: draft\n" in other.read_text(encoding="utf-8")
    assert changes == [
        "collapse/complete: documented -> draft",
        "collapse/complete: draft -> documented",
    ]
    assert set_statuses(tmp_path / "catalogue") == []
