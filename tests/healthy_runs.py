"""Healthy runs that look odd: what a signature must stay silent on.

Shapes and levels follow what such runs show in practice; the noise is seeded, so every run is
the same at each call. Accuracies are shares between 0 and 1, `gpu_util` is in percent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from kb.closed_forms.registry import form
from kb.run import FloatArray, Run, Series
from kb.types import Scalar

N = 100
"""Epochs of a run, where nothing else is said."""


class _Noise:
    """Curves of one run with their own seeded noise."""

    def __init__(self, seed: int, length: int = N) -> None:
        self.random = np.random.default_rng(seed)
        self.time = np.linspace(0, 1, length)

    def around(self, values: FloatArray | float, spread: float) -> FloatArray:
        """Return `values` of every epoch with Gaussian noise."""
        return np.asarray(values + self.random.normal(0, spread, self.time.size))

    def falls(self, start: float, end: float, spread: float, rate: float = 5) -> FloatArray:
        """Return a curve that goes exponentially from `start` towards `end`, up or down."""
        return self.around(end + (start - end) * np.exp(-rate * self.time), spread)

    def accuracy(self, start: float, end: float, rate: float = 4) -> FloatArray:
        """Return an accuracy that improves, with the noise of a few thousand test images."""
        return np.clip(self.falls(start, end, 0.004, rate), 0, 1)

    def cosine_lr(self, peak: float, warmup: float = 0.1) -> FloatArray:
        """Return linear warm-up, then cosine decay to 0."""
        rest = np.clip((self.time - warmup) / (1 - warmup), 0, 1)
        return peak * np.minimum((self.time + 0.005) / warmup, 0.5 * (1 + np.cos(math.pi * rest)))

    def cosine_between(self, start: float, end: float) -> FloatArray:
        """Return a cosine schedule, as a teacher's momentum follows one."""
        return np.asarray(end - (end - start) * 0.5 * (1 + np.cos(math.pi * self.time)))


def _run(config: Mapping[str, Scalar], **series: npt.ArrayLike) -> Run:
    named = {name.replace("__", "/"): np.atleast_1d(values) for name, values in series.items()}
    return Run(
        config, {name: Series.from_values(name, one.tolist()) for name, one in named.items()}
    )


def _moco_queue_fills() -> Run:
    """The loss rises while random keys are replaced by harder ones, then falls."""
    c = _Noise(1)
    loss = 7.2 + 2.2 * (1 - np.exp(-12 * c.time)) - 2.4 * c.time
    return _run(
        {"method": "moco", "batch_size": 32, "world_size": 8, "queue_size": 65536, "dim": 128,
         "temperature": 0.2, "ema_momentum": 0.999, "lr": 0.03, "epochs": N},
        loss=c.around(loss, 0.04),
        contrast_acc=np.clip(c.falls(0.05, 0.62, 0.01), 0, 1),
        z_std=c.falls(0.06, 0.087, 0.0005),
        ema_m=np.full(N, 0.999),
        lr=c.cosine_lr(0.03, 0.01),
        knn_acc=c.accuracy(0.12, 0.55),
    )  # fmt: skip


def _simsiam() -> Run:
    """A loss near -0.9 with the spread of unit vectors, 1/sqrt(2048)."""
    c = _Noise(2)
    return _run(
        {"method": "simsiam", "batch_size": 512, "dim": 2048, "lr": 0.1, "epochs": N},
        loss=c.falls(-0.3, -0.91, 0.005),
        z_std=c.falls(0.015, 0.0215, 0.0002, 20),
        collapse_level=c.around(0.03, 0.005),
        pos_sim=c.falls(0.3, 0.91, 0.005),
        neg_sim=c.around(0.02, 0.01),
        knn_acc=c.accuracy(0.3, 0.85),
        epoch=np.arange(N) + 1.0,
    )


