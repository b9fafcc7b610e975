"""Chance, collapse, floor and first values of the contrastive losses, as computed and as known.

The numbers written out are the recognisable ones that people meet in their logs; the closed
forms are those of `kb`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from kb.closed_forms.registry import form as closed_form
from reference_impl.losses.partition import log_partition
from reference_impl.methods.clip import clip_loss
from reference_impl.methods.moco_v2 import queue_info_nce
from reference_impl.methods.moco_v3 import moco_v3_loss
from reference_impl.methods.siglip import siglip_loss
from reference_impl.methods.simclr import nt_xent
from reference_impl.methods.supcon import BASE_TEMPERATURE, supcon_loss

LN_2N_MINUS_1 = {
    16: 3.4340,
    32: 4.1431,
    48: 4.5539,
    64: 4.8442,
    96: 5.2523,
    128: 5.5413,
    192: 5.9480,
    256: 6.2364,
    512: 6.9305,
    1024: 7.6241,
    2048: 8.3175,
    4096: 9.0108,
}


def same(count: int, dim: int = 4, value: float = 1.0, dtype: Any = torch.float64) -> Any:
    """Return `count` identical embeddings."""
    return torch.full((count, dim), value, dtype=dtype)


def random(count: int, dim: int, seed: int = 0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dim, generator=generator, dtype=torch.float64)


def simplex(count: int) -> Any:
    """Return `count` points as far apart as they can be, in as many dimensions."""
    return torch.eye(count, dtype=torch.float64) - 1 / count


def form(loss: str, quantity: str, **parameters: float) -> float:
    """Return a closed form of kb, `nt_xent.sum2` naming a variant."""
    found = closed_form(loss, quantity)
    return float(found.compute(*(np.float64(parameters[each]) for each in found.parameters)))


@pytest.mark.parametrize(("batch", "value"), LN_2N_MINUS_1.items())
def test_nt_xent_of_identical_outputs(batch: int, value: float) -> None:
    loss = float(nt_xent(same(batch), same(batch)))
    assert loss == pytest.approx(value, abs=6e-5)
    assert loss == pytest.approx(form("nt_xent", "collapse", batch_size=batch), rel=1e-12)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_nt_xent_of_zero_outputs_is_the_same(temperature: float) -> None:
    zero = same(32, value=0.0)
    assert float(nt_xent(zero, zero, temperature=temperature)) == pytest.approx(math.log(63))


@pytest.mark.parametrize(("batch", "value"), [(32, 8.286), (256, 12.473), (512, 13.861)])
def test_the_official_code_logs_twice_as_much(batch: int, value: float) -> None:
    loss = float(nt_xent(same(batch), same(batch), convention="sum"))
    assert loss == pytest.approx(value, abs=6e-4)
    assert loss == pytest.approx(form("nt_xent.sum2", "chance", batch_size=batch), rel=1e-12)


def test_the_official_code_at_4096() -> None:
    loss = float(nt_xent(same(4096), same(4096), convention="sum"))
    assert loss == pytest.approx(18.022, abs=6e-4)


@pytest.mark.parametrize("temperature", [0.2, 0.5])
def test_nt_xent_of_random_directions(temperature: float) -> None:
    batch, dim = 512, 128
    losses = [
        float(
            nt_xent(
                random(batch, dim, seed), random(batch, dim, 100 + seed), temperature=temperature
            )
        )
        for seed in range(4)
    ]
    expected = form("nt_xent", "start", batch_size=batch, temperature=temperature, dim=dim)
    assert sum(losses) / 4 == pytest.approx(expected, abs=0.02)
    assert expected == pytest.approx(math.log(1023) + 1 / (2 * dim * temperature**2))


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0])
def test_nt_xent_floor(temperature: float) -> None:
    points = simplex(64)
    loss = float(nt_xent(points, points, temperature=temperature))
    expected = form("nt_xent", "floor", batch_size=64, temperature=temperature)
    assert loss == pytest.approx(expected, rel=1e-9)


def test_a_run_at_its_floor_is_not_stuck() -> None:
    points = simplex(128)
    assert float(nt_xent(points, points, temperature=0.5)) == pytest.approx(3.55, abs=5e-3)


def test_a_high_temperature_hides_everything_at_chance() -> None:
    points = simplex(32)
    assert float(nt_xent(points, points, temperature=100.0)) == pytest.approx(4.134, abs=2e-3)


def test_an_unmasked_self_gives_ln_2n_and_bottoms_out_at_ln_2() -> None:
    def unmasked(one: Any, temperature: float) -> float:
        rows = normalize(torch.cat([one, one]), dim=1)
        return float((log_partition(rows, rows, 1 / temperature) - 1 / temperature).mean())

    assert unmasked(same(32), 0.1) == pytest.approx(math.log(64))
    assert unmasked(simplex(32), 0.02) == pytest.approx(0.6931, abs=1e-4)
    expected = form("nt_xent.unmasked", "floor", batch_size=32, temperature=0.5)
    assert unmasked(simplex(32), 0.5) == pytest.approx(expected, rel=1e-9)


def test_decoupled_values() -> None:
    assert float(nt_xent(same(32), same(32), decoupled=True)) == pytest.approx(math.log(62))
    points = simplex(32)
    floor = float(nt_xent(points, points, temperature=0.1, decoupled=True))
    assert floor == pytest.approx(form("dcl", "floor", batch_size=32, temperature=0.1), rel=1e-9)
    assert floor < 0
    started = float(nt_xent(random(512, 128), random(512, 128, 1), temperature=0.5, decoupled=True))
    expected = form("dcl", "start", batch_size=512, temperature=0.5, dim=128)
    assert started == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(("temperature", "value"), [(0.07, 4.844), (0.1, 6.920), (0.5, 34.60)])
def test_supcon_of_the_authors_code_in_simclr_mode(temperature: float, value: float) -> None:
    loss = supcon_loss(
        same(64),
        same(64),
        torch.arange(64),
        temperature=temperature,
        base_temperature=BASE_TEMPERATURE,
    )
    assert float(loss) == pytest.approx(value, abs=6e-3)
    expected = form("nt_xent.supcon", "chance", batch_size=64, temperature=temperature)
    assert float(loss) == pytest.approx(expected, rel=1e-12)


def test_clip_of_identical_outputs() -> None:
    assert float(clip_loss(same(64), same(64), 14.3)) == pytest.approx(math.log(64))
    assert math.log(32768) == pytest.approx(10.397, abs=5e-4)
    assert form("info_nce", "collapse", batch_size=32768) == pytest.approx(10.397, abs=5e-4)


def test_clip_of_random_directions_and_at_its_floor() -> None:
    start = float(clip_loss(random(1024, 512), random(1024, 512, 1), 1 / 0.07))
    expected = form("info_nce", "start", batch_size=1024, temperature=0.07, dim=512)
    assert start == pytest.approx(expected, abs=0.05)
    floor = float(clip_loss(simplex(64), simplex(64), 10.0))
    assert floor == pytest.approx(
        form("info_nce", "floor", batch_size=64, temperature=0.1), rel=1e-9
    )


@pytest.mark.parametrize(("queue", "value"), [(65536, 11.0904), (4096, 8.3180)])
def test_moco_of_identical_keys(queue: int, value: float) -> None:
    unit = normalize(same(queue), dim=1)
    loss = float(queue_info_nce(same(8), same(8), unit, temperature=0.2))
    assert loss == pytest.approx(value, abs=6e-5)
    assert loss == pytest.approx(form("moco", "collapse", queue_size=queue), rel=1e-12)


@pytest.mark.parametrize(("temperature", "value"), [(0.07, 0.087), (0.2, 6.190)])
def test_moco_at_the_first_step_against_a_random_queue(temperature: float, value: float) -> None:
    queries = random(64, 128)
    queue = normalize(random(65536, 128, 1), dim=1)
    expected = form("moco", "start", queue_size=65536, temperature=temperature, dim=128)
    assert expected == pytest.approx(value, abs=6e-4)
    loss = float(queue_info_nce(queries, queries, queue, temperature=temperature))
    assert loss == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("batch", "temperature", "value"), [(4096, 0.2, 6.654), (4096, 1.0, 33.271), (256, 0.2, 4.436)]
)
def test_moco_v3_of_identical_outputs(batch: int, temperature: float, value: float) -> None:
    pair = (same(batch), same(batch))
    loss = float(moco_v3_loss(pair, pair, temperature=temperature))
    assert loss == pytest.approx(value, abs=6e-4)
    expected = form("moco_v3", "collapse", batch_size=batch, temperature=temperature)
    assert loss == pytest.approx(expected, rel=1e-12)


def test_moco_v3_at_its_start_and_floor() -> None:
    pair = (random(512, 256), random(512, 256, 1))
    other = (random(512, 256, 2), random(512, 256, 3))
    start = form("moco_v3", "start", batch_size=512, temperature=0.2, dim=256)
    assert float(moco_v3_loss(pair, other, temperature=0.2)) == pytest.approx(start, rel=0.01)
    points = (simplex(64), simplex(64))
    floor = form("moco_v3", "floor", batch_size=64, temperature=0.2)
    assert float(moco_v3_loss(points, points, temperature=0.2)) == pytest.approx(floor, rel=1e-9)


@pytest.mark.parametrize("batch", [64, 512])
def test_siglip_at_its_start(batch: int) -> None:
    # Orthogonal embeddings: every cosine is 0 and every logit the bias.
    images, texts = torch.eye(batch, 2 * batch).double(), torch.eye(batch, 2 * batch).double()
    loss = float(siglip_loss(images, texts.roll(batch, 1), 10.0, -10.0))
    assert loss == pytest.approx(10.0000454 + 4.54e-5 * (batch - 1), abs=1e-6 * batch)
    assert loss == pytest.approx(form("siglip", "start", batch_size=batch), rel=1e-9)


def test_siglip_with_the_best_constant_logit() -> None:
    logit = -math.log(63)  # a match in 64 pairs
    loss = float(siglip_loss(same(64), same(64), 0.0, logit))
    assert loss == pytest.approx(5.151, abs=6e-4)
    assert loss == pytest.approx(form("siglip", "chance", batch_size=64), rel=1e-9)


def test_siglip_with_all_logits_zero_and_at_its_floor() -> None:
    assert float(siglip_loss(same(64), same(64), 0.0, 0.0)) == pytest.approx(64 * math.log(2))
    points = torch.eye(64, dtype=torch.float64)
    assert float(siglip_loss(points, points, 200.0, -100.0)) == pytest.approx(0, abs=1e-30)


def test_the_gradient_vanishes_at_collapse_and_nearly_so_beside_it() -> None:
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(1, 128, generator=generator)

    def gradient(spread: float) -> float:
        noise = torch.randn(2, 32, 128, generator=generator) * spread
        views = (direction + noise).requires_grad_()
        nt_xent(views[0], views[1], temperature=0.5).backward()
        return float(views.grad.norm())

    assert gradient(0.0) < 1e-7
    assert gradient(1e-3) < 1e-3
