"""SwAV (Caron et al. 2020): predict one view's cluster code from another view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from reference_impl.distributed import gather, rank, world
from reference_impl.heads import mlp
from reference_impl.losses.precision import unit_rows
from reference_impl.losses.sinkhorn import sinkhorn
from reference_impl.method import Arm, Batch, Claim, Method, Preset, Recipe, StepOutput, ViewPlan
from reference_impl.prototypes import code_cross_entropy, usage
from reference_impl.shapes import Float, Tensor

_PAPER = "arXiv:2006.09882"
_CODE = "gh:facebookresearch/swav@06b1b7cbaf6ba2a792300d79c7299db98b93b7f9"

Scores = Float[Tensor, "batch prototypes"]
Codes = Literal["per_view", "joint"]
Pairs = Literal["official", "paper", "mutual"]


def view_codes(
    scores: Sequence[Scores],
    *,
    epsilon: float = 0.05,
    iterations: int = 3,
    codes: Codes = "per_view",
    bound: float | None = None,
) -> list[Scores]:
    """Return the codes of each view, in float32 at least and without gradient.

    "per_view" evens out the use of prototypes within each view (main_swav.py#L290-L307, lightly,
    solo-learn); "joint" over all views together (stable-pretraining's SwAVLoss).
    """
    if codes == "joint":
        together = sinkhorn(torch.cat(tuple(scores)), epsilon, iterations, bound=bound)
        return list(together.split([len(view) for view in scores]))
    return [sinkhorn(view, epsilon, iterations, bound=bound) for view in scores]


def swav_loss(
    scores: Sequence[Scores],
    codes: Sequence[Scores],
    temperature: float = 0.1,
    *,
    pairs: Pairs = "official",
) -> Float[Tensor, ""]:
    """Return the cross-entropy between the codes of some views and the scores of the others.

    l(s, q) = -sum_k q_k log softmax(s/temperature)_k, averaged over images; `scores` holds the
    cosines of all views to the prototypes, the coded views first.

    "official": the mean over (coded view, other view), as main_swav.py#L288-L315 at 06b1b7c,
    lightly and solo-learn. "paper": the sum over them, as Eq. 1 and 6 of arXiv:2006.09882 are
    written (twice the mean for two views). "mutual": every view needs a code; the mean over pairs
    of a full-size view with a later one, both ways, so that small crops teach as well
    (stable-pretraining's SwAV.forward); the number of full-size views is then two.
    ValueError if there are fewer than two views, or codes are missing.
    """
    if len(scores) < 2 or not codes or (pairs == "mutual" and len(codes) != len(scores)):
        raise ValueError(
            f"SwAV pairs codes with other views, found {len(codes)} codes and {len(scores)} views "
            f'for pairs="{pairs}"'
        )
    losses, count = [], 0
    for view, own_scores in enumerate(scores):
        wanted = [code for other, code in enumerate(codes) if _taught(view, other, pairs)]
        if wanted:
            losses.append(code_cross_entropy(wanted, own_scores, temperature).mean())
            count += len(wanted)
    total = torch.stack(losses).sum()
    return total if pairs == "paper" else total / count


def _taught(view: int, by: int, pairs: Pairs) -> bool:
    """Say whether a view has to predict the code of another."""
    if pairs == "mutual" and min(view, by) >= 2:
        return False  # two small crops teach each other nothing
    return view != by


@dataclass(frozen=True)
class SwAVConfig:
    """Settings of SwAV; the defaults are those of main_swav.py.

    Prototypes stay as drawn for the share `freeze_prototypes` of the training. `queue_size`
    counts the embeddings of full-size views, over all processes, that join Sinkhorn from the
    share `queue_start` of the training on, once they have filled up. 0 means no queue.
    """

    prototypes: int = 3000
    dim: int = 128
    hidden_width: int = 2048
    temperature: float = 0.1
    epsilon: float = 0.05
    sinkhorn_iterations: int = 3
    small_crops: int = 6
    freeze_prototypes: float = 0.0025
    queue_size: int = 0
    queue_start: float = 0.0375


class SwAV(Method):
    """An encoder, a head, and prototypes kept at length 1 by renormalising before each step."""

    name = "swav"
    plan = ViewPlan(views=2, small=6)
    capturable = False

    def __init__(self, encoder: nn.Module, config: SwAVConfig) -> None:
        super().__init__(encoder, config)
        self.plan = replace(type(self).plan, small=config.small_crops)  # type: ignore[misc]
        self.head = mlp((int(encoder.width), config.hidden_width, config.dim))
        self.prototypes = nn.Linear(config.dim, config.prototypes, bias=False)
        self.register_buffer("queue", torch.zeros(2, config.queue_size, config.dim))
        self.queued = 0
        self.progress = 0.0

    def get_extra_state(self) -> dict[str, float]:
        """Return how far training and queue have come, which a step depends on."""
        return {"progress": self.progress, "queued": self.queued}

    def set_extra_state(self, state: Mapping[str, float]) -> None:
        """Go on where a checkpoint left off."""
        self.progress, self.queued = state["progress"], int(state["queued"])

    def step(self, batch: Batch) -> StepOutput:
        """Predict the codes of both full-size views from all other views."""
        self._renormalise()
        count, images = len(batch.views), len(batch.views[0])
        features = [self.encoder(torch.cat(batch.views))]
        if batch.small:
            features.append(self.encoder(torch.cat(batch.small)))
        embeddings = self.head(torch.cat(features))
        units = unit_rows(embeddings)
        scores = self.prototypes(units).split(images)
        full = units[: count * images].detach().split(images)
        codes = [
            self._code(view, *pair)
            for view, pair in enumerate(zip(full, scores[:count], strict=True))
        ]
        if self.training:
            self._remember(full)
        loss = swav_loss(scores, codes, self.config.temperature)
        return StepOutput(
            loss,
            usage(torch.cat(codes)),
            tuple(features[0].detach().split(images)),
            tuple(embeddings[: count * images].detach().split(images)),
        )

    @torch.no_grad()
    def _renormalise(self) -> None:
        """Set prototypes to length 1 (main_swav.py#L277-L281 at 06b1b7c).

        The gradient is that of the plain linear layer; solo-learn's weight normalisation has only
        the part along the sphere, and lightly's prototypes have a bias (models/modules/heads.py).
        """
        self.prototypes.weight.copy_(functional.normalize(self.prototypes.weight, dim=1))

    def _code(self, view: int, units: Tensor, scores: Scores) -> Scores:
        """Return a view's codes, found among the queued embeddings as well once it is full."""
        rows, settings = scores.detach(), self.config
        if self._queue_ready():
            # Every process holds the whole queue and brings its share of it to Sinkhorn.
            old = self.queue[view, rank() :: world()].to(units.dtype)
            rows = torch.cat((rows, self.prototypes(old).detach()))
        (codes,) = view_codes(
            [rows], epsilon=settings.epsilon, iterations=settings.sinkhorn_iterations, bound=1.0
        )
        return codes[: len(scores)]

    def _queue_ready(self) -> bool:
        size = int(self.config.queue_size)
        return 0 < size <= self.queued and self.progress >= self.config.queue_start

    def _remember(self, full: Sequence[Tensor]) -> None:
        """Put the newest embeddings of all processes in front of the queue."""
        size = self.config.queue_size
        if not size or self.progress < self.config.queue_start:
            return
        newest = torch.stack([gather(view) for view in full]).to(self.queue.dtype)
        self.queue.copy_(torch.cat((newest, self.queue), dim=1)[:, :size])
        self.queued = min(size, self.queued + newest.shape[1])

    def before_update(self, progress: float) -> None:
        """Keep the prototypes as drawn in the beginning (main_swav.py#L325-L328)."""
        if progress < self.config.freeze_prototypes:
            self.prototypes.weight.grad = None

    def after_update(self, progress: float) -> Mapping[str, float]:
        """Note how far the training has come: the queue starts late."""
        self.progress = progress
        return {}


def _recipe(epochs: int, batch_size: int, base_lr: float, warmup_epochs: float) -> Recipe:
    """Return the recipe of the authors' scripts: rates are not scaled with the batch."""
    return Recipe(
        "lars",
        base_lr=base_lr,
        lr_batch=0,
        batch_size=batch_size,
        epochs=epochs,
        warmup_epochs=warmup_epochs,
        weight_decay=1e-6,
        final_lr=1e-3,
        exclude_norm_and_bias=False,
    )


PRESETS = {
    "paper": Preset(
        SwAVConfig(freeze_prototypes=0.00125),
        _recipe(800, 4096, 4.8, 10.0),
        f"{_PAPER} appendix A.1; {_CODE}:scripts/swav_800ep_pretrain.sh. Not modelled: the warm-up "
        "starts at 0.3",
    ),
    "official": Preset(
        SwAVConfig(queue_size=3840, freeze_prototypes=0.0025, queue_start=0.0375),
        _recipe(400, 256, 0.6, 0.0),
        f"{_CODE}:scripts/swav_400ep_bs256_pretrain.sh, the README's run on one node; the defaults "
        "of main_swav.py#L45-L88 are 2 crops, 100 epochs, rate 4.8 and no queue",
    ),
    "small": Preset(
        SwAVConfig(prototypes=256, dim=64, hidden_width=256, small_crops=0, freeze_prototypes=0.02),
        Recipe("adamw", base_lr=2e-3, batch_size=256, epochs=40, warmup_epochs=3.0),
        "our choice for 28 to 32 pixels on a CPU",
    ),
}

_REFERENCE = Arm("as published")
CLAIMS = (
    Claim(
        "high-epsilon-collapses",
        "With a high epsilon the codes are uniform and the spread of the projection falls below "
        "half.",
        f"{_PAPER} section 3.1, below Eq. 3",
        (_REFERENCE, Arm("epsilon 1", {"epsilon": 1.0})),
        measure="z_std",
        expect="lower",
        margin=0.5,
        entries=("cluster/uniform-assignment", "collapse/complete"),
    ),
    Claim(
        "number-of-prototypes-hardly-matters",
        "Four times as many prototypes change the accuracy by little.",
        f"{_PAPER} appendix C.1, Table 12",
        (_REFERENCE, Arm("four times as many", {"prototypes": 1024})),
        measure="knn_acc",
        expect="same",
        margin=0.05,
        entries=("cluster/prototypes-too-many",),
    ),
    Claim(
        "random-fixed-prototypes-almost-suffice",
        "Prototypes that are drawn once and never learnt give nearly the same accuracy.",
        f"{_PAPER} appendix C.2, Table 13 (73.1 against 73.9)",
        (_REFERENCE, Arm("fixed prototypes", {"freeze_prototypes": 1.0})),
        measure="knn_acc",
        expect="same",
        margin=0.05,
        entries=("cluster/single-cluster",),
    ),
    Claim(
        "one-sinkhorn-iteration-does-not-converge",
        "With fewer than three Sinkhorn iterations the loss fails to converge.",
        f"{_PAPER} appendix C.4, Table 14",
        (_REFERENCE, Arm("1 iteration", {"sinkhorn_iterations": 1})),
        measure="loss",
        expect="higher",
        margin=1.05,
        entries=("cluster/single-cluster", "cluster/uniform-assignment"),
    ),
)
