"""SimCLR, SupCon, MoCo v2 and v3, CLIP and SigLIP: conventions, symmetries, steps, queues."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from method_checks import check_output, check_presets, clouds, step_of
from torch.nn.functional import cross_entropy, logsigmoid, normalize

from reference_impl import registry
from reference_impl.encoders.small_cnn import small_cnn
from reference_impl.encoders.text import TextTransformer
from reference_impl.encoders.vit import vit_mini
from reference_impl.losses.pair_sigmoid import pair_sigmoid
from reference_impl.method import Batch
from reference_impl.methods import clip, moco_v2, moco_v3, siglip, simclr, supcon
from reference_impl.methods.clip import CLIP, CLIPConfig, clip_loss
from reference_impl.methods.moco_v2 import MoCoV2, MoCoV2Config, queue_info_nce
from reference_impl.methods.moco_v3 import MoCoV3, MoCoV3Config, batch_info_nce, moco_v3_loss
from reference_impl.methods.siglip import SigLIP, SigLIPConfig, siglip_loss
from reference_impl.methods.simclr import SimCLR, SimCLRConfig, nt_xent
from reference_impl.methods.supcon import SupCon, SupConConfig, supcon_loss

CONTRASTIVE = {
    "simclr": (simclr, SimCLRConfig),
    "supcon": (supcon, SupConConfig),
    "moco_v2": (moco_v2, MoCoV2Config),
    "moco_v3": (moco_v3, MoCoV3Config),
    "clip": (clip, CLIPConfig),
    "siglip": (siglip, SigLIPConfig),
}


@pytest.mark.parametrize("name", CONTRASTIVE)
def test_presets_and_claims(name: str) -> None:
    module, config = CONTRASTIVE[name]
    check_presets(module.PRESETS, module.CLAIMS, config)
    assert registry.get(name).claims == module.CLAIMS


def captioned() -> Batch:
    """Return 8 images with two views, labels and captions."""
    torch.manual_seed(0)
    return Batch(
        views=tuple(torch.randn(8, 1, 8, 8) for _ in range(2)),
        labels=torch.arange(8) % 3,
        texts=torch.randint(9, (8, 4)),
    )


@pytest.mark.parametrize("name", CONTRASTIVE)
def test_a_step_trains_every_parameter_that_can_be_trained(name: str) -> None:
    entry = registry.get(name)
    torch.manual_seed(0)
    model = entry.cls(small_cnn(1, 8), entry.preset("small").config)
    output = model(captioned())
    output.loss.backward()
    idle = [
        key
        for key, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    ]
    assert idle == []
    assert output.loss.isfinite()
    logged = model.after_update(0.5)
    assert all(math.isfinite(value) for value in logged.values())


@pytest.mark.parametrize(
    ("make", "config"),
    [(SimCLR, SimCLRConfig(dim=6)), (MoCoV3, MoCoV3Config(dim=6, hidden_dim=16))],
)
def test_step_output(make: Any, config: Any) -> None:
    _, output = step_of(make, config)
    check_output(output, 6)


# --- NT-Xent


def plain_nt_xent(first: Any, second: Any, temperature: float, decoupled: bool = False) -> Any:
    rows = normalize(torch.cat([first, second]), dim=1)
    count = len(first)
    scores = (rows @ rows.T / temperature).fill_diagonal_(-torch.inf)
    positive = torch.arange(2 * count).roll(count)
    if not decoupled:
        return cross_entropy(scores, positive)
    matches = scores.gather(1, positive[:, None])
    others = scores.scatter(1, positive[:, None], -torch.inf)
    return (others.logsumexp(1) - matches[:, 0]).mean()


@given(
    st.integers(2, 9),
    st.sampled_from([0.05, 0.5, 1.0]),
    st.booleans(),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_nt_xent_equals_the_whole_matrix(
    batch: int, temperature: float, decoupled: bool, seed: int
) -> None:
    first, second = clouds(batch, 5, seed)
    found = nt_xent(first, second, temperature=temperature, decoupled=decoupled)
    torch.testing.assert_close(found, plain_nt_xent(first, second, temperature, decoupled))


@given(st.integers(2, 9), st.integers(0, 99), st.floats(0.1, 100.0))
@settings(max_examples=30, deadline=None)
def test_nt_xent_ignores_order_of_views_images_and_lengths(
    batch: int, seed: int, length: float
) -> None:
    first, second = clouds(batch, 5, seed)
    loss = nt_xent(first, second)
    order = torch.randperm(batch)
    torch.testing.assert_close(nt_xent(second, first), loss)
    torch.testing.assert_close(nt_xent(first[order], second[order]), loss)
    torch.testing.assert_close(nt_xent(first * length, second), loss)


def test_nt_xent_gradient_by_finite_differences() -> None:
    first, second = (rows.requires_grad_() for rows in clouds(4, 3))
    for decoupled in (False, True):
        assert torch.autograd.gradcheck(
            lambda a, b, d=decoupled: nt_xent(a, b, temperature=0.5, decoupled=d), (first, second)
        )


def test_the_convention_sum_is_twice_the_mean() -> None:
    views = clouds(6, 4)
    torch.testing.assert_close(nt_xent(*views, convention="sum"), 2 * nt_xent(*views))


def test_wrong_views_are_refused() -> None:
    with pytest.raises(ValueError, match=r"both views must have one shape"):
        nt_xent(torch.zeros(3, 4), torch.zeros(4, 4))
    with pytest.raises(ValueError, match=r"no negatives at batch size 1"):
        nt_xent(torch.ones(1, 4), torch.ones(1, 4), decoupled=True)
    assert float(nt_xent(torch.ones(1, 4), torch.ones(1, 4))) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_inputs_cost_only_their_own_rounding(dtype: Any) -> None:
    first, second = (rows.to(dtype) for rows in clouds(64, 32))
    found = nt_xent(first, second, temperature=0.05)
    assert found.dtype == torch.float32
    exact = nt_xent(first.double(), second.double(), temperature=0.05)
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=0)


def test_simclr_without_a_projector_contrasts_the_features() -> None:
    _, output = step_of(SimCLR, SimCLRConfig(head_layers=0))
    assert torch.equal(output.embeddings[0], output.features[0])


# --- SupCon


def test_supcon_with_distinct_labels_is_nt_xent() -> None:
    first, second = clouds(7, 4)
    for convention in ("out", "in", "in_sum"):
        found = supcon_loss(first, second, torch.arange(7), convention=convention)
        torch.testing.assert_close(found, nt_xent(first, second))


@given(st.integers(2, 9), st.integers(1, 4), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_supcon_equals_its_definition(batch: int, classes: int, seed: int) -> None:
    first, second = clouds(batch, 5, seed)
    labels = torch.randint(classes, (batch,), generator=torch.Generator().manual_seed(seed)) * 7
    rows = normalize(torch.cat([first, second]), dim=1)
    scores = rows @ rows.T / 0.3
    others = ~torch.eye(2 * batch, dtype=torch.bool)
    same = (labels.repeat(2)[:, None] == labels.repeat(2)[None]) & others
    outside, inside, summed = [], [], []
    for i in range(2 * batch):
        level = scores[i][others[i]].logsumexp(0)
        outside.append(level - scores[i][same[i]].mean())
        inside.append(level - scores[i][same[i]].exp().mean().log())
        summed.append(level - scores[i][same[i]].logsumexp(0))
    for convention, expected in (("out", outside), ("in", inside), ("in_sum", summed)):
        found = supcon_loss(first, second, labels, temperature=0.3, convention=convention)  # type: ignore[arg-type]
        # Tighter than float32: the number of positives must not be rounded to it either.
        torch.testing.assert_close(found, torch.stack(expected).mean(), rtol=1e-12, atol=1e-12)


def test_supcon_needs_labels_that_fit() -> None:
    with pytest.raises(ValueError, match=r"a label for each row, found \(4, 3\), \(4, 3\) and \(3"):
        supcon_loss(torch.zeros(4, 3), torch.zeros(4, 3), torch.zeros(3).long())
    with pytest.raises(ValueError, match="found a batch without `labels`"):
        step_of(SupCon, SupConConfig())


# --- MoCo


def test_queue_info_nce_equals_the_whole_matrix() -> None:
    queries, keys = clouds(6, 5)
    queue = normalize(clouds(20, 5, 1)[0], dim=1)
    q, k = normalize(queries, dim=1), normalize(keys, dim=1)
    scores = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], dim=1) / 0.2
    expected = cross_entropy(scores, torch.zeros(6, dtype=torch.long))
    torch.testing.assert_close(queue_info_nce(queries, keys, queue, temperature=0.2), expected)
    with pytest.raises(ValueError, match="queries and keys must have one shape"):
        queue_info_nce(queries, keys[:3], queue)


def moco_of(**changes: Any) -> MoCoV2:
    torch.manual_seed(0)
    return MoCoV2(small_cnn(1, 8), MoCoV2Config(queue_size=20, dim=6, **changes))


def test_the_queue_is_first_in_first_out_and_wraps_around() -> None:
    model, batch = moco_of(), captioned()
    seen = []
    for _ in range(3):
        output = model(batch)
        seen.append(normalize(output.embeddings[1], dim=1))
        model.after_update(0.0)
    torch.testing.assert_close(model.queue[8:16], seen[1])
    torch.testing.assert_close(model.queue[16:], seen[2][:4])
    torch.testing.assert_close(model.queue[:4], seen[2][4:])
    torch.testing.assert_close(model.queue[4:8], seen[0][4:])
    assert int(model.oldest) == 4


def test_nothing_enters_the_queue_in_evaluation() -> None:
    model = moco_of().eval()
    before = model.queue.clone()
    model(captioned())
    model.after_update(0.0)
    assert torch.equal(model.queue, before)


def test_the_key_encoder_follows_and_takes_no_gradient() -> None:
    model = moco_of(ema_momentum=0.75)
    model(captioned()).loss.backward()
    assert all(each.grad is None for each in model.key_encoder.parameters())
    online, key = next(model.encoder.parameters()), next(model.key_encoder.parameters())
    with torch.no_grad():
        online += 1.0
    assert model.after_update(0.5) == {"ema_m": 0.75}
    torch.testing.assert_close(online - key, torch.full_like(key, 0.75))


def test_a_symmetric_step_queues_the_keys_of_both_views() -> None:
    model = moco_of(symmetric=True)
    output = model(captioned())
    model.after_update(0.0)
    assert int(model.oldest) == 16
    assert len(output.features) == 2


def test_moco_v3_conventions() -> None:
    queries, keys = clouds(6, 5), clouds(6, 5, 1)
    one = batch_info_nce(queries[0], keys[1], temperature=0.2)
    two = batch_info_nce(queries[1], keys[0], temperature=0.2)
    for convention, factor in (("official", 0.4), ("unscaled", 1.0), ("mean", 0.5)):
        found = moco_v3_loss(queries, keys, temperature=0.2, convention=convention)  # type: ignore[arg-type]
        torch.testing.assert_close(found, factor * (one + two))
    q, k = normalize(queries[0], dim=1), normalize(keys[1], dim=1)
    torch.testing.assert_close(one, cross_entropy(q @ k.T / 0.2, torch.arange(6)))


def test_moco_v3_momentum_rises_to_one() -> None:
    model = MoCoV3(small_cnn(1, 8), MoCoV3Config(dim=6, hidden_dim=16))
    assert model.after_update(0.0) == {"ema_m": pytest.approx(0.99)}
    assert model.after_update(1.0) == {"ema_m": pytest.approx(1.0)}


def test_moco_v3_decays_every_weight_of_a_transformer() -> None:
    """AdamW gets all parameters in one group; the official LARS leaves vectors out."""
    excluded = {name: one.recipe.exclude_norm_and_bias for name, one in moco_v3.PRESETS.items()}
    assert excluded == {"paper": False, "official": True, "small": True}


def test_siglip_decays_by_what_big_vision_takes_off_per_step() -> None:
    """There 0.01 of each weight at the peak, not multiplied by the rate of 1e-3."""
    recipe = siglip.PRESETS["official"].recipe
    assert recipe.base_lr * recipe.weight_decay == pytest.approx(0.01)


def test_moco_v3_freezes_the_patch_projection_of_a_transformer_only() -> None:
    config = MoCoV3Config(dim=6, hidden_dim=16, train_patch_embedding=False)
    model = MoCoV3(vit_mini(1, 8), config)
    assert not model.encoder.patch_embedding.weight.requires_grad
    with pytest.raises(ValueError, match="needs a transformer with a `patch_embedding`"):
        MoCoV3(small_cnn(1, 8), config)


# --- CLIP and SigLIP


def test_clip_equals_both_cross_entropies_and_learns_its_scale() -> None:
    images, texts = clouds(7, 5)
    scale = torch.tensor(9.0, dtype=torch.float64, requires_grad=True)
    x, y = normalize(images, dim=1), normalize(texts, dim=1)
    scores = scale * x @ y.T
    target = torch.arange(7)
    expected = (cross_entropy(scores, target) + cross_entropy(scores.T, target)) / 2
    found = clip_loss(images, texts, scale)
    torch.testing.assert_close(found, expected)
    (one,), (other,) = (torch.autograd.grad(loss, scale) for loss in (found, expected))
    torch.testing.assert_close(one, other)
    torch.testing.assert_close(clip_loss(texts, images, scale), found)


def test_the_scale_of_clip_stays_between_1_and_its_limit() -> None:
    model = CLIP(small_cnn(1, 8), registry.get("clip").preset("small").config)
    for log_scale, expected in ((9.0, 100.0), (-3.0, 1.0)):
        with torch.no_grad():
            model.log_scale.fill_(log_scale)
        model.after_update(0.5)
        assert float(model.log_scale.detach().exp()) == pytest.approx(expected)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.floats(-20, 20))
@settings(max_examples=30, deadline=None)
def test_siglip_in_tiles_equals_the_whole_matrix(
    rows: int, columns: int, side: int, bias: float
) -> None:
    x = clouds(rows, 4)[0].requires_grad_()
    y = clouds(columns, 4, 1)[0].requires_grad_()
    scale, shift = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (3.0, bias))
    signs = -torch.ones(rows, columns, dtype=torch.float64)
    if columns > 1:
        signs.diagonal(1).fill_(1.0)
    found = pair_sigmoid(x, y, scale, shift, offset=1, side=side)
    expected = -logsigmoid(signs * (scale * x @ y.T + shift)).sum(1)
    torch.testing.assert_close(found, expected)
    inputs = (x, y, scale, shift)
    weights = torch.linspace(1, 2, rows, dtype=torch.float64)
    pairs = zip(
        torch.autograd.grad((found * weights).sum(), inputs),
        torch.autograd.grad((expected * weights).sum(), inputs),
        strict=True,
    )
    for one, other in pairs:
        torch.testing.assert_close(one, other)


def test_siglip_loss_is_a_sum_over_captions_and_a_mean_over_images() -> None:
    images, texts = clouds(6, 5)
    x, y = normalize(images, dim=1), normalize(texts, dim=1)
    signs = 2 * torch.eye(6, dtype=torch.float64) - 1
    expected = -logsigmoid(signs * (10 * x @ y.T - 10)).sum() / 6
    torch.testing.assert_close(siglip_loss(images, texts, 10.0, -10.0), expected)


@pytest.mark.parametrize(("make", "name"), [(CLIP, "clip"), (SigLIP, "siglip")])
def test_captions_are_needed(make: Any, name: str) -> None:
    config = registry.get(name).preset("small").config
    with pytest.raises(ValueError, match="found a batch without `texts`"):
        step_of(make, config, views=1)


@pytest.mark.parametrize("loss", [clip_loss, siglip_loss])
def test_pairs_must_fit(loss: Any) -> None:
    arguments = (10.0,) if loss is clip_loss else (10.0, -10.0)
    with pytest.raises(ValueError, match="images and texts must have one shape"):
        loss(torch.zeros(3, 4), torch.zeros(4, 4), *arguments)


def test_captions_longer_than_the_context_are_refused() -> None:
    with pytest.raises(ValueError, match="captions of 5 tokens do not fit a context of 4"):
        TextTransformer(9, 4, 8, 1)(torch.zeros(2, 5, dtype=torch.long))
