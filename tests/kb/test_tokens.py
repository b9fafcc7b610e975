"""Claims: what people type about a run survives as tokens; any text is tokenised in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.stemming import NEGATIONS, STOP_WORDS, stem
from kb.tokens import MAX_TOKEN_LENGTH, TOKENIZER_VERSION, tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("loss stuck at 4.14", ["loss", "stuck", "4.14"]),
        ("step 5", ["step", "5"]),
        ("EMA 0.996", ["ema", "0.996"]),
        ("NT-Xent", ["nt-xent", "ntxent", "nt", "xent"]),
        ("k-NN", ["k-nn", "knn", "k", "nn"]),
        ("std_mean", ["std_mean", "stdmean", "std", "mean"]),
        ("RankMe", ["rankme", "rankm", "rank"]),
        ("BatchNorm", ["batchnorm", "batch", "norm"]),
        ("VICReg", ["vicreg", "vic", "reg"]),
        (
            "contrastive/chance-level-loss",
            ["contrastive/chance-level-loss", "contrastiv", "chanc", "level", "loss"],
        ),
        ("ln(2B-1) / τ", ["ln", "2b-1", "2", "b", "1", "tau"]),
        (
            "resnet50 0.5x 2.5ms",
            ["resnet50", "resnet", "50", "0.5x", "0.5", "x", "2.5ms", "2.5", "ms"],
        ),
        ("queue of 65,536 (90%)", ["queu", "65,536", "65536", "90%", "90"]),
        ("SimSiam at -0.95", ["simsiam", "sim", "siam", "-0.95", "0.95"]),
        ("arxiv:2002.05709", ["arxiv", "2002.05709"]),
        ("不下降", ["不", "不下", "下", "下降", "降"]),
        ("67b562524223e65c0414a15c3bd7ac007d28f629", ["67b562524223e65c0414a15c3bd7ac007d28f629"]),
    ],
)
def test_tokens_of(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("1e-3", "0.001", "0.001"),
        ("1.0e-3", "1e−3", "0.001"),
        ("5.0e-4", "0.0005", "0.0005"),
        ("4.140", "4.14", "4.14"),
        ("NT-Xent", "ntxent", "ntxent"),
        ("I-JEPA", "ijepa", "ijepa"),
        ("kNN", "k-NN", "knn"),
        ("rank_me", "RankMe", "rankm"),
        ("term/inv", "term__inv", "terminv"),
        ("Ｌｏｓｓ", "LOSS", "loss"),
        ("embeddings", "embedding", "embedding"),
        ("collapses collapsed", "collapsing", "collaps"),
        ("doesn't", "does not", "not"),
        ("don’t", "dont", "not"),
        ("cannot", "not", "not"),
        ("损失不下降", "下降", "下降"),
    ],
)
def test_spellings_meet(one: str, other: str, shared: str) -> None:
    assert shared in tokenize(one)
    assert shared in tokenize(other)


@pytest.mark.parametrize("word", sorted(NEGATIONS))
def test_negations_are_kept_and_no_word_becomes_one(word: str) -> None:
    assert tokenize(f"the loss {word} moves")[1] == word
    assert word not in STOP_WORDS
    for ending in ("s", "es", "d", "ed", "ing", "e"):
        assert stem(word + ending) not in NEGATIONS


def test_numbers_and_signs_keep_their_meaning() -> None:
    assert "4" not in tokenize("4.14")
    assert "-1" in tokenize("x=-1")
    assert "-1" not in tokenize("5-1")
    assert tokenize("1e999") == ["1e999"]
    assert tokenize("12345678901234567890") == ["12345678901234567890"]


def test_these_tokens_belong_to_this_version() -> None:
    # Whoever changes this list raises TOKENIZER_VERSION, or indexes keep their old tokens.
    assert TOKENIZER_VERSION == "1"
    text = "Why isn't val_loss at 1e-3 falling? RankMe's batches of 1,024 (I-JEPA), 损失 noted."
    assert tokenize(text) == [
        "not", "val_loss", "valloss", "val", "loss", "1e-3", "0.001", "fall", "rankme", "rankm",
        "rank", "batch", "1,024", "1024", "i-jepa", "ijepa", "jepa", "损", "损失", "失", "noted",
    ]  # fmt: skip


HOSTILE = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="aAbB1290.-_/#,%'+eE \u0301\u0316损失τ½²٣፩\ud800", max_size=200),
)


@settings(deadline=None)
@given(HOSTILE)
def test_any_text_gives_short_clean_tokens(text: str) -> None:
    for token in tokenize(text):
        assert 0 < len(token) <= MAX_TOKEN_LENGTH
        assert token == token.casefold()
        assert not any(character.isspace() for character in token)


@settings(deadline=None)
@given(HOSTILE, HOSTILE)
def test_white_space_separates(one: str, other: str) -> None:
    assert tokenize(f"{one}\n{other}") == tokenize(one) + tokenize(other)


@settings(deadline=None)
@given(st.floats(min_value=1e-9, max_value=1e9, allow_nan=False))
def test_a_number_shares_a_token_with_its_other_spellings(value: float) -> None:
    spellings = (repr(value), f"{value:.17e}", f"+{value!r}")
    assert set.intersection(*(set(tokenize(one)) for one in spellings))


@settings(deadline=None)
@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=15))
def test_stemming_keeps_something_and_joins_regular_forms(word: str) -> None:
    assert stem(word)
    regular = len(word) > 3 and word[-1] in "bckmnpt" and word[-2] in "aou"
    if regular and word not in NEGATIONS:
        assert stem(word + "s") == stem(word)


@pytest.mark.parametrize(
    "unit",
    [
        "a-",
        "9",
        "1,111",
        "1.1",
        "n't",
        "1e-",
        "_",
        "损",
        "aA",
        "x1",
        "\u0301\u0316",
        "a.",
        "(",
        "é",
    ],
)
def test_time_is_linear(unit: str) -> None:
    text = unit * 100_000
    started = time.process_time()
    tokenize(text)
    assert time.process_time() - started < 5
