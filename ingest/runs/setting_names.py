"""What settings are called by trainers -> kb.run.CONFIG_NAMES, where the name alone says it.

`context` decides the names that mean one thing in one method and another in the next.
"""

from __future__ import annotations

import re

from kb.errors import UsageError, nearest
from kb.run import CONFIG_NAMES

GIVEN = "--set"
"""The place of what a user gave: their batch size is always that of one process."""

_CALLED: dict[str, str] = {
    "batch_size": "batch_size bs batch batch_size_per_gpu batch_size_per_device "
    "per_device_train_batch_size per_gpu_train_batch_size per_device_batch_size "
    "per_gpu_batch_size local_batch_size train_batch_size_per_gpu batch_size_per_process "
    "train_micro_batch_size_per_gpu samples_per_gpu batchsize_per_replica",
    "global_batch_size": "global_batch_size",
    "world_size": "world_size num_gpus n_gpus ngpus",
    "accum_steps": "accum_steps accum_iter accum_freq accumulate_grad_batches "
    "gradient_accumulation_steps grad_accum_steps gradient_accumulation grad_accumulation "
    "grad_accum update_freq",
    "temperature": "temperature moco_t nce_t nce_temperature softmax_temperature student_temp "
    "student_temperature logit_temp contrastive_temperature nt_xent_temperature "
    "loss_temperature",
    "dim": "proj_dim projection_dim proj_output_dim proj_out_dim projector_out_dim "
    "projector_output_dim projection_out_dim projection_output_dim projector_dim moco_dim",
    "hidden_dim": "proj_hidden_dim projector_hidden_dim projection_hidden_dim moco_mlp_dim",
    "queue_size": "queue_size queue_length queue_len queue moco_k nce_k memory_bank_size",
    "prototypes": "prototypes nmb_prototypes num_prototypes n_prototypes num_proto "
    "head_n_prototypes",
    "classes": "classes num_classes n_classes nb_classes",
    "lr": "lr learning_rate",
    "epochs": "epochs max_epochs num_epochs num_train_epochs n_epochs nb_epochs total_epochs "
    "max_epoch",
    "precision": "precision mixed_precision",
    "ema_momentum": "ema_momentum ema momentum_teacher teacher_momentum moco_m base_momentum "
    "base_tau base_tau_momentum ema_tau momentum_encoder target_momentum byol_m",
    "lambda_inv": "lambda_inv sim_coeff inv_coeff sim_loss_weight inv_loss_weight",
    "lambda_var": "lambda_var std_coeff var_coeff var_loss_weight std_loss_weight",
    "lambda_cov": "lambda_cov cov_coeff cov_loss_weight lambd lamb",
    "warmup_epochs": "warmup_epochs num_warmup_epochs lr_warmup_epochs",
    "weight_decay": "weight_decay wd",
    "grad_clip": "grad_clip clip_grad gradient_clip_val max_grad_norm clip_grad_norm "
    "grad_clip_norm gradient_clip_norm clip_norm gradient_clip grad_norm_clip",
    "optimizer": "optimizer optim opt optimizer_name optimizer_type",
    "teacher_temperature": "teacher_temp teacher_temperature",
    "stop_gradient": "stop_gradient stop_grad stopgrad use_stop_gradient",
    "mask_ratio": "mask_ratio masking_ratio",
    "dataset_size": "dataset_size num_train_samples num_train_images num_train_examples "
    "train_set_size",
}

PLAIN: dict[str, str] = {
    called: name for name, names in _CALLED.items() for called in names.split()
}
"""Every spelling that means the same in every trainer. `batch_size` counts one process or all,
by script: see `ingest.runs.derived`."""

METHOD = frozenset("method ssl_method method_name pretrain_method ssl_algorithm ssl_name".split())
"""Settings that name the method and nothing else."""

MODEL = frozenset("model model_name model_type algorithm framework ssl arch loss_type".split())
"""Settings that name the method where their whole text is that of a method."""

TYPED: dict[str, str] = {"tau": "temperature", "out_dim": "prototypes"}
"""What a person means by names that need a context in files."""

TEACHER = frozenset(
    "byol moco mocov3 dino dinov2 dinov3 ibot esvit msn i-jepa v-jepa data2vec ressl".split()
)
"""Methods with a moving-average teacher."""

_PROTOTYPES = frozenset("dino dinov2 dinov3 ibot esvit msn swav".split())
_COSINES = frozenset("simclr supcon moco mocov3 nnclr dcl clip siglip slip simcse pirl".split())

