"""Ctrl-C and a scheduler's SIGTERM end a run after its current update, not in the middle."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

import torch
from torch import distributed as dist

from reference_impl.distributed import world


class Interrupt:
    """Within this context the first signal is noted and the second acts as usual."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._noted = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupt:
        # Only the main thread may handle signals; a training in another one is left alone.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._noted = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}

    def asked(self, *, together: bool) -> bool:
        """Tell whether to stop. Several processes agree where all of them call with `together`
        True, and one that is asked in between waits for that moment."""
        if world() == 1:
            return self._noted
        if not together:
            return False
        noted = torch.tensor(float(self._noted), device=self._device)
        dist.all_reduce(noted)
        return bool(noted > 0)
