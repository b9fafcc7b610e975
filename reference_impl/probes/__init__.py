"""What a frozen encoder's features are good for, always beside those of its random start."""

from __future__ import annotations

from reference_impl.probes.features import features
from reference_impl.probes.knn import knn_accuracy
from reference_impl.probes.linear import linear_accuracy
from reference_impl.probes.probe import Probe, probe

__all__ = ["Probe", "features", "knn_accuracy", "linear_accuracy", "probe"]
