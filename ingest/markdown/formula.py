"""Tell a formula from other text: fenced blocks are often used for both."""

from __future__ import annotations

import re

FORMULA_LANGUAGES = frozenset({"math", "latex", "tex", "katex"})

_RELATION = re.compile(
    r"[=≠≤≥≈∝≡∈≜∼]|:=|\\(?:leq?|geq?|approx|propto|equiv|in|sim|neq?|coloneqq)\b"
    r"|\b(?:maximi[sz]e|minimi[sz]e|arg\s?m(?:ax|in))\b"
)
_SIGN = re.compile(
    r"[α-ωΑ-Ωϵ∑∏∂∇√∫∞·×‖⟨⟩∥≥≤≠∝≈²³¹⁰ⁱⁿᵀ∈∀∈ℝ𝔼]"
    r"|\\[a-zA-Z]{2,}|\^\{|_\{|\|\|"
    r"|(?<![\w.])(?:log|ln|exp|sqrt|max|min|sum|mean|softmax|cos|tr|diag|Var|Cov|E|KL|H)\s*[(\[{]"
)
_CONTINUATION = re.compile(r"\s*[+\-−*/=·&]\s*\S")
_CODE = re.compile(
    r"^\s*(?:import|from|def|class|for|if|while|return|print|assert|with|\$|>>>|#!|--\w)"
    r"|\w\.\w+\(|==|;\s*$|:\s*$|\bself\b"
)
_INLINE_RELATION = re.compile(r"[=<>≤≥≈∝≡∈]|\\(?:leq?|geq?|approx|propto|equiv|in|sim|to|ll|gg)\b")


def is_formula(text: str, language: str = "") -> bool:
    """Say whether a code block holds formulas: relations between mathematical signs."""
    if language in FORMULA_LANGUAGES:
        return True
    lines = [line for line in text.split("\n") if line.strip()]
    if language or not lines or any(_CODE.search(line) for line in lines):
        return False
    stated = [line for line in lines if _RELATION.search(line) and _SIGN.search(line)]
    continued = [line for line in lines[1:] if line not in stated and _CONTINUATION.match(line)]
    return bool(stated) and 2 * (len(stated) + len(continued)) > len(lines)


def states_relation(formula: str) -> bool:
    """Say whether inline math relates two things, rather than name one (`$z$`)."""
    return bool(_INLINE_RELATION.search(formula))
