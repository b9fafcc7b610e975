"""lightly for the tests of this folder, or a reason to skip them.

lightly and torchvision are no extras: CI installs them apart, and then SSL_DOCTOR_PEERS=required
makes their absence a failure. torchvision's wheel cannot load its compiled part beside a CPU
build of torch: `peers` declares the operators nms and qnms before it imports it. That happens
here, before any test is collected, since other packages of this folder import torchvision too.
"""

from __future__ import annotations

import os

import pytest

from reference_impl.verify.peers import why_no_lightly

REASON = why_no_lightly()


@pytest.fixture(scope="session")
def lightly() -> None:
    """Skip when lightly cannot be used, saying why; fail where it is required."""
    if REASON and os.environ.get("SSL_DOCTOR_PEERS") == "required":
        pytest.fail(f"lightly is required here: {REASON}")
    if REASON:
        pytest.skip(REASON)
