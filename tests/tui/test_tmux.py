"""Claims: the installed command works in a real terminal, first key to restored screen."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "ssl-doctor"
TMUX = shutil.which("tmux")
PATIENCE = 60.0
"""Seconds for one step: a cold start beside other tests."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(TMUX is None, reason="tmux is not installed"),
]

STUCK = "step,train_loss,z_std,neg_sim\n" + "".join(
    f"{10 * row},4.1431{row % 3},0.0001,0.999\n" for row in range(60)
)
"""A run that is collapsed from the start, at ln 63."""


class Terminal:
    """A tmux session of 80 by 24 with a shell in it, on a server of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._socket = str(folder / "tmux")
        self._environment = environment
        self.folder = folder
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "sh")
        self._tmux("set", "-g", "set-clipboard", "on")
        self.keys("PS1='ready> '", "Enter")
        self.wait(r"ready> ?$")

    def _tmux(self, *arguments: str) -> str:
        assert TMUX is not None
        command = [TMUX, "-S", self._socket, *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, check=True, env=self._environment
        )
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type text as it stands."""
        self._tmux("send-keys", "-l", text)

    def screen(self) -> str:
        """Return what the terminal shows."""
        return self._tmux("capture-pane", "-p")

    def clipboard(self) -> str:
        """Return what the program put into the clipboard with OSC 52."""
        return self._tmux("save-buffer", "-")

    def mode(self) -> str:
        """Return the states that a program must give back: alternate screen, mouse, cursor."""
        return self._tmux(
            "display",
            "-p",
            "#{alternate_on} #{mouse_any_flag} #{cursor_flag} #{bracket_paste_flag}",
        ).strip()

    def wait(self, pattern: str) -> str:
        """Wait until the screen shows the pattern; return it."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            shown = self.screen()
            if re.search(pattern, shown, re.MULTILINE):
                return shown
            time.sleep(0.1)
        raise AssertionError(f"no {pattern!r} in\n{self.screen()}")

    def pid(self) -> int:
        """Return the process that the shell runs."""
        shell = self._tmux("display", "-p", "#{pane_pid}").strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(children[0])

    def close(self) -> None:
        """End the server."""
        self._tmux("kill-server")


@pytest.fixture
def terminal(tmp_path: Path, shared_cache: Path, encoder_export: Path) -> Iterator[Terminal]:
    """Return a terminal whose programs use the caches of this test session."""
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(shared_cache),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "TERM": "xterm-256color",
    }
    opened = Terminal(tmp_path, environment)
    yield opened
    opened.close()


def start(terminal: Terminal, *arguments: str) -> None:
    """Start the installed command and wait for its first screen."""
    terminal.type(" ".join([str(COMMAND), *arguments]))
    terminal.keys("Enter")
    terminal.wait(r"1 Ask .*no run attached")


def given_back(terminal: Terminal) -> str:
    """Wait for the shell and check that the terminal is as it was; return the screen."""
    shown = terminal.wait(r"ready> ?$")
    assert terminal.mode().startswith("0 0 1")
    # The shell echoes and reads lines again.
    terminal.type("echo st''ill here")
    terminal.keys("Enter")
    terminal.wait(r"^still here")
    return shown


def test_from_a_symptom_to_a_copied_fix(terminal: Terminal, tmp_path: Path) -> None:
    run = tmp_path / "run" / "metrics.csv"
    run.parent.mkdir()
    run.write_text(STUCK, encoding="utf-8")
    (run.parent / "config.yaml").write_text("batch_size: 32\nmethod: simclr\n", encoding="utf-8")
    start(terminal)
    terminal.type("the loss does not go down")
    before = terminal.wait(r"causes, the likeliest first . from words\b")
    assert "run sick" not in before
    terminal.keys("Escape")
    terminal.type("a")
    terminal.wait(r"Attach a run")
    terminal.type(str(run.parent))
    terminal.keys("Enter")
    after = terminal.wait(r"^ ↑ (new at|\d to)")
    assert "run sick: its numbers show" in after
    assert first_row(after) != first_row(before)
    terminal.keys("n")
    terminal.keys("y")
    terminal.wait(r"✓ copied")
    assert terminal.clipboard().strip()
    terminal.keys("c")
    terminal.wait(r"✓ copied the command")
    assert terminal.clipboard().startswith("ssl-doctor ask 'the loss does not go down' --run ")
    terminal.keys("q")
    given_back(terminal)


def first_row(screen: str) -> str:
    """Return the title of the first result."""
    found = re.search(r"^\W*(?:↑\d+|↓\d+|new|=)?\s*(?:\d+%|<1%) (.{20})", screen, re.MULTILINE)
    assert found is not None, screen
    return found[1]


def test_plain_ssl_doctor_opens_the_interface_and_ctrl_c_leaves_it(terminal: Terminal) -> None:
    start(terminal)
    terminal.keys("C-c")
    given_back(terminal)


def test_the_terminal_is_given_back_after_sigterm(terminal: Terminal) -> None:
    start(terminal, "tui")
    os.kill(terminal.pid(), signal.SIGTERM)
    terminal.wait(r"ready> ?$")
    terminal.type("echo code $?")
    terminal.keys("Enter")
    terminal.wait(r"^code 143")
    given_back(terminal)


def test_the_terminal_is_given_back_after_a_crash(terminal: Terminal, tmp_path: Path) -> None:
    script = tmp_path / "crash.py"
    script.write_text(
        "from tui.app import DoctorApp\n"
        "DoctorApp.action_next_theme = lambda self: 1 / 0\n"
        "from tui.commands.tui import tui\n"
        "tui()\n",
        encoding="utf-8",
    )
    terminal.type(f"{sys.executable} {script}")
    terminal.keys("Enter")
    terminal.wait(r"1 Ask .*no run attached")
    terminal.keys("Escape")
    terminal.type("t")
    shown = given_back(terminal)
    assert "ssl-doctor stopped by a fault of its own: ZeroDivisionError" in shown
    assert "crash.txt" in shown
    assert "Traceback" not in shown
