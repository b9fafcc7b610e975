"""Checkpoints: every state of a run in one file, written atomically, read without unpickling."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from kb.errors import InputUnreadable, UsageError
from reference_impl.files import write_atomically

CHECKPOINT = "checkpoint.pt"
FORMAT = 1

FREE = frozenset(
    "out log_every probe_every save_every probe compile cuda_graph channels_last".split()
)
"""Settings that a resumed run may change: they decide neither the data nor the updates asked
for. Of the device only the kind counts: generators of a CPU and a GPU have other states."""

NOTHING_TO_RESUME = "nothing can be resumed; delete the folder or train into another one"

_KEYS = frozenset(
    "settings done method optimizer scaler random random_probe seconds recent last".split()
)


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint into `folder`."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / CHECKPOINT, buffer.getvalue())


def load(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checkpoint in `folder`, on the CPU.

    UsageError when there is none, or when it was made under other settings than `settings`;
    InputUnreadable when the file is no checkpoint of ours.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        raise UsageError("no checkpoint to resume from", where=str(path), hint=NOTHING_TO_RESUME)
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        # An empty file's error has no text.
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputUnreadable(
            f"not a readable checkpoint: {first}", where=str(path), hint=NOTHING_TO_RESUME
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise InputUnreadable(
            f"not a checkpoint of format {FORMAT}", where=str(path), hint=NOTHING_TO_RESUME
        )
    if missing := sorted(_KEYS - set(state)):
        raise InputUnreadable(
            f"a checkpoint without {', '.join(missing)}", where=str(path), hint=NOTHING_TO_RESUME
        )
    _check(state["settings"], settings, path)
    return state


def _check(saved: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    names = sorted((set(saved) | set(now)) - FREE)
    # A tuple comes back as it was; a list in one and a tuple in the other mean the same.
    other = [n for n in names if _compared(n, saved.get(n)) != _compared(n, now.get(n))]
    if other:
        shown = ", ".join(f"{n}: {saved.get(n)!r} then, {now.get(n)!r} now" for n in other)
        raise UsageError(
            f"the run was started with other settings ({shown})",
            where=str(path),
            hint="resume with the same settings, or train into another folder",
        )


def _compared(name: str, value: Any) -> Any:
    return str(value).partition(":")[0] if name == "device" else _plain(value)


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
