"""The interface is tested as in a plain terminal: no variable of the developer's changes it."""

from __future__ import annotations

import os

import pytest

for _name in [one for one in os.environ if one.startswith("TEXTUAL")] + ["NO_COLOR", "COLORTERM"]:
    # Read when textual is imported, so that they must be gone before any test module.
    os.environ.pop(_name, None)


@pytest.fixture(autouse=True)
def own_config(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the user's settings of the interface to an empty folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    for name in ("SSH_CONNECTION", "SSH_TTY", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
