"""Ctrl-C and a scheduler's SIGTERM end a run after its current update, not in the middle."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType

import torch
from torch import distributed as dist

from reference_impl.distributed import rank, world

AGREE_SECONDS = 2.0
"""Several processes ask each other about this often whether to stop: it costs a message, and on
a GPU a wait for the device. A choice, well below the 30 s that torchrun leaves them."""

AGREE_AT_MOST = 100
"""Updates between two such questions at most: updates may become slower."""

ECHO_SECONDS = 2.0
"""torchrun hands on a Ctrl-C that each of its processes has had already: a second one so soon
after the first is nobody's wish to stop at once."""


class Interrupt:
    """Within this context the first signal is noted. A second Ctrl-C acts as usual, a further
    SIGTERM does nothing: schedulers signal every process, and torchrun hands it on once more."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._noted = False
        self._pressed: float | None = None
        self._before: dict[int, object] = {}
        self._next = 1
        self._agreed = (0, time.monotonic())

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
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._noted = True
        if number != signal.SIGINT:
            return
        now = time.monotonic()
        if self._pressed is None:
            self._pressed = now
        elif world() == 1 or now - self._pressed > ECHO_SECONDS:
            signal.signal(number, self._before[number])  # type: ignore[arg-type]
            signal.raise_signal(signal.SIGINT)

    def asked(self, done: int) -> bool:
        """Tell whether to stop after `done` updates of this process.

        Several processes agree: all of them must ask after each update, and one that is asked
        to stop waits for the next update at which all of them speak.
        """
        if world() == 1:
            return self._noted
        if done < self._next:
            return False
        # The first process alone says when they speak next: clocks differ, counts must not.
        waits = self._updates_to_wait(done) if rank() == 0 else 0
        told = torch.tensor([float(self._noted), float(waits)], device=self._device)
        dist.all_reduce(told)
        noted, waits = told.tolist()
        self._next = done + int(waits)
        return bool(noted > 0)

    def _updates_to_wait(self, done: int) -> int:
        before, then = self._agreed
        now = time.monotonic()
        self._agreed = (done, now)
        if before == 0:
            return 1  # the first updates are slow, and a resumed run's count does not start at 0
        each = (now - then) / max(done - before, 1)
        return max(1, min(AGREE_AT_MOST, int(AGREE_SECONDS / max(each, 1e-9))))
