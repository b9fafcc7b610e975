"""Two processes with half a batch each equal one with the whole, for losses of batch statistics.

One pair of processes serves all cases: starting them takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import torch
from method_checks import clouds, mixed_gradient
from two_processes import run_two

from reference_impl.methods.barlow import barlow_loss
from reference_impl.methods.byol import byol_loss
from reference_impl.methods.lejepa import Convention, lejepa_loss, random_directions
from reference_impl.methods.simsiam import simsiam_loss
from reference_impl.methods.vicreg import vicreg_loss
from reference_impl.methods.w_mse import w_mse_loss


def of_four(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Return a loss of two predictions and two targets as one of four views."""
    return lambda *views: loss(views[:2], views[2:])


def whitened_halves(first: Any, second: Any) -> Any:
    """Return W-MSE with slices that lie within one process's share of 16 images."""
    order = torch.arange(first.shape[0])[None]
    return w_mse_loss((first, second), order, slice_size=8)


def lejepa_of(convention: Convention) -> Callable[..., Any]:
    """Return LeJEPA's loss of several views, on directions that all processes draw alike."""

    def loss(*views: Any) -> Any:
        stacked = torch.stack(views)
        directions = random_directions(
            stacked.shape[-1], 5, seed=1, device=stacked.device, dtype=stacked.dtype
        )
        return lejepa_loss(stacked, directions, weight=0.3, convention=convention)

    return loss


CASES: Mapping[str, tuple[Callable[..., Any], int, int, int]] = {
    "barlow": (barlow_loss, 8, 12, 2),
    "barlow, more samples than dimensions": (barlow_loss, 24, 6, 2),
    "barlow, paper": (partial(barlow_loss, convention="paper"), 10, 10, 2),
    "barlow, a row in each process": (barlow_loss, 2, 3, 2),
    "byol": (of_four(byol_loss), 8, 6, 4),
    "lejepa": (lejepa_of("official"), 8, 6, 3),
    "lejepa, views as one sample": (lejepa_of("stable_pretraining"), 8, 6, 3),
    "simsiam": (of_four(partial(simsiam_loss, stop_gradient=False)), 8, 6, 4),
    "w_mse": (whitened_halves, 16, 3, 2),
    "vicreg": (vicreg_loss, 8, 12, 2),
    "vicreg, a row in each process": (vicreg_loss, 2, 3, 2),
    "vicreg, more samples than dimensions": (vicreg_loss, 24, 6, 2),
    "vicreg, paper": (partial(vicreg_loss, convention="paper"), 10, 10, 2),
}
"""Loss, batch, width and views."""


def losses_and_gradients() -> dict[str, tuple[float, Any]]:
    """Return what each case gives to this process, averaged over processes."""
    return {
        name: mixed_gradient(loss, clouds(batch, dim, views=views))
        for name, (loss, batch, dim, views) in CASES.items()
    }


@pytest.fixture(scope="module")
def together() -> list[dict[str, tuple[float, Any]]]:
    return run_two(losses_and_gradients)


@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradient_are_those_of_the_whole_batch(
    name: str, together: list[dict[str, tuple[float, Any]]]
) -> None:
    loss, gradient = losses_and_gradients()[name]
    assert gradient.abs().max() > 0
    for answers in together:
        other_loss, other_gradient = answers[name]
        assert other_loss == pytest.approx(loss, rel=1e-10)
        torch.testing.assert_close(other_gradient, gradient, rtol=1e-9, atol=1e-11)
