"""The setting of a run: method, true config, clock and schedule, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from benchmarks.simulated.curves import cosine, warmed_up
from benchmarks.simulated.methods import NAMES, Recipe, recipe
from benchmarks.simulated.noise import Dice, Key
from kb.run import FloatArray, IntArray
from kb.types import Scalar

LENGTHS = ((30, 2000), (2000, 8000), (8000, 20000))
LENGTH_SHARES = (0.7, 0.25, 0.05)
EVERY = (1, 5, 10, 20, 50, 100)
MOMENTA = (0.99, 0.996, 0.998, 0.999, 0.9995, 0.9999)

TEACHER_RENEWALS = 5
"""Time constants 1/(1 - m) that a healthy run lasts at least, where it is long enough."""

PRECISIONS = ("fp32", "fp16", "bf16")
STOPS_GRADIENTS = ("byol", "simsiam", "dino", "ibot", "ijepa", "data2vec")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a fault asks of a setting: methods, a step clock, a length, fp16, a resume.

    `shortest` and `longest` count logged points.
    """

    methods: tuple[str, ...] = NAMES
    step_clock: bool = False
    shortest: int = 30
    longest: int = 20000
    fp16: bool = False
    resumed: bool = False


@dataclass(slots=True)
class Setting:
    """A run's setting. `config` is true, whether or not it is logged.

    `steps`, `epochs` (fractional) and `time` (0 to 1, going back where a resumed run repeats
    steps) have shape (n,). `resumed` is the index of the first repeated point.
    """

    key: Key
    recipe: Recipe
    config: dict[str, Scalar]
    steps: IntArray
    epochs: FloatArray
    time: FloatArray
    per_epoch: bool
    lr: FloatArray = field(default_factory=lambda: np.zeros(0))
    drops: tuple[float, ...] = ()
    warmup: float = 0.0
    resumed: int | None = None

    @property
    def n(self) -> int:
        """Return the number of logged points."""
        return int(self.time.size)

    @property
    def method(self) -> str:
        """Return the method's name."""
        return self.recipe.name

    @property
    def loss_batch(self) -> int:
        """Return the number of images that one value of the loss is computed over."""
        world = int(self.config["world_size"]) if self.config.get("gathered") else 1
        return int(self.config["batch_size"]) * world

    def number(self, name: str) -> float:
        """Return a config value as a float."""
        return float(self.config[name])

    def dice(self, tag: str) -> Dice:
        """Return the stream of one quantity."""
        return Dice(self.key, tag)

    def forms(self) -> dict[str, Scalar]:
        """Return the config as closed forms want it: the batch that the loss sees."""
        return {**self.config, "batch_size": self.loss_batch}


def draw_setting(key: Key, wish: Wish) -> Setting:
    """Draw a setting that meets the wish."""
    dice = Dice(key, "setting")
    chosen = recipe(dice.pick(wish.methods))
    config = _config(dice, chosen, wish.fp16)
    setting = _clocked(key, dice, chosen, config, wish)
    _schedule(setting, Dice(key, "schedule"))
    return setting


def _config(dice: Dice, chosen: Recipe, fp16: bool) -> dict[str, Scalar]:
    world = dice.pick((1, 2, 4, 8), (0.6, 0.15, 0.15, 0.1))
    batch = dice.pick(chosen.batch)
    config: dict[str, Scalar] = {
        "method": chosen.name,
        "batch_size": batch,
        "world_size": world,
        "gathered": int(chosen.gathers and (world == 1 or dice.chance(0.7))),
        "dim": dice.pick(_dims(chosen, batch)),
        "optimizer": chosen.optimizer if dice.chance(0.7) else "adam",
        "precision": "fp16" if fp16 else dice.pick(PRECISIONS, (0.4, 0.35, 0.25)),
        "weight_decay": dice.pick((0.0, 1e-6, 1e-4, 0.04, 0.05)),
        "hidden_dim": dice.pick((512, 2048, 4096, 8192)),
    }  # fmt: skip
    if chosen.temperature:
        config["temperature"] = dice.pick(chosen.temperature)
    if chosen.sizes:
        config[chosen.size_name] = dice.pick(chosen.sizes)
    if chosen.name in STOPS_GRADIENTS:
        config["stop_gradient"] = 1
    if chosen.teacher:
        config["ema_momentum"] = dice.pick(MOMENTA)
    _method_config(dice, chosen.name, config)
    return config


def _dims(chosen: Recipe, batch: int) -> tuple[int, ...]:
    """Leave out widths beyond the official ratio of 4 to the batch: covariance is noise there."""
    if chosen.family not in ("vicreg", "barlow"):
        return chosen.dim
    return tuple(dim for dim in chosen.dim if dim <= 4 * batch) or chosen.dim[:1]


