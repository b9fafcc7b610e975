"""From arrays to tensors of a device and precision, and gradients back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case

Gradients = Mapping[str, npt.NDArray[np.float64]]


def tensors_of(arrays: Arrays, case: Case, dtype: torch.dtype, device: str) -> dict[str, Tensor]:
    """Return the inputs as tensors; those that move or are stopped ask for a gradient.

    Others are what a method keeps in a buffer, a queue or a centre: they stay in float32 when
    `dtype` has 16 bits.
    """
    kept = torch.float32 if dtype.itemsize == 2 else dtype
    found: dict[str, Tensor] = {}
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            found[name] = torch.as_tensor(array, device=device)
            continue
        flows = name in (*case.moving, *case.stopped)
        tensor = torch.as_tensor(array, dtype=torch.float64).to(dtype if flows else kept)
        found[name] = tensor.to(device).requires_grad_(flows)
    return found


@dataclass(frozen=True)
class Evaluated:
    """A loss and the gradients of its moving inputs, in float64 for comparison.

    `leaked` names the stopped inputs that got a gradient that is not zero.
    """

    value: float
    gradients: Gradients
    leaked: tuple[str, ...]
    finite: bool


def evaluate(
    case: Case, arrays: Arrays, dtype: torch.dtype = torch.float64, device: str = "cpu"
) -> Evaluated:
    """Return the case's loss on `arrays` and its gradients, computed in `dtype` on `device`."""
    inputs = tensors_of(arrays, case, dtype, device)
    loss = case.ours(inputs)
    if loss.requires_grad:
        loss.backward()
    gradients = {name: _array(inputs[name].grad, arrays[name].shape) for name in case.moving}
    leaked = tuple(
        name
        for name in case.stopped
        if inputs[name].grad is not None and bool(inputs[name].grad.abs().max() > 0)
    )
    value = float(loss.detach().double())
    finite = bool(np.isfinite(value)) and all(
        bool(np.isfinite(one).all()) for one in gradients.values()
    )
    return Evaluated(value, gradients, leaked, finite)


def _array(grad: Tensor | None, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    if grad is None:
        return np.zeros(shape)
    return np.asarray(grad.detach().double().cpu().numpy(), dtype=np.float64)
