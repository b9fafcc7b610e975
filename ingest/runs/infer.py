"""The method and the library of a run that no setting names, from what only they log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ingest.runs.setting_names import path_of
from ingest.runs.setting_values import method_named
from kb.run import Finding
from kb.types import Scalar
from kb.vocabulary import normalise

_TELLING: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"barlow_loss"}), "barlow"),
    (frozenset({"vicreg_loss"}), "vicreg"),
    (frozenset({"vibcreg_loss"}), "vibcreg"),
    (frozenset({"nnclr_loss"}), "nnclr"),
    (frozenset({"swav_loss"}), "swav"),
    (frozenset({"wmse_loss"}), "w-mse"),
    (frozenset({"ressl_loss"}), "ressl"),
    (frozenset({"deepcluster_loss"}), "deepcluster"),
    # solo-learn logs it for BYOL, which has a teacher and its momentum `tau`, and for SimSiam.
    (frozenset({"train_neg_cos_sim", "tau"}), "byol"),
    (frozenset({"train_neg_cos_sim"}), "simsiam"),
    (frozenset({"dino_global_crops_loss"}), "dinov2"),
    (frozenset({"koleo_loss", "ibot_loss"}), "dinov2"),
    (frozenset({"koleo_loss", "dino_loss"}), "dinov2"),
    (frozenset({"msn", "me_max"}), "msn"),
    (frozenset({"loss_jepa", "reg_loss"}), "v-jepa"),
    (frozenset({"itr", "loss", "mask_a", "mask_b"}), "i-jepa"),
    (frozenset({"mask_a", "mask_b"}), "i-jepa"),
    (frozenset({"sigreg"}), "lejepa"),
    (frozenset({"constrast_loss"}), "wav2vec2"),
)
"""Logged names, without suffix and mostly without split, that together only one method's code
writes; the first row that fits counts."""

_ARGUMENTS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"warmup_teacher_temp", "momentum_teacher", "patch_out_dim"}), "ibot"),
    (frozenset({"warmup_teacher_temp", "momentum_teacher", "out_dim"}), "dino"),
    (frozenset({"head_n_prototypes", "momentum_teacher"}), "dinov2"),
    (frozenset({"moco_m", "moco_mlp_dim"}), "mocov3"),
    (frozenset({"moco_k"}), "moco"),
    (frozenset({"norm_pix_loss", "mask_ratio"}), "mae"),
    (frozenset({"sim_coeff", "std_coeff", "cov_coeff", "mlp"}), "vicreg"),
    (frozenset({"projector", "lambd", "learning_rate_weights"}), "barlow"),
    (frozenset({"nmb_prototypes", "sinkhorn_iterations"}), "swav"),
    (frozenset({"fix_pred_lr", "pred_dim"}), "simsiam"),
    (frozenset({"force_quick_gelu", "accum_freq"}), "clip"),
)
"""Arguments that together only the official code of one method has."""

_MASKED = re.compile(r"mae[_-]vit", re.IGNORECASE)
_SCRIPT = re.compile(r"[\w.-]{1,200}\.py\b|-m\s+[\w.]{1,200}")
_MODELS = ("arch", "model", "model_name", "backbone")
_COMMANDS = frozenset(
    "cmd command command_line cmdline argv program script code_path codepath entry_point".split()
)
_PREFIX = re.compile(r"^(train|training|fit|val|valid|eval|test)_")
_SUFFIX = re.compile(r"_(step|epoch|avg)$")


@dataclass(frozen=True, slots=True)
class Inferred:
    """A method that no setting names, and what gave it away."""

    method: str
    because: str

    def finding(self) -> Finding:
        """Return what a reader should know."""
        return Finding("method inferred", f"{self.method}: {self.because}")


def inferred_method(names: Iterable[str], settings: Mapping[str, Scalar]) -> Inferred | None:
    """Return the method that logged names, an architecture or a script's name give away.

    None when nothing does, or when scripts are of several.
    """
    plain: dict[str, str] = {}
    for name in sorted(names):
        whole = _SUFFIX.sub("", normalise(name))
        plain[whole] = plain[_PREFIX.sub("", whole)] = name
    for signs, method in _TELLING:
        if signs <= plain.keys():
            shown = " and ".join(plain[sign] for sign in sorted(signs))
            return Inferred(method, f"its code logs {shown}")
    return _of_settings(settings)


def _of_settings(settings: Mapping[str, Scalar]) -> Inferred | None:
    leaves = {
        path[-1]: value for name, value in sorted(settings.items()) if (path := path_of(name))
    }
    for signs, method in _ARGUMENTS:
        if signs <= leaves.keys():
            return Inferred(method, f"its code has the settings {', '.join(sorted(signs))}")
    for name in _MODELS:
        value = leaves.get(name)
        if isinstance(value, str) and _MASKED.match(value):
            return Inferred("mae", f"{name} is {value}")
    scripts: dict[str, str] = {}
    for name in sorted(_COMMANDS & leaves.keys()):
        for script in _SCRIPT.findall(str(leaves[name])):
            named = method_named(script.removesuffix(".py").replace(".", " "))
            if named is not None:
                scripts[named] = script
    if len(scripts) != 1:
        return None
    named, script = scripts.popitem()
    return Inferred(named, f"the run's script is {script}")


def library(settings: Mapping[str, Scalar]) -> str:
    """Return the training library whose configuration this is, as the vocabulary calls it."""
    paths = {path_of(name) for name in settings}
    heads = {path[0] for path in paths if path}
    if {"method_kwargs", "optimizer", "method"} <= heads:
        return "solo-learn"
    return "open_clip" if ("force_quick_gelu",) in paths else ""