def _nt_xent_at_its_floor() -> Run:
    """Temperature 0.5 leaves the loss at its floor with nearly all positives found."""
    c = _Noise(3)
    config: dict[str, Scalar] = {
        "method": "simclr", "batch_size": 256, "dim": 128, "temperature": 0.5, "lr": 0.3,
        "epochs": N,
    }  # fmt: skip
    floor = form("nt_xent", "floor").value(**config)
    return _run(
        config,
        loss=c.falls(6.1, floor + 0.12, 0.01),
        contrast_acc=np.clip(c.falls(0.2, 0.97, 0.003), 0, 1),
        pos_sim=c.falls(0.4, 0.95, 0.004),
        neg_sim=c.around(0.01, 0.004),
        sim_gap=c.falls(0.3, 0.94, 0.005),
        z_std=c.around(0.088, 0.0003),
        uniform=c.falls(-3.0, -3.85, 0.01),
        erank_z=c.falls(40, 95, 0.6),
        knn_acc=c.accuracy(0.35, 0.82),
        grad_norm=c.falls(2.0, 0.35, 0.02),
    )


def _nt_xent_small_temperature() -> Run:
    """Temperature 0.1: the loss is far below chance and still improves."""
    c = _Noise(4)
    return _run(
        {"method": "simclr", "batch_size": 512, "dim": 128, "temperature": 0.1, "lr": 0.6},
        loss=c.falls(6.9, 0.5, 0.03),
        contrast_acc=np.clip(c.falls(0.05, 0.9, 0.005), 0, 1),
        z_std=c.around(0.088, 0.0003),
        dead_dims=np.clip(c.falls(0.25, 0.01, 0.003, 15), 0, 1),
        dim_norm_max_ratio=c.falls(14, 6, 0.2),
        knn_acc=c.accuracy(0.3, 0.88),
    )


def _dino_loss_rises() -> Run:
    """The teacher sharpens, so that its targets get harder while kNN improves."""
    c = _Noise(5)
    loss = 9.5 * np.exp(-14 * c.time) + 2.2 + 1.3 * c.time
    return _run(
        {"method": "dino", "batch_size": 64, "world_size": 16, "prototypes": 65536, "dim": 65536,
         "ema_momentum": 0.996, "lr": 0.0005, "epochs": N},
        loss=c.around(loss, 0.03),
        teacher_entropy=c.falls(10.5, 4.5, 0.05),
        student_entropy=c.falls(10.8, 5.5, 0.05),
        teacher_temp=np.minimum(0.04 + 0.03 * c.time / 0.3, 0.07),
        ema_m=c.cosine_between(0.996, 1.0),
        center_norm=c.falls(0.2, 4.0, 0.05),
        lr=c.cosine_lr(0.002),
        wd=c.cosine_between(0.04, 0.4),
        knn_acc=c.accuracy(0.2, 0.74),
        epoch=np.arange(N) + 1.0,
        step=(np.arange(N) + 1.0) * 1251,
    )  # fmt: skip


def _ijepa_loss_rises() -> Run:
    """Targets gain variance, so that predicting them costs more."""
    c = _Noise(6)
    loss = 0.5 * np.exp(-20 * c.time) + 0.1 + 0.09 * c.time
    return _run(
        {"method": "i-jepa", "batch_size": 128, "world_size": 16, "ema_momentum": 0.996,
         "lr": 0.001, "epochs": N},
        loss=c.around(loss, 0.002),
        term__pred=c.around(loss, 0.002),
        target_var=c.falls(0.1, 0.8, 0.01),
        ema_m=np.linspace(0.996, 0.9999, N),
        erank_h=c.falls(60, 320, 2),
        knn_acc=c.accuracy(0.1, 0.6),
        lin_acc=c.accuracy(0.15, 0.7),
        lr=c.cosine_lr(0.001, 0.15),
        wd=c.cosine_between(0.04, 0.4),
    )  # fmt: skip


