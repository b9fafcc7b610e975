"""MoCo v1 and v2: InfoNCE against a queue."""

from __future__ import annotations

import torch

from kb.closed_forms import form
from reference_impl.losses.partition import log_partition
from reference_impl.losses.precision import unit_rows as unit
from reference_impl.methods.moco_v2 import queue_info_nce
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Generator, Known, Peer, Tensors
from reference_impl.verify.clouds import SMALL, normal, pair, unit_rows
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import (
    mispaired,
    permuted,
    rotated,
    rows_scaled,
    shifted,
)
from reference_impl.verify.transcriptions.queue import moco

_VIEWS = ("queries", "keys")
_TEMPERATURE = 0.2
_QUEUE = 24


def _draw(batch: int, dim: int) -> Draw:
    views = pair(batch, dim, names=_VIEWS)
    return lambda rng: {**views(rng), "queue": unit_rows(normal(rng, _QUEUE, dim) + 0.3)}


def _collapsed(rng: Generator) -> Arrays:
    row = unit_rows(normal(rng, 1, 8))
    return {"queries": row.repeat(8, 0), "keys": row.repeat(8, 0), "queue": row.repeat(_QUEUE, 0)}


def _fresh_queue(rng: Generator) -> Arrays:
    views = normal(rng, 64, 512)
    return {"queries": views, "keys": views.copy(), "queue": unit_rows(normal(rng, 4096, 512))}


def _ours(tensors: Tensors) -> Tensor:
    return queue_info_nce(
        tensors["queries"], tensors["keys"], tensors["queue"], temperature=_TEMPERATURE
    )


def _in_tiles(tensors: Tensors) -> Tensor:
    """The same loss in tiles of 5, so that batch and queue have many of them."""
    queries, keys = unit(tensors["queries"]), unit(tensors["keys"])
    matches = (queries * keys).sum(1) / _TEMPERATURE
    queue = tensors["queue"].to(queries.dtype)
    others = log_partition(queries, queue, 1 / _TEMPERATURE, side=5)
    return (torch.logaddexp(matches, others) - matches).mean()


def _truth(arrays: Arrays) -> float:
    return moco(arrays["queries"], arrays["keys"], arrays["queue"], _TEMPERATURE)


def _lightly(tensors: Tensors) -> Tensor:
    queue = tensors["queue"]
    loss = lightly_loss("NTXentLoss")(_TEMPERATURE, memory_bank_size=tuple(queue.shape))
    loss.memory_bank.bank = queue.clone()
    value: Tensor = loss(tensors["queries"], tensors["keys"])
    return value


_DRAWS = tuple(_draw(batch, dim) for batch, dim in SMALL)

CASES = (
    Case(
        "moco_v2",
        "info_nce with queue",
        "arXiv:1911.05722 Eq. 1",
        _DRAWS,
        _ours,
        _truth,
        moving=_VIEWS,
        known=(
            Known(
                f"collapse(moco) at K = {_QUEUE}",
                _collapsed,
                form("moco", "collapse").value(queue_size=_QUEUE),
                still=True,
            ),
            Known(
                "start(moco), queue of random vectors",
                _fresh_queue,
                form("moco", "start").value(queue_size=4096, temperature=_TEMPERATURE, dim=512),
                tolerance=0.01,
            ),
        ),
        relations=(
            permuted(*_VIEWS),
            permuted("queue"),
            mispaired("keys"),
            rows_scaled(*_VIEWS),
            rotated(*_VIEWS, "queue"),
            shifted("queries", "keys", same=False),
        ),
        peer=Peer("lightly", _lightly),
        half_scale=300.0,
    ),
    Case(
        "moco_v2",
        "info_nce with queue in tiles",
        "arXiv:1911.05722 Eq. 1",
        _DRAWS,
        _in_tiles,
        _truth,
        moving=_VIEWS,
    ),
)
