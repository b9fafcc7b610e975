"""What does a SimCLR view cost, ours against kornia's and torchvision's on the CPU?

    PYTHONPATH=.peers python -m benchmarks.augment_speed [--threads 2] [--json]

Crop, flip, colour jitter, grayscale and blur of a batch; microseconds an image, the fastest of
several rounds, the sides taking turns. kornia and torchvision are timed where they can be
imported. torchvision gets PIL images one by one, as a DataLoader's worker does. `--json` writes
benchmarks/results/augment_speed.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from benchmarks.lightly_loop import let_torchvision_import
from reference_impl.augment import POLICIES, view

RESULT = Path(__file__).parent / "results" / "augment_speed.json"
SIZES = {32: 256, 96: 128, 224: 32}
"""Images of a batch by their side."""

ROUNDS = 9


def ours(pixels: Any) -> Callable[[], object]:
    """Return our view of a batch, from bytes."""
    generator = torch.Generator().manual_seed(0)
    policy = POLICIES["photo"].views[0]
    return lambda: view(pixels, policy, generator)


def kornias(pixels: Any) -> Callable[[], object]:
    """Return kornia's view of a batch, from floats."""
    kornia = import_module("kornia.augmentation")
    side = pixels.shape[-1]
    steps = torch.nn.Sequential(
        kornia.RandomResizedCrop((side, side), scale=(0.08, 1.0)),
        kornia.RandomHorizontalFlip(p=0.5),
        kornia.ColorJitter(0.8, 0.8, 0.8, 0.2, p=0.8),
        kornia.RandomGrayscale(p=0.2),
        kornia.RandomGaussianBlur(_kernel(side), (0.1, 2.0), p=0.5),
    )
    images = pixels.float() / 255
    return lambda: steps(images)


def torchvisions(pixels: Any) -> Callable[[], object]:
    """Return torchvision's views of PIL images, one after the other."""
    let_torchvision_import()
    v1 = import_module("torchvision.transforms")
    side = pixels.shape[-1]
    steps = v1.Compose(
        [
            v1.RandomResizedCrop(side, scale=(0.08, 1.0)),
            v1.RandomHorizontalFlip(),
            v1.RandomApply([v1.ColorJitter(0.8, 0.8, 0.8, 0.2)], p=0.8),
            v1.RandomGrayscale(p=0.2),
            v1.RandomApply([v1.GaussianBlur(_kernel(side)[0], (0.1, 2.0))], p=0.5),
            v1.ToTensor(),
        ]
    )
    pictures = [v1.functional.to_pil_image(one) for one in pixels]
    return lambda: [steps(picture) for picture in pictures]


def _kernel(side: int) -> tuple[int, int]:
    """Return SimCLR's kernel: a tenth of the side, made odd."""
    odd = max(3, side // 10 // 2 * 2 + 1)
    return odd, odd


SIDES: dict[str, Callable[[Any], Callable[[], object]]] = {
    "ours": ours,
    "kornia": kornias,
    "torchvision": torchvisions,
}


def measured(side: int, count: int) -> dict[str, float]:
    """Return the microseconds an image of each of the SIDES that can be imported."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 3, side, side), generator=generator, dtype=torch.uint8)
    made = {}
    for name, make in SIDES.items():
        try:
            made[name] = make(pixels)
        except ImportError:
            continue
    fastest = dict.fromkeys(made, float("inf"))
    for _ in range(ROUNDS):
        for name, once in made.items():
            begun = time.perf_counter()
            once()
            fastest[name] = min(fastest[name], time.perf_counter() - begun)
    return {name: round(1e6 * seconds / count, 1) for name, seconds in fastest.items()}


def main() -> None:
    """Print the table, and write it when asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    found = {str(side): measured(side, count) for side, count in SIZES.items()}
    for side, costs in found.items():
        told = ", ".join(f"{name} {cost:.0f}" for name, cost in costs.items())
        print(f"{side} pixels, microseconds an image: {told}")
    if asked.json:
        settings = {"python": platform.python_version(), "torch": torch.__version__}
        settings |= {"system": platform.platform(), "threads": str(asked.threads)}
        RESULT.write_text(json.dumps({**settings, "us_per_image": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
