"""The lexical tokenizer: numbers, metric names and negations survive it.

A general tokenizer turns `4.14` into `14` and drops `not`; here those are what people search for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from kb.stemming import STOP_WORDS, stem

TOKENIZER_VERSION = "1"
"""Part of every index manifest: raise it whenever `tokenize` gives other tokens for a text."""

MAX_TOKEN_LENGTH = 64
"""Characters; longer tokens (hashes, base64) are cut, so that no input grows the vocabulary."""

_WINDOW = 256
"""Characters normalised at a time; only unbroken text longer than this is cut at all."""

_MAX_SQUEEZED_PARTS = 3
"""`nt-xent` also counts as `ntxent`, and `term/inv`, `term__inv` both as `terminv`; a longer
compound is a sentence or a path, not a name."""

_SAME_CHARACTER = str.maketrans({"−": "-", "–": "-", "‐": "-", "‑": "-", "’": "'", "ʼ": "'"})
"""Dashes and apostrophes as word processors and PDF files write them (U+2212, U+2013, ...)."""

_GREEK = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "ε": "epsilon",
    "λ": "lambda",
    "μ": "mu",
    "ν": "nu",
    "σ": "sigma",
    "τ": "tau",
}
"""Papers write the letter, people type its name."""

_CJK = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_WORD = r"[^\W_]+"
_NUMBER = r"\d++(?:\.\d++)?+(?:[eE][+-]?\d++)?+"
_CHUNK = re.compile(
    # Not, then: thousands separators, a number on its own, words joined by - _ . / #
    rf"(?P<negated>[^\W\d_]+n't\b|\bcannot\b)"
    rf"|(?P<number>(?:(?<![\w.)\]%])[-+])?(?:\d{{1,3}}(?:,\d{{3}})++(?:\.\d++)?+(?!,?\d)|{_NUMBER})%?+)"
    rf"(?!\w|[-_./#]\w)"
    rf"|(?P<words>{_WORD}(?:(?:_+|[-./#]){_WORD})*+)",
    re.IGNORECASE,
)
_RUN = re.compile(rf"{_NUMBER}(?=[^\W\d_]{{0,3}}(?![^\W_]))|{_WORD}")
_LETTERS_OR_DIGITS = re.compile(r"\d+|[^\W\d_]+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_BARE_NEGATIONS = frozenset(
    "arent cant couldnt didnt doesnt dont hasnt havent isnt shouldnt wasnt werent wont "
    "wouldnt".split()
)
"""Typed without the apostrophe, as people do in a search box."""


def tokenize(text: str) -> list[str]:
    """Return the tokens of a text, in order of appearance, repeats kept.

    A compound yields itself and its parts, each once per occurrence: `NT-Xent` gives `nt-xent`,
    `ntxent`, `nt`, `xent`. Never raises; time is linear in the length of the text.
    """
    tokens: list[str] = []
    for piece in text.split():
        tokens.extend(_cached(piece) if len(piece) <= MAX_TOKEN_LENGTH else _piece_tokens(piece))
    return tokens


@lru_cache(maxsize=65536)
def _cached(piece: str) -> tuple[str, ...]:
    """Remember the tokens of short pieces: prose repeats a few thousand words."""
    return tuple(_piece_tokens(piece))


def _piece_tokens(piece: str) -> Iterator[str]:
    """Yield the tokens of text without white space."""
    if not piece.isascii():
        piece = _normalised(piece).translate(_SAME_CHARACTER)
    position = 0
    for run in _CJK.finditer(piece):
        yield from _spaced(piece[position : run.start()])
        yield from _cjk_tokens(run.group())
        position = run.end()
    yield from _spaced(piece[position:])


def _normalised(piece: str) -> str:
    """Return the NFKC form, in windows: a long run of accents costs quadratic time in one go."""
    windows = range(0, len(piece), _WINDOW)
    return "".join(unicodedata.normalize("NFKC", piece[i : i + _WINDOW]) for i in windows)


def _spaced(text: str) -> Iterator[str]:
    """Yield the tokens of text in a script that separates words."""
    for match in _CHUNK.finditer(text):
        chunk = match.group()
        if match.lastgroup == "negated":
            yield "not"
        elif match.lastgroup == "number":
            yield from _number_tokens(chunk.casefold())
        elif len(chunk) > MAX_TOKEN_LENGTH:
            for run in _RUN.findall(chunk):
                yield from _run_tokens(run[:MAX_TOKEN_LENGTH])
        else:
            yield from _word_tokens(chunk)


def _cjk_tokens(run: str) -> Iterator[str]:
    """Yield characters and bigrams, because these scripts write no spaces between words."""
    for position, character in enumerate(run):
        yield character
        if position + 1 < len(run):
            yield run[position : position + 2]


def _word_tokens(chunk: str) -> tuple[str, ...]:
    """Return the tokens of one joined compound, or of one plain word."""
    runs = _RUN.findall(chunk)
    parts = [token for run in runs for token in _run_tokens(run)]
    if len(runs) == 1:
        return tuple(parts)
    whole = _folded(chunk)
    tokens = [whole, *parts]
    if len(runs) <= _MAX_SQUEEZED_PARTS and "." not in whole and all(map(str.isalpha, runs)):
        tokens.insert(1, stem(_folded("".join(runs))))
    return tuple(dict.fromkeys(tokens))


def _run_tokens(run: str) -> tuple[str, ...]:
    """Return the tokens of a run of letters and digits: a word, a name or a number."""
    if run[0].isdecimal() and re.fullmatch(_NUMBER, run):
        return _number_tokens(run.casefold())
    if run.isalpha():
        return _letter_tokens(run)
    parts = _LETTERS_OR_DIGITS.findall(run)
    tokens = [_folded(run)]
    if len(parts) <= _MAX_SQUEEZED_PARTS:  # more alternations than that: a hash, not a name
        tokens += [token for part in parts for token in _part_tokens(part)]
    return tuple(dict.fromkeys(tokens))


def _part_tokens(part: str) -> tuple[str, ...]:
    """Return the tokens of letters or digits cut out of a mixed run such as `resnet50`."""
    return _number_tokens(part) if part.isdecimal() else _letter_tokens(part)


def _letter_tokens(word: str) -> tuple[str, ...]:
    """Return a word's stem, and those of its parts when it is written in CamelCase."""
    folded = _folded(word)
    if folded in _BARE_NEGATIONS:
        return ("not",)
    if folded in STOP_WORDS:
        return ()
    if folded in _GREEK:
        return (_GREEK[folded],)
    tokens = [stem(folded)]
    if not (word.islower() or word.isupper()) and word.isascii():
        parts = _CAMEL.findall(word)
        # Plain capitalised words give one part; `kNN` and `SwAV` are names, not words.
        if len(parts) > 1 and all(len(part) > 1 for part in parts):
            lowered = [part.lower() for part in parts]
            tokens = [folded, *tokens, *(stem(part) for part in lowered if part not in STOP_WORDS)]
    return tuple(dict.fromkeys(tokens))


def _number_tokens(number: str) -> tuple[str, ...]:
    """Return a number as written and as normalised, so that 1e-3, 0.001 and 1.0e-3 meet."""
    bare = number.rstrip("%").lstrip("+").replace(",", "")
    unsigned = bare.lstrip("-")
    tokens = [number, bare, _normal(unsigned)]
    if bare != unsigned:
        tokens.append("-" + _normal(unsigned))
    return tuple(dict.fromkeys(token[:MAX_TOKEN_LENGTH] for token in tokens))


def _normal(number: str) -> str:
    """Return the shortest decimal spelling of an unsigned number."""
    value = float(number)
    if value >= 1e15:  # a float no longer tells neighbouring integers apart
        return number
    return str(int(value)) if value.is_integer() else repr(value)


def _folded(text: str) -> str:
    """Return the text without case, normalised again because folding can decompose."""
    return unicodedata.normalize("NFKC", text.casefold())[:MAX_TOKEN_LENGTH]
