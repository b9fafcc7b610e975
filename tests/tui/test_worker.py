"""Claims: a look at a run works out what drawing needs, once for each verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.worker import first_look, look


def test_levels_come_with_a_verdict_and_only_with_one(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"method": "simclr", "batch_size": 32}')
    rows = "".join(f"{step},4.14{step % 3}\n" for step in range(300))
    (tmp_path / "metrics.csv").write_text("step,loss\n" + rows)
    first = first_look(tmp_path, 5)
    assert first.answer is not None
    assert first.levels is not None
    chance = next(level for level in first.levels["loss"] if "chance" in level.kinds)
    assert chance.value == pytest.approx(4.143, abs=1e-3)
    assert look(first.watcher).levels is None
