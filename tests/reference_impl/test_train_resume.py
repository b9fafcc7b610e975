"""An interrupted and resumed run is the uninterrupted one, bit for bit."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_method import SMALL, use_tiny
from torch import distributed as dist
from two_processes import run_two

from kb.errors import InputUnreadable, UsageError
from reference_impl.train import RunSpec, checkpoint, train
from reference_impl.train.__main__ import main
from reference_impl.train.views import Views

SPEC = RunSpec("tiny", data="digits", steps=60, seed=3, log_every=5, probe=False)
OPTIMIZERS = ("adamw", "sgd", "lars")


def weights(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    return state


def same(one: Any, other: Any) -> bool:
    """Tell whether two nested states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return bool(torch.equal(one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def interrupted_at(
    patch: pytest.MonkeyPatch, call: int, number: signal.Signals, *, times: int = 1
) -> None:
    """Send this process a signal, or several, while it renders batch `call`."""
    render, calls = Views.batch, [0]

    def batch(self: Views, rows: Any) -> Any:
        calls[0] += 1
        if calls[0] == call:
            for _ in range(times):
                signal.raise_signal(number)
        return render(self, rows)

    patch.setattr(Views, "batch", batch)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_resumes_bit_for_bit(
    optimizer: Any, number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny(monkeypatch, replace(SMALL, optimizer=optimizer, grad_clip=1.0, weight_decay=0.01))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(replace(SPEC, out=whole, save_every=60))
    handlers = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]
    with monkeypatch.context() as patch:
        interrupted_at(patch, 23, number)
        with pytest.raises(KeyboardInterrupt, match="23 of 60"):
            train(replace(SPEC, out=parts, save_every=60))
    assert [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)] == handlers
    assert weights(parts)["done"] == 23
    result = train(replace(SPEC, out=parts, save_every=60, resume=True))
    assert result.steps == 60
    ours, theirs = weights(parts), weights(whole)
    for name in ("done", "method", "optimizer", "scaler", "random"):
        assert same(ours[name], theirs[name]), name


def test_a_share_of_the_rate_and_clipping_by_tensor_survive_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"excluded_lr_share": 0.1, "grad_clip": 0.01, "grad_clip_scope": "tensor"}
    use_tiny(monkeypatch, replace(SMALL, optimizer="lars"))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    spec = replace(SPEC, steps=20, recipe=asked, save_every=20)
    train(replace(spec, out=whole))
    told = json.loads((whole / "config.json").read_text())
    assert {name: told[name] for name in asked} == asked
    kept, excluded = weights(whole)["optimizer"]["param_groups"]
    assert excluded["lr"] == pytest.approx(0.1 * kept["lr"])
    with monkeypatch.context() as patch:
        interrupted_at(patch, 8, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            train(replace(spec, out=parts))
    train(replace(spec, out=parts, resume=True))
    assert same(weights(parts)["method"], weights(whole)["method"])
    other = tmp_path / "other"
    train(replace(spec, out=other, recipe=asked | {"grad_clip_scope": "global"}))
    assert not same(weights(other)["method"], weights(whole)["method"])


def test_a_killed_run_goes_on_from_its_last_checkpoint_and_logs_each_step_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny(monkeypatch)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    spec = replace(SPEC, save_every=20, probe_every=20, probe=True)
    train(replace(spec, out=whole))

    class Killed(BaseException):
        pass

    render, calls = Views.batch, [0]

    def batch(self: Views, rows: Any) -> Any:
        calls[0] += 1
        if calls[0] == 51:
            raise Killed
        return render(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Views, "batch", batch)
        with pytest.raises(Killed):
            train(replace(spec, out=parts))
    assert weights(parts)["done"] == 40
    (parts / "metrics.jsonl").open("ab").write(b'{"step": 50, "lo')
    train(replace(spec, out=parts, resume=True))
    assert same(weights(parts)["method"], weights(whole)["method"])

    def logged(folder: Path) -> list[tuple[float, Any, Any]]:
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        found = [json.loads(line) for line in lines]
        return [(one["step"], one.get("loss"), one.get("knn_acc")) for one in found]

    assert logged(parts) == logged(whole)


def test_the_result_of_a_run_resumed_near_its_end_is_that_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Final losses and ranks come from the last updates, some of them before the interruption."""
    use_tiny(monkeypatch)
    whole = train(replace(SPEC, out=tmp_path / "whole")).final
    for call in (55, 60):
        spec = replace(SPEC, out=tmp_path / str(call))
        with monkeypatch.context() as patch:
            interrupted_at(patch, call, signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                train(spec)
        assert train(replace(spec, resume=True)).final == whole


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_tiny(monkeypatch)
    interrupted_at(monkeypatch, 5, signal.SIGINT, times=2)
    with pytest.raises(KeyboardInterrupt):
        train(replace(SPEC, out=tmp_path / "run"))
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_other_settings_are_named_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny(monkeypatch)
    spec = replace(SPEC, out=tmp_path, save_every=10, steps=10)
    train(spec)
    with pytest.raises(UsageError, match="dim: 8 then, 16 now"):
        train(replace(spec, resume=True, config={"dim": 16}))
    with pytest.raises(UsageError, match="holds a run already"):
        train(spec)


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "executed",))

    torch.save({"format": 1, "settings": Evil()}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputUnreadable, match="not a readable checkpoint"):
        checkpoint.load(tmp_path, {})
    assert not (tmp_path / "executed").exists()
    (tmp_path / "checkpoint.pt").write_bytes(b"not a zip")
    with pytest.raises(InputUnreadable, match="not a readable checkpoint"):
        checkpoint.load(tmp_path, {})
    (tmp_path / "checkpoint.pt").unlink()
    with pytest.raises(UsageError, match="no checkpoint"):
        checkpoint.load(tmp_path, {})


@pytest.mark.parametrize("content", [b"", {"format": 1}, {"format": 1, "settings": {}}])
def test_a_damaged_checkpoint_is_one_clear_error(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "checkpoint.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InputUnreadable, match="nothing can be resumed"):
        checkpoint.load(tmp_path, {})


def test_a_checkpoint_of_another_kind_of_device_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny(monkeypatch)
    train(replace(SPEC, out=tmp_path, steps=4))
    settings = dict(weights(tmp_path)["settings"])
    with pytest.raises(UsageError, match="device: 'cpu' then, 'cuda:1' now"):
        checkpoint.load(tmp_path, settings | {"device": "cuda:1"})


def test_a_run_in_a_folder_is_saved_once_an_epoch_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny(monkeypatch)
    saved: list[int] = []
    monkeypatch.setattr(checkpoint, "save", lambda folder, state: saved.append(state["done"]))
    train(replace(SPEC, out=tmp_path / "default"))
    assert saved == [44, 60]
    train(replace(SPEC, out=tmp_path / "never", save_every=0))
    train(SPEC)
    assert saved == [44, 60]


def test_resuming_is_promised_only_where_there_is_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_tiny(monkeypatch)
    words = ["tiny", "--data", "digits", "--steps", "60"]
    with monkeypatch.context() as patch:
        interrupted_at(patch, 5, signal.SIGINT)
        assert main([*words, "--out", str(tmp_path / "saved")]) == 130
    assert "--resume goes on" in capsys.readouterr().err

    def pressed(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Views, "batch", pressed)
    assert main([*words, "--out", str(tmp_path / "lost")]) == 130
    said = capsys.readouterr().err
    assert "nothing can be resumed" in said
    assert "goes on" not in said


def test_a_further_sigterm_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler signals every process, and torchrun hands the signal on once more."""
    use_tiny(monkeypatch)
    interrupted_at(monkeypatch, 5, signal.SIGTERM, times=2)
    with pytest.raises(KeyboardInterrupt, match="5 of 60"):
        train(replace(SPEC, out=tmp_path))
    assert weights(tmp_path)["done"] == 5


def stopped_one_of_two(folder: Path) -> tuple[str, bool]:
    """As one of two processes, of which the second is signalled, return how training ended and
    whether the checkpoint lay there by then."""
    with pytest.MonkeyPatch.context() as patch:
        use_tiny(patch)
        save = checkpoint.save

        def slow(folder: Path, state: Any) -> None:
            time.sleep(1.0)
            save(folder, state)

        patch.setattr(checkpoint, "save", slow)
        if dist.get_rank() == 1:
            interrupted_at(patch, 3, signal.SIGINT)
        try:
            train(replace(SPEC, out=folder, steps=2000, save_every=0))
        except KeyboardInterrupt as stopped:
            return str(stopped), (folder / "checkpoint.pt").exists()
        return "not stopped", False


@pytest.mark.slow
def test_processes_stop_together_and_after_the_checkpoint(tmp_path: Path) -> None:
    (first, saved), (second, also_saved) = run_two(stopped_one_of_two, tmp_path)
    assert first == second
    assert first.startswith("stopped after")
    assert saved
    assert also_saved
