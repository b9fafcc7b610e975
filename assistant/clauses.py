"""A clause of a signature as a sentence: what was computed, against what, from which numbers."""

from __future__ import annotations

import ast
import re

from kb.closed_forms import form
from kb.signature import Clause
from kb.signature.reducers import REDUCERS
from kb.types import Scalar

_WORDS: dict[type[ast.cmpop], str] = {
    ast.Lt: "below",
    ast.LtE: "at most",
    ast.Gt: "above",
    ast.GtE: "at least",
    ast.Eq: "equal to",
    ast.NotEq: "other than",
}
_METRIC = re.compile(r"\b(?P<metric>[a-z][\w/]*)\.(?P<reducer>[a-z_]+)\b")
_FORM = re.compile(r"\b(?P<quantity>chance|collapse|floor|start)\((?P<name>[\w.]+)\)")


def said(clause: Clause) -> str:
    """Return the sentence for a clause that held, such as

    `the recent z_std * sqrt(dim) is 0.051, below 0.1 (the recent z_std is 0.0011, dim is 2048)`.
    """
    node = ast.parse(clause.text, mode="eval").body
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _WORDS:
        text = _compared(node.left, node.comparators[0], _WORDS[type(node.ops[0])], clause)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "near":
        text = _compared(node.args[0], node.args[1], "near", clause)
    else:
        text = f"{_words(clause.text)} ({_inputs(clause.values)})"
    return f"{text[0].upper()}{text[1:]}."


_FROM_ZERO = {
    "below": "within {0} of 0",
    "at most": "within {0} of 0",
    "above": "more than {0} from 0",
    "at least": "{0} or more from 0",
}
"""How the size of one number is compared with a constant."""


def _compared(left: ast.expr, right: ast.expr, relation: str, clause: Clause) -> str:
    first, second = _words(ast.unparse(left)), _words(ast.unparse(right))
    match left, right:
        case ast.Call(ast.Name("abs"), [ast.Attribute() as inner]), ast.Constant() if (
            relation in _FROM_ZERO
        ):
            name = ast.unparse(inner)
            away = _FROM_ZERO[relation].format(second)
            return f"{_words(name)} is {shown(dict(clause.values)[name])}, {away}"
    if len(clause.sides) == 2:
        first = f"{first} is {shown(clause.sides[0])}"
        if not _is_number(right):
            second = f"{shown(clause.sides[1])}, {second}"
    else:
        first = f"{first} is {dict(clause.values).get(ast.unparse(left), '')}".rstrip()
    direct = isinstance(left, ast.Attribute | ast.Name) and (
        isinstance(right, ast.Attribute | ast.Name) or _is_number(right)
    )
    inputs = "" if direct else f" ({_inputs(clause.values)})"
    return f"{first}, {relation} {second}{inputs}"


def _is_number(node: ast.expr) -> bool:
    """Tell whether a side is written as a number, which may be below 0."""
    return isinstance(node.operand if isinstance(node, ast.UnaryOp) else node, ast.Constant)


def _inputs(values: tuple[tuple[str, Scalar], ...]) -> str:
    return ", ".join(f"{_words(name)} {shown(value)}" for name, value in values)


def _words(text: str) -> str:
    """Return an expression with its reducers in words and its closed forms as formulas."""
    text = _FORM.sub(lambda match: form(match["name"], match["quantity"]).formula, text)
    return _METRIC.sub(_reduced, text)


def _reduced(match: re.Match[str]) -> str:
    reducer = REDUCERS.get(match["reducer"])
    if reducer is None:
        return match[0]
    return reducer.said.format(match["metric"].replace("__", "/"))


def shown(value: Scalar) -> str:
    """Return a value as a sentence gives it: four digits of a float."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
