"""Short trainings, each kept in a cache, so that an interrupted verification goes on."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

from kb.code_hash import code_hash
from reference_impl.files import write_atomically
from reference_impl.verify.code_files import files_of_training

Notify = Callable[[str], None]


@dataclass(frozen=True)
class ArmRun:
    """One training: a method, what it changes, a seed, a device. `settings` is plain JSON."""

    method: str
    label: str
    settings: Mapping[str, Any]
    seed: int
    device: str

    @property
    def key(self) -> str:
        """Return a name for the training; what the arm is called does not matter."""
        content = [self.method, self.settings, self.seed, self.device]
        text = json.dumps(content, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def cache_folder() -> Path:
    """Return where finished trainings are kept."""
    try:
        from kb.paths import cache_dir

        return cache_dir() / "claims"
    except ImportError:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(home) / "ssl-doctor" / "claims"


def train_arm(run: ArmRun) -> dict[str, float]:
    """Train one arm and return its final metrics under vocabulary names."""
    import torch

    from reference_impl.train import RunSpec, train

    if run.device == "cpu":
        torch.set_num_threads(1)
    chosen = {name: run.settings[name] for name in ("preset", "config", "recipe", "steps")}
    result = train(RunSpec(method=run.method, seed=run.seed, device=run.device, **chosen))
    return {name: float(value) for name, value in result.final.items()}


def finals(
    runs: Sequence[ArmRun], *, jobs: int, notify: Notify, folder: Path
) -> dict[str, dict[str, float]]:
    """Return the final metrics of every run by its key, trained or from `folder`.

    Runs with one key are trained once. What lies in `folder` counts while no code that takes
    part has changed. Progress goes to `notify`, a line per training.
    """
    wanted = {run.key: run for run in runs}
    code = {name: code_hash(files_of_training(name)) for name in {run.method for run in runs}}
    files = {key: folder / f"{key}-{code[run.method]}.json" for key, run in wanted.items()}
    found = {key: kept for key, path in files.items() if (kept := _kept(path)) is not None}
    missing = [(key, run) for key, run in wanted.items() if key not in found]
    if found and missing:
        notify(f"{len(found)} of {len(wanted)} trainings are in {folder}")
    started = time.monotonic()
    for done, (key, final) in enumerate(_trained(missing, jobs), 1):
        found[key] = final
        _keep(files[key], final)
        per_run = (time.monotonic() - started) / done
        left = per_run * (len(missing) - done) / 60
        run = wanted[key]
        notify(
            f"[{done}/{len(missing)}] {run.method}: {run.label}, seed {run.seed}"
            f" ({per_run:.1f} s a training, about {left:.0f} min left)"
        )
    return found


def _trained(
    missing: Sequence[tuple[str, ArmRun]], jobs: int
) -> Iterator[tuple[str, dict[str, float]]]:
    if jobs <= 1 or len(missing) <= 1:
        for key, run in missing:
            yield key, train_arm(run)
        return
    # Spawned, not forked: a forked torch may wait for a thread that does not exist.
    with ProcessPoolExecutor(
        min(jobs, len(missing)), mp_context=get_context("spawn"), initializer=_end_with_parent
    ) as pool:
        futures: dict[Future[dict[str, float]], str] = {
            pool.submit(train_arm, run): key for key, run in missing
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even killed: a training goes on
    otherwise, and so do those that were handed out with it."""
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()


def _kept(path: Path) -> dict[str, float] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _keep(path: Path, final: Mapping[str, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(final).encode())
