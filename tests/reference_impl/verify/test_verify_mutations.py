"""A broken loss must not pass: each mutation is one that people really make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from reference_impl.losses.koleo import koleo_loss
from reference_impl.losses.self_distillation import dino_loss, teacher_distribution
from reference_impl.methods.barlow import barlow_loss
from reference_impl.methods.byol import byol_loss
from reference_impl.methods.clip import clip_loss
from reference_impl.methods.lejepa import lejepa_loss
from reference_impl.methods.mae import mae_loss, normalise_patches, patchify
from reference_impl.methods.moco_v2 import queue_info_nce
from reference_impl.methods.siglip import siglip_loss
from reference_impl.methods.simclr import nt_xent
from reference_impl.methods.simsiam import simsiam_loss
from reference_impl.methods.vicreg import vicreg_loss
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Case, Check, Tensors
from reference_impl.verify.cases import cases_of
from reference_impl.verify.check_values import check_case
from reference_impl.verify.values import gradient_checks, value_checks

Loss = Callable[[Tensors], Tensor]


@pytest.fixture(autouse=True)
def no_other_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the checks stand alone: a mutation must be caught where lightly is not installed."""
    monkeypatch.setattr(
        "reference_impl.verify.check_values.why_no_lightly", lambda: "not in this test"
    )


def case(method: str, name: str) -> Case:
    return next(one for one in cases_of(method) if one.name == name)


def failed(method: str, name: str, broken: Loss) -> list[Check]:
    """Return the failed checks of the case with its loss replaced."""
    checks = check_case(replace(case(method, name), ours=broken))
    return [check for check in checks if not check.passed]


ALL = [
    (method, one.name)
    for method in ("barlow", "byol", "simclr", "simsiam", "siglip", "vicreg")
    for one in cases_of(method)[:2]
]


def failed_kinds(method: str, name: str, broken: Loss) -> set[str]:
    """Return the kinds of failed checks against the transcription alone."""
    mutated = replace(case(method, name), ours=broken)
    rng = np.random.default_rng(0)
    checks = [*value_checks(mutated, rng, "cpu"), *gradient_checks(mutated, rng, "cpu")]
    return {check.kind for check in checks if not check.passed}


@pytest.mark.parametrize(("method", "name"), ALL)
def test_a_wrong_factor_or_sign_is_caught(method: str, name: str) -> None:
    right = case(method, name).ours
    for factor in (0.5, 2.0, -1.0):
        kinds = failed_kinds(method, name, lambda tensors, by=factor: by * right(tensors))  # type: ignore[misc]
        assert kinds >= {
            "value float64",
            "value float32",
            "gradient float64",
            "gradient float32",
        }


@pytest.mark.parametrize(("method", "name"), ALL)
def test_a_detached_loss_is_caught(method: str, name: str) -> None:
    right = case(method, name).ours
    kinds = failed_kinds(method, name, lambda tensors: right(tensors).detach())
    assert kinds == {"gradient float64", "gradient float32"}


def _vicreg_biased(tensors: Tensors) -> Tensor:
    first, second = tensors["first"], tensors["second"]
    right = vicreg_loss(first, second)
    for view in (first, second):
        variance = view.var(0, unbiased=True)
        biased = view.var(0, unbiased=False)
        gap = (1 - (biased + 1e-4).sqrt()).relu() - (1 - (variance + 1e-4).sqrt()).relu()
        right = right + 12.5 * gap.mean()
    return right


def _nt_xent_with_itself(tensors: Tensors) -> Tensor:
    rows = normalize(torch.cat([tensors["first"], tensors["second"]]), dim=1)
    logits = rows @ rows.T / 0.2
    half = len(rows) // 2
    return cross_entropy(logits, torch.arange(len(rows), device=rows.device).roll(-half))


def _nt_xent_in_half(tensors: Tensors) -> Tensor:
    """As the plain formula, but in the inputs' own precision."""
    rows = torch.cat([tensors["first"], tensors["second"]])
    rows = rows / rows.square().sum(1, keepdim=True).sqrt()
    logits = rows @ rows.T / 0.2
    logits = logits.masked_fill(torch.eye(len(rows), dtype=torch.bool), -torch.inf)
    half = len(rows) // 2
    return cross_entropy(logits, torch.arange(len(rows)).roll(-half))


def _dino_with_added_centre(tensors: Tensors) -> Tensor:
    targets = [
        teacher_distribution(tensors[name], 0.04, -tensors["center"])
        for name in ("teacher_1", "teacher_2")
    ]
    names = ("student_1", "student_2", "student_3", "student_4")
    return dino_loss([tensors[name] for name in names], targets, 0.1)


def _dino_with_leaking_teacher(tensors: Tensors) -> Tensor:
    terms: list[Tensor] = []
    for t in (1, 2):
        target = ((tensors[f"teacher_{t}"] - tensors["center"]) / 0.04).softmax(-1)
        logs = [(tensors[f"student_{s}"] / 0.1).log_softmax(-1) for s in range(1, 5) if s != t]
        terms.extend(-(target * log).sum(-1).mean() for log in logs)
    return torch.stack(terms).mean()


