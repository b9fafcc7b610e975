"""The signature language: an expression over a run that fires, is silent, or is unknown.

The reference is docs/signatures.md. Nothing is ever executed as Python.
"""

from kb.signature.evaluate import Clause, Reductions, State, Verdict, evaluate, evaluate_value
from kb.signature.parse import Kind, Signature, SignatureError, parse

__all__ = [
    "Clause",
    "Kind",
    "Reductions",
    "Signature",
    "SignatureError",
    "State",
    "Verdict",
    "evaluate",
    "evaluate_value",
    "parse",
]
