"""The training loop: what it logs, that parts and processes change nothing, and its refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_method import SMALL, Tiny, TinyConfig, use_tiny
from torch import nn
from two_processes import run_two

from ingest import open_run
from kb.errors import UsageError
from kb.vocabulary import vocabulary
from reference_impl import encoders, registry
from reference_impl.augment import policy_set
from reference_impl.method import Batch, Method, Preset, StepOutput, ViewPlan
from reference_impl.train import RunSpec, train
from reference_impl.train.__main__ import main
from reference_impl.train.session import Session
from reference_impl.train.update import Updater

SPEC = RunSpec("tiny", data="digits", steps=20, seed=1, log_every=5)
PAPER = RunSpec("moco_v3", preset="paper", data="digits", recipe={"batch_size": 64})


def test_a_run_reports_its_end_beside_its_random_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny(monkeypatch)
    result = train(replace(SPEC, out=tmp_path, probe_every=10))
    assert result.steps == 20
    expected = "loss term/inv z_std raw_std rankme_h erank_h rankme_z erank_z knn_acc lin_acc"
    assert set(expected.split()) <= set(result.final)
    known = set(vocabulary().names())
    assert {name.removesuffix("_random") for name in result.final} <= known
    assert result.final["knn_acc_random"] > 0.5
    assert result.history == tmp_path / "metrics.jsonl"


def test_ssl_doctor_reads_the_run_with_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny(monkeypatch)
    train(replace(SPEC, out=tmp_path, probe_every=10))
    run = open_run(tmp_path)
    assert run.series["loss"].steps.tolist() == [0, 5, 10, 15, 20]
    assert run.series["knn_acc"].steps.tolist() == [10, 20]
    assert {"lr", "wd", "grad_norm", "grad_norm_first", "epoch", "ema_m"} <= set(run.series)
    assert run.config["batch_size"] == 32
    assert run.config["dataset_size"] == 1437
    assert run.config["lr"] == pytest.approx(1e-3)
    assert run.config["ema_momentum"] == 0.9
    assert not run.findings


def test_the_monitor_and_the_log_change_no_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny(monkeypatch)
    spec = replace(SPEC, save_every=20)
    train(replace(spec, out=tmp_path / "a", log_every=1, probe_every=3))
    train(replace(spec, out=tmp_path / "b", log_every=0, probe=False))
    one, other = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["method"] for name in "ab"
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


class Plain(Method):
    """Squared features: a loss that is a mean over rows, without norms or noise."""

    name = "plain"
    plan = ViewPlan(augmented=False)

    def step(self, batch: Batch) -> StepOutput:
        rows = self.encoder(batch.views[0])
        return StepOutput((rows - 1).square().mean(), features=(rows.detach(),))


class Flat(nn.Module):  # type: ignore[misc, unused-ignore]
    width = 4

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 4)

    def forward(self, images: Any) -> Any:
        return self.layer(images.flatten(1))


def plain_weights(accum: int) -> Any:
    """Return the weights after six updates of `Plain`, with views that need no randomness."""
    with pytest.MonkeyPatch.context() as patch:
        recipe = replace(SMALL, optimizer="sgd", base_lr=0.1)
        entry: Any = registry.Entry("plain", Plain, {"small": Preset(TinyConfig(), recipe, "")}, ())
        patch.setattr(registry, "get", lambda name: entry)
        patch.setattr(encoders, "build", lambda name, channels, side: Flat().double())
        session = Session.start(
            RunSpec("plain", data="digits", accum=accum, steps=6, channels_last=False), "cpu"
        )
        policies = policy_set("digits", {})
        still = replace(policies.plain, crop_area=(1.0, 1.0), crop_ratio=(1.0, 1.0), rotate=0.0)
        policies = replace(policies, plain=still)
        session.views = replace(session.views, policies=policies)
        for parts in session.batches():
            wide = [replace(part, views=tuple(v.double() for v in part.views)) for part in parts]
            session.updater.update(session.done, wide, watched=False)
            session.done += 1
        return session.method.state_dict()


def on_two(folder: Path) -> tuple[list[Any], dict[str, Any]]:
    """As one of two processes, return `plain_weights` and how training `tiny` ended."""
    weights = [plain_weights(1), plain_weights(2)]
    with pytest.MonkeyPatch.context() as patch:
        use_tiny(patch)
        result = train(replace(SPEC, steps=8, out=folder, save_every=4))
    return weights, dict(result.final)


@pytest.mark.slow
def test_parts_and_processes_give_the_weights_of_the_whole_batch(tmp_path: Path) -> None:
    (first, books), (second, no_books) = run_two(on_two, tmp_path)
    whole = plain_weights(1)
    for other in (plain_weights(4), *first, *second):
        for name, weight in whole.items():
            torch.testing.assert_close(other[name], weight, rtol=1e-10, atol=1e-12)
    # The first process keeps the books, of views that differ from the other's.
    assert books["knn_acc"] > 0
    assert "knn_acc" not in no_books
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [one["step"] for one in records if "loss" in one] == [0, 5, 8]
    assert json.loads((tmp_path / "config.json").read_text())["batch_size"] == 16
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert not torch.equal(state["random"][0]["views"], state["random"][1]["views"])


def test_settings_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    use_tiny(monkeypatch)
    for spec, text in (
        (replace(SPEC, config={"dims": 4}), 'did you mean "dim"'),
        (replace(SPEC, config={"dim": "wide"}), "dim is 'wide', expected a whole number"),
        (replace(SPEC, accum=5), "does not divide into 5 parts"),
        (replace(SPEC, device="cuda"), "no CUDA device"),
        (replace(SPEC, resume=True), "need a folder"),
        (replace(SPEC, cuda_graph=True), "needs one process on a CUDA device"),
    ):
        if spec.device == "cuda" and torch.cuda.is_available():
            continue
        with pytest.raises(UsageError, match=text):
            train(spec)


def test_the_warm_up_and_the_length_follow_the_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    use_tiny(monkeypatch)
    session = Session.start(replace(SPEC, steps=None, epochs=0.5), "cpu")
    assert session.steps == round(0.5 * (1437 // 32))
    assert session.updater.schedule.warmup == round(session.steps / 4)
    assert isinstance(session.method, Tiny)


def test_the_command_trains_and_prints_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_tiny(monkeypatch)
    out = str(tmp_path / "run")
    words = ["tiny", "--data", "digits", "--steps", "6", "--out", out, "--log-every", "2"]
    code = main([*words, "--set", "noise=0", "dim=4", "--recipe", "base_lr=1e-3", "--json"])
    printed = capsys.readouterr()
    assert code == 0
    found = json.loads(printed.out)
    assert (found["steps"], found["history"]) == (6, f"{out}/metrics.jsonl")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["dim"] == 4
    assert main(words) == 2
    assert "holds a run already" in capsys.readouterr().err


def test_one_of_the_processes_that_torchrun_starts_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both printed the result once: the process group is gone when it is printed."""
    use_tiny(monkeypatch)
    for number, lines in (("1", 0), ("0", 1)):
        monkeypatch.setenv("RANK", number)
        words = ["tiny", "--data", "digits", "--steps", "2", "--out", str(tmp_path / number)]
        assert main([*words, "--json"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == lines


def test_the_command_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "run")]
    assert main(["simclrr", *out]) == 2
    assert 'did you mean "simclr"' in capsys.readouterr().err
    use_tiny(monkeypatch)
    assert main(["tiny", "--set", "dim", *out]) == 2
    assert "write NAME=VALUE" in capsys.readouterr().err
    assert main(["tiny", "--set", "dim=[", *out]) == 3
    assert "--set dim" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["tiny", "--encoder", "resnet19"])


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (RunSpec("simclr", data="digits", side=30, encoder="vit_mini"), "not a multiple of patch"),
        (PAPER, "needs a transformer"),
        (replace(SPEC, method="simclr", accum=0), "accum is 0, expected 1 or more"),
        (replace(SPEC, method="simclr", recipe={"batch_size": 0}), "batch_size is 0"),
        (replace(SPEC, method="simclr", device="foo"), 'no device "foo"'),
        (replace(SPEC, method="simclr", device="cuda:x"), 'no device "cuda:x"'),
    ],
)
def test_ordinary_mistakes_are_one_clear_error(spec: RunSpec, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        train(spec)


def test_local_crops_divide_into_the_patches_of_the_encoder() -> None:
    spec = RunSpec(
        "dino",
        config={"small_crops": 1, "prototypes": 32},
        recipe={"batch_size": 2},
        data="procedural",
        images=4,
        side=96,
        encoder="vit_tiny",
        steps=1,
    )
    session = Session.start(spec, "cpu")
    (part,) = next(session.batches())
    assert part.small[0].shape[-1] == 48
    assert Session.start(replace(spec, side=32), "cpu").views.multiple == 4


@pytest.mark.parametrize(("epochs", "peak"), [(4.0, 1), (2.0, 1), (0.5, 0.5)])
def test_a_warm_up_that_the_user_asks_for_counts_epochs(
    epochs: float, peak: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny(monkeypatch)
    spec = replace(SPEC, steps=None, epochs=epochs, recipe={"warmup_epochs": 1.0})
    session = Session.start(spec, "cpu")
    assert session.updater.schedule.warmup == round(peak * (1437 // 32))


def noise_of_two() -> tuple[Any, Any]:
    """As one of two processes, return the first weights and the next global random numbers."""
    with pytest.MonkeyPatch.context() as patch:
        use_tiny(patch)
        session = Session.start(SPEC, "cpu")
        return session.method.state_dict(), torch.rand(4)


@pytest.mark.slow
def test_processes_start_with_equal_weights_and_draw_other_masks() -> None:
    (weights, noise), (others, other_noise) = run_two(noise_of_two)
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert not torch.equal(noise, other_noise)


def test_a_full_disk_and_a_full_memory_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_tiny(monkeypatch)

    def fails(error: Exception) -> Any:
        def update(*_: Any, **__: Any) -> Any:
            raise error

        return update

    found = (OSError(28, "No space left"), "No space left"), (MemoryError(), "smaller batch_size")
    for place, (error, text) in enumerate(found):
        monkeypatch.setattr(Updater, "update", fails(error))
        out = tmp_path / str(place)
        words = ["tiny", "--data", "digits", "--out", str(out)]
        assert main(words) == 1
        said = capsys.readouterr().err
        assert text in said
        assert "nothing can be resumed; delete the folder" in said
        assert main(words) == 2
        assert "nothing can be resumed; delete the folder" in capsys.readouterr().err
        assert main([*words, "--resume"]) == 2
        assert "nothing can be resumed; delete the folder" in capsys.readouterr().err


def test_a_flat_folder_is_trained_without_probes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow decodes a user's images")
    use_tiny(monkeypatch)
    for k in range(50):
        image.new("RGB", (8, 8), (k, 0, 0)).save(tmp_path / f"{k}.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    result = train(replace(SPEC, data=str(tmp_path), side=8, steps=2, augment="small"))
    assert not any(name.startswith(("knn", "lin")) for name in result.final)
    said = capsys.readouterr().err
    assert "1 files that cannot be decoded (bad.png" in said
    assert "fewer than two classes, so no probe is made" in said
