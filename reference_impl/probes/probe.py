"""Both probes of an encoder at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reference_impl.data import Images
from reference_impl.probes.features import features
from reference_impl.probes.knn import knn_accuracy
from reference_impl.probes.linear import linear_accuracy


@dataclass(frozen=True)
class Probe:
    """Accuracies on held-out images, 0 to 1; `linear` is None where it was not asked for."""

    knn: float
    linear: float | None = None

    def named(self, suffix: str = "") -> Mapping[str, float]:
        """Return the accuracies under their vocabulary names."""
        values = {f"knn_acc{suffix}": self.knn}
        if self.linear is not None:
            values[f"lin_acc{suffix}"] = self.linear
        return values


def probe(encoder: Any, images: Images, *, linear: bool = True) -> Probe:
    """Return how well features of the frozen encoder tell the classes of held-out images."""
    train = features(encoder, images, images.train)
    test = features(encoder, images, images.test)
    labelled = (train, images.train.labels, test, images.test.labels)
    return Probe(knn_accuracy(*labelled), linear_accuracy(*labelled) if linear else None)
