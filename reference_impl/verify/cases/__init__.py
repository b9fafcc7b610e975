"""The losses of each method with everything that they must satisfy, one file per method.

A file exports `CASES`. It calls the method's public loss functions with a named convention; what
it expects comes from the transcriptions and from kb.closed_forms.
"""

from __future__ import annotations

from importlib import import_module

from reference_impl.verify.case import Case


def cases_of(method: str) -> tuple[Case, ...]:
    """Return the cases of a method by its registry name."""
    found: tuple[Case, ...] = import_module(f"reference_impl.verify.cases.{method}").CASES
    return found