def _warmup_bump() -> Run:
    """The loss climbs while the rate warms up and falls afterwards."""
    c = _Noise(7)
    loss = 6.0 + 0.25 * np.exp(-(((c.time - 0.06) / 0.03) ** 2)) - 2.2 * (1 - np.exp(-4 * c.time))
    return _run(
        {"method": "simclr", "batch_size": 256, "dim": 128, "temperature": 0.2, "lr": 1.2},
        loss=c.around(loss, 0.02),
        lr=c.cosine_lr(1.2),
        grad_norm=c.around(0.6 + 1.5 * np.exp(-(((c.time - 0.06) / 0.03) ** 2)), 0.05),
        knn_acc=c.accuracy(0.25, 0.8),
        z_std=c.around(0.087, 0.0005),
    )


def _negative_loss() -> Run:
    """A decoupled contrastive loss goes below 0 and on."""
    c = _Noise(8)
    return _run(
        {"method": "dcl", "batch_size": 256, "dim": 128, "temperature": 0.1, "lr": 0.3},
        loss=c.falls(5.5, -3.1, 0.03),
        z_std=c.around(0.088, 0.0003),
        knn_acc=c.accuracy(0.3, 0.85),
        grad_norm=c.falls(1.5, 0.5, 0.03),
    )


def _late_cosine_plateau() -> Run:
    """In the last third the rate is almost 0 and nothing moves any more."""
    c = _Noise(9)
    return _run(
        {"method": "byol", "batch_size": 256, "dim": 256, "lr": 0.2, "ema_momentum": 0.99,
         "epochs": N},
        loss=c.falls(1.6, 0.28, 0.002, 9),
        z_std=c.falls(0.045, 0.061, 0.0002, 20),
        lr=c.cosine_lr(0.2),
        ema_m=c.cosine_between(0.99, 1.0),
        knn_acc=c.accuracy(0.3, 0.9, 9),
        grad_norm=c.falls(0.8, 0.3, 0.01),
        epoch=np.arange(N) + 1.0,
        step=(np.arange(N) + 1.0) * 195,
    )  # fmt: skip


def _mae() -> Run:
    """Normalised pixels end at 0.45, and neighbours say little about a masked model."""
    c = _Noise(10)
    return _run(
        {"method": "mae", "batch_size": 64, "world_size": 64, "lr": 0.0024, "epochs": 800},
        loss=c.falls(0.95, 0.45, 0.002, 8),
        term__recon=c.falls(0.95, 0.45, 0.002, 8),
        mask_ratio=np.full(N, 0.75),
        knn_acc=c.accuracy(0.12, 0.3),
        lin_acc=c.accuracy(0.2, 0.6),
        alpha_h=c.around(2.0, 0.02),
        erank_h=c.falls(20, 38, 0.4),
        lr=c.cosine_lr(0.0024, 0.05),
    )


def _three_epochs() -> Run:
    """A run that has only just begun."""
    return _run(
        {"method": "simclr", "batch_size": 128, "dim": 128, "temperature": 0.5},
        loss=[5.52, 5.31, 5.18],
        z_std=[0.05, 0.07, 0.08],
        knn_acc=[0.31, 0.3, 0.33],
    )


def _first_value() -> Run:
    """One line of a log: an untrained network, at chance as it should be."""
    return _run({"method": "simclr", "batch_size": 256, "dim": 128}, loss=6.41, z_std=0.085)


def _loss_alone() -> Run:
    """Nothing but a falling loss is known."""
    c = _Noise(11)
    return _run({}, loss=c.falls(7.1, 3.9, 0.05))


def _loss_alone_flat() -> Run:
    """Nothing but a level SimSiam loss is known."""
    c = _Noise(12)
    return _run({"method": "simsiam"}, loss=c.falls(-0.5, -0.89, 0.004, 30))


def _swav() -> Run:
    """The loss stays high, three quarters of ln K, as it does in good runs."""
    c = _Noise(13)
    return _run(
        {"method": "swav", "batch_size": 64, "world_size": 4, "prototypes": 3000, "dim": 128,
         "temperature": 0.1, "lr": 0.6},
        loss=c.falls(7.95, 5.4, 0.03),
        z_std=c.around(0.086, 0.0005),
        proto_perplexity=c.falls(2900, 2450, 10),
        proto_max_share=c.falls(0.0006, 0.0011, 0.00002),
        knn_acc=c.accuracy(0.2, 0.6),
        epoch=np.arange(N) + 1.0,
    )  # fmt: skip


