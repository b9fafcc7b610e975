"""The methods by name. Adding one means one file in `methods/` and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from kb.errors import UsageError, nearest
from reference_impl.method import Claim, Method, Preset

METHODS: Mapping[str, str] = {
    "barlow": "BarlowTwins",
    "byol": "BYOL",
    "clip": "CLIP",
    "dino": "DINO",
    "i_jepa": "IJEPA",
    "lejepa": "LeJEPA",
    "mae": "MAE",
    "moco_v2": "MoCoV2",
    "moco_v3": "MoCoV3",
    "siglip": "SigLIP",
    "simclr": "SimCLR",
    "simsiam": "SimSiam",
    "supcon": "SupCon",
    "swav": "SwAV",
    "vicreg": "VICReg",
    "w_mse": "WMSE",
}
"""File in `methods/` and the class in it."""


@dataclass(frozen=True)
class Entry:
    """A method's class with its presets and claims."""

    name: str
    cls: type[Method]
    presets: Mapping[str, Preset]
    claims: tuple[Claim, ...]

    def preset(self, name: str) -> Preset:
        """Return a preset; UsageError with those that exist."""
        if name not in self.presets:
            raise UsageError(
                f'{self.name} has no preset "{name}"{nearest(name, self.presets)}',
                hint=f"it has {', '.join(self.presets)}",
            )
        return self.presets[name]


def get(name: str) -> Entry:
    """Return a method by its name; hyphens and capitals do not matter. UsageError if unknown."""
    key = name.strip().lower().replace("-", "_").replace(" ", "_")
    if key not in METHODS:
        raise UsageError(
            f'there is no method "{name}"{nearest(key, METHODS)}',
            hint=f"there are {', '.join(METHODS)}",
        )
    module = import_module(f"reference_impl.methods.{key}")
    return Entry(key, getattr(module, METHODS[key]), module.PRESETS, module.CLAIMS)
