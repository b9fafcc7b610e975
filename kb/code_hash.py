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
    """Yield the tree as text, the same from every Python that reads it.

    Fields that are empty are left out, since a newer grammar has more of them, and so are empty
    pieces of f-strings, which some Pythons add.
    """
    if isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            parts = (
                [one for one in value if not _counts_not(node, one)]
                if isinstance(value, list)
                else value
            )
            if parts is not None and parts != [] and name != "type_comment":
                yield name
                yield from _tokens(parts)
        yield ")"
    elif isinstance(node, list):
        for one in node:
            yield from _tokens(one)
        yield "]"
    else:
        yield repr(node)


def _counts_not(parent: ast.AST, node: object) -> bool:
    """Return whether a statement is a string alone (a docstring, or a note below a constant), or
    a piece of an f-string is empty."""
    value = node.value if isinstance(node, ast.Expr) else node
    if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
        return False
    return isinstance(node, ast.Expr) or (isinstance(parent, ast.JoinedStr) and not value.value)
