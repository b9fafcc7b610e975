"""Claims: what parses is in the language, and typed; anything else is one SignatureError with its
column; nothing is ever executed and nothing hostile costs time.
"""

from __future__ import annotations

import ast
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kb.closed_forms.registry import forms
from kb.run import CONFIG_NAMES, Run, Series
from kb.signature import SignatureError, evaluate, evaluate_value, parse
from kb.signature.parse import FUNCTIONS, MAX_CHARACTERS, MAX_DEPTH, MAX_NODES
from kb.signature.reducers import REDUCERS
from kb.vocabulary import vocabulary

RUN = Run(
    {"method": "simclr", "batch_size": 32, "lr": 0.1},
    {"loss": Series.from_values("loss", [4.0, 3.0, 2.0])},
)


def test_the_names_of_an_expression_are_collected() -> None:
    signature = parse(
        "near(loss.level, chance(nt_xent), rel=0.01) and term__inv.last > 0.1 * lr"
        " and (not defined(z_std) or method in ('simclr', 'moco'))"
    )
    assert signature.metrics == {"loss", "term/inv", "z_std"}
    assert signature.config == {"batch_size", "lr", "method"}
    assert signature.kind == "truth"


def test_an_amount_is_told_from_a_verdict() -> None:
    assert parse("lr / 10").kind == "number"
    assert parse("max(lr, 0.1, chance(nt_xent))").kind == "number"
    assert parse("lr > 10").kind == "truth"
    assert parse("defined(lr)").kind == "truth"
    assert parse("defined(loss.last)").kind == "truth"


def test_a_name_that_is_setting_and_metric_means_the_metric_with_a_reducer() -> None:
    bare, reduced = parse("defined(lr)"), parse("defined(lr.n)")
    assert (set(bare.config), set(bare.metrics)) == ({"lr"}, set())
    assert (set(reduced.config), set(reduced.metrics)) == (set(), {"lr"})


@pytest.mark.parametrize(
    ("source", "constants"),
    [
        ("near(loss.level, chance(nt_xent), rel=0.01)", {("chance", "nt_xent")}),
        (
            "near(loss.level, collapse(vicreg) + floor(nt_xent.sum2), abs=1) or lr > 1",
            {("collapse", "vicreg"), ("floor", "nt_xent.sum2")},
        ),
        ("not near(loss.level, chance(nt_xent), rel=0.01)", set()),
        ("loss.level > chance(nt_xent)", set()),
    ],
)
def test_the_constants_that_identify_a_failure(
    source: str, constants: set[tuple[str, str]]
) -> None:
    assert parse(source).constants == constants


def test_every_word_of_the_language_parses() -> None:
    for name in CONFIG_NAMES:
        assert parse(f"defined({name})").config == {name}
    for name in vocabulary().names():
        identifier = vocabulary().identifier(name)
        if name not in CONFIG_NAMES:
            assert parse(f"defined({identifier})").metrics == {name}
        for reducer in REDUCERS:
            assert parse(f"{identifier}.{reducer} > 0").metrics == {name}
    for one in forms():
        assert parse(f"{one.quantity}({one.name}) > 0").config == set(one.parameters)
    for operator in ("+", "-", "*", "/", "**"):
        assert parse(f"lr {operator} 2").kind == "number"
    for comparison in ("<", "<=", ">", ">=", "==", "!="):
        assert parse(f"0 {comparison} lr {comparison} 2").kind == "truth"
    for function in ("ln", "sqrt", "exp", "abs"):
        assert parse(f"{function}(-lr)").kind == "number"


