"""The Triton kernels agree with the tiles in torch, run by Triton's interpreter on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from reference_impl.kernels import fused


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("triton") is None and os.environ.get("SSL_DOCTOR_PEERS") != "required",
    reason="Triton is in the peers' folder of CI",
)
def test_kernels_agree_with_tiles_under_the_interpreter() -> None:
    # In a process of its own: Triton reads the variable when it is first imported.
    script = Path(__file__).parent / "interpreted.py"
    run = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_rows_on_the_cpu_go_to_the_tiles() -> None:
    assert not fused.usable(torch.zeros(2, 4))
