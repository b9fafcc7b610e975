"""Claims: asking loads nothing heavy and opens no socket; help loads next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "sentence_transformers", "textual", "rich", "sklearn", "pandas")
INDEX = ("numpy", "faiss", "yaml", "onnxruntime", "tokenizers", "sqlite3")

_NO_SOCKETS = """
import socket
def refuse(*_, **__):
    raise AssertionError("a socket was opened")
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
"""


def loaded(code: str, wanted: tuple[str, ...]) -> list[str]:
    """Return which of `wanted` a fresh interpreter has loaded after `code`."""
    code += f"\nimport json, sys\nprint(json.dumps([m for m in {wanted!r} if m in sys.modules]))"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.strip().split("\n")[-1])
    assert isinstance(found, list)
    return found


def test_the_package_alone_loads_nothing() -> None:
    assert loaded("import assistant", (*HEAVY, *INDEX)) == []


@pytest.mark.usefixtures("encoder_export")
def test_a_query_loads_nothing_heavy_and_opens_no_socket() -> None:
    code = _NO_SOCKETS + (
        "import assistant\n"
        "answer = assistant.query('loss stuck at 4.14', run={'batch_size': 32})\n"
        "assert answer.diagnoses[0].entry.id == 'contrastive/chance-level-loss'\n"
        "answer.to_markdown(), answer.to_dict()"
    )
    assert loaded(code, HEAVY) == []


@pytest.mark.usefixtures("encoder_export")
@pytest.mark.parametrize(
    "arguments",
    [["loss stuck at 4.14"], ["explain", "vicreg"], ["list"], ["list", "--metrics"], ["index"]],
)
def test_a_command_loads_nothing_heavy_and_opens_no_socket(arguments: list[str]) -> None:
    code = _NO_SOCKETS + f"from assistant.cli import run\nassert run({arguments!r}) == 0"
    assert loaded(code, HEAVY) == []


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"], ["ask", "--help"]])
def test_help_loads_neither_the_index_nor_yaml(arguments: list[str]) -> None:
    code = f"from assistant.cli import run\nassert run({arguments!r}) == 0"
    assert loaded(code, (*HEAVY, *INDEX)) == []


def test_a_slip_in_a_command_loads_no_index() -> None:
    code = "from assistant.cli import run\nassert run(['ask', '--bogus']) == 2"
    assert loaded(code, (*HEAVY, "faiss", "onnxruntime")) == []
