"""What is left behind when the interface itself fails: one line to read, a file to send."""

from __future__ import annotations

import traceback

from kb.paths import cache_dir
from tui.plain import shown_line


def told(error: BaseException | None) -> str:
    """Write the traceback to the cache folder; return the sentence that tells it.

    Local variables are left out: they hold what the user typed and read.
    """
    if error is None:
        return "ssl-doctor stopped by a fault of its own"
    path = cache_dir() / "crash.txt"
    said = f"ssl-doctor stopped by a fault of its own: {type(error).__name__}: {error}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return shown_line(said)
    return f"{shown_line(said)}\nThe details are in {path}; please report them."
