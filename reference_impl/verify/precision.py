"""What inputs of 16 bits do to a loss and its gradient.

The losses compute in float32 whatever they are given, so on inputs that were rounded already the
value must come out to float32's accuracy. What the rounding of the inputs itself costs is noted
beside it and is nobody's fault.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from reference_impl.verify.case import Arrays, Case, Check, Generator, compared
from reference_impl.verify.tensors import Evaluated, evaluate

HALF_VALUE_TOLERANCE = 1e-3
"""A loss that accumulates in 16 bits misses by 1e-2 and more."""

HALF_GRADIENT_TOLERANCE = {torch.float16: 5e-3, torch.bfloat16: 3e-2}
"""Relative error of a gradient returned in the inputs' own 16 bits: ten and eight bits of
mantissa round by 5e-4 and 4e-3, with room for what is summed after the loss."""

DTYPES = {torch.float16: "fp16", torch.bfloat16: "bf16"}


def precision_checks(case: Case, rng: Generator, device: str) -> Iterator[Check]:
    """Check value and gradient on 16-bit inputs against float64 on the same rounded inputs."""
    arrays = case.draws[0](rng)
    exact = evaluate(case, arrays, torch.float64, device)
    for dtype, name in DTYPES.items():
        rounded = _rounded(arrays, dtype)
        expected = evaluate(case, rounded, torch.float64, device)
        found = evaluate(case, rounded, dtype, device)
        tolerance = case.half_tolerance.get(name, HALF_VALUE_TOLERANCE)
        check = compared(case, name, "value", found.value, expected.value, tolerance)
        cost = abs(expected.value - exact.value) / max(1.0, abs(exact.value))
        yield _with_note(check, f"rounding the inputs alone moves the value by {cost:.1e}")
        yield compared(
            case,
            name,
            "gradient",
            _gradient_error(found, expected),
            0.0,
            HALF_GRADIENT_TOLERANCE[dtype],
        )
        if case.half_scale != 1.0:
            yield _large(case, rounded, dtype, device)


def _large(case: Case, arrays: Arrays, dtype: torch.dtype, device: str) -> Check:
    """Squares of such inputs overflow fp16; a loss of unit vectors must not notice."""
    factor = case.half_scale
    large = _rounded(
        {
            n: a * factor if a.dtype.kind == "f" and n in _all(case) else a
            for n, a in arrays.items()
        },
        dtype,
    )
    expected = evaluate(case, large, torch.float64, device).value
    found = evaluate(case, large, dtype, device)
    value = found.value if found.finite else float("nan")
    return compared(
        case, DTYPES[dtype], f"inputs times {factor:g}", value, expected, HALF_VALUE_TOLERANCE
    )


def _all(case: Case) -> tuple[str, ...]:
    return (*case.moving, *case.stopped)


def _rounded(arrays: Arrays, dtype: torch.dtype) -> Arrays:
    return {
        name: torch.as_tensor(array).to(dtype).double().numpy()
        if array.dtype.kind == "f"
        else array
        for name, array in arrays.items()
    }


def _gradient_error(found: Evaluated, expected: Evaluated) -> float:
    gaps = [found.gradients[name] - expected.gradients[name] for name in expected.gradients]
    norm = float(np.sqrt(sum((one**2).sum() for one in expected.gradients.values())))
    return float(np.sqrt(sum((gap**2).sum() for gap in gaps))) / (norm or 1.0)


def _with_note(check: Check, note: str) -> Check:
    return Check(**{**vars(check), "note": check.note or note})
