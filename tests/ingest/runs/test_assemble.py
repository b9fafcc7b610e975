"""Claims: a Log becomes a Run with its order, its gaps and its oddities kept and told."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ingest.runs.assemble import assemble
from ingest.runs.log import Log
from ingest.runs.settings import Layer
from kb.run import Run
from kb.types import Scalar


def log_of(**columns: list[float]) -> Log:
    log = Log()
    for name, values in columns.items():
        log.extend(name.replace("__", "/"), list(range(len(values))), values)
    return log


def found(run: Run, kind: str) -> list[str]:
    return [finding.text for finding in run.findings if finding.kind == kind]


def test_columns_become_series_and_what_is_unknown_keeps_its_values() -> None:
    run = assemble(log_of(train__loss=[4.0, 3.0], queue_ptr=[0.0, 256.0]))
    assert run.series["loss"].values.tolist() == [4, 3]
    assert run.series["loss"].logged_as == "train/loss"
    assert run.unknown["queue_ptr"].values.tolist() == [0, 256]
    assert [one.logged_as for one in run.names] == ["train/loss", "queue_ptr"]


def test_nothing_is_added_that_was_not_logged() -> None:
    run = assemble(log_of(loss=[4.0]))
    assert set(run.series) == {"loss"}
    assert not run.config
    assert not run.findings


def test_a_column_without_values_is_no_metric() -> None:
    log = log_of(loss=[4.0])
    log.extend("z_std", [], [])
    assert set(assemble(log).series) == {"loss"}


def test_steps_that_go_back_stay_in_log_order_and_are_told() -> None:
    log = Log()
    log.extend("step", [0, 10, 20, 10, 20], [0.0, 10.0, 20.0, 10.0, 20.0])
    log.extend("loss", [0, 10, 20, 10, 20], [5.0, 4.0, 3.0, 3.9, 2.9])
    run = assemble(log)
    assert run.series["loss"].steps.tolist() == [0, 10, 20, 10, 20]
    assert run.series["loss"].values.tolist() == [5, 4, 3, 3.9, 2.9]
    (finding,) = run.findings
    assert (finding.kind, finding.step) == ("step went back", 10)
    assert finding.text == "the step of loss went back from 20 to 10"


def test_what_a_reader_found_is_not_told_twice() -> None:
    log = Log()
    log.extend("loss", [10, 0], [5.0, 4.0])
    log.find("step went back", "the step went back from 10 to 0", "a.csv", 0)
    assert len(found(assemble(log), "step went back")) == 1


def test_the_first_value_that_is_not_finite_is_told_with_its_step() -> None:
    run = assemble(log_of(loss=[4.0, math.nan, math.inf], lr=[0.1, 0.1, math.inf]))
    assert found(run, "not finite") == [
        "loss is nan at step 1, and 1 more times",
        "lr is inf at step 2",
    ]
    assert math.isnan(run.series["loss"].values[1])


def test_values_are_scaled_into_the_metrics_unit() -> None:
    log = log_of(knn_top1=[10.0, 55.5])
    log.extend("time (ms)", [0], [250.0])
    run = assemble(log)
    assert run.series["knn_acc"].values.tolist() == pytest.approx([0.1, 0.555])
    assert run.series["step_time"].values.tolist() == pytest.approx([0.25])


def test_settings_are_all_kept_and_config_has_the_known_ones() -> None:
    layers = [
        Layer("hparams.yaml", {"lr": 0.3, "arch": "resnet18"}),
        Layer("config.json", {"lr": 0.1, "optimizer.batch_size": 64}),
    ]
    run = assemble(log_of(loss=[1.0]), layers=layers)
    assert run.settings == {"lr": 0.3, "arch": "resnet18", "optimizer.batch_size": 64}
    assert run.config == {"batch_size": 64, "lr": 0.3}
    assert len(found(run, "left out")) == 1


def test_the_method_of_the_settings_decides_names() -> None:
    log = log_of(embedding_std=[0.02, 0.03])
    assert set(assemble(log, layers=[Layer("c", {"method": "simclr"})]).series) == {"z_std"}
    assert set(assemble(log).series) == set()


@pytest.mark.parametrize(
    ("columns", "settings", "method", "because"),
    [
        (["train_barlow_loss"], {}, "barlow", "train_barlow_loss"),
        (["train_vicreg_loss_step"], {}, "vicreg", "train_vicreg_loss_step"),
        (["train_neg_cos_sim"], {}, "simsiam", "train_neg_cos_sim"),
        (["train_neg_cos_sim", "tau"], {}, "byol", "tau and train_neg_cos_sim"),
        (["dino_global_crops_loss"], {}, "dinov2", "dino_global_crops_loss"),
        (["msn", "me_max", "ent"], {}, "msn", "me_max and msn"),
        (["loss", "mask-A", "mask-B"], {}, "i-jepa", "mask-A and mask-B"),
        (["loss", "loss-jepa", "reg-loss"], {}, "v-jepa", "loss-jepa and reg-loss"),
        (["loss"], {"arch": "mae_vit_base_patch16"}, "mae", "arch is mae_vit_base_patch16"),
        (["loss"], {"command": "python main_vicreg.py --lr 1"}, "vicreg", "main_vicreg.py"),
        (["loss"], {"cmd": "torchrun -m solo.main_simsiam"}, "simsiam", "solo.main_simsiam"),
        (["loss"], {"moco_k": 65536}, "moco", "moco_k"),
        (["loss"], {"moco_m": 0.99, "moco_mlp_dim": 4096}, "mocov3", "moco_mlp_dim"),
        (
            ["loss"],
            {"out_dim": 65536, "momentum_teacher": 0.996, "warmup_teacher_temp": 0.04},
            "dino",
            "momentum_teacher, out_dim, warmup_teacher_temp",
        ),
    ],
)
def test_a_method_that_no_setting_names_is_inferred_and_that_is_told(
    columns: list[str], settings: dict[str, Scalar], method: str, because: str
) -> None:
    log = Log()
    for name in columns:
        log.add(name, 0, 1.0)
    run = assemble(log, layers=[Layer("args.json", settings)])
    assert run.config["method"] == method
    (text,) = found(run, "method inferred")
    assert text.startswith(f"{method}: ")
    assert because in text


@pytest.mark.parametrize(
    ("columns", "settings"),
    [
        (["loss", "neg_cos_sim", "train_nce_loss"], {}),
        (["loss"], {"arch": "resnet50", "program": "train.py"}),
        (["loss"], {"command": "main_dino.py and main_moco.py"}),
        (["train_barlow_loss"], {"method": "vicreg"}),
    ],
)
def test_nothing_is_inferred_from_what_several_methods_share(
    columns: list[str], settings: dict[str, Scalar]
) -> None:
    log = Log()
    for name in columns:
        log.add(name, 0, 1.0)
    run = assemble(log, layers=[Layer("args.json", settings)])
    assert not found(run, "method inferred")
    assert run.config.get("method") == settings.get("method")


def test_an_inferred_method_decides_settings_too() -> None:
    log = log_of(train_neg_cos_sim=[-0.5])
    log.extend("tau", [0], [0.99])
    run = assemble(log, layers=[Layer("hparams.yaml", {"momentum": 0.996})])
    assert run.config == {"method": "byol", "ema_momentum": 0.996}


def test_solo_learns_own_names_are_known_by_its_settings() -> None:
    solo: dict[str, Scalar] = {"method": "simclr", "method_kwargs.x": 1, "optimizer.name": "lars"}
    log = log_of(val_acc1=[10.0, 40.0])
    assert "online_acc" in assemble(log, layers=[Layer("args.json", solo)]).series
    assert "online_acc" not in assemble(log, layers=[Layer("a", {"method": "simclr"})]).series


def test_where_a_run_came_from_is_kept() -> None:
    run = assemble(
        log_of(loss=[1.0]),
        source="runs/a/metrics.csv",
        format="table",
        files=[Path("runs/a/metrics.csv")],
        updated=12.5,
    )
    assert (run.source, run.format, run.updated) == ("runs/a/metrics.csv", "table", 12.5)
    assert run.files == ("runs/a/metrics.csv",)
