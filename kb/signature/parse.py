"""Signature text -> a checked syntax tree, with the names it uses.

Python's `ast` does the parsing; every node is then checked against a whitelist, so an
expression that parses can only compute.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from kb.closed_forms import form
from kb.errors import SslDoctorError, UsageError, nearest
from kb.run import CONFIG_NAMES
from kb.signature.reducers import REDUCERS
from kb.vocabulary import vocabulary

MAX_CHARACTERS = 2000
MAX_NODES = 400
MAX_DEPTH = 40
"""Bounds that no entry comes near and that keep a hostile expression from costing anything."""

FORM_QUANTITIES = ("chance", "collapse", "floor", "start")
MATHS = ("ln", "sqrt", "exp", "abs", "min", "max")
FUNCTIONS = (*FORM_QUANTITIES, *MATHS, "near", "defined")

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd, ast.Not)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.In, ast.NotIn)
_PASSIVE = (
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.BinOp,
    ast.UnaryOp,
    ast.Load,
    ast.keyword,
    *_OPERATORS,
    *_COMPARISONS,
)


class SignatureError(SslDoctorError):
    """The expression is not in the language; `column` is 1-based."""

    def __init__(self, message: str, *, column: int = 1) -> None:
        self.column = column
        super().__init__(f"column {column}: {message}")


@dataclass(frozen=True, slots=True)
class Signature:
    """A checked expression and the vocabulary and config names it mentions.

    `constants` are the closed forms that a value must be near for it to fire, as
    (quantity, name): the numbers by which this failure is recognised.
    """

    source: str
    tree: ast.expr
    metrics: frozenset[str]
    config: frozenset[str]
    constants: frozenset[tuple[str, str]]


@lru_cache(maxsize=2048)
def parse(source: str) -> Signature:
    """Parse and check `source`; raise SignatureError with the column of the first fault."""
    if len(source) > MAX_CHARACTERS:
        raise SignatureError(f"{len(source)} characters, expected at most {MAX_CHARACTERS}")
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except SyntaxError as error:
        raise SignatureError(error.msg or "syntax error", column=error.offset or 1) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise SignatureError(f"cannot be parsed: {error}") from error
    checker = _Checker()
    checker.check(tree, 0)
    return Signature(
        source,
        tree,
        frozenset(checker.metrics),
        frozenset(checker.config),
        frozenset(_constants(tree)),
    )


def _constants(tree: ast.expr) -> Iterator[tuple[str, str]]:
    """Yield the closed forms that stand in a `near` which no `not` turns round."""
    if isinstance(tree, ast.UnaryOp):
        return
    if isinstance(tree, ast.Call):
        if isinstance(tree.func, ast.Name) and tree.func.id == "near":
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    if node.func.id in FORM_QUANTITIES:
                        yield node.func.id, ast.unparse(node.args[0])
        return
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.expr):
            yield from _constants(child)


class _Checker:
    def __init__(self) -> None:
        self.metrics: set[str] = set()
        self.config: set[str] = set()
        self.nodes = 0

    def check(self, node: ast.AST, depth: int) -> None:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise SignatureError("expression is too large", column=_column(node))
        if isinstance(node, ast.Call):
            for child in self._call(node):
                self.check(child, depth + 1)
        elif isinstance(node, ast.Compare):
            for child in (node.left, *node.comparators):
                self._operand(child, depth + 1)
            self._comparison(node)
        elif isinstance(node, ast.Attribute):
            self._metric(node)
        elif isinstance(node, ast.Name):
            self._config(node)
        elif isinstance(node, ast.Constant):
            if type(node.value) not in (int, float, bool, type(None)):
                raise SignatureError("text stands only in a comparison", column=_column(node))
            if node.value is None or abs(node.value) > 1e12:
                raise SignatureError("found no usable number", column=_column(node))
        elif isinstance(node, _PASSIVE):
            for child in ast.iter_child_nodes(node):
                self.check(child, depth + 1)
        else:
            what = type(node).__name__
            raise SignatureError(f"{what} is not part of the language", column=_column(node))

    def _operand(self, node: ast.expr, depth: int) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return
        if isinstance(node, ast.Tuple):
            for item in node.elts:
                if not isinstance(item, ast.Constant):
                    raise SignatureError("a list holds constants only", column=_column(item))
                self._operand(item, depth + 1)
            return
        self.check(node, depth)

    def _comparison(self, node: ast.Compare) -> None:
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if not isinstance(operator, _COMPARISONS):
                what = type(operator).__name__
                raise SignatureError(f"{what} is not part of the language", column=_column(node))
            listed = isinstance(right, ast.Tuple)
            if listed != isinstance(operator, ast.In | ast.NotIn):
                raise SignatureError(
                    '"in" needs a list such as ("simclr", "moco"), other comparisons none',
                    column=_column(right),
                )

    def _call(self, node: ast.Call) -> Iterator[ast.expr]:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            shown = ast.unparse(node.func)[:40]
            raise SignatureError(
                f'unknown function "{shown}"{nearest(shown, FUNCTIONS)}', column=_column(node)
            )
        wanted = {"near": (2, 2), "min": (2, 8), "max": (2, 8)}.get(name, (1, 1))
        if not wanted[0] <= len(node.args) <= wanted[1]:
            raise SignatureError(
                f"{name} takes {wanted[0]} arguments, found {len(node.args)}", column=_column(node)
            )
        keywords = {word.arg for word in node.keywords}
        if keywords - ({"rel", "abs"} if name == "near" else set()):
            raise SignatureError(f"{name} takes no such named argument", column=_column(node))
        if name == "near" and not keywords:
            raise SignatureError("near needs rel= or abs=", column=_column(node))
        if name in FORM_QUANTITIES:
            self._form(name, node.args[0])
        elif name == "defined":
            self._defined(node.args[0])
        else:
            yield from node.args
            yield from (word.value for word in node.keywords)

    def _form(self, quantity: str, node: ast.expr) -> None:
        try:
            self.config.update(form(ast.unparse(node), quantity).parameters)
        except UsageError as error:
            raise SignatureError(str(error), column=_column(node)) from error

    def _defined(self, node: ast.expr) -> None:
        name = node.id if isinstance(node, ast.Name) else ""
        if name in CONFIG_NAMES:
            self.config.add(name)
        else:
            self.metrics.add(_metric_name(name or ast.unparse(node), node))

    def _metric(self, node: ast.Attribute) -> None:
        if not isinstance(node.value, ast.Name):
            raise SignatureError("expected metric.reducer", column=_column(node))
        metric = _metric_name(node.value.id, node)
        if node.attr not in REDUCERS:
            raise SignatureError(
                f'unknown reducer "{node.attr}"{nearest(node.attr, REDUCERS)}', column=_column(node)
            )
        self.metrics.add(metric)

    def _config(self, node: ast.Name) -> None:
        if node.id in CONFIG_NAMES:
            self.config.add(node.id)
            return
        known = vocabulary().from_identifier(node.id)
        if known is not None:
            raise SignatureError(
                f'metric "{node.id}" needs a reducer, such as {node.id}.last', column=_column(node)
            )
        raise SignatureError(
            f'unknown name "{node.id}"{nearest(node.id, CONFIG_NAMES)}', column=_column(node)
        )


def _metric_name(identifier: str, node: ast.expr) -> str:
    metric = vocabulary().from_identifier(identifier)
    if metric is None:
        known = [vocabulary().identifier(name) for name in vocabulary().names()]
        raise SignatureError(
            f'unknown metric "{identifier}"{nearest(identifier, known)}', column=_column(node)
        )
    return metric


def _column(node: ast.AST) -> int:
    return int(getattr(node, "col_offset", 0)) + 1
