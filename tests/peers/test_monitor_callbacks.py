"""The monitor's callbacks in the trainers they are for, whole trainings on a few numbers."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cosine_similarity
from torch.utils.data import DataLoader

import ingest
from kb.errors import UsageError

if os.environ.get("SSL_DOCTOR_PEERS") != "required":
    pytest.importorskip("lightning.pytorch", reason="Lightning is in the peers' folder of CI")
    pytest.importorskip("accelerate", reason="accelerate is in the peers' folder of CI")
pl = import_module("lightning.pytorch")

EXPECTED = {"loss", "lr", "z_std", "rankme_h", "rankme_z", "pos_sim", "grad_norm", "step_time"}


class TwoViews(pl.LightningModule):  # type: ignore[misc, name-defined]
    """A backbone and a projector on two noisy copies of a row."""

    def __init__(self, temperature: float = 0.5) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.backbone = nn.Linear(6, 12)
        self.head = nn.Linear(12, 4)

    def training_step(self, batch: Any, _: int) -> Any:
        first, second = (self.head(self.backbone(batch + torch.randn_like(batch))) for _ in "ab")
        return -cosine_similarity(first, second).mean()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def lightning_run(callback: Any, folder: Path, module: Any = None, **options: Any) -> Any:
    """Train for three epochs of eight batches; return the module."""
    pl.seed_everything(0)
    module = module or TwoViews()
    trainer = pl.Trainer(
        max_epochs=3,
        callbacks=[callback] if callback else [],
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        **options,
    )
    trainer.fit(module, DataLoader(torch.randn(64, 6), batch_size=8, num_workers=0))
    return module


def test_a_lightning_training_is_recorded_and_not_changed(tmp_path: Path) -> None:
    from reference_impl.monitor.lightning import MonitorCallback

    callback = MonitorCallback(
        tmp_path / "run",
        backbone="backbone",
        projector="head",
        config={"method": "simclr"},
        every=1,
        spectra_every=1,
        budget=None,
    )
    watched = lightning_run(callback, tmp_path)
    alone = lightning_run(None, tmp_path)
    for name, value in alone.state_dict().items():
        assert torch.equal(watched.state_dict()[name], value), name
    run = ingest.open_run(tmp_path / "run")
    assert set(run.series) >= EXPECTED
    assert run.series["loss"].steps.tolist() == list(range(24))
    assert run.config["temperature"] == 0.5
    assert run.config["epochs"] == 3
    assert not watched.head._forward_hooks


def test_a_submodule_that_does_not_exist_is_named(tmp_path: Path) -> None:
    from reference_impl.monitor.lightning import MonitorCallback

    with pytest.raises(UsageError, match='no submodule "haed", did you mean "head"'):
        lightning_run(MonitorCallback(tmp_path / "run", projector="haed"), tmp_path)


def lightning_callback(folder: Path, **options: Any) -> Any:
    """Return a callback that measures every step."""
    from reference_impl.monitor.lightning import MonitorCallback

    options = {"every": 1, "spectra_every": 1, "budget": None, **options}
    return MonitorCallback(folder, backbone="backbone", projector="head", **options)


class SameLoss(TwoViews):
    """Has views that agree and the loss 4, whatever the batch."""

    def training_step(self, batch: Any, _: int) -> Any:
        first, second = (self.head(self.backbone(batch)) for _ in "ab")
        return 4.0 + (first - second).mean()


def test_accumulated_batches_are_one_step_with_its_own_loss(tmp_path: Path) -> None:
    callback = lightning_callback(tmp_path / "run")
    lightning_run(callback, tmp_path, SameLoss(), accumulate_grad_batches=4)
    run = ingest.open_run(tmp_path / "run")
    assert run.series["loss"].steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert run.series["loss"].values.tolist() == [4.0] * 6
    assert run.series["pos_sim"].values.tolist() == pytest.approx([1.0] * 6)
    assert (run.config["accum_steps"], run.config["batch_size"]) == (4, 8)


class ByHand(TwoViews):
    """Optimises by hand, with two optimisers, and returns no loss."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, _: int) -> Any:
        loss = super().training_step(batch, 0)
        self.manual_backward(loss)
        for optimizer in self.optimizers():
            optimizer.step()
            optimizer.zero_grad()
        return {"log": 1.0}

    def configure_optimizers(self) -> Any:
        parts = (self.backbone, self.head)
        return [torch.optim.SGD(part.parameters(), lr=0.1) for part in parts]


