"""The monitor as a Hugging Face Trainer callback: `pip install "ssl-doctor[huggingface]"`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from reference_impl.monitor.callback import WatchesTraining
from reference_impl.shapes import Tensor


class MonitorCallback(WatchesTraining, TrainerCallback):
    """Records a training of `transformers.Trainer`; give it to `Trainer(callbacks=[...])`.

    `WatchesTraining` has the arguments; of a hidden state its first token counts. The training
    arguments that signatures know are written as the run's config, with `config`. Of accumulated
    batches the last one is measured. Where the model returns no loss, because the trainer has a
    `compute_loss` of its own, the mean loss is recorded that the trainer logs.
    """

    _loss: Tensor | None = None
    _loss_hook: Any = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Open the log and hook the model."""
        known: dict[str, object] = {
            "batch_size": args.per_device_train_batch_size,
            "accum_steps": args.gradient_accumulation_steps,
            "world_size": args.world_size,
            "lr": args.learning_rate,
            "weight_decay": args.weight_decay,
        }
        epochs = args.num_train_epochs if args.max_steps <= 0 else state.num_train_epochs
        if epochs < sys.maxsize:  # what the state says of a dataset without a length
            known["epochs"] = epochs
        self._open(kwargs["model"], known, resumed=state.global_step > 0)

    def _open(
        self, model: nn.Module, known: Mapping[str, object], *, resumed: bool = False
    ) -> None:
        super()._open(model, known, resumed=resumed)
        self._loss_hook = model.register_forward_hook(self._keep_loss)

    def _close(self) -> None:
        super()._close()
        self._loss = None
        if self._loss_hook is not None:
            self._loss_hook.remove()
            self._loss_hook = None

    def _keep_loss(self, module: nn.Module, _inputs: Any, output: Any) -> None:
        loss = output.get("loss") if isinstance(output, dict) else output
        if isinstance(loss, tuple | list):
            loss = loss[0]
        if module.training and isinstance(loss, Tensor) and loss.numel() == 1:
            self._loss = loss.detach()

    def on_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Record the step: the optimiser has moved, the gradients still stand."""
        optimizer = kwargs.get("optimizer")
        self._observe(
            self._loss,
            kwargs["model"],
            step=state.global_step,
            epoch=float(state.epoch or 0.0),
            **({"lr": optimizer.param_groups[0]["lr"]} if optimizer else {}),
        )

    def on_substep_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Forget an accumulated batch."""
        self._forget()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Record the trainer's mean loss where the model's own is not seen."""
        if self._monitor is not None and self._loss is None and "loss" in (logs or {}):
            self._monitor.record(state.global_step - 1, loss=(logs or {})["loss"])

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take the hooks off and close the log."""
        self._close()
