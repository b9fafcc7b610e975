"""Run a function in two gloo processes and return what each of them returned."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import distributed as dist
from torch import multiprocessing

WORLD = 2
PATIENCE = 120.0
"""Seconds after which two processes that wait for each other count as stuck."""


def run_two(function: Callable[..., Any], *arguments: object) -> list[Any]:
    """Return `function(*arguments)` of rank 0 and rank 1; it must be importable.

    An exception of either process is raised here with its text.
    """
    context = multiprocessing.get_context("spawn")
    port = _free_port()
    pipes, processes = [], []
    for rank in range(WORLD):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=_run, args=(rank, port, theirs, function, arguments), daemon=True
        )
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        return [_result(pipe) for pipe in pipes]
    finally:
        for process in processes:
            process.join(5)
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _result(pipe: Connection) -> Any:
    if not pipe.poll(PATIENCE):
        raise AssertionError(f"a process said nothing for {PATIENCE:g} s")
    worked, value = pickle.loads(pipe.recv())
    if not worked:
        raise AssertionError(f"a process failed: {value}")
    return value


def _run(
    rank: int, port: int, pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=WORLD)
    try:
        answer = (True, function(*arguments))
    except Exception as error:
        answer = (False, f"{type(error).__name__}: {error}")
    # As bytes: tensors sent as such are shared memory, which ends with this process.
    pipe.send(pickle.dumps(answer))
    dist.destroy_process_group()
