"""Which images each update takes: a function of the step, so that a resumed run goes on exactly."""

from __future__ import annotations

import torch

from kb.errors import UsageError
from reference_impl.shapes import Int, Tensor


class Order:
    """Shuffled batches, epoch after epoch; what does not fill a batch is dropped.

    The order depends on `seed` alone, not on the device nor on how many processes share a batch.
    """

    def __init__(self, count: int, batch_size: int, seed: int) -> None:
        if batch_size > count:
            raise UsageError(
                f"a batch of {batch_size} from {count} images",
                hint="set a smaller batch_size",
            )
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self._epoch = -1
        self._rows = torch.empty(0, dtype=torch.long)

    @property
    def steps_per_epoch(self) -> int:
        return self.count // self.batch_size

    def rows(self, step: int) -> Int[Tensor, " batch"]:
        """Return the rows of the batch at `step`, counted from 0, on the CPU."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            # Seeds of neighbouring runs and epochs must not meet: 2^20 epochs lie between seeds.
            generator = torch.Generator().manual_seed((self.seed << 20) + epoch)
            self._epoch, self._rows = epoch, torch.randperm(self.count, generator=generator)
        return self._rows[place * self.batch_size : (place + 1) * self.batch_size]
