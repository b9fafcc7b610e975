"""The monitor as a Hugging Face Trainer callback: `pip install "ssl-doctor[huggingface]"`."""

from __future__ import annotations

import os
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from reference_impl.monitor.capture import Capture
from reference_impl.monitor.monitor import Monitor
from reference_impl.shapes import Tensor


class MonitorCallback(TrainerCallback):
    """Records a training of `transformers.Trainer`; give it to `Trainer(callbacks=[...])`.

    `backbone` and `projector` name submodules of the model whose outputs are measured ("" for
    none); of a hidden state its first token counts. Further arguments go to `Monitor`. The
    training arguments that signatures know are written as the run's config, with `config`.
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
        self._loss: Tensor | None = None
        self._hooks: list[Any] = []

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Open the log and hook the model."""
        model = kwargs["model"]
        config = {
            "batch_size": args.per_device_train_batch_size,
            "accum_steps": args.gradient_accumulation_steps,
            "world_size": args.world_size,
            "lr": args.learning_rate,
            "epochs": args.num_train_epochs,
            "weight_decay": args.weight_decay,
            **self._config,
        }
        self._capture = Capture(model, self._names)
        self._hooks = [model.register_forward_hook(self._keep_loss)]
        self._monitor = Monitor(self._folder, config=config, **self._options)

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
        caught = self._capture.take()
        if self._loss is None:
            return
        features = caught.get("backbone", ())
        optimizer = kwargs.get("optimizer")
        self._monitor.observe(
            self._loss,
            h=features[0] if features else None,
            z=caught.get("projector", ()),
            model=kwargs["model"],
            step=state.global_step,
            epoch=float(state.epoch or 0.0),
            **({"lr": optimizer.param_groups[0]["lr"]} if optimizer else {}),
        )

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take the hooks off and close the log."""
        self._capture.remove()
        for hook in self._hooks:
            hook.remove()
        self._monitor.close()
