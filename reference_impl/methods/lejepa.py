"""LeJEPA (Balestriero, LeCun 2025): agreeing views, and embeddings spread like a normal cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.functional import normalize

from reference_impl.distributed import mean_over_processes, world
from reference_impl.heads import mlp
from reference_impl.losses.characteristic import characteristic_function
from reference_impl.losses.precision import at_least_float32, full_precision
from reference_impl.method import (
    Arm,
    Batch,
    Claim,
    Method,
    Preset,
    Recipe,
    StepOutput,
    ViewPlan,
)
from reference_impl.shapes import Float, Tensor

Convention = Literal["official", "lightly", "paper_text", "stable_pretraining"]
"""How views and weights are combined; `lejepa_terms` and `lejepa_loss` say what differs."""

_PAPER = "arXiv:2511.08544"
_CODE = "gh:rbalestr-lab/lejepa@eddffdd857a19726342ef6526e01021fb3c32cae:MINIMAL.md"


def random_directions(
    dim: int, slices: int, *, seed: int, device: torch.device, dtype: torch.dtype
) -> Float[Tensor, "dim slices"]:
    """Return unit vectors in the columns, the same in every process that passes the same seed."""
    generator = torch.Generator(device=device).manual_seed(seed)
    drawn = torch.randn(dim, slices, generator=generator, device=device, dtype=dtype)
    return normalize(drawn, dim=0)


def sigreg(
    rows: Float[Tensor, "*views batch dim"],
    directions: Float[Tensor, "dim slices"],
    *,
    knots: int = 17,
    reach: float = 3.0,
) -> Float[Tensor, ""]:
    """Return the mean Epps-Pulley statistic of the rows projected on each direction.

        N * integral over [-reach, reach] of |phi_x(t) - exp(-t^2/2)|^2 exp(-t^2/2) dt

    phi_x is the characteristic function of the N samples, the integral is a trapezoid sum of
    `knots` points on the right half, doubled. Views are tested one by one and averaged.
    Paper: https://arxiv.org/abs/2511.08544 (Algorithm 1, where 17 points cover [-5, 5], which
    is `knots` 9 and `reach` 5 here). Official code:
    https://github.com/rbalestr-lab/lejepa/blob/eddffdd/lejepa/univariate/epps_pulley.py#L62-L99.

    About 1.05 for standard normal rows at any N, 0.402 N for rows that are all zero, whose
    gradient is zero. N counts all processes; every process must pass the same directions.
    At least two knots (ValueError). Half precision is computed in float32.
    """
    if knots < 2:
        raise ValueError(f"the integral needs at least two knots, found {knots}")
    rows = at_least_float32(rows)
    with full_precision(rows):
        projected = rows @ directions.to(rows.dtype)
        step = reach / (knots - 1)
        real, imaginary = characteristic_function(projected, step, knots)
        if world() > 1:
            real, imaginary = mean_over_processes(real), mean_over_processes(imaginary)
        grid = step * torch.arange(knots, dtype=rows.dtype, device=rows.device)
        normal = (-grid.square() / 2).exp()
        weights = 2 * step * normal
        weights[0] /= 2
        weights[-1] /= 2
        gap = (real - normal).square() + imaginary.square()
        return (gap @ weights).mean() * (rows.shape[-2] * world())


def lejepa_terms(
    views: Float[Tensor, "views batch dim"],
    directions: Float[Tensor, "dim slices"],
    *,
    global_views: int = 2,
    knots: int = 17,
    reach: float = 3.0,
    convention: Convention = "official",
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return the prediction term and SIGReg of projected views, global crops first.

        prediction = mean over views, batch and dimensions of (centre - z)^2

    Conventions: in `official` (the released minimal example) the centre is the mean of all views
    and SIGReg tests each view; in `lightly` the centre is the mean of the global views, as in
    Algorithm 2 of the paper; `paper_text` is Eq. 5, the squared distance of every view to every
    global view, summed over dimensions (Eq. 6 leaves out the spread of the global views that
    Eq. 5 has); `stable_pretraining` is `lightly` with all views tested as one sample of V N
    rows, so that its statistic is larger wherever the cloud is not normal.
    """
    count = views.shape[0] if convention == "official" else global_views
    if views.ndim != 3 or not 1 <= count <= views.shape[0]:
        raise ValueError(
            f"LeJEPA takes (views, batch, dim) with at least {global_views} global views, "
            f"found {tuple(views.shape)}"
        )
    views = at_least_float32(views)
    centre = views[:count].mean(0)
    prediction = (centre - views).square().mean()
    if convention == "paper_text":
        within = (centre - views[:count]).square().mean()
        prediction = views.shape[-1] * (prediction + within)
    rows = views.flatten(0, 1) if convention == "stable_pretraining" else views
    return prediction, sigreg(rows, directions, knots=knots, reach=reach)


def lejepa_loss(
    views: Float[Tensor, "views batch dim"],
    directions: Float[Tensor, "dim slices"],
    *,
    weight: float = 0.02,
    global_views: int = 2,
    knots: int = 17,
    reach: float = 3.0,
    convention: Convention = "official",
) -> Float[Tensor, ""]:
    """Return (1 - weight) * prediction + weight * SIGReg; terms as `lejepa_terms` has them.

    `stable_pretraining` adds prediction + weight * SIGReg instead.
    """
    prediction, spread = lejepa_terms(
        views,
        directions,
        global_views=global_views,
        knots=knots,
        reach=reach,
        convention=convention,
    )
    return _total(prediction, spread, weight, convention)


def _total(prediction: Tensor, spread: Tensor, weight: float, convention: Convention) -> Tensor:
    share = 1.0 if convention == "stable_pretraining" else 1.0 - weight
    return share * prediction + weight * spread


