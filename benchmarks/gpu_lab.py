"""Everything to measure on a lent GPU, the most valuable first; needs torch and numpy alone.

    python -m benchmarks.gpu_lab --out FILE [--device cuda] [--minutes 8] [--again] [STEP ...]
    python -m benchmarks.gpu_lab --out FILE --device cpu --small

The file is written after every step, and a step that it holds is not done again: the same
command goes on where a lease ended. A step that fails is told and leaves the others alone.
`--small` runs every step on small sizes, to see that all of it works. Where lightly can be
imported (`PYTHONPATH=.peers`, of which `lightly` alone has to be carried), its own loop is timed
beside ours; where pytest can, the tests that need a GPU are run at the end.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_steps import Setting, steps


def environment(device: str) -> dict[str, Any]:
    """Return what the numbers depend on."""
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": platform.platform(),
        "threads": torch.get_num_threads(),
    }
    if device.startswith("cuda"):
        card = torch.cuda.get_device_properties(device)
        found |= {
            "card": card.name,
            "card_memory_gib": round(card.total_memory / 2**30, 1),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the steps that are due; return 1 when one of them failed, else 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("chosen", nargs="*", metavar="STEP", help="beginnings of steps' names")
    parser.add_argument("--out", type=Path, required=True, help="the results, JSON")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=8.0, help="no step starts after these")
    parser.add_argument("--small", action="store_true", help="tiny sizes, to try the script")
    parser.add_argument("--again", action="store_true", help="do steps that the file holds, too")
    asked = parser.parse_args(arguments)
    results = json.loads(asked.out.read_text()) if asked.out.exists() else {"steps": {}}
    results["environment"] = environment(asked.device)
    setting = Setting(asked.device, asked.small)
    begun = time.perf_counter()
    for name, step in steps(setting).items():
        if asked.chosen and not any(name.startswith(one) for one in asked.chosen):
            continue
        if not asked.again and "error" not in results["steps"].get(name, {"error": ""}):
            continue
        if time.perf_counter() - begun > 60 * asked.minutes:
            print(f"{name}: no time left", file=sys.stderr)
            continue
        results["steps"][name] = _done(name, step)
        partial = asked.out.with_suffix(".partial")
        partial.write_text(json.dumps(results, indent=2) + "\n")
        partial.replace(asked.out)
    return int(any("error" in one for one in results["steps"].values()))


def _done(name: str, step: Any) -> dict[str, Any]:
    """Return a step's numbers, or what went wrong, with its seconds."""
    begun = time.perf_counter()
    try:
        found = dict(step())
    except Exception as error:
        # Whatever a step meets on that machine, the next one may still work.
        traceback.print_exc()
        found = {"error": f"{type(error).__name__}: {error}"}
    found["took_s"] = round(time.perf_counter() - begun, 1)
    print(f"{name}: {json.dumps(found)}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
