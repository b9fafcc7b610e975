"""What people set for each method: one recipe a method, its ranges from papers and their code."""

from __future__ import annotations

from dataclasses import dataclass

SMALL = (16, 32, 64)
USUAL = (32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Choices for one method.

    `family` names the loss in `losses`; `gathers` says that the loss is over the batch of all
    processes; `teacher` that a moving average is kept. Learning rates are (lowest, highest).
    """

    name: str
    family: str
    batch: tuple[int, ...] = USUAL
    dim: tuple[int, ...] = (128, 256)
    temperature: tuple[float, ...] = ()
    sizes: tuple[int, ...] = ()
    rates: tuple[float, float] = (0.03, 0.6)
    optimizer: str = "sgd"
    gathers: bool = False
    teacher: bool = False
    size_name: str = "prototypes"


_ADAM = (1e-4, 2e-3)
_CONTRASTIVE = (64, 128, 256)
_QUEUE = (1024, 4096, 16384, 65536)
_DINO = (1024, 4096, 8192, 65536)

RECIPES: tuple[Recipe, ...] = (
    Recipe("simclr", "nt_xent", dim=_CONTRASTIVE, temperature=(0.07, 0.1, 0.2, 0.5), gathers=True),
    Recipe("supcon", "supcon", dim=_CONTRASTIVE, temperature=(0.07, 0.1, 0.5)),
    Recipe("moco", "queue", dim=(128,), temperature=(0.07,), sizes=_QUEUE, teacher=True,
           size_name="queue_size"),
    Recipe("mocov2", "queue", dim=(128,), temperature=(0.2,), sizes=_QUEUE, teacher=True,
           size_name="queue_size"),
    Recipe("mocov3", "moco_v3", dim=(256,), temperature=(0.2, 1.0), rates=_ADAM,
           optimizer="adamw", gathers=True, teacher=True),
    Recipe("byol", "byol", dim=(256,), teacher=True),
    Recipe("simsiam", "simsiam", dim=(2048,)),
    Recipe("swav", "swav", temperature=(0.1,), sizes=(300, 512, 1000, 3000)),
    Recipe("dino", "dino", batch=SMALL, dim=(256,), temperature=(0.1,), sizes=_DINO, rates=_ADAM,
           optimizer="adamw", teacher=True),
    Recipe("ibot", "dino", batch=SMALL, dim=(256,), temperature=(0.1,), sizes=(4096, 8192),
           rates=_ADAM, optimizer="adamw", teacher=True),
    Recipe("barlow", "barlow", dim=(512, 1024, 2048, 8192), rates=(0.05, 0.4), optimizer="lars",
           gathers=True),
    Recipe("vicreg", "vicreg", dim=(512, 1024, 2048, 8192), rates=(0.05, 0.4), optimizer="lars",
           gathers=True),
    Recipe("mae", "mae", dim=(512,), rates=_ADAM, optimizer="adamw"),
    Recipe("ijepa", "ijepa", batch=SMALL, dim=(384, 768), rates=_ADAM, optimizer="adamw",
           teacher=True),
    Recipe("data2vec", "data2vec", batch=SMALL, dim=(768,), rates=_ADAM, optimizer="adamw",
           teacher=True),
    Recipe("clip", "clip", dim=(512, 768), rates=_ADAM, optimizer="adamw", gathers=True),
    Recipe("lejepa", "lejepa", batch=(64, 128, 256), dim=(16, 64, 512), rates=_ADAM,
           optimizer="adamw"),
)  # fmt: skip

NAMES: tuple[str, ...] = tuple(recipe.name for recipe in RECIPES)
_BY_NAME = {recipe.name: recipe for recipe in RECIPES}

CONTRASTIVE = ("simclr", "supcon", "moco", "mocov2", "mocov3", "clip")
SELF_DISTILLED = ("byol", "simsiam", "dino", "ibot")
TEACHERS = tuple(recipe.name for recipe in RECIPES if recipe.teacher)
TWO_VIEWS = ("simclr", "supcon", "mocov2", "mocov3", "byol", "simsiam", "barlow", "vicreg")


SPELLED = {"mocov2": "moco", "ijepa": "i-jepa"}
"""Methods that kb.method_names spells otherwise; both versions with a queue are moco to it."""


def recipe(name: str) -> Recipe:
    """Return the recipe of a method of NAMES."""
    return _BY_NAME[name]
