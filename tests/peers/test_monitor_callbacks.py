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


def lightning_run(callback: Any, folder: Path) -> Any:
    """Train for three epochs of eight batches; return the module."""
    pl.seed_everything(0)
    module = TwoViews()
    trainer = pl.Trainer(
        max_epochs=3,
        callbacks=[callback] if callback else [],
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
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


class Scored(nn.Module):  # type: ignore[misc]
    """A model as Trainer wants it: a dictionary with the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(6, 12)
        self.head = nn.Linear(12, 4)

    def forward(self, rows: Any) -> dict[str, Any]:
        first, second = (self.head(self.backbone(rows + torch.randn_like(rows))) for _ in "ab")
        return {"loss": -cosine_similarity(first, second).mean()}


def test_a_hugging_face_training_is_recorded(tmp_path: Path) -> None:
    from transformers import Trainer, TrainingArguments

    from reference_impl.monitor.huggingface import MonitorCallback

    arguments = TrainingArguments(
        output_dir=str(tmp_path / "out"),
        num_train_epochs=2,
        per_device_train_batch_size=8,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    callback = MonitorCallback(
        tmp_path / "run",
        backbone="backbone",
        projector="head",
        every=1,
        spectra_every=1,
        budget=None,
    )
    model = Scored()
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=[{"rows": row} for row in torch.randn(32, 6)],
        callbacks=[callback],
    )
    trainer.train()
    assert not model.head._forward_hooks
    assert not model._forward_hooks
    run = ingest.open_run(tmp_path / "run")
    assert set(run.series) >= EXPECTED
    assert len(run.series["loss"]) == 8
    assert run.config["batch_size"] == 8
    assert run.config["epochs"] == 2


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
