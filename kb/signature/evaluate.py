"""A checked signature and a run -> fired, silent or unknown, with the numbers of each clause."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from kb.closed_forms import form
from kb.run import CONFIG_NAMES, Run, Series
from kb.signature.parse import FORM_QUANTITIES, Signature
from kb.signature.reducers import REDUCERS, reduce_series
from kb.types import Scalar
from kb.vocabulary import vocabulary

State = Literal["fired", "silent", "unknown"]


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison: its text, whether it holds, and every number it looked at.

    `sides` holds what each side of it came to, in order; those of `near` are its two values.
    """

    text: str
    state: State
    values: tuple[tuple[str, Scalar], ...]
    missing: tuple[str, ...] = ()
    sides: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a signature says about a run; `missing` names what made it unknown."""

    state: State
    clauses: tuple[Clause, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Missing:
    names: frozenset[str]


_Value = float | str | tuple[float | str, ...] | _Missing


class Reductions:
    """The reduced values of one run, each worked out once however many signatures use it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._held: dict[tuple[str, str], float | None] = {}

    def of(self, series: Series, reducer: str) -> float | None:
        """Return the reduced value of a series of the run, None when it is too short."""
        key = (series.metric, reducer)
        if key not in self._held:
            self._held[key] = reduce_series(series, reducer)
        return self._held[key]


def evaluate(signature: Signature, run: Run, reductions: Reductions | None = None) -> Verdict:
    """Evaluate `signature` over `run`; never raises for any run.

    Whoever evaluates several signatures over one run passes the `reductions` of that run.
    """
    walker = _Walker(reductions or Reductions(run))
    state, missing = walker.truth(signature.tree)
    return Verdict(state, tuple(walker.clauses), tuple(sorted(missing)))


def evaluate_value(signature: Signature, run: Run) -> float | None:
    """Evaluate an arithmetic expression such as `lr / 10`.

    None when something is missing, or when no finite number comes out.
    """
    if signature.kind != "number":
        return None
    value = _Walker(Reductions(run)).number(signature.tree)
    return None if isinstance(value, _Missing) or not math.isfinite(value) else value


class _Walker:
    def __init__(self, reductions: Reductions) -> None:
        self.run = reductions.run
        self.reduced = reductions.of
        self.clauses: list[Clause] = []
        self.sides: tuple[float, ...] = ()
        self.seen: dict[str, Scalar] = {}

    def truth(self, node: ast.expr) -> tuple[State, frozenset[str]]:
        if isinstance(node, ast.BoolOp):
            # Every part is walked, so that the evidence is complete whatever decides.
            return _kleene([self.truth(part) for part in node.values], isinstance(node.op, ast.And))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            state, missing = self.truth(node.operand)
            flipped: dict[State, State] = {"fired": "silent", "silent": "fired"}
            return flipped.get(state, "unknown"), missing
        if isinstance(node, ast.Call) and _name(node) == "defined":
            return ("fired" if self._defined(node.args[0]) else "silent"), frozenset()
        return self._clause(node)

    def _clause(self, node: ast.expr) -> tuple[State, frozenset[str]]:
        self.seen, self.sides = {}, ()
        if isinstance(node, ast.Compare):
            outcome = self._compare(node)
        elif isinstance(node, ast.Call) and _name(node) == "near":
            outcome = self._near(node)
        else:
            value = self.number(node)
            outcome = value if isinstance(value, _Missing) else not math.isnan(value) and value != 0
        if isinstance(outcome, _Missing):
            state: State = "unknown"
            missing = outcome.names
        else:
            state, missing = ("fired" if outcome else "silent"), frozenset()
        text = _text(node)
        seen = tuple(self.seen.items())
        self.clauses.append(Clause(text, state, seen, tuple(sorted(missing)), self.sides))
        return state, missing

    def _compare(self, node: ast.Compare) -> bool | _Missing:
        values = [self.value(part) for part in (node.left, *node.comparators)]
        self.sides = tuple(value for value in values if isinstance(value, float))
        unknown: list[_Value] = []
        # A chain is an `and` of its links: one that is known to fail decides it.
        for relation, left, right in zip(node.ops, values, values[1:], strict=False):
            if isinstance(left, _Missing) or isinstance(right, _Missing):
                unknown += [left, right]
            elif not _holds(relation, left, right):
                return False
        return _union(unknown) or True

    def _near(self, node: ast.Call) -> bool | _Missing:
        names = [word.arg for word in node.keywords]
        values = [self.number(part) for part in (*node.args, *(w.value for w in node.keywords))]
        missing = _union(values)
        if missing:
            return missing
        numbers = [value for value in values if isinstance(value, float) and math.isfinite(value)]
        if len(numbers) < len(values):
            return False
        left, right, *widths = numbers
        self.sides = (left, right)
        scales = [abs(right) if name == "rel" else 1.0 for name in names]
        widest = max(width * scale for width, scale in zip(widths, scales, strict=True))
        return abs(left - right) <= widest

    def value(self, node: ast.expr) -> _Value:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.Tuple):
            return tuple(_constant(item) for item in node.elts)
        if isinstance(node, ast.Name):
            return self._setting(node.id)
        return self.number(node)

    def number(self, node: ast.expr) -> float | _Missing:
        if isinstance(node, ast.Constant):
            return float(node.value) if isinstance(node.value, int | float) else math.nan
        if isinstance(node, ast.Name):
            value = self._setting(node.id)
            return value if isinstance(value, float | _Missing) else math.nan
        if isinstance(node, ast.Attribute):
            return self._metric(node)
        if isinstance(node, ast.UnaryOp):
            operand = self.number(node.operand)
            if isinstance(operand, _Missing) or not isinstance(node.op, ast.USub):
                return operand
            return -operand
        if isinstance(node, ast.BinOp):
            return _combine(
                [self.number(node.left), self.number(node.right)], _BINARY[type(node.op)]
            )
        if isinstance(node, ast.Call):
            return self._call(node)
        return math.nan

    def _call(self, node: ast.Call) -> float | _Missing:
        name = _name(node)
        if name in FORM_QUANTITIES:
            return self._form(name, ast.unparse(node.args[0]))
        return _combine([self.number(part) for part in node.args], _MATHS[name])

    def _setting(self, name: str) -> float | str | _Missing:
        value = self.run.config.get(name)
        if value is None:
            return _Missing(frozenset({name}))
        self.seen[name] = value
        try:
            return value if isinstance(value, str) else float(value)
        except OverflowError:
            return math.nan

    def _metric(self, node: ast.Attribute) -> float | _Missing:
        assert isinstance(node.value, ast.Name)
        metric = vocabulary().from_identifier(node.value.id) or node.value.id
        series = self.run.series.get(metric)
        value = None if series is None else self.reduced(series, node.attr)
        if value is None:
            more = f" ({node.attr} needs more points)" if REDUCERS[node.attr].least else ""
            return _Missing(frozenset({metric + (more if series is not None else "")}))
        self.seen[f"{metric}.{node.attr}"] = value
        return value

    def _form(self, quantity: str, name: str) -> float | _Missing:
        wanted = form(name, quantity)
        given = {key: self.run.config.get(key) for key in wanted.arguments}
        known = {key: value for key, value in given.items() if value is not None}
        missing = frozenset(wanted.parameters) - frozenset(known)
        if missing:
            return _Missing(missing)
        try:
            value = wanted.value(**known)
        except (ArithmeticError, ValueError, TypeError):
            return math.nan
        self.seen[f"{quantity}({name})"] = value
        return value

    def _defined(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute):
            return not isinstance(self._metric(node), _Missing)
        name = ast.unparse(node)
        if name in CONFIG_NAMES:
            return name in self.run.config
        metric = vocabulary().from_identifier(name) or name
        return metric in self.run.series and len(self.run.series[metric]) > 0