def _byol_with_leaking_target(tensors: Tensors) -> Tensor:
    pairs = (("prediction_1", "target_2"), ("prediction_2", "target_1"))
    gaps = [normalize(tensors[p], dim=1) - normalize(tensors[t], dim=1) for p, t in pairs]
    return torch.stack([gap.square().sum(1).mean() for gap in gaps]).sum()


def _byol_of_the_same_view(tensors: Tensors) -> Tensor:
    predictions = (tensors["prediction_1"], tensors["prediction_2"])
    return byol_loss(predictions, (tensors["target_2"], tensors["target_1"]))


def _simsiam_without_stop(tensors: Tensors) -> Tensor:
    predictions = (tensors["prediction_1"], tensors["prediction_2"])
    targets = (tensors["target_1"], tensors["target_2"])
    return simsiam_loss(predictions, targets, stop_gradient=False)


def _mae_over_all_patches(tensors: Tensors) -> Tensor:
    return mae_loss(tensors["predictions"], normalise_patches(patchify(tensors["images"], 4)))


def _mae_channels_first(tensors: Tensors) -> Tensor:
    images = tensors["images"]
    tiles = images.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5)
    patches = tiles.reshape(len(images), -1, images.shape[1] * 16)
    return mae_loss(tensors["predictions"], normalise_patches(patches), tensors["masks"].bool())


def _siglip_mean_over_pairs(tensors: Tensors) -> Tensor:
    names = ("images", "texts", "scale", "bias")
    images, texts, scale, bias = (tensors[name] for name in names)
    return siglip_loss(images, texts, scale, bias) / len(images)


def _clip_one_way(tensors: Tensors) -> Tensor:
    images, texts = (normalize(tensors[name], dim=1) for name in ("images", "texts"))
    labels = torch.arange(len(images), device=images.device)
    return cross_entropy(tensors["scale"] * images @ texts.T, labels)


MUTATIONS: tuple[tuple[str, str, str, Loss], ...] = (
    (
        "vicreg",
        "vicreg official",
        "eps forgotten",
        lambda t: vicreg_loss(t["first"], t["second"], eps=0.0),
    ),
    (
        "vicreg",
        "vicreg official",
        "hinges added",
        lambda t: vicreg_loss(t["first"], t["second"], convention="paper"),
    ),
    ("vicreg", "vicreg official", "biased variance", _vicreg_biased),
    (
        "barlow",
        "barlow official",
        "eps forgotten",
        lambda t: barlow_loss(t["first"], t["second"], eps=0.0),
    ),
    (
        "barlow",
        "barlow official",
        "unbiased deviation",
        lambda t: barlow_loss(t["first"], t["second"], convention="algorithm"),
    ),
    (
        "simclr",
        "nt_xent mean",
        "temperature forgotten",
        lambda t: nt_xent(t["first"], t["second"], temperature=1.0),
    ),
    ("simclr", "nt_xent mean", "self not masked", _nt_xent_with_itself),
    ("simclr", "nt_xent mean", "computed in half precision", _nt_xent_in_half),
    (
        "simclr",
        "nt_xent mean",
        "the same view twice",
        lambda t: nt_xent(t["first"], t["first"], temperature=0.2),
    ),
    (
        "moco_v2",
        "info_nce with queue",
        "keys and queue exchanged scale",
        lambda t: queue_info_nce(t["queries"], t["keys"], 2 * t["queue"], temperature=0.2),
    ),
    ("dino", "dino", "centre added", _dino_with_added_centre),
    ("dino", "dino", "teacher not detached", _dino_with_leaking_teacher),
    ("dino", "koleo", "eps forgotten", lambda t: koleo_loss(t["rows"], convention="paper")),
    (
        "lejepa",
        "lejepa paper_text",
        "distance to the centre instead of to each global view",
        lambda t: lejepa_loss(t["views"], t["directions"], weight=0.05, convention="lightly"),
    ),
    ("byol", "byol official", "target not detached", _byol_with_leaking_target),
    ("byol", "byol official", "target of the same view", _byol_of_the_same_view),
    ("simsiam", "simsiam", "no stop-gradient", _simsiam_without_stop),
    ("mae", "mae normalised", "visible patches count", _mae_over_all_patches),
    ("mae", "mae normalised", "channels before pixels", _mae_channels_first),
    ("siglip", "siglip", "mean over all pairs", _siglip_mean_over_pairs),
    ("clip", "clip", "one direction", _clip_one_way),
    (
        "clip",
        "clip",
        "scale not learnt",
        lambda t: clip_loss(t["images"], t["texts"], t["scale"].detach()),
    ),
)


@pytest.mark.parametrize(
    ("method", "name", "broken"),
    [(method, name, broken) for method, name, _, broken in MUTATIONS],
    ids=[f"{name}: {what}" for _, name, what, _ in MUTATIONS],
)
def test_a_mutation_is_caught(method: str, name: str, broken: Loss) -> None:
    assert failed(method, name, broken)
