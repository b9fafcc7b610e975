"""MAE and I-JEPA: what is hidden is predicted, in pixels or in the latent space."""

from __future__ import annotations

from math import sqrt

import numpy as np

from reference_impl.verify.transcriptions.numbers import Array, IntArray


def patches(image: Array, size: int) -> list[Array]:
    """Return the patches of an image (channels, height, width), row by row, pixels before channels.

    The values of one patch are ordered (y, x, channel), as in
    gh:facebookresearch/mae@efb2a8062c206524e35e47d04501ed4f544c0ae8:models_mae.py, patchify.
    """
    _, height, width = image.shape
    found = []
    for top in range(0, height, size):
        for left in range(0, width, size):
            block = image[:, top : top + size, left : left + size]
            found.append(np.transpose(block, (1, 2, 0)).reshape(-1))
    return found


def mae(
    images: Array, predictions: Array, masks: IntArray, size: int, *, normalise: bool = True
) -> float:
    """Return the mean squared error over all removed patches of the batch.

    `images` (batch, channels, height, width), `predictions` (batch, patches, values), `masks`
    (batch, patches) with 1 for removed. arXiv:2111.06377 section 3; with `normalise` each target
    patch has its own mean 0 and standard deviation 1 (over n - 1, 1e-6 beside the variance), as
    models_mae.py, forward_loss.
    """
    total, removed = 0.0, 0
    for image, predicted, mask in zip(images, predictions, masks, strict=True):
        for target, values, hidden in zip(patches(image, size), predicted, mask, strict=True):
            if not hidden:
                continue
            goal = normalised(target) if normalise else target
            total += float(((values - goal) ** 2).mean())
            removed += 1
    return total / removed


def normalised(values: Array) -> Array:
    """Return a patch (values,) with mean 0 and standard deviation 1, 1e-6 beside its variance."""
    centred = values - values.mean()
    variance = float(centred @ centred) / (len(values) - 1)
    return np.asarray(centred / sqrt(variance + 1e-6))


def layer_norm(row: Array, eps: float = 1e-5) -> Array:
    """Return a feature vector with mean 0 and (biased) variance 1, as torch's layer_norm."""
    centred = row - row.mean()
    return np.asarray(centred / sqrt(float((centred * centred).mean()) + eps))


def smooth_l1(gap: float) -> float:
    """Return half the square inside +-1 and |gap| - 1/2 outside."""
    return gap * gap / 2 if abs(gap) < 1 else abs(gap) - 0.5


def i_jepa(predictions: Array, targets: Array) -> float:
    """Return the mean smooth L1 distance to layer-normalised targets, (..., width) each.

    gh:facebookresearch/ijepa@52c1ae95d05f743e000e8f10a1f3a79b10cff048:src/train.py#L295-L313;
    arXiv:2301.08243 writes a squared L2 distance, which `i_jepa_paper` is.
    """
    width = targets.shape[-1]
    total, count = 0.0, 0
    pairs = zip(predictions.reshape(-1, width), targets.reshape(-1, width), strict=True)
    for prediction, target in pairs:
        for gap in prediction - layer_norm(target):
            total += smooth_l1(float(gap))
            count += 1
    return total / count


def i_jepa_paper(predictions: Array, targets: Array) -> float:
    """Return the squared L2 distance averaged over patches, (..., width) each."""
    width = targets.shape[-1]
    pairs = list(zip(predictions.reshape(-1, width), targets.reshape(-1, width), strict=True))
    return sum(float(((p - t) ** 2).sum()) for p, t in pairs) / len(pairs)
