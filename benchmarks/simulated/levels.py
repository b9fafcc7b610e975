"""Where a healthy loss starts and ends, in the closed forms of the run's own config."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.simulated.curves import ramp
from benchmarks.simulated.noise import Dice
from benchmarks.simulated.setting import Setting
from kb.closed_forms import Quantity, form
from kb.run import FloatArray


@dataclass(slots=True)
class Levels:
    """Levels of one run's loss. `collapsed` is what identical embeddings log.

    `shape` (n,) is added to the curve from start to end: a queue that fills, a late rise.
    `chance` and `floor` are NaN where no closed form exists.
    """

    start: float
    end: float
    collapsed: float
    chance: float
    floor: float
    shape: FloatArray
    convention: str = ""

    @property
    def range(self) -> float:
        """Return the healthy distance from start to end, never 0."""
        return max(abs(self.start - self.end), 1e-6)


def draw_levels(setting: Setting) -> Levels:
    """Return the levels of a healthy run of this setting."""
    return _FAMILIES[setting.recipe.family](setting, setting.dice("levels"))


def value(setting: Setting, name: str, quantity: Quantity) -> float:
    """Return a closed form's value for this run."""
    return form(name, quantity).value(**setting.forms())


def _between(low: float, high: float, share: float) -> float:
    return low + share * (high - low)


def _none(setting: Setting) -> FloatArray:
    return np.zeros(setting.n)


def _nt_xent(setting: Setting, dice: Dice) -> Levels:
    name = "nt_xent.sum2" if dice.chance(0.15) else "nt_xent"
    chance, floor = value(setting, name, "chance"), value(setting, name, "floor")
    end = _between(floor, chance, dice.uniform(0.04, 0.45))
    start = chance * dice.uniform(0.95, 1.01)
    return Levels(start, min(end, start), chance, chance, floor, _none(setting), name)


def _supcon(setting: Setting, dice: Dice) -> Levels:
    name = "nt_xent.supcon" if dice.chance(0.5) else "nt_xent"
    chance, floor = value(setting, name, "chance"), value(setting, name, "floor")
    classes = int(setting.config.setdefault("classes", dice.pick((10, 20, 100))))
    # With P positives the softmax cannot do better than share its mass among them: ln P.
    positives = max(1.0, 2 * setting.loss_batch / classes - 1)
    best = max(floor, math.log(positives) * chance / math.log(2 * setting.loss_batch - 1))
    end = _between(best, chance, dice.uniform(0.05, 0.4))
    return Levels(
        chance * dice.uniform(0.95, 1.01), end, chance, chance, floor, _none(setting), name
    )


def _queue(setting: Setting, dice: Dice) -> Levels:
    chance, start = value(setting, "moco", "chance"), value(setting, "moco", "start")
    peak = chance * dice.uniform(0.85, 0.99)
    end = chance * dice.uniform(0.45, 0.8)
    batch = setting.number("batch_size") * setting.number("world_size")
    fills = setting.number("queue_size") / batch * dice.uniform(1, 3)
    seen = setting.steps - setting.steps.min()
    if setting.per_epoch:
        seen = setting.epochs * setting.number("dataset_size") / batch
    empty = np.exp(-3 * seen / fills)
    return Levels(peak, end, chance, chance, math.nan, (start - peak) * empty)


def _moco_v3(setting: Setting, dice: Dice) -> Levels:
    name = "moco_v3.one_direction" if dice.chance(0.2) else "moco_v3"
    chance, floor = value(setting, name, "chance"), value(setting, name, "floor")
    end = _between(floor, chance, dice.uniform(0.25, 0.6))
    return Levels(
        chance * dice.uniform(0.97, 1.0), end, chance, chance, floor, _none(setting), name
    )


def _clip(setting: Setting, dice: Dice) -> Levels:
    chance = value(setting, "info_nce", "chance")
    end = chance * dice.uniform(0.05, 0.6)
    return Levels(chance * dice.uniform(0.98, 1.03), end, chance, chance, 0.0, _none(setting))


def _late_rise(
    setting: Setting, dice: Dice, share: float, amount: tuple[float, float]
) -> FloatArray:
    if not dice.chance(share):
        return _none(setting)
    return dice.uniform(*amount) * ramp(
        setting.time, dice.uniform(0.1, 0.5), dice.uniform(0.3, 0.6)
    )


