"""What several settings say together: processes, images per process, precision, widths.

Whether `batch_size` counts one process or all of them depends on the script. It is per process
nearly everywhere; the scripts that divide it are known by settings that only they have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.runs.setting_names import GIVEN, path_of
from ingest.runs.setting_values import numeric
from kb.types import Scalar

_SHOWN = 60
"""Characters of a setting's name that are shown."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which setting, under its own dotted name, and the place that it was found in."""

    setting: str
    where: str = ""

    def __str__(self) -> str:
        name = " ".join(self.setting.split())[:_SHOWN]
        return f"{name} in {self.where}" if self.where else name


Derived = tuple[Scalar, Origin]
"""A value, and the settings that it follows from."""

_PER_PROCESS = re.compile(r"per_(gpu|device|process|replica)|local|micro")
_PROCESSES = (
    ("devices", "num_nodes"),
    ("gpus", "num_nodes"),
    ("nproc_per_node", "nnodes"),
    ("num_proc_per_node", "num_nodes"),
)
"""What Lightning (now and before 1.7), torchrun and VISSL call devices and nodes."""

_WIDTHS = frozenset(("mlp", "projector", "projector_dims", "proj_dims", "projector_widths"))


def derive(
    values: Mapping[str, Scalar], settings: Mapping[str, Scalar], origins: Mapping[str, Origin]
) -> dict[str, Derived | None]:
    """Return what follows from several settings; None for a name that is not certain after all.

    `values` and `origins` are those of a Config, `settings` everything under its own name.
    """
    leaves = {path[-1]: value for path, value in _paths(settings) if path}
    found: dict[str, Derived | None] = {}
    if "world_size" not in values:
        _put(found, "world_size", _processes(leaves))
    if "precision" not in values:
        _put(found, "precision", _precision(leaves))
    for name, width in _widths(settings).items():
        if name not in values:
            found[name] = width
    found.update(_batches(values, leaves, origins, found))
    return found


def _paths(settings: Mapping[str, Scalar]) -> list[tuple[tuple[str, ...], Scalar]]:
    """Return settings by path, the deepest first: of one name the least nested counts."""
    paths = [(path_of(name), value) for name, value in sorted(settings.items())]
    return sorted(paths, key=lambda one: -len(one[0]))


def _put(found: dict[str, Derived | None], name: str, derived: Derived | None) -> None:
    if derived is not None:
        found[name] = derived


def _processes(leaves: Mapping[str, Scalar]) -> Derived | None:
    """Count processes: devices times nodes."""
    for local, nodes in _PROCESSES:
        if local in leaves:
            each = _devices(leaves[local])
            many = numeric(leaves.get(nodes, 1))
            if each is None or many is None or many < 1:
                return None
            told = f"{local} and {nodes}" if nodes in leaves else local
            return int(each * many), Origin(told)
    return None


def _devices(value: Scalar) -> int | None:
    """Count devices; a text of several numbers lists them, and a lone 0 is the first one."""
    if isinstance(value, str):
        listed = [part.strip() for part in value.strip("[]() ").split(",") if part.strip()]
        if not all(part.isdecimal() for part in listed):
            return None
        return len(listed) if len(listed) > 1 or listed == ["0"] else None
    count = numeric(value)
    return int(count) if count is not None and count >= 1 and count.is_integer() else None


def _precision(leaves: Mapping[str, Scalar]) -> Derived | None:
    """Read the switches of scripts that have one for each precision."""
    brain = [name for name in ("bf16", "use_bf16", "use_bfloat16", "bfloat16") if name in leaves]
    half = [name for name in ("fp16", "use_fp16", "use_amp", "amp") if name in leaves]
    for name in brain:
        if leaves[name] is True:
            return "bf16", Origin(name)
    for name in half:
        if leaves[name] is True:
            brained = "bfloat16" in str(leaves.get("amp_dtype", ""))
            return ("bf16" if brained else "fp16"), Origin(name)
    if "bf16" in brain and "fp16" in half and leaves["bf16"] is False and leaves["fp16"] is False:
        return "fp32", Origin("fp16 and bf16")
    return None


def _widths(settings: Mapping[str, Scalar]) -> dict[str, Derived]:
    """Read the widths of a projector written as `8192-8192-2048`."""
    for name, value in sorted(settings.items()):
        path = path_of(name)
        if not path or path[-1] not in _WIDTHS or not isinstance(value, str):
            continue
        widths = re.fullmatch(r"\d{1,6}(?:\s*[-,]\s*\d{1,6}){1,8}", value.strip())
        if widths:
            first, *_, last = re.findall(r"\d+", value)
            return {"hidden_dim": (int(first), Origin(name)), "dim": (int(last), Origin(name))}
    return {}


def _batches(
    values: Mapping[str, Scalar],
    leaves: Mapping[str, Scalar],
    origins: Mapping[str, Origin],
    found: Mapping[str, Derived | None],
) -> dict[str, Derived | None]:
    batch, where = values.get("batch_size"), origins.get("batch_size", Origin("batch_size"))
    per_process = where.where == GIVEN or _PER_PROCESS.search(path_of(where.setting)[-1])
    if not isinstance(batch, int) or per_process:
        return {}
    if leaves.get("multiprocessing_distributed") is True:
        # The ImageNet example of PyTorch: all devices of a node; `world_size` counts nodes.
        changed: dict[str, Derived | None] = {"batch_size": None, "world_size": None}
        if values.get("world_size") == 1:
            changed["global_batch_size"] = (batch, where)
        return changed
    if not _divides(leaves):
        return {}
    derived = found.get("world_size")
    world = derived[0] if derived else values.get("world_size")
    if not isinstance(world, int):
        return {"batch_size": None, "global_batch_size": (batch, where)}
    shared = Origin(f"{where.setting} over world_size", where.where)
    return {
        "global_batch_size": (batch, where),
        "batch_size": (batch // world, shared) if batch % world == 0 else None,
    }


def _divides(leaves: Mapping[str, Scalar]) -> bool:
    """Tell whether this is the official script of VICReg or Barlow Twins."""
    return {"mlp", "sim_coeff", "std_coeff"} <= leaves.keys() or (
        {"projector", "lambd", "learning_rate_weights"} <= leaves.keys()
    )