def _text(node: ast.expr) -> str:
    """Return a clause as text, kept on its node: trees are parsed once and evaluated often."""
    held: str | None = getattr(node, "ssl_doctor_text", None)
    if held is None:
        held = ast.unparse(node)
        setattr(node, "ssl_doctor_text", held)  # noqa: B010 (no such attribute for a checker)
    return held


def _kleene(
    parts: list[tuple[State, frozenset[str]]], conjunction: bool
) -> tuple[State, frozenset[str]]:
    decisive: State = "silent" if conjunction else "fired"
    states = [state for state, _ in parts]
    if decisive in states:
        return decisive, frozenset()
    missing = frozenset[str]().union(*(names for _, names in parts))
    if "unknown" in states:
        return "unknown", missing
    return ("fired" if conjunction else "silent"), frozenset()


def _holds(relation: ast.cmpop, left: _Value, right: _Value) -> bool:
    """Return whether a comparison holds; with NaN, or between text and a number, it does not.

    Text and a number do differ, so `!=` and `not in` hold for them.
    """
    if isinstance(left, float) and math.isnan(left):
        return False
    if isinstance(right, tuple):
        return (left in right) == isinstance(relation, ast.In)
    if isinstance(left, float) and isinstance(right, float):
        return not math.isnan(right) and _COMPARE[type(relation)](left, right)
    if isinstance(relation, ast.NotEq):
        return left != right
    return isinstance(relation, ast.Eq) and left == right


_COMPARE: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}


_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}

_MATHS: dict[str, Callable[..., float]] = {
    "ln": math.log,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "abs": abs,
    "min": min,
    "max": max,
}


def _combine(values: list[float | _Missing], function: Callable[..., float]) -> float | _Missing:
    missing = _union(values)
    # `min` and `max` would keep or drop NaN by its place.
    if missing or any(value != value for value in values):
        return missing or math.nan
    try:
        return float(function(*values))
    except (ArithmeticError, ValueError):
        return math.nan


def _union(values: Iterable[_Value]) -> _Missing | None:
    names = [value.names for value in values if isinstance(value, _Missing)]
    return _Missing(frozenset[str]().union(*names)) if names else None


def _constant(node: ast.expr) -> float | str:
    value = node.value if isinstance(node, ast.Constant) else math.nan
    return value if isinstance(value, str) else float(value)  # type: ignore[arg-type]


def _name(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""