@pytest.mark.parametrize(
    ("source", "column", "says"),
    [
        ("", 1, "invalid syntax"),
        ("loss.last > > 1", 13, "invalid syntax"),
        ("loss.last > 1)", 14, "unmatched"),
        ("loss > 1", 1, 'metric "loss" needs a reducer, such as loss.last'),
        ("1 < loss", 5, 'metric "loss" needs a reducer'),
        ("los.last > 1", 1, 'unknown metric "los", did you mean "loss"?'),
        ("loss.lats > 1", 1, 'unknown reducer "lats", did you mean "last"?'),
        ("batchsize > 1", 1, 'unknown name "batchsize", did you mean "batch_size"?'),
        ("term/inv.last > 1", 1, 'unknown name "term"'),
        ("lr > 1 and chnce(nt_xent) > 1", 12, 'unknown function "chnce", did you mean "chance"?'),
        ("chance(nt_xnt) > 1", 8, 'did you mean "nt_xent"?'),
        ("chance(4) > 1", 8, "unknown loss"),
        ("near(lr, 1)", 1, "near needs rel= or abs="),
        ("near(lr, 1, tol=2)", 1, "no such named argument"),
        ("near(lr, rel=2)", 1, "near takes 2 arguments, found 1"),
        ("near(*lr, 1, rel=2)", 6, "Starred is not part of the language"),
        ("near(lr, 1, **{})", 1, "no such named argument"),
        ("max(lr)", 1, "max takes 2 to 8 arguments, found 1"),
        ("ln(lr, 2)", 1, "ln takes 1 arguments, found 2"),
        ("ln(x=lr)", 1, "ln takes 1 arguments, found 0"),
        ("defined(lr, rel=1)", 1, "no such named argument"),
        ("defined(loss.lats)", 9, 'unknown reducer "lats", did you mean "last"'),
        ("defined(lss.last)", 9, 'unknown metric "lss"'),
        ("defined(loss.last.first)", 9, "expected metric.reducer"),
        ("defined('loss')", 9, "unknown metric"),
        # types
        ("(lr > 1) + 1", 2, "found a comparison, expected a number"),
        ("defined(lr) + 1 > 0", 1, "found a comparison, expected a number"),
        ("near(lr, 1, rel=1) > 0", 1, "found a comparison, expected a number"),
        ("-(lr > 1)", 3, "found a comparison, expected a number"),
        ("ln(lr > 1)", 4, "found a comparison, expected a number"),
        ("(lr > 1) == 1", 2, "found a comparison, expected a number"),
        ("lr and lr > 1", 1, "found a number, expected a comparison"),
        ("not lr", 5, "found a number, expected a comparison"),
        ("lr > 1 or loss.last", 11, "found a number, expected a comparison"),
        # text
        ("'simclr'", 1, "text is only compared with a config name"),
        ("method < 'simclr'", 10, "text is only compared"),
        ("'a' == 'b'", 1, "text is only compared"),
        ("loss.last == 'high'", 14, "text is only compared"),
        ("loss.last in ('high', 'low')", 15, "text is only compared"),
        ("'a' in ('a', 'b')", 1, "text is only compared"),
        ("near(method, 'simclr', rel=1)", 14, "text is only compared"),
        ("method in 'simclr'", 11, '"in" needs a list'),
        ("method == ('simclr',)", 11, "other comparisons none"),
        ("('a',) == method", 11, "other comparisons none"),
        ("method in ('a',) == 1", 21, "other comparisons none"),
        ("method in ('a', lr)", 17, "a list holds constants only"),
        ("method in (('a',),)", 12, "a list holds constants only"),
        ("method is 'simclr'", 1, '"is" is not part of the language'),
        # numbers
        ("lr > True", 6, "found True, expected a number"),
        ("lr > None", 6, "found None, expected a number"),
        ("lr > 1j", 6, "found 1j, expected a number"),
        ("lr > b'x'", 6, "expected a number"),
        ("lr > ...", 6, "expected a number"),
        ("lr > 1e13", 6, "above 1e+12"),
        ("lr > 1e999", 6, "above 1e+12"),
        # Python
        ("lambda: 1", 1, "Lambda is not part of the language"),
        ("[lr for lr in (1,)]", 1, "ListComp is not part of the language"),
        ("{lr: 1}", 1, "Dict is not part of the language"),
        ("f'{lr}'", 1, "JoinedStr is not part of the language"),
        ("lr > f'{lr}'", 6, "JoinedStr is not part of the language"),
        ("(lr := 1)", 2, "NamedExpr is not part of the language"),
        ("1 if lr else 2", 1, "IfExp is not part of the language"),
        ("loss.last[0]", 1, "Subscript is not part of the language"),
        ("loss.__class__", 1, 'unknown reducer "__class__"'),
        ("loss.last.__class__", 1, "expected metric.reducer"),
        ("().__class__.__bases__", 1, "expected metric.reducer"),
        ("__import__('os')", 1, 'unknown function "__import__"'),
        ("lr.__init__.__globals__", 1, "expected metric.reducer"),
        ("print(1)", 1, 'unknown function "print"'),
        ("loss.last()", 1, 'unknown function "loss.last"'),
        ("(lambda: 1)()", 1, "unknown function"),
        ("lr % 2", 1, "Mod is not part of the language"),
        ("lr // 2", 1, "FloorDiv is not part of the language"),
        ("lr @ 2", 1, "MatMult is not part of the language"),
        ("~lr", 1, "Invert is not part of the language"),
        ("await lr", 1, ""),
        ("lr = 1", 1, ""),
        ("import os", 1, ""),
        ("lr; lr", 3, ""),
        ("lr > 1 \x00", 1, ""),
        ("lr > '\ud800'", 1, ""),
    ],
)
def test_a_fault_is_told_with_its_column(source: str, column: int, says: str) -> None:
    with pytest.raises(SignatureError) as caught:
        parse(source)
    assert says in caught.value.message
    if says:
        assert caught.value.column == column
    assert caught.value.message.startswith(f"column {caught.value.column}: ")


