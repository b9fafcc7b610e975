"""DINO, iBOT and KoLeo: recognisable values, conventions, schedules, what a step does."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from kb.closed_forms.registry import form
from reference_impl.encoders.vit import vit_mini
from reference_impl.losses.ibot import ibot_loss
from reference_impl.losses.koleo import koleo_loss
from reference_impl.losses.self_distillation import (
    dino_loss,
    dino_terms,
    moved_center,
    teacher_distribution,
)
from reference_impl.masks.rectangles import random_rectangles
from reference_impl.method import Batch
from reference_impl.methods import dino
from reference_impl.methods.dino import (
    CLAIMS,
    DINO,
    PRESETS,
    Centring,
    DINOConfig,
)
from reference_impl.prototypes import PrototypeHead, UnitRows, usage

TINY = DINOConfig(
    prototypes=32, hidden_width=16, bottleneck=8, small_crops=1, temperature_warmup=0.5,
    teacher_temperature=0.08, freeze_last_layer=0.1,
)  # fmt: skip


class Pixels(nn.Module):  # type: ignore[misc, unused-ignore]
    """An encoder for tests: average colours of a coarse grid, then a linear layer."""

    width = 12

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 12)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pooled = functional.adaptive_avg_pool2d(images, 4).flatten(1)
        features: torch.Tensor = self.layer(pooled)
        return features


def plain_loss(
    student: list[torch.Tensor], targets: list[torch.Tensor], temperature: float
) -> torch.Tensor:
    """Return the loss as the official code computes it, pair by pair."""
    pairs = [
        -(target * (logits / temperature).log_softmax(-1)).sum(-1).mean()
        for t, target in enumerate(targets)
        for s, logits in enumerate(student)
        if s != t
    ]
    return torch.stack(pairs).mean()


def random_logits(
    count: int, *shape: int, dtype: torch.dtype = torch.float64
) -> list[torch.Tensor]:
    return [torch.randn(*shape, dtype=dtype) for _ in range(count)]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(0, 3), st.floats(0.05, 1.0), st.integers(0, 1000))
def test_the_loss_and_its_gradient_are_those_of_all_pairs(
    teachers: int, local: int, temperature: float, seed: int
) -> None:
    torch.manual_seed(seed)
    if teachers + local < 2:
        local = 1
    student = [s.requires_grad_() for s in random_logits(teachers + local, 4, 9)]
    targets = [teacher_distribution(t, 0.3) for t in random_logits(teachers, 4, 9)]
    expected = plain_loss(student, targets, temperature)
    loss = dino_loss(student, targets, temperature)
    torch.testing.assert_close(loss, expected)
    for mine, theirs in zip(
        torch.autograd.grad(loss, student, materialize_grads=True),
        torch.autograd.grad(expected, student, materialize_grads=True),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)
    pairs = teachers * (teachers - 1 + local)
    summed = dino_loss(student, targets, temperature, reduction="sum")
    torch.testing.assert_close(summed, expected * pairs)


def test_parts_are_means_over_their_own_pairs() -> None:
    torch.manual_seed(0)
    student, targets = random_logits(5, 4, 9), [t.softmax(-1) for t in random_logits(2, 4, 9)]
    found = dino_terms(student, targets)
    torch.testing.assert_close(found.across_global, dino_loss(student[:2], targets))
    torch.testing.assert_close(2 * found.across_global + 6 * found.to_local, 8 * found.loss)
    with pytest.raises(ValueError, match="1 of the teacher and 1 of the student"):
        dino_loss(student[:1], targets[:1])


@pytest.mark.parametrize(
    ("prototypes", "value"), [(65_536, 11.0904), (4096, 8.3178), (8192, 9.0109)]
)
def test_flat_outputs_cost_ln_k_and_one_prototype_costs_nothing(
    prototypes: int, value: float
) -> None:
    logits = torch.zeros(2, prototypes)
    targets = teacher_distribution(logits, 0.04)
    loss = float(dino_loss([logits, logits], [targets, targets]))
    assert loss == pytest.approx(form("dino", "chance").value(prototypes=prototypes), rel=1e-6)
    assert loss == pytest.approx(value, abs=1e-4)
    logits[:, 7] = 5.0
    targets = teacher_distribution(logits, 0.04)
    assert float(dino_loss([logits, logits], [targets, targets])) < 1e-4


def test_first_step_of_the_official_head() -> None:
    """K = 65,536, bottleneck 256, temperatures 0.1 and 0.04: 11.29 unrelated, 10.31 agreeing."""
    torch.manual_seed(0)
    head = PrototypeHead(32, 65_536, hidden_width=64)
    with torch.no_grad():
        first, second = (head.compare(torch.randn(32, 256)) for _ in range(2))
    assert first.abs().max() <= 1.0001  # cosines
    unrelated = dino_loss([first, second], [teacher_distribution(x, 0.04) for x in (first, second)])
    agreeing = dino_loss([first, first], [teacher_distribution(first, 0.04)] * 2)
    settings = {"prototypes": 65_536, "dim": 256, "temperature": 0.1}
    assert float(unrelated) == pytest.approx(form("dino", "start").value(**settings), abs=0.03)
    assert float(agreeing) == pytest.approx(form("dino.agree", "start").value(**settings), abs=0.03)


def test_sharpening_and_centring_act_in_opposite_directions() -> None:
    torch.manual_seed(0)
    logits = torch.randn(64, 16) * 0.1
    logits[:, 3] += 1.0
    bare = usage(teacher_distribution(logits, 0.04))
    centred = usage(teacher_distribution(logits, 0.04, logits.mean(0)))
    flat = usage(teacher_distribution(logits, 1.0, logits.mean(0)))
    assert bare["proto_perplexity"] < 1.01
    assert centred["proto_perplexity"] > 12
    assert flat["teacher_entropy"] > 0.99 * math.log(16)
    assert centred["teacher_entropy"] < flat["teacher_entropy"]
    assert bare["proto_max_share"] > 0.99


def test_center_is_a_moving_average_of_the_teachers_mean() -> None:
    logits = torch.tensor([[1.0, 3.0], [3.0, 5.0]])
    assert moved_center(torch.tensor([10.0, 0.0]), logits, 0.9).tolist() == pytest.approx(
        [9.2, 0.4]
    )
    center = torch.tensor([10.0, 0.0])
    assert torch.equal(moved_center(center, logits[:0], 0.9), center)


def test_patch_loss_weighs_images_or_tokens() -> None:
    torch.manual_seed(0)
    mask = torch.tensor([[1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]], dtype=torch.bool)
    student, targets = torch.randn(4, 8), torch.randn(4, 8).softmax(-1)
    entropies = -(targets * (student / 0.1).log_softmax(-1)).sum(-1)
    by_image = (entropies[:3].mean() + entropies[3]) / 3
    torch.testing.assert_close(ibot_loss(student, targets, mask), by_image)
    by_token = ibot_loss(student, targets, mask, convention="per_token")
    torch.testing.assert_close(by_token, entropies.mean())
    nothing = ibot_loss(student[:0], targets[:0], torch.zeros(3, 4, dtype=torch.bool))
    assert float(nothing) == 0.0
    flat = ibot_loss(torch.zeros(4, 8192), torch.full((4, 8192), 1 / 8192), mask[:2])
    assert float(flat) == pytest.approx(9.0109, abs=1e-4)


def test_koleo_of_random_directions_and_of_a_point() -> None:
    torch.manual_seed(0)
    spread = float(koleo_loss(torch.randn(512, 2048)))
    assert spread == pytest.approx(-0.31, abs=0.01)
    expected = form("koleo", "start").value(batch_size=512, dim=2048)
    assert spread == pytest.approx(expected, abs=0.01)
    point = float(koleo_loss(torch.ones(8, 32)))
    assert point == pytest.approx(16.53, abs=0.01)
    assert point == pytest.approx(form("koleo", "collapse").value(dim=32), rel=1e-5)


def test_koleo_of_the_paper_has_no_epsilon() -> None:
    square = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], dtype=torch.float64)
    assert float(koleo_loss(3 * square, convention="paper")) == pytest.approx(-0.5 * math.log(2))
    assert float(koleo_loss(torch.ones(3, 4), convention="paper")) == math.inf
    with pytest.raises(ValueError, match="at least 2 rows"):
        koleo_loss(square[:1])


def test_koleo_pushes_neighbours_apart() -> None:
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0]], requires_grad=True)
    koleo_loss(rows).backward()
    assert rows.grad is not None
    assert -rows.grad[0, 1] < 0 < -rows.grad[1, 1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_inputs_are_computed_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    student = [(3 * x).to(dtype) for x in random_logits(3, 8, 64)]
    teacher = [x.to(dtype) for x in random_logits(2, 8, 64)]
    targets = [teacher_distribution(x, 0.04, torch.zeros(64)) for x in teacher]
    assert targets[0].dtype == torch.float32
    exact_targets = [teacher_distribution(x.double(), 0.04) for x in teacher]
    exact = plain_loss([x.double() for x in student], exact_targets, 0.1)
    assert float(dino_loss(student, targets)) == pytest.approx(float(exact), rel=1e-5)
    rows = torch.ones(4, 32, dtype=dtype)
    with torch.autocast("cpu", dtype=dtype):
        assert float(koleo_loss(rows)) == pytest.approx(16.53, abs=0.01)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 16), st.integers(2, 16), st.integers(0, 100))
def test_hidden_rectangles_cover_about_the_share_asked_for(
    rows: int, columns: int, seed: int
) -> None:
    torch.manual_seed(seed)
    mask = random_rectangles(200, (rows, columns), (0.2, 0.4), 1.0, aspect=0.8)
    assert mask.shape == (200, rows * columns)
    assert mask.any(dim=1).all()
    assert 0.1 < mask.float().mean() < 0.55
    half = random_rectangles(400, (rows, columns), (0.2, 0.4), 0.5)
    assert 0.35 < half.any(dim=1).float().mean() < 0.65


def batch(images: int = 6, side: int = 16, small: int = 1) -> Batch:
    views = tuple(torch.randn(images, 1, side, side) for _ in range(2))
    return Batch(views, tuple(torch.randn(images, 1, side // 2, side // 2) for _ in range(small)))


def test_a_step_teaches_the_student_only() -> None:
    torch.manual_seed(0)
    method = DINO(Pixels(), TINY)
    assert method.plan.small == 1
    teacher = copy.deepcopy(method.teacher.state_dict())
    output = method(batch())
    output.loss.backward()
    assert all(p.grad is None for p in method.teacher.parameters())
    assert all(p.grad is not None for p in method.head.parameters())
    assert method.center.abs().sum() > 0
    for name, value in method.teacher.state_dict().items():
        assert torch.equal(value, teacher[name])
    assert {len(output.features), len(output.embeddings)} == {2}
    assert output.embeddings[0].shape == (6, 8)
    assert {"term/dino_global", "term/dino_local", "teacher_entropy"} <= set(output.terms)


def test_the_last_layer_is_frozen_in_the_beginning() -> None:
    method = DINO(Pixels(), TINY)
    for progress, frozen in ((0.0, True), (0.09, True), (0.1, False)):
        method.zero_grad()
        method(batch()).loss.backward()
        method.before_update(progress)
        assert (method.head.last.direction.grad is None) is frozen
        assert method.head.mlp[0].weight.grad is not None


def test_schedules_of_temperature_and_momentum_survive_a_checkpoint() -> None:
    method = DINO(Pixels(), TINY)
    assert method.teacher_temperature == pytest.approx(0.04)
    logged = method.after_update(0.25)
    assert logged["teacher_temp"] == pytest.approx(0.06)
    resumed = DINO(Pixels(), TINY)
    resumed.load_state_dict(method.state_dict())
    assert resumed.teacher_temperature == pytest.approx(0.06)
    assert method.after_update(0.5)["ema_m"] == pytest.approx(0.998)
    assert method.after_update(1.0) == pytest.approx({"ema_m": 1.0, "teacher_temp": 0.08})


def test_patches_may_have_a_temperature_of_their_own() -> None:
    method = DINO(Pixels(), replace(TINY, teacher_temperature=0.04))
    assert method.patch_temperature == pytest.approx(0.04)
    method = DINO(Pixels(), replace(TINY, teacher_temperature=0.04, teacher_patch_temperature=0.07))
    found = []
    for progress in (0.0, 0.25, 0.5, 1.0):
        method.after_update(progress)
        found.append((method.teacher_temperature, method.patch_temperature))
    wanted = [(0.04, 0.04), (0.04, 0.055), (0.04, 0.07), (0.04, 0.07)]
    assert [value for pair in found for value in pair] == pytest.approx(
        [value for pair in wanted for value in pair]
    )


def test_the_temperature_of_patches_acts_on_the_patch_loss_alone() -> None:
    config = replace(TINY, ibot_weight=1.0, mask_probability=1.0, temperature_warmup=0.0)
    terms = []
    for patches in (None, config.teacher_temperature, 0.5):
        torch.manual_seed(0)
        method = DINO(vit_mini(1, 16, depth=1), replace(config, teacher_patch_temperature=patches))
        terms.append(method(batch(side=16)).terms)
    for name in ("term/dino_global", "term/ibot"):
        assert torch.equal(terms[0][name], terms[1][name])
    assert torch.equal(terms[0]["term/dino_global"], terms[2]["term/dino_global"])
    assert not torch.equal(terms[0]["term/ibot"], terms[2]["term/ibot"])


def test_koleo_looks_for_neighbours_where_the_config_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def koleo(rows: torch.Tensor, *, scope: str) -> torch.Tensor:
        asked.append(scope)
        return rows.sum()

    monkeypatch.setattr(dino, "koleo_loss", koleo)
    for scope in (TINY.koleo_scope, PRESETS["dinov2"].config.koleo_scope):
        config = replace(TINY, koleo_weight=0.1, koleo_scope=scope)
        DINO(Pixels(), config)(batch())
    assert asked == ["global"] * 2 + ["process"] * 2


def test_the_teacher_follows_the_student() -> None:
    torch.manual_seed(0)
    method = DINO(Pixels(), replace(TINY, ema_momentum=0.0, ema_final=0.0))
    with torch.no_grad():
        for parameter in method.encoder.parameters():
            parameter.add_(1.0)
    method.after_update(0.5)
    assert torch.equal(method.teacher["encoder"].layer.weight, method.encoder.layer.weight)


@pytest.mark.parametrize(
    ("centring", "in_use"), [("center", (10, 32)), ("sinkhorn", (10, 32)), ("none", (1, 1.5))]
)
def test_only_centring_keeps_more_than_one_prototype(
    centring: Centring, in_use: tuple[float, float]
) -> None:
    torch.manual_seed(0)
    changes: dict[str, Any] = {"centring": centring, "freeze_last_layer": 0.0, "ema_momentum": 0.9}
    method = DINO(Pixels(), replace(TINY, teacher_temperature=0.04, **changes))
    optimizer = torch.optim.Adam([p for p in method.parameters() if p.requires_grad], 3e-3)
    images = torch.randn(32, 1, 4, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    for step in range(60):
        views = tuple(images + 0.3 * torch.randn_like(images) for _ in range(2))
        output = method(Batch(views, (images[..., ::2, ::2],)))
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
        method.after_update(step / 60)
    assert in_use[0] <= float(output.terms["proto_perplexity"]) + 1e-3 <= in_use[1] + 2e-3
    assert (float(output.loss.detach()) < 0.01) is (centring == "none")
    assert (float(method.center.abs().sum()) > 0) is (centring == "center")


def test_patch_loss_and_koleo_join_in_with_a_transformer() -> None:
    torch.manual_seed(0)
    config = replace(TINY, ibot_weight=1.0, koleo_weight=0.1, mask_probability=1.0)
    method = DINO(vit_mini(1, 16, depth=1, drop_path=0.3), config)
    output = method(batch(side=16))
    output.loss.backward()
    assert method.mask_token.grad is not None
    assert method.mask_token.grad.abs().sum() > 0
    assert method.patch_center.abs().sum() > 0
    parts = output.terms
    pairs = (2 * parts["term/dino_global"] + 2 * parts["term/dino_local"]) / 4
    total = pairs + parts["term/ibot"] + 0.1 * 2 * parts["term/koleo"]
    torch.testing.assert_close(output.loss.detach(), total)
    for name, parameter in method.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name


def test_prototypes_can_be_copied_after_a_backward_pass() -> None:
    """Weight normalisation by hooks cannot: distill/weight-norm-deepcopy."""
    layer = UnitRows(4, 3, learnt_length=True)
    rows = torch.randn(2, 4)
    layer(rows).sum().backward()
    assert torch.equal(copy.deepcopy(layer)(rows), layer(rows))


def test_the_patch_loss_needs_patches() -> None:
    with pytest.raises(TypeError, match="iBOT's patch loss"):
        DINO(Pixels(), replace(TINY, ibot_weight=1.0))


def test_presets_and_claims_change_only_known_settings() -> None:
    assert PRESETS["paper"].config.teacher_temperature == 0.07
    assert not PRESETS["paper"].config.norm_last_layer
    for name in ("paper", "official", "ibot", "dinov2"):
        preset = PRESETS[name]
        frozen = preset.config.freeze_last_layer * preset.recipe.epochs
        assert frozen == pytest.approx(1.0), name
    for claim in CLAIMS:
        for arm in claim.arms:
            replace(PRESETS["small"].config, **arm.config)


def test_presets_clip_each_tensor_where_the_official_code_does() -> None:
    scopes = {name: preset.recipe.grad_clip_scope for name, preset in PRESETS.items()}
    tensor = dict.fromkeys(("paper", "official", "ibot"), "tensor")
    assert scopes == tensor | {"dinov2": "global", "small": "global"}
    ibot = PRESETS["ibot"].config
    assert (ibot.teacher_temperature, ibot.teacher_patch_temperature) == (0.04, 0.07)
