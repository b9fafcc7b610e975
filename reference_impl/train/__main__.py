"""Train a method: `python -m reference_impl.train METHOD --data ... --out FOLDER`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import torch

from kb import safe_yaml
from kb.errors import InputUnreadable, SslDoctorError, UsageError
from reference_impl import data, encoders, registry
from reference_impl.augment import POLICIES
from reference_impl.distributed import is_first_process
from reference_impl.train import checkpoint
from reference_impl.train.hardware import say
from reference_impl.train.loop import train
from reference_impl.train.spec import Compile, Precision, RunResult, RunSpec

FAILED, USAGE, UNREADABLE, INTERRUPTED = 1, 2, 3, 130

EXAMPLES = """examples:
  python -m reference_impl.train simclr
  python -m reference_impl.train vicreg --data photos/ --side 96 --encoder resnet18 \\
      --device cuda --precision bfloat16 --set lambda_cov=2 --recipe epochs=200 --out runs/v
  torchrun --nproc-per-node 8 -m reference_impl.train dino --data photos/ --device cuda
  python -m reference_impl.train vicreg --out runs/v --resume

Results go to standard output, progress to standard error. `ssl-doctor watch FOLDER` follows
the run. A checkpoint is saved once an epoch and by Ctrl-C; the same command with --resume goes
on from it. A second Ctrl-C stops at once, without saving."""


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
        prog="python -m reference_impl.train",
        description="Train a self-supervised method.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("method", help=", ".join(registry.METHODS))
    made.add_argument("--preset", default="small", help="paper, official or small (default)")
    _add_data(made.add_argument_group("data"))
    _add_course(made.add_argument_group("course"))
    _add_hardware(made.add_argument_group("hardware"))
    _add_files(made.add_argument_group("files"))
    return made


def _add_data(group: argparse._ArgumentGroup) -> None:
    names = ", ".join(data.NAMES)
    group.add_argument("--data", default="mnist", help=f"{names}, or a folder of class folders")
    group.add_argument("--images", type=int, help="how many training images (default: all)")
    group.add_argument("--side", type=int, help="edge of the images in pixels")
    group.add_argument("--augment", choices=POLICIES, help="augmentations (default: by data)")
    group.add_argument("--augment-set", nargs="+", default=[], metavar="NAME=VALUE")
    group.add_argument("--encoder", choices=encoders.ENCODERS, help="default: small_cnn")


def _add_course(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="method settings")
    group.add_argument(
        "--recipe",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="recipe settings: batch_size (all processes), base_lr, epochs, ...",
    )
    group.add_argument("--steps", type=int, help="updates, before --epochs")
    group.add_argument("--epochs", type=float)
    group.add_argument("--accum", type=int, default=1, help="parts that a batch is done in")
    group.add_argument("--seed", type=int, default=0)


def _add_hardware(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    group.add_argument("--precision", choices=get_args(Precision), default="float32")
    group.add_argument("--no-channels-last", dest="channels_last", action="store_false")
    group.add_argument("--compile", choices=get_args(Compile), default="no")
    group.add_argument(
        "--cuda-graph",
        action="store_true",
        help="replay forward and backward as one graph: pays for small networks on a GPU",
    )
    group.add_argument("--sync-batchnorm", action="store_true")


def _add_files(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--out", type=Path, help="folder of the run (default: runs/METHOD-SEED)")
    group.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint")
    group.add_argument("--log-every", type=int, default=10, metavar="UPDATES")
    group.add_argument("--probe-every", type=int, default=0, metavar="UPDATES")
    group.add_argument(
        "--save-every",
        type=int,
        metavar="UPDATES",
        help="updates between checkpoints, 0 for never (default: once an epoch and at the end)",
    )
    group.add_argument("--json", action="store_true", help="print the result as JSON")


def spec_from(arguments: argparse.Namespace) -> RunSpec:
    """Return the spec of parsed arguments; UsageError for settings that cannot be read."""
    given = dict(vars(arguments))
    del given["json"]
    given["config"] = _settings(given.pop("set"), "--set")
    for name in ("recipe", "augment_set"):
        given[name] = _settings(given[name], f"--{name.replace('_', '-')}")
    given["method"] = registry.get(arguments.method).name
    given["out"] = arguments.out or Path("runs") / f"{given['method']}-{arguments.seed}"
    return RunSpec(**given)


def _settings(pairs: Sequence[str], option: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f'"{pair}" is no setting', where=option, hint="write NAME=VALUE")
        found[name], _ = safe_yaml.load(text, where=f"{option} {name}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as told and return the exit code."""
    parsed = parser().parse_args(arguments)
    try:
        return _run(spec_from(parsed), as_json=parsed.json)
    except InputUnreadable as error:
        return _fail(str(error), UNREADABLE)
    except SslDoctorError as error:
        return _fail(str(error), USAGE)


def _run(spec: RunSpec, *, as_json: bool) -> int:
    try:
        result = train(spec)
    except KeyboardInterrupt as stopped:
        say(f"{str(stopped) or 'stopped'}; {_what_is_left(spec)}")
        return INTERRUPTED
    except OSError as error:
        return _fail(f"{error}; see to the disk and its rights; {_what_is_left(spec)}", FAILED)
    except (torch.OutOfMemoryError, MemoryError) as error:
        found = (str(error).splitlines() or ["no more memory"])[0]
        hint = "set a smaller batch_size, a larger --accum or a smaller encoder"
        return _fail(f"out of memory: {found}; {hint}; {_what_is_left(spec)}", FAILED)
    if is_first_process():
        print(_as_json(result) if as_json else _as_text(result))
    return 0


def _what_is_left(spec: RunSpec) -> str:
    """Return what can be done about a run that did not end: never a promise without a file."""
    out = spec.out
    if out is None or not out.exists():
        return "nothing was saved"
    if (out / checkpoint.CHECKPOINT).exists():
        return "--resume goes on from the last checkpoint"
    return f"{out} has no checkpoint: {checkpoint.NOTHING_TO_RESUME}"


def _fail(message: str, code: int) -> int:
    say(f"error: {message}")
    return code


def _as_json(result: RunResult) -> str:
    return json.dumps(
        {
            "schema": 1,
            "method": result.spec.method,
            "steps": result.steps,
            "seconds": round(result.seconds, 3),
            "history": None if result.history is None else str(result.history),
            "final": dict(result.final),
        }
    )


def _as_text(result: RunResult) -> str:
    lines = [f"{result.spec.method}: {result.steps} updates in {result.seconds:.1f} s"]
    for name, value in result.final.items():
        if name.endswith("_random"):
            continue
        start = result.final.get(f"{name}_random")
        beside = "" if start is None else f"  (random weights {start:.4g})"
        lines.append(f"{name:>14}  {value:.4g}{beside}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
