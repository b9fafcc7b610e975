"""W-MSE (Ermolov et al. 2021): whiten each batch of embeddings, then compare the views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from kb.errors import SslDoctorError
from reference_impl.heads import mlp
from reference_impl.losses.precision import at_least_float32, full_precision, unit_rows
from reference_impl.method import Arm, Batch, Claim, Method, Preset, Recipe, StepOutput
from reference_impl.shapes import Float, Int, Tensor

Convention = Literal["official", "euclidean", "stable_pretraining"]
"""How whitened views are made and compared; `w_mse_loss` says what differs."""

_PAPER = "arXiv:2007.06346"
_CODE = "gh:htdt/self-supervised@d9662c8d07dafd194a9045375f4f6aa09f5b03e9"


class SingularCovarianceError(SslDoctorError):
    """The covariance of a slice has no Cholesky factor: collapsed, or too few samples."""


def whitened(rows: Float[Tensor, "batch dim"], eps: float = 0.0) -> Float[Tensor, "batch dim"]:
    """Return rows whose covariance is the identity: L^-1 (x - mean), L L^T = covariance.

    The covariance divides by N - 1; with `eps` it is (1 - eps) covariance + eps I, and the
    result is then whitened only nearly. Official code:
    https://github.com/htdt/self-supervised/blob/d9662c8/methods/whitening.py#L20-L61.

    Raises SingularCovarianceError when the covariance is not positive definite.
    """
    batch, dim = rows.shape
    centred = rows - rows.mean(0)
    covariance = centred.T @ centred / (batch - 1)
    identity = torch.eye(dim, dtype=rows.dtype, device=rows.device)
    try:
        factor = torch.linalg.cholesky((1 - eps) * covariance + eps * identity)
    except torch.linalg.LinAlgError as error:
        raise SingularCovarianceError(
            f"the covariance of {batch} embeddings of width {dim} is not positive definite",
            hint="use slices of at least twice the width, a narrower head, or eps above 0; a "
            "collapsed network gives this too",
        ) from error
    return torch.linalg.solve_triangular(factor, centred.T, upper=False).T


ZCA_FLOOR = 1e-3
"""The least eigenvalue of stable-pretraining's whitening, its default."""


def zca_whitened(
    rows: Float[Tensor, "batch dim"], floor: float = ZCA_FLOOR
) -> Float[Tensor, "batch dim"]:
    """Return rows whitened by the symmetric inverse root, eigenvalues raised to `floor`.

    As stable-pretraining does it. The gradient is not finite where eigenvalues coincide.
    """
    centred = rows - rows.mean(0)
    covariance = centred.T @ centred / max(rows.shape[0] - 1, 1)
    values, vectors = torch.linalg.eigh(covariance)
    root = (vectors * values.clamp_min(floor).rsqrt()) @ vectors.T
    return centred @ root


def w_mse_loss(
    views: Sequence[Float[Tensor, "batch dim"]],
    orders: Int[Tensor, "iterations batch"],
    *,
    slice_size: int = 128,
    eps: float | None = None,
    convention: Convention = "official",
) -> Float[Tensor, ""]:
    """Return the mean distance of whitened views over all pairs of views and all `orders`.

    Each order, a permutation of the batch, is cut into slices of `slice_size` images, the same
    for all views; every slice of every view is whitened by itself. Paper:
    https://arxiv.org/abs/2007.06346 (section 3). Official code:
    https://github.com/htdt/self-supervised/blob/d9662c8/methods/w_mse.py#L19-L36.

    Conventions: `official` compares unit vectors, 2 - 2 cos averaged over the batch (also
    lightly); `euclidean` averages the squared difference over batch and dimensions, without
    unit length (`--no_norm`); `stable_pretraining` whitens the whole batch of all views
    together by the symmetric root, floor `eps`, and averages over dimensions too: 1/D of it.
    `eps` None stands for what each of them uses: 1e-3 there, else 0.
    Unrelated views give 2; the floor is 0; constant outputs cannot be whitened. solo-learn's
    loss equals the official one in value and stops the gradient of the second view.

    Whitening is local to a process, as slices are. Half precision is computed in float32.
    Raises ValueError when the batch is no multiple of the slice, SingularCovarianceError.
    """
    batch = views[0].shape[0]
    if convention != "stable_pretraining" and (slice_size < 2 or batch % slice_size):
        raise ValueError(
            f"a batch of {batch} images cannot be cut into slices of {slice_size}; "
            "the batch of a process must be a multiple of the slice"
        )
    if eps is None:
        eps = ZCA_FLOOR if convention == "stable_pretraining" else 0.0
    views = [at_least_float32(view) for view in views]
    with full_precision(views[0]):
        if convention == "stable_pretraining":
            return _distance(zca_whitened(torch.cat(views), eps).chunk(len(views)), convention)
        losses = []
        for order in orders:
            slices = order.reshape(-1, slice_size)
            made = [torch.cat([whitened(view[one], eps) for one in slices]) for view in views]
            losses.append(_distance(made, convention))
        return torch.stack(losses).mean()


