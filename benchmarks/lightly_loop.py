"""lightly's own training loop on images of 32 x 32: its transforms, heads and losses.

As its examples have it: images decoded on worker processes, transforms of torchvision and PIL,
ResNet-18. The stem is the small one, like ours, so that both train the same network.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from importlib import import_module
from typing import Any

import torch
from torch import nn

from reference_impl import data, encoders


class _Pictures(torch.utils.data.Dataset):  # type: ignore[misc, unused-ignore]
    """PIL images in memory; the transform makes the views."""

    def __init__(self, count: int, transform: Any) -> None:
        from PIL import Image

        pixels = data.load("procedural", images=count).train.pixels
        self.pictures = [Image.fromarray(one.permute(1, 2, 0).numpy()) for one in pixels]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> Any:
        return self.transform(self.pictures[place])


class LightlyLoop:
    """A training of `simclr` or `vicreg` as lightly's examples do it."""

    def __init__(
        self, method: str, batch: int, device: str, precision: str, *, small: bool
    ) -> None:
        let_torchvision_import()
        transforms, loss = import_module("lightly.transforms"), import_module("lightly.loss")
        heads = import_module("lightly.models.modules.heads")
        if method == "simclr":
            transform = transforms.SimCLRTransform(input_size=32, gaussian_blur=0.0)
            head, criterion = heads.SimCLRProjectionHead(512, 512, 128), loss.NTXentLoss()
        else:
            transform = transforms.VICRegTransform(input_size=32, gaussian_blur=0.0)
            head = heads.VICRegProjectionHead(512, 2048, 2048, num_layers=3)
            criterion = loss.VICRegLoss()
        self.workers = 0 if small else os.cpu_count() or 1
        loader: Any = torch.utils.data.DataLoader(
            _Pictures(2 * batch if small else 20_000, transform),
            batch_size=batch,
            shuffle=True,
            drop_last=True,
            num_workers=self.workers,
            pin_memory=device.startswith("cuda"),
            persistent_workers=self.workers > 0,
        )
        self.device, self.criterion, self.precision = device, criterion.to(device), precision
        self.model = nn.Sequential(encoders.build("resnet18", 3, 32), head).to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.06)
        self._batches = _forever(loader)
        if device.startswith("cuda"):
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.backends.cudnn.allow_tf32 = True

    def update(self) -> None:
        """Do one update."""
        views = [view.to(self.device, non_blocking=True) for view in next(self._batches)]
        half = self.precision == "bfloat16"
        kind = torch.device(self.device).type
        with torch.autocast(kind, torch.bfloat16) if half else nullcontext():
            embeddings = [self.model(view) for view in views]
            loss = self.criterion(*embeddings)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


def _forever(loader: Any) -> Iterator[Any]:
    while True:
        yield from loader


def let_torchvision_import() -> None:
    """Declare two operators that torchvision's compiled part brings where it fits torch."""
    try:
        import_module("torchvision")
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)


_KEPT: list[Any] = []
"""Libraries live as long as their operators are needed."""
