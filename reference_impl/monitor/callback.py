"""What the callbacks share: a monitor of a model that was built elsewhere, opened and closed with
a training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from torch import nn

from reference_impl.monitor.capture import Capture
from reference_impl.monitor.monitor import Monitor
from reference_impl.shapes import Float, Tensor


class WatchesTraining:
    """Base of the callbacks, beside the trainer's own.

    `backbone` and `projector` name submodules of the model whose outputs are measured ("" for
    none), and `config` is written as the run's beside what the trainer knows. Further arguments
    go to `Monitor`; a training that goes on from a checkpoint goes on with its log.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        backbone: str = "",
        projector: str = "",
        config: Mapping[str, object] | None = None,
        **options: Any,
    ) -> None:
        self._folder, self._options = folder, options
        named = {"backbone": backbone, "projector": projector}
        self._names = {role: name for role, name in named.items() if name}
        self._config = dict(config or {})
        self._monitor: Monitor | None = None
        self._capture: Capture | None = None

    def _open(
        self, model: nn.Module, known: Mapping[str, object], *, resumed: bool = False
    ) -> None:
        """Hook the model and open the log; `known` is the trainer's part of the config."""
        self._close()
        self._capture = Capture(model, self._names)
        options = {"resume": resumed, **self._options}
        self._monitor = Monitor(self._folder, config={**known, **self._config}, **options)

    def _observe(
        self, loss: Float[Tensor, ""] | None, model: nn.Module, *, step: int, **scalars: Any
    ) -> None:
        """Record a step with what was caught in it."""
        if self._monitor is None or self._capture is None:
            return
        caught = self._capture.take()
        features = caught.get("backbone", ())
        self._monitor.observe(
            loss,
            h=features[0] if features else None,
            z=caught.get("projector", ()),
            model=model,
            step=step,
            **scalars,
        )

    def _forget(self) -> None:
        """Drop what was caught in a batch after which no optimiser stepped: rows of different
        images are no pairs."""
        if self._capture is not None:
            self._capture.take()

    def _close(self) -> None:
        """Take the hooks off and close the log, if they are there."""
        if self._capture is not None:
            self._capture.remove()
            self._capture = None
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
