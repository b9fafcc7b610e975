"""What the tests of every method need: random views, a share of a batch, a whole step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from kb.vocabulary import vocabulary
from reference_impl import distributed
from reference_impl.encoders.small_cnn import small_cnn
from reference_impl.method import Batch, Claim, Method, Preset, StepOutput


def clouds(batch: int, dim: int, seed: int = 0, views: int = 2) -> tuple[Any, ...]:
    """Return independent standard normal (batch, dim) views in float64."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(batch, dim, generator=generator, dtype=torch.float64) for _ in range(views)
    )


def share(rows: Any) -> Any:
    """Return this process's part of a batch, all of it without a process group."""
    part = rows.shape[0] // distributed.world()
    return rows[distributed.rank() * part : (distributed.rank() + 1) * part]


def mixed_gradient(
    loss: Callable[..., Any], views: Sequence[Any], seed: int = 7
) -> tuple[float, Any]:
    """Return loss and gradient of a shared linear map over `views`, averaged over processes.

    This is what DistributedDataParallel leaves: two processes must give what one gives.
    """
    dim = views[0].shape[1]
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(dim, dim, generator=generator, dtype=torch.float64)
    weight = (torch.eye(dim, dtype=torch.float64) + 0.3 * noise).requires_grad_()
    value = loss(*(share(rows) @ weight for rows in views))
    value.backward()
    mean = distributed.mean_over_processes(value.detach()).item()
    return mean, distributed.mean_over_processes(weight.grad)


def step_of(make: Callable[..., Method], config: Any, views: int = 2) -> tuple[Method, StepOutput]:
    """Return a method on a small encoder and its output on a random batch of 8 images."""
    torch.manual_seed(0)
    model = make(small_cnn(1, 8), config)
    output = model(Batch(views=tuple(torch.randn(8, 1, 8, 8) for _ in range(views))))
    return model, output


def check_output(output: StepOutput, dim: int, views: int = 2) -> None:
    """Fail unless terms have vocabulary names and everything but the loss is detached."""
    assert output.loss.ndim == 0
    assert output.loss.requires_grad
    assert [tuple(rows.shape) for rows in output.embeddings] == [(8, dim)] * views
    assert [tuple(rows.shape) for rows in output.features] == [(8, small_cnn(1, 8).width)] * views
    known = set(vocabulary().names())
    assert set(output.terms) <= known
    held = [*output.terms.values(), *output.embeddings, *output.features]
    assert not any(value.requires_grad for value in held)


def check_presets(presets: Mapping[str, Preset], claims: Sequence[Claim], config: type) -> None:
    """Fail unless the three presets exist and claims change settings that exist."""
    assert set(presets) == {"paper", "official", "small"}
    assert all(isinstance(preset.config, config) and preset.source for preset in presets.values())
    settings = set(config.__dataclass_fields__)  # type: ignore[attr-defined]
    assert len({claim.id for claim in claims}) == len(claims)
    for claim in claims:
        assert claim.source
        assert all(set(arm.config) <= settings for arm in claim.arms)
