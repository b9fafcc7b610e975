"""Signature text -> a checked syntax tree, with the names it uses.

Python's `ast` does the parsing; every node is then checked against a whitelist and a type,
truth or number, so an expression that parses can only compute.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from kb.closed_forms import form
from kb.errors import SslDoctorError, UsageError, nearest
from kb.run import CONFIG_NAMES
from kb.signature.reducers import REDUCERS
from kb.vocabulary import vocabulary

MAX_CHARACTERS = 2000
MAX_NODES = 400
MAX_DEPTH = 40
"""Bounds that no entry comes near and that keep a hostile expression from costing anything."""

MAX_NUMBER = 1e12

Kind = Literal["truth", "number"]
"""What an expression yields: a verdict, or an amount as in `lr / 10`."""

FORM_QUANTITIES = ("chance", "collapse", "floor", "start")
MATHS = ("ln", "sqrt", "exp", "abs", "min", "max")
FUNCTIONS = (*FORM_QUANTITIES, *MATHS, "near", "defined")

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd)
_LONE_TEXT = 'text is only compared with a config name, as in method == "simclr"'


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
    kind: Kind


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
    kind = checker.check(tree, 0)
    return Signature(
        source,
        tree,
        frozenset(checker.metrics),
        frozenset(checker.config),
        frozenset(_constants(tree)),
        kind,
    )


def _constants(tree: ast.expr) -> Iterator[tuple[str, str]]:
    """Yield the closed forms that stand in a `near` which no `not` turns round."""
    if isinstance(tree, ast.UnaryOp):
        return
    if isinstance(tree, ast.Call):
        if isinstance(tree.func, ast.Name) and tree.func.id == "near":
            yield from (found for node in ast.walk(tree) if (found := _form_of(node)))
        return
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.expr):
            yield from _constants(child)


def _form_of(node: ast.AST) -> tuple[str, str] | None:
    if isinstance(node, ast.Call) and _dotted(node.func) in FORM_QUANTITIES:
        return _dotted(node.func), _dotted(node.args[0])
    return None


class _Checker:
    def __init__(self) -> None:
        self.metrics: set[str] = set()
        self.config: set[str] = set()
        self.nodes = 0

    def check(self, node: ast.expr, depth: int) -> Kind:
        """Return what `node` yields; raise SignatureError when it is not in the language."""
        self._count(node, depth)
        if isinstance(node, ast.BoolOp):
            self._need("truth", node.values, depth)
            return "truth"
        if isinstance(node, ast.UnaryOp):
            return self._unary(node, depth)
        if isinstance(node, ast.Compare):
            self._compare(node, depth)
            return "truth"
        if isinstance(node, ast.BinOp):
            self._operator(node.op, node)
            self._need("number", (node.left, node.right), depth)
            return "number"
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        self._leaf(node)
        return "number"

    def _count(self, node: ast.expr, depth: int) -> None:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise SignatureError("expression is too large", column=_column(node))

    def _need(self, kind: Kind, parts: Sequence[ast.expr], depth: int) -> None:
        for part in parts:
            found = self.check(part, depth + 1)
            if found != kind:
                wanted = "a comparison" if kind == "truth" else "a number"
                shown = "a comparison" if found == "truth" else "a number"
                raise SignatureError(f"found {shown}, expected {wanted}", column=_column(part))

    def _unary(self, node: ast.UnaryOp, depth: int) -> Kind:
        kind: Kind = "truth" if isinstance(node.op, ast.Not) else "number"
        if kind == "number":
            self._operator(node.op, node)
        self._need(kind, (node.operand,), depth)
        return kind

    def _operator(self, operator: ast.operator | ast.unaryop, node: ast.expr) -> None:
        if not isinstance(operator, _ARITHMETIC):
            what = type(operator).__name__
            raise SignatureError(f"{what} is not part of the language", column=_column(node))

    def _leaf(self, node: ast.expr) -> None:
        if isinstance(node, ast.Attribute):
            self._metric(node)
        elif isinstance(node, ast.Name):
            self._config(node)
        elif not isinstance(node, ast.Constant):
            what = type(node).__name__
            raise SignatureError(f"{what} is not part of the language", column=_column(node))
        elif isinstance(node.value, str):
            raise SignatureError(_LONE_TEXT, column=_column(node))
        elif type(node.value) not in (int, float):
            raise SignatureError(
                f"found {str(node.value)[:40]}, expected a number", column=_column(node)
            )
        elif isinstance(node.value, int | float) and not abs(node.value) <= MAX_NUMBER:
            raise SignatureError(
                f"found a number above {MAX_NUMBER:g}, the largest allowed", column=_column(node)
            )

    def _compare(self, node: ast.Compare, depth: int) -> None:
        parts = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, parts, parts[1:], strict=False):
            listed = isinstance(operator, ast.In | ast.NotIn)
            if isinstance(operator, ast.Is | ast.IsNot):
                raise SignatureError('"is" is not part of the language', column=_column(left))
            if listed != isinstance(right, ast.Tuple) or isinstance(left, ast.Tuple):
                raise SignatureError(
                    '"in" needs a list such as ("simclr", "moco"), other comparisons none',
                    column=_column(right),
                )
            compared = right.elts if isinstance(right, ast.Tuple) else [right]
            for one, other in [(left, compared), *((item, [left]) for item in compared)]:
                self._text(one, operator, other)
        for part in parts:
            self._operand(part, depth)

    def _text(self, node: ast.expr, operator: ast.cmpop, others: Sequence[ast.expr]) -> None:
        """Refuse text that is ordered, or compared with anything but a config name."""
        if not _is_text(node):
            return
        ordered = isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
        if ordered or not all(isinstance(other, ast.Name) for other in others):
            raise SignatureError(_LONE_TEXT, column=_column(node))

    def _operand(self, node: ast.expr, depth: int) -> None:
        if isinstance(node, ast.Tuple):
            for item in node.elts:
                if not isinstance(item, ast.Constant):
                    raise SignatureError("a list holds constants only", column=_column(item))
                self._operand(item, depth + 1)
        elif _is_text(node):
            self._count(node, depth + 1)
        else:
            self._need("number", (node,), depth)

    def _call(self, node: ast.Call, depth: int) -> Kind:
        name = _dotted(node.func)
        if name not in FUNCTIONS:
            shown = name[:40]
            raise SignatureError(
                f'unknown function "{shown}"{nearest(shown, FUNCTIONS)}', column=_column(node)
            )
        self._arguments(name, node)
        if name in FORM_QUANTITIES:
            self._form(name, node.args[0])
            return "number"
        if name == "defined":
            self._defined(node.args[0])
            return "truth"
        self._need("number", [*node.args, *(word.value for word in node.keywords)], depth)
        return "truth" if name == "near" else "number"

    def _arguments(self, name: str, node: ast.Call) -> None:
        least, most = {"near": (2, 2), "min": (2, 8), "max": (2, 8)}.get(name, (1, 1))
        if not least <= len(node.args) <= most:
            wanted = f"{least} to {most}" if most > least else str(least)
            raise SignatureError(
                f"{name} takes {wanted} arguments, found {len(node.args)}", column=_column(node)
            )
        keywords = {word.arg for word in node.keywords}
        if keywords - ({"rel", "abs"} if name == "near" else set()):
            raise SignatureError(f"{name} takes no such named argument", column=_column(node))
        if name == "near" and not keywords:
            raise SignatureError("near needs rel= or abs=", column=_column(node))

    def _form(self, quantity: str, node: ast.expr) -> None:
        try:
            self.config.update(form(_dotted(node), quantity).parameters)
        except UsageError as error:
            raise SignatureError(str(error), column=_column(node)) from error

    def _defined(self, node: ast.expr) -> None:
        if isinstance(node, ast.Attribute):
            self._metric(node)
            return
        name = _dotted(node)
        if name in CONFIG_NAMES:
            self.config.add(name)
        else:
            self.metrics.add(_metric_name(name, node))

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


def _dotted(node: ast.expr) -> str:
    """Return `a` or `a.b` as written; a dash for anything else, which is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return "-"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _column(node: ast.AST) -> int:
    return int(getattr(node, "col_offset", 0)) + 1