def _distance(views: Sequence[Tensor], convention: Convention) -> Tensor:
    """Return the mean distance over all pairs of views."""
    if convention != "euclidean":
        views = [unit_rows(view) for view in views]
    pairs = [functional.mse_loss(one, other) for one, other in combinations(views, 2)]
    mean = torch.stack(pairs).mean()
    return mean * views[0].shape[1] if convention == "official" else mean


@dataclass(frozen=True)
class WMSEConfig:
    """Head and whitening. `hidden_layers` counts the head's layers before the last Linear."""

    dim: int = 64
    hidden_dim: int = 1024
    hidden_layers: int = 1
    slice_size: int = 128
    iterations: int = 1
    eps: float | None = None
    whiten: bool = True
    convention: Convention = "official"


_CIFAR = Recipe(
    "adamw",
    base_lr=3e-3,
    lr_batch=0,
    batch_size=512,
    epochs=1000,
    warmup_epochs=5.0,
    weight_decay=1e-6,
    exclude_norm_and_bias=False,
)

PRESETS = {
    "paper": Preset(WMSEConfig(), _CIFAR, f"{_PAPER} section 4, CIFAR-10 with two views"),
    "official": Preset(
        WMSEConfig(),
        _CIFAR,
        f"{_CODE}:README.md#L46-L50 and cfg.py#L62-L126; the rate falls by steps there",
    ),
    "small": Preset(
        WMSEConfig(dim=32, hidden_dim=256),
        Recipe("adamw", base_lr=1.5e-3, lr_batch=0, batch_size=128, epochs=24, warmup_epochs=1.0),
        "ours: digits on a CPU",
    ),
}


class WMSE(Method):
    """An encoder and a head whose outputs are whitened slice by slice."""

    name = "w_mse"
    capturable = False

    def __init__(self, encoder: nn.Module, config: WMSEConfig) -> None:
        super().__init__(encoder, config)
        widths = [encoder.width, *[config.hidden_dim] * config.hidden_layers, config.dim]
        self.projector = mlp(widths)

    def step(self, batch: Batch) -> StepOutput:
        """Return the loss of all views."""
        config = self.config
        features = tuple(self.encoder(view) for view in batch.views)
        embeddings = tuple(self.projector(rows) for rows in features)
        if config.whiten:
            loss = w_mse_loss(
                embeddings,
                self._orders(embeddings[0]),
                slice_size=config.slice_size,
                eps=config.eps,
                convention=config.convention,
            )
        else:
            loss = _distance(embeddings, config.convention)
        return StepOutput(
            loss=loss,
            features=tuple(rows.detach() for rows in features),
            embeddings=tuple(rows.detach() for rows in embeddings),
        )

    def _orders(self, rows: Tensor) -> Tensor:
        drawn = [torch.randperm(rows.shape[0]) for _ in range(self.config.iterations)]
        return torch.stack(drawn).to(rows.device)


_AS_PUBLISHED = Arm("whitened")

CLAIMS = (
    Claim(
        "whitening-prevents-collapse",
        "Without whitening the loss of W-MSE is met by one point and the embeddings collapse.",
        f"{_PAPER} abstract and section 3",
        (_AS_PUBLISHED, Arm("not whitened", {"whiten": False})),
        measure="z_std",
        expect="lower",
        margin=0.5,
        entries=("collapse/complete",),
    ),
    Claim(
        "several-whitenings-a-step-change-little",
        "Whitening four random partitions of the batch a step learns as much as one.",
        f"{_PAPER} section 3: iterations steady the estimate of the covariance",
        # Slices smaller than the batch: one slice of all rows is the same in every partition.
        (
            Arm("one partition", {"slice_size": 64}),
            Arm("four partitions", {"slice_size": 64, "iterations": 4}),
        ),
        measure="knn_acc",
        expect="same",
        margin=0.05,
        entries=("redundancy/batch-smaller-than-dim",),
    ),
    Claim(
        "unit-length-is-no-need",
        "Whitened views compared by their plain squared difference teach as much as unit vectors.",
        f"ours; the released code offers both ({_CODE}:README.md#L76)",
        (_AS_PUBLISHED, Arm("plain squared difference", {"convention": "euclidean"})),
        measure="knn_acc",
        expect="same",
        margin=0.05,
        entries=("loss/implementation-scale",),
    ),
)
