"""What each loss logs when the model has learnt nothing, has collapsed, or can do no better.

`explain_value` reads these values backwards, from a logged constant to its formula.
"""

from kb.closed_forms.base import QUANTITIES, ClosedForm, Quantity
from kb.closed_forms.explain import Explanation, explain_value
from kb.closed_forms.registry import form, forms

__all__ = [
    "QUANTITIES",
    "ClosedForm",
    "Explanation",
    "Quantity",
    "explain_value",
    "form",
    "forms",
]