def _method_config(dice: Dice, method: str, config: dict[str, Scalar]) -> None:
    if method == "vicreg":
        config |= {"lambda_inv": 25.0, "lambda_var": 25.0, "lambda_cov": 1.0}
    elif method == "barlow":
        config["lambda_cov"] = 0.0051
    elif method in ("dino", "ibot"):
        config["teacher_temperature"] = dice.pick((0.04, 0.05, 0.07))
    elif method in ("mae", "ijepa", "data2vec"):
        config["mask_ratio"] = 0.75 if method == "mae" else dice.pick((0.5, 0.6, 0.75))
    elif method == "lejepa":
        config["lambda_reg"] = dice.pick((0.02, 0.05, 0.1))


def _clocked(
    key: Key, dice: Dice, chosen: Recipe, config: dict[str, Scalar], wish: Wish
) -> Setting:
    low, high = dice.pick(LENGTHS, LENGTH_SHARES)
    n = int(np.clip(dice.log_uniform(low, high), wish.shortest, wish.longest))
    per_epoch = n <= 800 and dice.chance(0.4) and not (wish.step_clock or wish.resumed)
    every = 1 if per_epoch else dice.pick(EVERY)
    count = n * every
    epochs = n if per_epoch else int(np.clip(dice.log_uniform(3, 1000), 3, max(3, count // 5)))
    config["epochs"] = epochs
    positions, resumed = np.arange(n), None
    if not per_epoch and (wish.resumed or dice.chance(0.08)):
        resumed = int(n * dice.uniform(0.25, 0.8))
        back = max(1, min(resumed - 1, int(n * dice.uniform(0.01, 0.05))))
        positions = np.concatenate([positions[:resumed], positions[resumed - back : n - back]])
    time = positions / max(1, int(positions[-1]))
    steps = positions * every + (0 if per_epoch else dice.pick((0, every - 1)))
    setting = Setting(
        key, chosen, config, steps.astype(np.int64), time * epochs, time, per_epoch,
        resumed=resumed,
    )  # fmt: skip
    config["dataset_size"] = int(dice.log_uniform(5_000, 1_300_000))
    fit_dataset(setting)
    _fit_momentum(setting)
    return setting


def _fit_momentum(setting: Setting) -> None:
    """Lower the teacher's momentum until the teacher moves within the run, or is at its lowest."""
    config = setting.config
    if "ema_momentum" not in config:
        return
    steps = int(setting.steps.max()) + 1
    if setting.per_epoch:
        batch = int(config["batch_size"]) * int(config["world_size"])
        steps *= max(1, int(config["dataset_size"]) // batch)
    moves = [m for m in MOMENTA if (1 - m) * steps >= TEACHER_RENEWALS]
    config["ema_momentum"] = min(setting.number("ema_momentum"), max(moves, default=MOMENTA[0]))


def fit_dataset(setting: Setting) -> None:
    """Make the images of an epoch agree with steps, batch and epochs, where the clock says so."""
    if setting.per_epoch:
        return
    batch = int(setting.config["batch_size"]) * int(setting.config["world_size"])
    steps = int(setting.steps.max()) + 1
    setting.config["dataset_size"] = max(batch, round(steps * batch / setting.number("epochs")))


def _schedule(setting: Setting, dice: Dice) -> None:
    low, high = setting.recipe.rates
    peak = dice.log_uniform(low, high)
    if setting.config["optimizer"] == "adam":
        peak = dice.log_uniform(1e-4, 2e-3)
    setting.config["lr"] = float(f"{peak:.3g}")
    kind = dice.pick(("cosine", "steps", "constant"), (0.7, 0.15, 0.15))
    # Without warm-up only plain SGD and Adam recipes train as if nothing were missing.
    setting.warmup = dice.pick((0.0, 0.01, 0.05, 0.1)) if kind == "cosine" else 0.0
    setting.config["warmup_epochs"] = round(setting.warmup * setting.number("epochs"), 1)
    setting.drops = (0.6, 0.8) if kind == "steps" else ()
    setting.lr = schedule(setting, kind, dice.pick((0.0, 0.0, 0.001, 0.01)))


def schedule(setting: Setting, kind: str, floor: float = 0.0) -> FloatArray:
    """Return the learning rate over time, shape (n,); `floor` is a share of the peak."""
    peak, time = setting.number("lr"), setting.time
    if kind == "cosine":
        rest = (time - setting.warmup) / max(1e-9, 1 - setting.warmup)
        after = cosine(rest, peak, peak * floor)
    elif kind == "steps":
        after = peak * 0.1 ** (time[:, None] >= np.array(setting.drops)[None, :]).sum(axis=1)
    else:
        after = np.full(time.size, peak)
    return warmed_up(time, setting.warmup, after)
