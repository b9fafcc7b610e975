"""The assistant is replaced in every test of the Ask screen that asks for `engine`."""

from __future__ import annotations

import pytest
from ask_driving import Engine


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Put `Engine` in the place of the assistant."""
    stands = Engine()
    monkeypatch.setattr("tui.consult.answered", stands.answered)
    monkeypatch.setattr("tui.consult.diagnosed", stands.diagnosed)
    monkeypatch.setattr("tui.consult.warm", lambda *_: None)
    monkeypatch.setattr("tui.worker.diagnosed", stands.diagnosed)
    return stands