def _barlow() -> Run:
    """The loss is in the hundreds, because it sums over 8192 dimensions."""
    c = _Noise(14)
    return _run(
        {"method": "barlow", "batch_size": 64, "world_size": 16, "dim": 8192, "lr": 0.2},
        loss=c.falls(2400, 260, 8),
        term__inv=c.falls(900, 120, 3),
        term__cov=c.falls(1500, 140, 3),
        offdiag_corr=c.falls(0.12, 0.03, 0.001),
        raw_std=c.around(0.9, 0.02),
        knn_acc=c.accuracy(0.2, 0.62),
        grad_norm=c.falls(60, 22, 1),
    )


def _vicreg() -> Run:
    """The invariance term rises while variance is being built up."""
    c = _Noise(15)
    return _run(
        {"method": "vicreg", "batch_size": 128, "world_size": 16, "dim": 8192, "lr": 0.2,
         "lambda_inv": 25, "lambda_var": 25, "lambda_cov": 1},
        loss=c.falls(31, 13.5, 0.1),
        term__inv=c.falls(0.05, 0.24, 0.004, 12),
        term__var=c.falls(0.6, 0.12, 0.004, 12),
        term__cov=c.falls(2, 6, 0.1, 12),
        raw_std=c.falls(0.4, 0.93, 0.01, 12),
        z_std=c.falls(0.008, 0.0108, 0.0001, 12),
        knn_acc=c.accuracy(0.2, 0.6),
    )  # fmt: skip


def _clip() -> Run:
    """The learned temperature reaches its cap of 100."""
    c = _Noise(16)
    return _run(
        {"method": "clip", "batch_size": 512, "world_size": 64, "global_batch_size": 32768,
         "dim": 512, "lr": 0.0005},
        loss=c.falls(10.3, 1.4, 0.03),
        logit_scale=np.minimum(c.falls(14.3, 130, 0.5, 4), 100),
        zs_acc=c.accuracy(0.001, 0.6),
        contrast_acc=np.clip(c.falls(0.01, 0.75, 0.005), 0, 1),
        grad_norm=c.falls(1.2, 0.4, 0.05),
    )  # fmt: skip


def _small_noisy_batch() -> Run:
    """Batch 16: a ragged loss under which kNN climbs."""
    c = _Noise(17)
    return _run(
        {"method": "simclr", "batch_size": 16, "dim": 64, "temperature": 0.5, "lr": 0.02},
        loss=c.falls(3.4, 2.0, 0.12),
        contrast_acc=np.clip(c.falls(0.15, 0.88, 0.03), 0, 1),
        z_std=c.around(0.12, 0.002),
        knn_acc=c.accuracy(0.25, 0.72, 2),
        grad_norm=np.abs(c.around(1.5, 0.4)),
    )


def _step_schedule() -> Run:
    """The rate drops tenfold twice, and the loss with it."""
    c = _Noise(18)
    steps = 1.0 - 0.25 * (c.time > 0.6) - 0.08 * (c.time > 0.8)
    return _run(
        {"method": "moco", "batch_size": 256, "queue_size": 4096, "dim": 128, "temperature": 0.07,
         "lr": 0.03, "ema_momentum": 0.999},
        loss=c.around(5.5 * steps + 1.5 * np.exp(-6 * c.time), 0.02),
        lr=0.03 * np.where(c.time > 0.8, 0.01, np.where(c.time > 0.6, 0.1, 1.0)),
        knn_acc=c.accuracy(0.2, 0.7),
        z_std=c.around(0.087, 0.0005),
    )  # fmt: skip


