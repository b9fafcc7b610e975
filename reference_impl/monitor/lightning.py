"""The monitor as a Lightning callback: `pip install "ssl-doctor[lightning]"`."""

from __future__ import annotations

import os
from typing import Any

import lightning.pytorch as pl

from reference_impl.monitor.capture import Capture
from reference_impl.monitor.monitor import Monitor
from reference_impl.shapes import Tensor


class MonitorCallback(pl.Callback):
    """Records a Lightning training; give it to `Trainer(callbacks=[...])`.

    `backbone` and `projector` name submodules of the LightningModule whose outputs are measured
    ("" for none). Further arguments go to `Monitor`. Hyper-parameters that the module saved are
    written as the run's config, together with `config`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        backbone: str = "",
        projector: str = "",
        config: dict[str, object] | None = None,
        **options: Any,
    ) -> None:
        self._folder, self._options = folder, options
        named = {"backbone": backbone, "projector": projector}
        self._names = {role: name for role, name in named.items() if name}
        self._config = dict(config or {})
        self._monitor: Monitor | None = None
        self._capture: Capture | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the log and hook the submodules."""
        config = {**dict(pl_module.hparams), **self._config}
        config.setdefault("world_size", trainer.world_size)
        if trainer.max_epochs and trainer.max_epochs > 0:
            config.setdefault("epochs", trainer.max_epochs)
        self._capture = Capture(pl_module, self._names)
        self._monitor = Monitor(self._folder, config=config, **self._options)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Record the step: Lightning hands over what `training_step` returned, and gradients stand
        until the next one."""
        assert self._monitor is not None
        assert self._capture is not None
        caught = self._capture.take()
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        if not isinstance(loss, Tensor):
            return
        features = caught.get("backbone", ())
        self._monitor.observe(
            loss.detach(),
            h=features[0] if features else None,
            z=caught.get("projector", ()),
            model=pl_module,
            step=trainer.global_step - 1,
            epoch=trainer.current_epoch,
            lr=trainer.optimizers[0].param_groups[0]["lr"] if trainer.optimizers else 0.0,
        )

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the hooks off and close the log, also after an error."""
        if self._capture is not None:
            self._capture.remove()
            self._capture = None
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
