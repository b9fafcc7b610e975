"""MAE: mean squared error over hidden patches, raw and normalised."""

from __future__ import annotations

from functools import partial

import numpy as np
from torch.nn.functional import mse_loss

from kb.closed_forms import form
from reference_impl.methods.mae import mae_loss, normalise_patches, patchify
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Generator, Known, Peer, Relation, Tensors
from reference_impl.verify.clouds import normal
from reference_impl.verify.peers import lightly_tool
from reference_impl.verify.relations import permuted
from reference_impl.verify.transcriptions import masked

_PATCH = 4
_SOURCE = "gh:facebookresearch/mae@efb2a8062c206524e35e47d04501ed4f544c0ae8:models_mae.py"


def _draw(batch: int, channels: int, side: int, predicted: float) -> Draw:
    def draw(rng: Generator) -> Arrays:
        patches, values = (side // _PATCH) ** 2, channels * _PATCH**2
        hidden = rng.random((batch, patches)) < 0.75
        hidden[0, 0] = True
        return {
            "images": normal(rng, batch, channels, side, side) * 0.5 + 0.4,
            "predictions": predicted * normal(rng, batch, patches, values),
            "masks": hidden.astype(np.int64),
        }

    return draw


def _ours(normalised: bool, tensors: Tensors) -> Tensor:
    targets = patchify(tensors["images"], _PATCH)
    if normalised:
        targets = normalise_patches(targets)
    return mae_loss(tensors["predictions"], targets, tensors["masks"].bool())


def _lightly(normalised: bool, tensors: Tensors) -> Tensor:
    """Patches as lightly cuts and normalises them, then torch's loss, as in lightly's example."""
    targets = lightly_tool("patchify")(tensors["images"], _PATCH)
    if normalised:
        targets = lightly_tool("normalize_mean_var")(targets)
    hidden = tensors["masks"].bool()
    return mse_loss(tensors["predictions"][hidden], targets[hidden])


def _truth(normalised: bool, arrays: Arrays) -> float:
    return masked.mae(
        arrays["images"], arrays["predictions"], arrays["masks"], _PATCH, normalise=normalised
    )


def _without_hidden_error(arrays: Arrays, rng: Generator) -> Arrays:
    """Change predictions of visible patches only."""
    noise = normal(rng, *arrays["predictions"].shape) * (1 - arrays["masks"])[:, :, None]
    return {**arrays, "predictions": arrays["predictions"] + noise}


def _predicting_zero(rng: Generator) -> Arrays:
    return _draw(6, 3, 16, 0.0)(rng)


def _predicting_all(rng: Generator) -> Arrays:
    arrays = dict(_draw(6, 3, 16, 1.0)(rng))
    rows = [
        [masked.normalised(patch) for patch in masked.patches(image, _PATCH)]
        for image in arrays["images"]
    ]
    return {**arrays, "predictions": np.array(rows)}


def _flat_images(rng: Generator) -> Arrays:
    arrays = dict(_draw(6, 3, 16, 0.0)(rng))
    return {**arrays, "images": np.full_like(arrays["images"], 0.5)}


_DRAWS = (_draw(4, 3, 12, 1.0), _draw(3, 1, 8, 1.0))
_RELATIONS = (
    permuted("images", "predictions", "masks"),
    Relation("visible patches ignored", _without_hidden_error),
)

CASES = (
    Case(
        "mae",
        "mae normalised",
        _SOURCE,
        _DRAWS,
        partial(_ours, True),
        partial(_truth, True),
        moving=("predictions",),
        known=(
            Known(
                "chance(mae), n = 48",
                _predicting_zero,
                form("mae", "chance").value(dim=48),
                # 1e-6 stands beside the variance of a patch.
                tolerance=1e-4,
            ),
            Known("targets predicted", _predicting_all, 0.0),
            Known("flat patches predicted as 0", _flat_images, 0.0),
        ),
        relations=_RELATIONS,
        peer=Peer("lightly", partial(_lightly, True)),
    ),
    Case(
        "mae",
        "mae raw pixels",
        "arXiv:2111.06377 section 3",
        _DRAWS,
        partial(_ours, False),
        partial(_truth, False),
        moving=("predictions",),
        relations=_RELATIONS,
        peer=Peer("lightly", partial(_lightly, False)),
    ),
)
