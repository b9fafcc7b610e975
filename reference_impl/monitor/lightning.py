"""The monitor as a Lightning callback: `pip install "ssl-doctor[lightning]"`."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl

from reference_impl.monitor.callback import WatchesTraining
from reference_impl.shapes import Tensor


class MonitorCallback(WatchesTraining, pl.Callback):
    """Records a Lightning training; give it to `Trainer(callbacks=[...])`.

    `WatchesTraining` has the arguments. Hyper-parameters that the module saved are written as
    the run's config, together with `config`.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the log and hook the submodules."""
        known = {"world_size": trainer.world_size}
        if trainer.max_epochs and trainer.max_epochs > 0:
            known["epochs"] = trainer.max_epochs
        self._open(pl_module, {**known, **dict(pl_module.hparams)})

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Record the step: Lightning hands over what `training_step` returned, and gradients stand
        until the next one."""
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        self._observe(
            loss.detach() if isinstance(loss, Tensor) else None,
            pl_module,
            step=trainer.global_step - 1,
            epoch=trainer.current_epoch,
            lr=trainer.optimizers[0].param_groups[0]["lr"] if trainer.optimizers else 0.0,
        )

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the hooks off and close the log, also after an error."""
        self._close()