@dataclass(frozen=True)
class LeJEPAConfig:
    """Head, SIGReg and views, of which `views` are global and `small_crops` local.

    `hidden_layers` counts the layers before the last, plain Linear one.
    """

    dim: int = 128
    hidden_dim: int = 2048
    hidden_layers: int = 2
    weight: float = 0.02
    slices: int = 256
    knots: int = 17
    reach: float = 3.0
    views: int = 2
    small_crops: int = 0
    convention: Convention = "official"


_VIT = Recipe(
    "adamw",
    base_lr=5e-4,
    lr_batch=0,
    batch_size=256,
    epochs=100,
    weight_decay=5e-2,
    final_lr=0.001,
    exclude_norm_and_bias=False,
)

PRESETS = {
    "paper": Preset(
        LeJEPAConfig(
            weight=0.05, slices=1024, knots=9, reach=5.0, small_crops=8, convention="lightly"
        ),
        _VIT,
        f"{_PAPER} Algorithms 1 and 2, section 6.1; optimiser as in the official README.md#L68-L76",
    ),
    "official": Preset(
        LeJEPAConfig(dim=16, views=4),
        replace(_VIT, base_lr=2e-3, epochs=800, warmup_epochs=1.0, final_lr=0.5),
        f"{_CODE}#L57-L218",
    ),
    "small": Preset(
        LeJEPAConfig(dim=64, hidden_dim=256, hidden_layers=1, weight=0.05),
        Recipe("adamw", base_lr=1.5e-3, lr_batch=0, batch_size=128, epochs=24, warmup_epochs=1.0),
        "ours: digits on a CPU",
    ),
}


class LeJEPA(Method):
    """An encoder and a projector; every view is pulled to the mean of the image's views.

    The number of the step seeds the random directions, so that processes agree on them and a
    resumed run goes on with the ones it would have drawn.
    """

    name = "lejepa"
    plan = ViewPlan(views=2)
    capturable = False

    def __init__(self, encoder: nn.Module, config: LeJEPAConfig) -> None:
        super().__init__(encoder, config)
        self.plan = replace(  # type: ignore[misc]
            type(self).plan, views=config.views, small=config.small_crops
        )
        widths = [encoder.width, *[config.hidden_dim] * config.hidden_layers, config.dim]
        self.projector = mlp(widths)
        self._steps = 0

    def step(self, batch: Batch) -> StepOutput:
        """Return the loss of all views, small crops included."""
        config = self.config
        features = tuple(self.encoder(view) for view in (*batch.views, *batch.small))
        embeddings = tuple(self.projector(rows) for rows in features)
        stacked = torch.stack([at_least_float32(rows) for rows in embeddings])
        directions = random_directions(
            config.dim,
            config.slices,
            seed=self._steps,
            device=stacked.device,
            dtype=stacked.dtype,
        )
        prediction, spread = lejepa_terms(
            stacked,
            directions,
            global_views=len(batch.views),
            knots=config.knots,
            reach=config.reach,
            convention=config.convention,
        )
        return StepOutput(
            loss=_total(prediction, spread, config.weight, config.convention),
            terms={"term/pred": prediction.detach(), "term/reg": spread.detach()},
            features=tuple(rows.detach() for rows in features),
            embeddings=tuple(rows.detach() for rows in embeddings),
        )

    def after_update(self, progress: float) -> Mapping[str, float]:
        """Count the step: the next one draws other directions."""
        del progress
        self._steps += 1
        return {}

    def get_extra_state(self) -> dict[str, int]:
        """Return what a checkpoint must hold beside the weights."""
        return {"steps": self._steps}

    def set_extra_state(self, state: Any) -> None:
        """Go on from a checkpoint."""
        self._steps = int(state["steps"])


_AS_PUBLISHED = Arm("prediction and SIGReg")

CLAIMS = (
    Claim(
        "sigreg-prevents-collapse",
        "Without SIGReg the embeddings of LeJEPA collapse to one point.",
        f"{_PAPER} section 5.1: SIGReg stands where others stop gradients or average weights",
        (_AS_PUBLISHED, Arm("prediction alone", {"weight": 0.0})),
        measure="raw_std",
        expect="lower",
        margin=0.5,
        entries=("collapse/complete", "jepa/target-collapse"),
    ),
    Claim(
        "prediction-term-carries-the-image",
        "With SIGReg alone LeJEPA spreads the embeddings and learns less of the image.",
        "ours: a normal cloud needs no agreement of views",
        (_AS_PUBLISHED, Arm("SIGReg alone", {"weight": 1.0})),
        measure="knn_acc",
        expect="lower",
        margin=0.98,
        entries=("redundancy/missing-invariance-term",),
    ),
    Claim(
        "few-slices-suffice",
        "Sixteen random directions a step keep the rank of LeJEPA's embeddings as well as the "
        "preset's 256.",
        f"ours, after {_PAPER} section 4.3: 16 resampled directions beat thousands that stay fixed",
        (_AS_PUBLISHED, Arm("16 slices", {"slices": 16})),
        measure="erank_z",
        expect="same",
        margin=0.1,
        entries=("collapse/dimensional",),
    ),
    Claim(
        "weight-tolerates-a-factor-of-four",
        "A quarter of the weight of SIGReg hardly changes what LeJEPA learns.",
        f"{_PAPER} section 6.1: accuracy is stable over lambda",
        (_AS_PUBLISHED, Arm("a quarter of the weight", {"weight": 0.0125})),
        measure="knn_acc",
        expect="same",
        margin=0.05,
        entries=("loss/one-term-dominates",),
    ),
)
