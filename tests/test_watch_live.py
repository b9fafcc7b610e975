"""`ssl-doctor watch` beside a process that writes: the fault is told in time, memory stays flat.

The same code as benchmarks/live.py, whose runs take a minute.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.live import BARS, live, missed

pytestmark = pytest.mark.slow

SECONDS = 12.0


@pytest.mark.parametrize("case", ["csv-nan", "jsonl-collapse"])
def test_a_fault_is_told_within_two_seconds(tmp_path: Path, case: str) -> None:
    seen = live(tmp_path, case, SECONDS)
    assert seen["before"][-1]["change"] == "healthy"
    assert "sick" not in {one["change"] for one in seen["before"]}
    assert seen["delay_s"] < BARS["delay_s"]
    assert seen["sick_at_step"] >= seen["healthy_rows"]
    assert seen["memory_samples"] > 10
    assert missed(case, seen) == []