@pytest.mark.parametrize(
    "source",
    [
        "9" * 1999,
        "9**" * 600 + "9",
        "lr ** 9" + "9" * 1000,
        "(" * 900 + "lr" + ")" * 900,
        "-" * 1900 + "lr",
        "not " * 450 + "lr",
        "chance(" + "-" * 1900 + "lr)",
        "defined(" + "-" * 1900 + "lr)",
        "chance(" + "a." * 900 + "b)",
        "lr" + "()" * 900,
        "lr" + ".a" * 900,
        "lr" + "[0]" * 600,
        "lambda: " * 240 + "lr",
        "x" * 1999,
        "chance(" + "n" * 1900 + ")",
        "loss." + "l" * 1900,
        "[" * 1900,
        "f'" + "{" * 1900,
        "lr > 1 and " * 170 + "lr > 1",
        "lr +" * 450 + "lr",
        "max(" * 400 + "lr",
        "lr in (" + "1," * 950 + ")",
        "x" * (MAX_CHARACTERS + 1),
    ],
)
def test_hostile_size_is_refused_at_once(source: str) -> None:
    started = time.process_time()
    with pytest.raises(SignatureError):
        parse(source)
    assert time.process_time() - started < 1


def test_the_bounds_leave_room_for_real_expressions() -> None:
    assert parse("-" * (MAX_DEPTH - 1) + "lr").kind == "number"
    assert parse(" and ".join(["lr > 1"] * (MAX_NODES // 4))).kind == "truth"


WORDS = [
    *("loss.last", "z_std.slope", "lr", "method", "batch_size", "1", "0.5", "1e3", "'simclr'"),
    *("(", ")", ",", "and", "or", "not", "in", "<", "==", "!=", "+", "-", "*", "/", "**", "="),
    *("near", "chance", "nt_xent", "defined", "max", "rel", "abs", "ln", "lambda", ":", "for"),
    *("__class__", "__import__", ".", "[", "]", "{", "}", "f'{lr}'", ":=", "if", "else", "%"),
]


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=24).map(" ".join))
@example("\ud800")
@example("\x00")
@example("'''")
@example("\\")
@example("lr\n> 1")
@example("1if lr else 2")
@settings(max_examples=400)
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_any_text_is_refused_or_can_be_evaluated(source: str) -> None:
    try:
        signature = parse(source)
    except SignatureError:
        return
    assert evaluate(signature, RUN).state in ("fired", "silent", "unknown")
    assert isinstance(evaluate_value(signature, RUN), float | None)


def test_nothing_is_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building code out of a tree needs `compile` without ONLY_AST; every such call is caught."""
    import builtins

    real, flags_seen = builtins.compile, list[int]()

    def watched(
        source: object,
        filename: object,
        mode: object,
        flags: int = 0,
        *more: object,
        **named: object,
    ) -> object:
        flags_seen.append(flags)
        return real(source, filename, mode, flags, *more, **named)  # type: ignore[call-overload]

    def refused(*_: object, **__: object) -> object:
        raise AssertionError("executed")

    monkeypatch.setattr(builtins, "compile", watched)
    monkeypatch.setattr(builtins, "eval", refused)
    monkeypatch.setattr(builtins, "exec", refused)
    try:
        signature = parse.__wrapped__("loss.last * 2 < lr or near(loss.last, 2, rel=0.1)")
        state = evaluate(signature, RUN).state
    finally:
        monkeypatch.undo()
    assert state == "fired"
    assert flags_seen
    assert all(flags & ast.PyCF_ONLY_AST for flags in flags_seen)


def test_the_functions_are_those_of_the_documentation() -> None:
    documented = "chance collapse floor start ln sqrt exp abs min max near defined"
    assert sorted(FUNCTIONS) == sorted(documented.split())