def _spikes_that_heal() -> Run:
    """Four isolated spikes of loss and gradient, each gone an epoch later."""
    c = _Noise(19)
    loss, gradient = c.falls(5.5, 2.4, 0.02), c.falls(1.2, 0.5, 0.02)
    loss[[23, 41, 66, 80]] *= 2.5
    gradient[[23, 41, 66, 80]] *= 20
    return _run(
        {"method": "byol", "batch_size": 256, "dim": 256, "lr": 0.001},
        loss=loss,
        grad_norm=gradient,
        clip_frac=c.around(0.05, 0.01),
        z_std=c.around(0.06, 0.0005),
        knn_acc=c.accuracy(0.3, 0.8),
    )


def _amp_scaler_at_work() -> Run:
    """The scaler doubles, meets an overflow, halves and skips a step, as designed."""
    c = _Noise(20)
    return _run(
        {"method": "dino", "batch_size": 64, "precision": "fp16", "prototypes": 4096},
        loss=c.falls(8.0, 3.2, 0.03),
        amp_scale=2.0 ** (15 + np.arange(N) % 4),
        skipped_steps=(np.arange(N) % 4 == 0) * 0.0005,
        teacher_entropy=c.falls(8.0, 4.0, 0.03),
        grad_norm=c.falls(2.0, 0.8, 0.05),
        knn_acc=c.accuracy(0.2, 0.65),
        epoch=np.arange(N) + 1.0,
    )


def _easy_data_saturated() -> Run:
    """Neighbours are right almost from the start; there is no room to improve."""
    c = _Noise(21)
    return _run(
        {"method": "simclr", "batch_size": 256, "dim": 128, "temperature": 0.5},
        loss=c.falls(5.9, 4.6, 0.01),
        contrast_acc=np.clip(c.falls(0.4, 0.93, 0.004), 0, 1),
        knn_acc=np.clip(c.around(0.985, 0.001), 0, 1),
        z_std=c.around(0.088, 0.0003),
        erank_h=c.falls(45, 90, 0.5),
    )


def _accuracy_dips_first() -> Run:
    """kNN falls below that of the untrained network, then passes it."""
    c = _Noise(22)
    dip = 0.3 - 0.08 * np.exp(-(((c.time - 0.04) / 0.03) ** 2)) + 0.4 * c.time
    return _run(
        {"method": "byol", "batch_size": 256, "dim": 256, "lr": 0.2, "ema_momentum": 0.996},
        loss=c.falls(1.9, 0.35, 0.005),
        z_std=c.falls(0.03, 0.061, 0.0003, 10),
        collapse_level=np.clip(c.falls(0.5, 0.03, 0.005, 10), 0, 1),
        knn_acc=c.around(dip, 0.004),
    )


def _supcon_neural_collapse() -> Run:
    """With labels, ten directions for ten classes are the goal."""
    c = _Noise(23)
    return _run(
        {"method": "supcon", "batch_size": 256, "dim": 128, "temperature": 0.1, "classes": 10},
        loss=c.falls(6.0, 4.0, 0.02),
        erank_z=c.falls(60, 9.3, 0.1),
        rankme_z=c.falls(70, 12, 0.2),
        offdiag_corr=c.falls(0.1, 0.45, 0.003),
        alpha_h=c.falls(1.0, 2.3, 0.02),
        erank_h=c.falls(80, 22, 0.3),
        z_std=c.around(0.087, 0.0004),
        knn_acc=c.accuracy(0.4, 0.95),
    )


def _lejepa() -> Run:
    """Loss and regulariser fall together; there is no teacher to log."""
    c = _Noise(24)
    return _run(
        {"method": "lejepa", "batch_size": 256, "dim": 64, "lr": 0.0005},
        loss=c.falls(1.2, 0.32, 0.004),
        term__pred=c.falls(0.9, 0.24, 0.003),
        term__reg=c.falls(8.0, 1.5, 0.05),
        raw_std=c.around(0.98, 0.01),
        lin_acc=c.accuracy(0.2, 0.78),
        lr=c.cosine_lr(0.0005),
    )