def test_two_optimisers_by_hand_make_one_step_a_batch(tmp_path: Path) -> None:
    callback = lightning_callback(tmp_path / "run", every=10, spectra_every=10)
    lightning_run(callback, tmp_path, ByHand())
    run = ingest.open_run(tmp_path / "run")
    assert run.series["z_std"].steps.tolist() == [0, 10, 20]
    assert "loss" not in run.series
    assert "accum_steps" not in run.config


def test_a_lightning_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    data = DataLoader(torch.randn(64, 6), batch_size=8, num_workers=0)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    for epochs, path in ((1, None), (2, tmp_path / "last.ckpt")):
        trainer = pl.Trainer(
            max_epochs=epochs,
            callbacks=[lightning_callback(tmp_path / "run")],
            enable_checkpointing=False,
            default_root_dir=tmp_path,
            accelerator="cpu",
            **quiet,
        )
        trainer.fit(ByHand(), data, ckpt_path=path, weights_only=False)
        trainer.save_checkpoint(tmp_path / "last.ckpt")
    run = ingest.open_run(tmp_path / "run")
    assert run.series["z_std"].steps.tolist() == list(range(16))


class Scored(nn.Module):  # type: ignore[misc]
    """A model as Trainer wants it: a dictionary with the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(6, 12)
        self.head = nn.Linear(12, 4)

    def forward(self, rows: Any) -> dict[str, Any]:
        first, second = (self.head(self.backbone(rows + torch.randn_like(rows))) for _ in "ab")
        return {"loss": -cosine_similarity(first, second).mean()}


def hugging_face_run(folder: Path, model: Any, *, kind: Any = None, **options: Any) -> Any:
    """Train on 32 rows in batches of 8 and return the run."""
    from transformers import Trainer, TrainingArguments

    from reference_impl.monitor.huggingface import MonitorCallback

    arguments = TrainingArguments(
        output_dir=str(folder / "out"),
        per_device_train_batch_size=8,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        remove_unused_columns=False,
        **options,
    )
    callback = MonitorCallback(
        folder / "run",
        backbone="backbone",
        projector="head",
        every=1,
        spectra_every=1,
        budget=None,
    )
    trainer = (kind or Trainer)(
        model=model,
        args=arguments,
        train_dataset=[{"rows": row} for row in torch.randn(30, 6)],
        callbacks=[callback],
    )
    trainer.train()
    assert not model.head._forward_hooks
    assert not model._forward_hooks
    return ingest.open_run(folder / "run")


def test_a_hugging_face_training_is_recorded(tmp_path: Path) -> None:
    run = hugging_face_run(tmp_path, Scored(), num_train_epochs=2)
    assert set(run.series) >= EXPECTED
    assert len(run.series["loss"]) == 8
    assert run.config["batch_size"] == 8
    assert run.config["epochs"] == 2


class Agreeing(Scored):
    """Has views that agree."""

    def forward(self, rows: Any) -> dict[str, Any]:
        first, second = (self.head(self.backbone(rows)) for _ in "ab")
        return {"loss": (first - second).mean(), "z": first}


def test_accumulated_batches_of_hugging_face_are_not_compared(tmp_path: Path) -> None:
    """Rows 8 to 15 of a step were taken for the second view of rows 0 to 7, and the last batch,
    of 6, ended the training."""
    run = hugging_face_run(
        tmp_path, Agreeing(), max_steps=4, num_train_epochs=9, gradient_accumulation_steps=2
    )
    assert run.series["pos_sim"].values.tolist() == pytest.approx([1.0] * 4)
    assert run.config["epochs"] == 2


def test_a_loss_of_the_trainers_own_is_taken_from_its_log(tmp_path: Path) -> None:
    from transformers import Trainer

    class Own(Trainer):
        def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
            return (model.head(model.backbone(inputs["rows"])) ** 2).mean()

    run = hugging_face_run(tmp_path, Scored(), kind=Own, num_train_epochs=2, logging_steps=4)
    assert len(run.series["z_std"]) == 8
    assert run.series["loss"].steps.tolist() == [3, 7]


def test_hooks_of_a_training_that_broke_off_are_taken_off_by_the_next(tmp_path: Path) -> None:
    """Trainer tells callbacks of no error; the hooks then stayed and kept tensors alive."""
    from reference_impl.monitor.huggingface import MonitorCallback

    callback = MonitorCallback(tmp_path / "run", backbone="backbone")
    broken, model = Scored(), Scored()
    callback._open(broken, {})
    callback._open(model, {})
    assert not broken._forward_hooks
    assert not broken.backbone._forward_hooks
    assert len(model.backbone._forward_hooks) == 1
    callback._close()
