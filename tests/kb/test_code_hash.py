"""The hash that tells whether code changed in substance."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kb.code_hash import code_hash

SOURCE = '''"""What it does."""

LIMIT = 3
"""Where the number comes from."""


def double(x):
    """Return twice x."""
    return 2 * x  # doubled
'''


def hashed(folder: Path, text: str, name: str = "a.py") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return code_hash([name], folder)


@pytest.mark.parametrize(
    "rewritten",
    [
        SOURCE.replace("  # doubled", ""),
        SOURCE.replace('"""What it does."""', '"""Something else."""'),
        SOURCE.replace('"""Where the number comes from."""\n', ""),
        SOURCE.replace('    """Return twice x."""\n', ""),
        SOURCE.replace("2 * x", "(2\n            * x)"),
        SOURCE.replace("\n", "\r\n"),
    ],
)
def test_words_and_layout_do_not_count(tmp_path: Path, rewritten: str) -> None:
    assert hashed(tmp_path, rewritten) == hashed(tmp_path, SOURCE)


@pytest.mark.parametrize(
    "rewritten",
    [
        SOURCE.replace("2 * x", "3 * x"),
        SOURCE.replace("2 * x", "2.0 * x"),
        SOURCE.replace("2 * x", "x * 2"),
        SOURCE.replace("LIMIT = 3", "LIMIT = 4"),
        SOURCE.replace("LIMIT = 3", "LIMIT = '3'"),
        SOURCE.replace("2 * x", "2 + x"),
        SOURCE + "\nLIMIT = 5\n",
        SOURCE + "\nNAMES = ['']\n",
    ],
)
def test_substance_counts(tmp_path: Path, rewritten: str) -> None:
    assert hashed(tmp_path, rewritten) != hashed(tmp_path, SOURCE)


def test_the_order_of_files_does_not_count_but_their_names_do(tmp_path: Path) -> None:
    first, second = hashed(tmp_path, SOURCE, "a.py"), hashed(tmp_path, SOURCE, "b.py")
    assert first != second
    assert code_hash(["a.py", "b.py"], tmp_path) == code_hash(["b.py", "a.py"], tmp_path)


def test_a_missing_file_and_no_python_are_errors(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        code_hash(["gone.py"], tmp_path)
    with pytest.raises(SyntaxError):
        hashed(tmp_path, "def (")


def test_the_hash_does_not_depend_on_the_python(tmp_path: Path) -> None:
    # Written down once; 3.12 and 3.13 add fields to the syntax tree that must not count.
    text = "class A:\n    def f(self, x: int = 1, *y, **z) -> str:\n        return f'{x!r:>{y}}'\n"
    assert hashed(tmp_path, text) == "e9873a4ab210bfca", sys.version