_ELSEWHERE = frozenset(
    "eval evaluation evaluator val valid validation test testing knn probe probing linear lincls "
    "classifier finetune finetuning downstream decoder callback callbacks logger".split()
)
"""Words of a parent under which a setting is not that of the pre-training."""

_SCHEDULES = frozenset("scheduler schedulers schedule sched lr_scheduler lr_schedule".split())
_OPTIMIZERS = frozenset("optimizer optimizers optim opt sgd lars optimization".split())
_PROJECTORS = frozenset(
    "projector projection projection_head proj_head head method method_kwargs loss ssl "
    "args hparams config cfg params hyper_parameters".split()
)
_NAMES = frozenset("name type target".split())

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^a-z0-9]+")


def path_of(setting: str) -> tuple[str, ...]:
    """Return the parts of a dotted setting in lower case with underscores, `value` cut off."""
    parts = [
        _OTHER.sub("_", _CAMEL.sub("_", part).lower()).strip("_")
        for part in re.split(r"[./]", setting)
    ]
    held = tuple(part for part in parts if part)
    # W&B writes each setting as a mapping with `desc` and `value`.
    return held[:-1] if len(held) > 1 and held[-1] == "value" else held


def typed_name(name: str) -> str | None:
    """Return the config name that a person means by `name`, None when there is none."""
    path = path_of(name)
    if len(path) != 1:
        return None
    plain = path[0]
    return plain if plain in _CALLED or plain == "method" else PLAIN.get(plain) or TYPED.get(plain)


def unknown_setting(name: str) -> UsageError:
    """Return the error for a setting that somebody gave and nobody knows."""
    return UsageError(
        f'unknown setting "{name}"{nearest(name, spellings())}',
        where=GIVEN,
        hint=f"known: {', '.join(CONFIG_NAMES)}",
    )


def spellings() -> tuple[str, ...]:
    """Return all that `typed_name` knows."""
    return ("method", *_CALLED, *PLAIN, *TYPED)


def meaning(path: tuple[str, ...], value: float | None, method: str | None) -> str | None:
    """Return the config name of a setting, None when its meaning is not certain.

    `value` is None for text; `method` is the run's, if known.
    """
    *parents, leaf = path
    if any(word in _ELSEWHERE for parent in parents for word in parent.split("_")):
        return None
    if leaf in _NAMES and parents:
        parents, leaf = parents[:-1], parents[-1]
        return "optimizer" if leaf in ("optimizer", "optim") else None
    scheduled = any(parent in _SCHEDULES for parent in parents)
    name = _in_context(leaf, parents, value, method) or PLAIN.get(leaf)
    if name is None or (scheduled and name != "warmup_epochs"):
        return None
    if "teacher" in parents and name == "temperature":
        return "teacher_temperature"
    return name


def _in_context(
    leaf: str, parents: list[str], value: float | None, method: str | None
) -> str | None:
    if leaf in ("dim", "hidden_dim"):
        return leaf if all(parent in _PROJECTORS for parent in parents) else None
    if leaf == "warmup":  # epochs in I-JEPA's files, steps in open_clip's
        return "warmup_epochs" if parents[-1:] == ["optimization"] else None
    if leaf == "out_dim":
        return _width(method)
    if leaf in ("bottleneck_dim", "head_bottleneck_dim"):
        return "dim" if method in _PROTOTYPES else None
    if leaf == "lambda_param":
        return {"vicreg": "lambda_inv", "barlow": "lambda_cov"}.get(method or "")
    if leaf in ("mu_param", "nu_param") and method == "vicreg":
        return "lambda_var" if leaf == "mu_param" else "lambda_cov"
    return None if value is None else _by_value(leaf, parents, value, method)


def _by_value(leaf: str, parents: list[str], value: float, method: str | None) -> str | None:
    if leaf in ("momentum", "m"):
        teacher = method in TEACHER and 0.95 <= value <= 1
        return "ema_momentum" if teacher and not _OPTIMIZERS.intersection(parents) else None
    if leaf == "ema_decay":  # of the teacher, or of weights kept for evaluation
        return "ema_momentum" if method is None or method in TEACHER else None
    if leaf == "tau":
        if value < 0.9:
            return "temperature"
        return "ema_momentum" if method in TEACHER else None
    if leaf in ("temp", "t"):
        return "temperature" if method in _COSINES else None
    return None


def _width(method: str | None) -> str | None:
    """Return what `out_dim` is: DINO's prototypes, the projector's output elsewhere."""
    if method is None:
        return None
    return "prototypes" if method in _PROTOTYPES else "dim"
