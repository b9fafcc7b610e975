"""Compare the Triton kernels with the tiles in torch. Run with TRITON_INTERPRET=1, no GPU needed.

TRITON_INTERPRET=1 python interpreted.py
"""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from reference_impl.kernels import partition
from reference_impl.losses import tiles
from reference_impl.losses.tiles import Mode, Problem

CASES: tuple[tuple[int, int, int, float, tuple[int, ...], Mode], ...] = (
    (70, 130, 20, 10.0, (), "rows"),
    (70, 130, 20, 10.0, (0,), "rows"),
    (64, 128, 16, 10.0, (64, -3), "rows"),
    (70, 66, 128, 100.0, (), "both"),
    (40, 33, 200, 20.0, (5,), "both"),
    (130, 130, 33, 2.0, (0,), "symmetric"),
    (130, 130, 64, 14.0, (0, 65, -65), "symmetric"),
)
"""Rows, columns, width, scale, offsets left out, mode; sizes are mostly no multiple of a block."""


def compare(case: tuple[int, int, int, float, tuple[int, ...], Mode], device: str) -> float:
    """Return the largest difference in levels and gradients between kernels and tiles."""
    row_count, column_count, width, scale, skip, mode = case
    torch.manual_seed(0)
    rows = normalize(torch.randn(row_count, width, device=device), dim=1)
    columns = rows if mode == "symmetric" else normalize(torch.randn(column_count, width), dim=1)
    problem = Problem(rows, columns.to(device), torch.tensor(scale, device=device), skip, mode)
    backs = (torch.randn(row_count, device=device), torch.randn(column_count, device=device))
    found, expected = (outcome(engine, problem, backs) for engine in (partition, tiles))
    return max(float((one - other).abs().max()) for one, other in zip(found, expected, strict=True))


def outcome(
    engine: object, problem: Problem, backs: tuple[torch.Tensor, torch.Tensor]
) -> list[torch.Tensor]:
    """Return the levels and gradients of one engine that exist."""
    of_rows, of_columns, _ = engine.partitions(problem)  # type: ignore[attr-defined]
    gradients = engine.gradients(  # type: ignore[attr-defined]
        problem,
        (of_rows, backs[0]),
        None if of_columns is None else (of_columns, backs[1]),
        problem.mode != "symmetric",
    )
    return [value for value in (of_rows, of_columns, *gradients) if value is not None]


if __name__ == "__main__":
    for case in CASES:
        difference = compare(case, "cpu")
        print(case, f"{difference:.2e}")
        if not difference < 2e-5:
            raise SystemExit("kernels and tiles disagree")
