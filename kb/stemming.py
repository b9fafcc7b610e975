"""A light stemmer for English words, and the words that carry no meaning here.

Only endings that change nothing for a search are removed: plural, -ed, -ing and a final e.
"""

from __future__ import annotations

NEGATIONS = frozenset({"no", "not", "nor", "never", "none", "nothing", "neither", "without"})
"""Never dropped, and never the result of stemming another word (`noted` stays apart)."""

STOP_WORDS = frozenset(
    "a about also am an and any are as at be been being but by can could did do does doing for "
    "from had has have having he her his how i if in into is it its itself just me my of on or "
    "our please really s she should so some such t than that the their them then there these "
    "they this those to too us very was we were what when where which while who why will with "
    "would you your".split()
)
"""Articles, pronouns, auxiliaries and question words; directions (up, below) and units stay."""

_IRREGULAR = {
    "alias": "alias",
    "aliases": "alias",
    "axes": "axis",
    "bias": "bias",
    "biases": "bias",
    "biased": "bias",
    "embed": "embed",
    "embedding": "embedding",
    "embeddings": "embedding",
    "indices": "index",
    "matrices": "matrix",
    "series": "series",
    "something": "something",
    "anything": "anything",
    "everything": "everything",
    "during": "during",
    "lens": "lens",
}
"""Words that the rules would join with a stranger or split from their own plural."""

_VOWELS = frozenset("aeiouy")
_KEPT_DOUBLE = frozenset("lsz")
"""fall-ing, pass-ing, buzz-ing: the doubled letter belongs to the word itself."""


def stem(word: str) -> str:
    """Return the stem of a lower-case word; anything but ASCII letters comes back unchanged.

    `collapses`, `collapsed`, `collapsing` and `collapse` all give `collaps`.
    """
    if len(word) < 4 or not (word.isascii() and word.isalpha()) or word in NEGATIONS:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    singular = _singular(word)
    root = _without_final_e(_without_verb_ending(singular))
    return next(form for form in (root, singular, word) if form not in NEGATIONS)


def _singular(word: str) -> str:
    """Return the word without a plural or third-person -s."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith("s") and word[-2] not in "sui":
        return word[:-1]
    return word


def _without_verb_ending(word: str) -> str:
    """Return the word without -ing or -ed, where at least a syllable remains."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= 3 and not _VOWELS.isdisjoint(root):
            if ending == "ed" and root[-1] == "e":  # need, speed, seed
                return word
            return _undoubled(root)
    return word


def _undoubled(root: str) -> str:
    """Return `stop` for `stopp`, and `fall` for `fall`."""
    if root[-1] == root[-2] and root[-1] not in _VOWELS | _KEPT_DOUBLE:
        return root[:-1]
    return root


def _without_final_e(word: str) -> str:
    """Return the word without a silent e, so that -e, -es, -ed and -ing forms meet."""
    if len(word) >= 4 and word.endswith("e") and not word.endswith("ee"):
        return word[:-1]
    return word
