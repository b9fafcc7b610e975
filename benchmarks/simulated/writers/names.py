"""What loggers and scripts call metrics and settings."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.simulated.generate import Simulated
from kb.types import Scalar

_COMMON = {
    "term/inv": "inv_loss",
    "term/var": "var_loss",
    "term/cov": "cov_loss",
    "term/pred": "pred_loss",
    "term/reg": "sigreg",
    "term/ibot": "ibot_loss",
    "term/dino_global": "dino_global_crops_loss",
    "raw_std": "std_mean",
    "ema_m": "ema_momentum",
    "ema_dist": "ema_dist",
    "knn_acc": "knn_acc",
    "online_acc": "online_acc",
    "rankme_z": "projector/rankme",
    "rankme_h": "backbone/rankme",
    "erank_z": "projector/erank",
    "erank_h": "backbone/erank",
    "val/loss": "val_loss",
}

PLAIN: Mapping[str, str] = _COMMON
"""A script of one's own: vocabulary names, but where people call things differently."""

LIGHTNING: Mapping[str, str] = {
    **_COMMON,
    "loss": "train_loss",
    "lr": "lr-{optimizer}",
    "grad_norm": "grad_2.0_norm_total",
    "z_std": "train_z_std",
    "knn_acc": "val_knn_acc1",
    "online_acc": "val_online_cls_top1",
    "contrast_acc": "train_contrast_acc",
    "amp_scale": "amp_loss_scale",
}

TENSORBOARD: Mapping[str, str] = {
    **_COMMON,
    "loss": "train/loss",
    "lr": "train/lr",
    "grad_norm": "train/grad_norm",
    "val/loss": "val/loss",
    "knn_acc": "eval/knn_top1",
    "step_time": "train/batch_time",
    "data_time": "train/data_time",
    "term/inv": "loss/invariance",
    "term/var": "loss/variance",
    "term/cov": "loss/covariance",
}

HUGGING_FACE: Mapping[str, str] = {**_COMMON, "lr": "learning_rate", "val/loss": "eval_loss"}

DINO: Mapping[str, str] = {
    **_COMMON,
    "loss": "train_loss",
    "lr": "train_lr",
    "grad_norm": "train_grad_norm",
    "ema_m": "train_momentum_teacher",
    "val/loss": "val_loss",
    "step_time": "train_batch_time",
}

METER: Mapping[str, str] = {
    **_COMMON,
    "loss": "Loss",
    "lr": "LR",
    "data_time": "Data",
    "step_time": "Time",
    "contrast_acc": "contrast_acc",
}

_IN_PERCENT = ("val_knn_acc1", "val_online_cls_top1", "eval/knn_top1")

_OPTIMIZERS = {"sgd": "SGD", "lars": "LARS", "adam": "Adam", "adamw": "AdamW"}

_PRECISIONS = {"fp16": "16-mixed", "bf16": "bf16-mixed", "fp32": "32-true"}

_METHODS = {"mocov2": "moco_v2", "mocov3": "moco_v3", "barlow": "barlow_twins"}

_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "moco": {"queue_size": "moco_k", "temperature": "moco_t", "dim": "moco_dim",
             "ema_momentum": "moco_m"},
    "mocov2": {"queue_size": "moco_k", "temperature": "moco_t", "dim": "moco_dim",
               "ema_momentum": "moco_m"},
    "swav": {"prototypes": "nmb_prototypes"},
    "dino": {"prototypes": "out_dim", "ema_momentum": "momentum_teacher",
             "teacher_temperature": "teacher_temp", "temperature": "student_temp"},
    "ibot": {"prototypes": "out_dim", "ema_momentum": "momentum_teacher",
             "teacher_temperature": "teacher_temp", "temperature": "student_temp"},
    "barlow": {"lambda_cov": "lambd"},
    "vicreg": {"lambda_inv": "sim_coeff", "lambda_var": "std_coeff", "lambda_cov": "cov_coeff"},
}  # fmt: skip
"""Setting names of the methods' official scripts."""


def logged_name(names: Mapping[str, str], metric: str, one: Simulated) -> str:
    """Return what the log calls a metric."""
    optimizer = _OPTIMIZERS[str(one.parameters["optimizer"])]
    return names.get(metric, metric).format(optimizer=optimizer)


def logged_value(called: str, value: float) -> float:
    """Return a value in the unit in which the log writes it."""
    return 100 * value if called in _IN_PERCENT else value


def logged_config(one: Simulated) -> dict[str, Scalar]:
    """Return what the run's known config looks like in a file of settings."""
    method = str(one.parameters["method"])
    called = _SETTINGS.get(method, {})
    written: dict[str, Scalar] = {}
    for name, value in one.run.config.items():
        spelled = "proj_dim" if name == "dim" else name
        written[called.get(name, spelled)] = _written(name, value, method)
    return written


def _written(name: str, value: Scalar, method: str) -> Scalar:
    if name == "method":
        return _METHODS.get(method, method)
    if name == "precision":
        return _PRECISIONS[str(value)]
    return bool(value) if name == "stop_gradient" else value