def _very_long_and_slow() -> Run:
    """A thousand logged points, the second half of which gains one percent."""
    c = _Noise(25, 1000)
    return _run(
        {"method": "dino", "batch_size": 64, "world_size": 16, "prototypes": 65536,
         "ema_momentum": 0.996, "epochs": 1000},
        loss=c.falls(9.0, 2.6, 0.02, 12),
        teacher_entropy=c.around(4.4, 0.05),
        ema_m=c.cosine_between(0.996, 1.0),
        knn_acc=c.around(0.76 - 0.5 * np.exp(-12 * c.time) + 0.01 * c.time, 0.002),
        lr=c.cosine_lr(0.002, 0.01),
    )  # fmt: skip


def _validation_slightly_above() -> Run:
    """The held-out loss lies a little higher and both level out."""
    c = _Noise(26)
    return _run(
        {"method": "mae", "batch_size": 256},
        loss=c.falls(0.9, 0.5, 0.002),
        val__loss=c.falls(0.92, 0.53, 0.003),
        ft_acc=c.accuracy(0.5, 0.83),
    )


def _busy_gpu() -> Run:
    """Loading takes a tenth of a step and the GPU is at 97 percent."""
    c = _Noise(27)
    return _run(
        {"method": "simclr", "batch_size": 512, "dim": 128, "temperature": 0.2},
        loss=c.falls(6.9, 3.1, 0.02),
        data_time=np.abs(c.around(0.03, 0.01)),
        step_time=c.around(0.31, 0.01),
        data_frac=np.clip(c.around(0.1, 0.02), 0, 1),
        gpu_util=np.clip(c.around(97, 1), 0, 100),
        gpu_mem_peak=np.full(N, 61000.0),
        cpu_mem=c.around(18000, 100),
        imgs_per_s=c.around(1650, 20),
        knn_acc=c.accuracy(0.3, 0.8),
    )


def _small_run_with_few_evaluations() -> Run:
    """Thirty loss values, two probes."""
    c = _Noise(28, 30)
    return _run(
        {"method": "vicreg", "batch_size": 256, "dim": 2048, "lambda_inv": 25, "lambda_var": 25,
         "lambda_cov": 1},
        loss=c.falls(28, 15, 0.2),
        raw_std=c.falls(0.5, 0.92, 0.01, 10),
        lin_acc=[0.61],
        knn_acc=[0.38, 0.55],
    )  # fmt: skip


def _accumulated_clip_like_simclr() -> Run:
    """Gradient caching: the loss really sees the whole batch of 1024."""
    c = _Noise(29)
    return _run(
        {"method": "simclr", "batch_size": 1024, "accum_steps": 8, "dim": 128, "temperature": 0.1,
         "lr": 1.2},
        loss=c.falls(7.9, 1.1, 0.02),
        lr=c.cosine_lr(1.2),
        contrast_acc=np.clip(c.falls(0.02, 0.82, 0.004), 0, 1),
        z_std=c.around(0.088, 0.0003),
        knn_acc=c.accuracy(0.3, 0.87),
    )  # fmt: skip


_MAKERS: tuple[Callable[[], Run], ...] = (
    _moco_queue_fills,
    _simsiam,
    _nt_xent_at_its_floor,
    _nt_xent_small_temperature,
    _dino_loss_rises,
    _ijepa_loss_rises,
    _warmup_bump,
    _negative_loss,
    _late_cosine_plateau,
    _mae,
    _three_epochs,
    _first_value,
    _loss_alone,
    _loss_alone_flat,
    _swav,
    _barlow,
    _vicreg,
    _clip,
    _small_noisy_batch,
    _step_schedule,
    _spikes_that_heal,
    _amp_scaler_at_work,
    _easy_data_saturated,
    _accuracy_dips_first,
    _supcon_neural_collapse,
    _lejepa,
    _very_long_and_slow,
    _validation_slightly_above,
    _busy_gpu,
    _small_run_with_few_evaluations,
    _accumulated_clip_like_simclr,
)


def healthy_runs() -> dict[str, Run]:
    """Return every healthy run under the name of what is odd about it."""
    return {make.__name__.strip("_"): make() for make in _MAKERS}