def _byol(setting: Setting, dice: Dice) -> Levels:
    name = dice.pick(("byol", "byol.sum2", "byol.mse"), (0.55, 0.35, 0.1))
    chance = value(setting, name, "chance")
    end = chance * dice.uniform(0.04, 0.3)
    rise = _late_rise(setting, dice, 0.4, (0.2, 0.5)) * end
    start = chance * dice.uniform(0.7, 1.0)
    return Levels(start, end - rise[-1], 0.0, chance, 0.0, rise, name)


def _simsiam(setting: Setting, dice: Dice) -> Levels:
    start, end = -dice.uniform(0.02, 0.3), -dice.uniform(0.82, 0.96)
    return Levels(start, end, -1.0, 0.0, -1.0, _none(setting), "simsiam")


def _swav(setting: Setting, dice: Dice) -> Levels:
    chance = value(setting, "swav", "chance")
    return Levels(
        chance, chance * dice.uniform(0.45, 0.85), chance, chance, math.nan, _none(setting)
    )


def _dino(setting: Setting, dice: Dice) -> Levels:
    # iBOT logs the sum of its class-token and its patch-token term.
    chance = value(setting, "dino", "chance") * (2 if setting.method == "ibot" else 1)
    end = chance * dice.uniform(0.2, 0.75)
    rise = _late_rise(setting, dice, 0.4, (0.03, 0.12)) * chance
    start = chance * dice.uniform(0.97, 1.02)
    return Levels(start, end - 0.5 * rise[-1], chance, chance, 0.0, rise)


def _barlow(setting: Setting, dice: Dice) -> Levels:
    name = dice.pick(("barlow", "barlow.scaled024", "barlow.scaled025"), (0.5, 0.3, 0.2))
    chance, floor = value(setting, name, "chance"), value(setting, name, "floor")
    start = chance * dice.uniform(0.75, 1.0)
    end = _between(floor, chance, dice.uniform(0.02, 0.25))
    return Levels(start, min(end, 0.9 * start), value(setting, name, "collapse"), chance, floor,
                  _none(setting), name)  # fmt: skip


def _vicreg(setting: Setting, dice: Dice) -> Levels:
    name = dice.pick(("vicreg", "vicreg.sum2", "vicreg.half_cov"), (0.6, 0.25, 0.15))
    chance, floor = value(setting, name, "chance"), value(setting, name, "floor")
    # Start and end only scale bumps and noise; the loss itself is the sum of its terms.
    return Levels(25.0, 12.0, value(setting, name, "collapse"), chance, floor, _none(setting), name)


def _mae(setting: Setting, dice: Dice) -> Levels:
    if dice.chance(0.15):
        start = dice.uniform(0.2, 0.9)
        end = start * dice.uniform(0.1, 0.5)
        return Levels(start, end, start, math.nan, 0.0, _none(setting), "raw pixels")
    chance = form("mae", "chance").value()
    start = chance * dice.uniform(1.0, 1.3)
    return Levels(start, dice.uniform(0.38, 0.75), chance, chance, 0.0, _none(setting))


def _latent(start: tuple[float, float], end: tuple[float, float], rise: tuple[float, float],
            share: float, loss: str) -> Callable[[Setting, Dice], Levels]:  # fmt: skip
    def draw(setting: Setting, dice: Dice) -> Levels:
        low = dice.uniform(*end)
        late = _late_rise(setting, dice, share, rise) * low
        chance = value(setting, loss, "chance")
        return Levels(dice.uniform(*start), low, 0.0, chance, 0.0, late)

    return draw


def _lejepa(setting: Setting, _: Dice) -> Levels:
    # As for VICReg, the terms make the loss.
    return Levels(2.0, 0.5, value(setting, "sigreg", "collapse") * setting.number("lambda_reg"),
                  math.nan, 0.0, _none(setting))  # fmt: skip


_FAMILIES: dict[str, Callable[[Setting, Dice], Levels]] = {
    "nt_xent": _nt_xent,
    "supcon": _supcon,
    "queue": _queue,
    "moco_v3": _moco_v3,
    "clip": _clip,
    "byol": _byol,
    "simsiam": _simsiam,
    "swav": _swav,
    "dino": _dino,
    "barlow": _barlow,
    "vicreg": _vicreg,
    "mae": _mae,
    "ijepa": _latent((0.38, 0.5), (0.06, 0.24), (0.1, 0.8), 0.5, "i_jepa"),
    "data2vec": _latent((0.8, 1.1), (0.2, 0.6), (0.05, 0.4), 0.4, "data2vec"),
    "lejepa": _lejepa,
}
