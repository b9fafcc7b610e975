"""Augmentations on the device, a whole batch at a time and each image its own: no loader threads.

A view is geometry (crop, flip, rotation: one affine grid), colour (one matrix an image), then
blur (two matrix products) and solarisation. All randomness comes from one generator.
"""

from __future__ import annotations

from reference_impl.augment.policy import POLICIES, PolicySet, default_policy, policy_set
from reference_impl.augment.view import draw, render, view

__all__ = ["POLICIES", "PolicySet", "default_policy", "draw", "policy_set", "render", "view"]
