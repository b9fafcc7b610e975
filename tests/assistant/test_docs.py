"""Claims: all that the program offers is documented, and the two documented commands are tested."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest

from assistant.cli import GROUP, group
from assistant.exit_codes import ExitCode
from kb.closed_forms import forms
from kb.run import CONFIG_NAMES
from kb.signature.reducers import REDUCERS
from kb.types import COSTS, STATUSES

ROOT = Path(__file__).parents[2]
INSTALL = (
    "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt . "
    '&& .venv/bin/ssl-doctor "loss stuck at 4.14"'
)
DEVELOP = (
    'python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ".[dev]" '
    "&& .venv/bin/pytest"
)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "constraints.txt",
        "docs/cli.md",
        "docs/catalogue.md",
        "docs/signatures.md",
        "docs/decisions.md",
    ],
)
def test_a_document_exists_and_says_something(name: str) -> None:
    assert len(text_of(name)) > 200


def test_the_readme_holds_the_two_commands_and_no_other_way_to_install() -> None:
    blocks = re.findall(r"```(?:bash|sh|console)\n(.*?)```", text_of("README.md"), re.DOTALL)
    lines = [line for block in blocks for line in block.strip().split("\n")]
    assert lines == [INSTALL, DEVELOP]


def test_ci_runs_the_second_command_to_the_letter() -> None:
    lines = [
        line.replace("pip install -q ", "pip install ") for line in text_of(".ci/run").split("\n")
    ]
    assert DEVELOP in lines


def test_the_readme_has_no_placeholder_left() -> None:
    assert not re.findall(r"\b[A-Z]+_(?:[A-Z0-9]+)\b", re.sub(r"`[^`]*`", "", text_of("README.md")))


def commands() -> dict[str, click.Command]:
    return {point.name: point.load() for point in entry_points(group=GROUP)}


def test_every_command_is_in_the_reference_and_no_other() -> None:
    table = re.findall(r"^\| `([a-z]+)[^`]*` \|", text_of("docs/cli.md"), re.MULTILINE)
    assert set(table) == set(commands())
    assert "ask" in group.list_commands(click.Context(group))


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_option_of_a_command_is_in_the_reference(name: str) -> None:
    reference = text_of("docs/cli.md")
    for parameter in commands()[name].params:
        if isinstance(parameter, click.Option):
            long = [option for option in parameter.opts if option.startswith("--")]
            for option in long or parameter.opts:
                assert re.search(rf"`(?:-\w, )?(?:index )?{option}\b", reference), option


def test_every_example_in_the_reference_names_a_command_that_exists() -> None:
    for line in re.findall(r"^(?:.*\| )?ssl-doctor (.*)$", text_of("docs/cli.md"), re.MULTILINE):
        first = line.split()[0]
        assert first.startswith(('"', "-")) or first in commands(), line


def test_every_exit_code_is_in_the_reference_and_no_other() -> None:
    section = text_of("docs/cli.md").partition("## Exit codes")[2].partition("\n## ")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)] == [
        int(code) for code in ExitCode
    ]


@pytest.mark.parametrize("name", CONFIG_NAMES)
def test_every_config_name_is_in_the_language_reference(name: str) -> None:
    assert f"`{name}`" in text_of("docs/signatures.md")


@pytest.mark.parametrize("name", sorted(REDUCERS))
def test_every_reducer_is_in_the_language_reference(name: str) -> None:
    assert f"`{name}`" in text_of("docs/signatures.md")


@pytest.mark.parametrize("quantity", sorted({one.quantity for one in forms()}))
def test_every_kind_of_closed_form_that_a_signature_may_use_is_described(quantity: str) -> None:
    if quantity != "start":
        assert f"`{quantity}(" in text_of("docs/signatures.md")


@pytest.mark.parametrize("cost", COSTS)
def test_every_cost_is_in_the_catalogue_reference(cost: str) -> None:
    assert f"`{cost}`" in text_of("docs/catalogue.md")


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_explained(status: str) -> None:
    documents = text_of("docs/catalogue.md") + text_of("README.md") + text_of("docs/decisions.md")
    assert f"`{status}`" in documents


def test_links_between_documents_lead_somewhere() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"
