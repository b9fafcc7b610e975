"""The monitor as a Lightning callback: `pip install "ssl-doctor[lightning]"`."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl

from reference_impl.monitor.callback import WatchesTraining
from reference_impl.shapes import Tensor


class MonitorCallback(WatchesTraining, pl.Callback):
    """Records a Lightning training; give it to `Trainer(callbacks=[...])`.

    `WatchesTraining` has the arguments. Hyper-parameters that the module saved are written as
    the run's config, together with `config`. A step is a batch on which an optimiser stepped,
    one or several; of accumulated batches the last one is measured.
    """

    _steps = 0
    _stepped = 0
    """Steps of all optimisers so far, as Lightning counts them."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Count from 0 in a new training; a checkpoint is loaded after this."""
        if trainer.global_step == 0:
            self._steps = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the log and hook the submodules."""
        self._stepped = trainer.global_step
        self._steps = self._steps or trainer.global_step
        known = {**_known(trainer, pl_module), **dict(pl_module.hparams)}
        self._open(pl_module, known, resumed=self._steps > 0)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Record the step: Lightning hands over what `training_step` returned, and gradients stand
        until the next one."""
        before, self._stepped = self._stepped, trainer.global_step
        if self._stepped == before:
            self._forget()
            return
        self._observe(
            _loss(trainer, pl_module, outputs),
            pl_module,
            step=self._steps,
            epoch=trainer.current_epoch,
            lr=trainer.optimizers[0].param_groups[0]["lr"] if trainer.optimizers else 0.0,
        )
        self._steps += 1

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: how many steps were counted."""
        return {"steps": self._steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Count on from a checkpoint."""
        self._steps = state_dict["steps"]

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the hooks off and close the log, also after an error."""
        self._close()


def _known(trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, object]:
    """Return the settings that the trainer knows, under the names of signatures."""
    known: dict[str, object] = {"world_size": trainer.world_size}
    if trainer.max_epochs and trainer.max_epochs > 0:
        known["epochs"] = trainer.max_epochs
    if module.automatic_optimization:
        known["accum_steps"] = trainer.accumulate_grad_batches
    batch_size = getattr(trainer.train_dataloader, "batch_size", None)
    return known if batch_size is None else {**known, "batch_size": batch_size}


def _loss(trainer: pl.Trainer, module: pl.LightningModule, outputs: Any) -> Tensor | None:
    """Return a batch's own loss, if the step returned one."""
    loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
    if not isinstance(loss, Tensor):
        return None
    # Lightning divides it by the batches that it accumulates.
    parts = trainer.accumulate_grad_batches if module.automatic_optimization else 1
    return loss.detach() * parts
