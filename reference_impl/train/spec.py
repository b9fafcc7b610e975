"""What to train, as data, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from kb.errors import UsageError
from reference_impl import registry
from reference_impl.distributed import world
from reference_impl.method import Preset, Recipe
from reference_impl.optim import Schedule
from reference_impl.settings import changed

Precision = Literal["float32", "tf32", "bfloat16", "float16"]
Compile = Literal["no", "default", "max-autotune"]


@dataclass(frozen=True)
class RunSpec:
    """One training.

    `config` and `recipe` change fields of the preset. The recipe's `batch_size` counts the images
    of one update, which all processes and `accum` parts share. `steps` counts updates and comes
    before `epochs`, which comes before the recipe's. `augment` names a policy (default: by the
    data), `augment_set` changes its fields. `log_every`, `probe_every` and `save_every` count
    updates, 0 for never; with a folder a checkpoint is saved once an epoch unless `save_every` is
    given. Probes are also made at the end unless `probe` is False. `out` is the
    run's folder, None to keep nothing; `resume` goes on from its checkpoint. `encoder` is by
    default `vit_mini` for methods that leave patches out, else `small_cnn`.
    """

    method: str
    preset: str = "small"
    config: Mapping[str, object] = field(default_factory=dict)
    recipe: Mapping[str, object] = field(default_factory=dict)
    data: str = "mnist"
    images: int | None = None
    side: int | None = None
    augment: str | None = None
    augment_set: Mapping[str, object] = field(default_factory=dict)
    encoder: str | None = None
    steps: int | None = None
    epochs: float | None = None
    seed: int = 0
    device: str = "cpu"
    precision: Precision = "float32"
    accum: int = 1
    sync_batchnorm: bool = False
    channels_last: bool = True
    compile: Compile = "no"
    cuda_graph: bool = False
    out: Path | None = None
    log_every: int = 10
    probe_every: int = 0
    save_every: int | None = None
    probe: bool = True
    resume: bool = False

    @property
    def encoder_name(self) -> str:
        """The name of the encoder, chosen or by default."""
        masked = registry.get(self.method).name in MASKED
        return self.encoder or ("vit_mini" if masked else "small_cnn")


MASKED = frozenset({"i_jepa", "mae"})
"""Methods whose encoder sees some patches only, and so has to be a vision transformer."""


@dataclass(frozen=True)
class RunResult:
    """How a training ended. `final` maps vocabulary names to values; `knn_acc_random` and
    `lin_acc_random` are the probes of the same encoder before training. `history` is the log,
    None when nothing was kept; `seconds` is the time of all updates, without probes."""

    spec: RunSpec
    final: Mapping[str, float]
    history: Path | None
    seconds: float
    steps: int


def settled(spec: RunSpec) -> Preset:
    """Return the preset that a spec names with its changes made; UsageError for unknown fields."""
    preset = registry.get(spec.method).preset(spec.preset)
    config = changed(preset.config, spec.config, f"the config of {spec.method}")
    recipe = changed(preset.recipe, spec.recipe, "a recipe")
    _check_counts(spec, recipe)
    shares = world() * spec.accum
    if recipe.batch_size % shares:
        raise UsageError(
            f"a batch of {recipe.batch_size} does not divide into {shares} parts "
            f"({world()} processes, {spec.accum} parts an update)",
            hint="choose a batch_size that does",
        )
    return Preset(config, recipe, preset.source)


def _check_counts(spec: RunSpec, recipe: Recipe) -> None:
    """Raise UsageError for a count that is too low to train with."""
    least: dict[str, tuple[float | None, int]] = {
        "accum": (spec.accum, 1),
        "batch_size": (recipe.batch_size, 1),
        "images": (spec.images, 1),
        "side": (spec.side, 1),
        "steps": (spec.steps, 0),
        "epochs": (recipe.epochs if spec.epochs is None else spec.epochs, 0),
        "warmup_epochs": (recipe.warmup_epochs, 0),
        "log_every": (spec.log_every, 0),
        "probe_every": (spec.probe_every, 0),
        "save_every": (spec.save_every, 0),
    }
    for name, (value, lowest) in least.items():
        if value is not None and not lowest <= value < float("inf"):
            raise UsageError(f"{name} is {value}, expected {lowest} or more")


def warmup_steps(spec: RunSpec, recipe: Recipe, steps_per_epoch: int) -> int | None:
    """Return the updates of a warm-up that the spec itself asks for; None leaves it its share."""
    if "warmup_epochs" not in spec.recipe:
        return None
    return round(recipe.warmup_epochs * steps_per_epoch)


def save_interval(spec: RunSpec, steps_per_epoch: int) -> int:
    """Return the updates between two checkpoints, 0 for none: an epoch's where not said."""
    if spec.save_every is not None:
        return spec.save_every
    return 0 if spec.out is None else steps_per_epoch


def total_steps(spec: RunSpec, recipe: Recipe, steps_per_epoch: int) -> int:
    """Return how many updates a spec asks for."""
    if spec.steps is not None:
        return spec.steps
    epochs = recipe.epochs if spec.epochs is None else spec.epochs
    return max(1, round(epochs * steps_per_epoch))


def settings(
    spec: RunSpec,
    preset: Preset,
    schedule: Schedule,
    *,
    steps_per_epoch: int,
    dataset_size: int,
    augment: str,
) -> dict[str, Any]:
    """Return what `config.json` says of a run: flat, under the names that ssl-doctor knows."""
    recipe = {k: v for k, v in asdict(preset.recipe).items() if k not in {"base_lr", "lr_batch"}}
    course = asdict(spec) | {"out": str(spec.out) if spec.out else None}
    for name in ("config", "recipe", "augment_set", "resume", "steps"):
        del course[name]
    # Readers of logs take a bare `momentum` for the teacher's where a method has one.
    recipe["sgd_momentum"] = recipe.pop("momentum")
    return {
        **asdict(preset.config),
        **course,
        **recipe,
        "save_every": save_interval(spec, steps_per_epoch),
        "augment_set": dict(spec.augment_set),
        "encoder": spec.encoder_name,
        "method": registry.get(spec.method).name,
        "augment": augment,
        "lr": schedule.peak_lr,
        "warmup_epochs": round(schedule.warmup / steps_per_epoch, 3),
        "batch_size": preset.recipe.batch_size // (world() * spec.accum),
        "global_batch_size": preset.recipe.batch_size,
        "world_size": world(),
        "accum_steps": spec.accum,
        "epochs": round(schedule.total / steps_per_epoch, 3),
        "steps": schedule.total,
        "dataset_size": dataset_size,
        "grad_clip": preset.recipe.grad_clip or 0.0,
    }
