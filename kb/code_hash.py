"""Whether two versions of source files do the same, comments and layout aside.

Evidence names the files that produced it and their hash; when a file changes in substance the
evidence is stale. Docstrings, comments and formatting may change without that.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from kb.paths import PACKAGE

ROOT = PACKAGE.parent
"""The folder that holds the packages; file names in evidence are relative to it."""


def code_hash(files: Iterable[str], root: Path = ROOT) -> str:
    """Return 16 hex digits over what `files` do; OSError when one is missing, SyntaxError when
    one is no Python. The order does not matter."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0")
        for token in _tokens(ast.parse((root / name).read_bytes())):
            digest.update(token.encode() + b"\0")
    return digest.hexdigest()[:16]


def _tokens(node: object) -> Iterator[str]:
    """Yield the tree as text. Empty fields are left out, so that a Python that adds a field to
    its grammar gives the same text."""
    if isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            if value is not None and value != [] and name != "type_comment":
                yield name
                yield from _tokens(value)
        yield ")"
    elif isinstance(node, list):
        for one in node:
            if not _is_text(one):
                yield from _tokens(one)
        yield "]"
    else:
        yield repr(node)


def _is_text(node: object) -> bool:
    """Return whether a statement is a string alone: a docstring or a note below a constant."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
