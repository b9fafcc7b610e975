"""CLIP and SigLIP: a batch of image-text pairs."""

from __future__ import annotations

from math import exp, log1p

from reference_impl.verify.transcriptions.numbers import Array, log_sum_exp, unit


def clip(images: Array, texts: Array, scale: float) -> float:
    """Return the mean of the cross-entropies over texts and over images; (batch, dim) each.

    arXiv:2103.00020 Figure 3: logits are cosines times `scale` = exp(t), the targets the diagonal.
    """
    image_rows, text_rows = [unit(row) for row in images], [unit(row) for row in texts]
    total = 0.0
    for i, (image, text) in enumerate(zip(image_rows, text_rows, strict=True)):
        over_texts = [scale * float(image @ other) for other in text_rows]
        over_images = [scale * float(other @ text) for other in image_rows]
        total += (log_sum_exp(over_texts) - over_texts[i]) / 2
        total += (log_sum_exp(over_images) - over_images[i]) / 2
    return total / len(images)


def siglip(images: Array, texts: Array, scale: float, bias: float) -> float:
    """Return -1/N sum over all N^2 pairs of ln sigmoid(label (scale cosine + bias)).

    (batch, dim) each; the label is 1 for a match and -1 otherwise. arXiv:2303.15343 Algorithm 1;
    gh:google-research/big_vision@0127fb6b337ee2a27bf4e54dea79cff176527356:
    big_vision/trainers/proj/image_text/siglip.py#L292-L301.
    """
    total = 0.0
    for i, image in enumerate(images):
        for j, text in enumerate(texts):
            logit = scale * float(unit(image) @ unit(text)) + bias
            total += _softplus(-logit if i == j else logit)
    return total / len(images)


def _softplus(x: float) -> float:
    return max(x, 0.0) + log1p(exp(-abs(x)))
