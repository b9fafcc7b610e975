"""`python docs/picture.py`: the README's picture, from a real answer, as docs/answer.svg."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

import assistant
from assistant.render.text import render

QUESTION = "loss stuck at 4.14"
LINES = 34
"""What fits beside the first diagnosis; the rest of the answer is announced, not shown."""


def main() -> int:
    """Ask, render as the terminal does, and export."""
    answer = render(assistant.query(QUESTION)).split("\n")[:LINES]
    with Path("/dev/null").open("w") as nowhere:
        console = Console(record=True, width=82, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(f'$ ssl-doctor "{QUESTION}"\n\n' + "\n".join(answer)))
        svg = console.export_svg(title="ssl-doctor")
    # The exported style names a font on a CDN; the picture must not load anything.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    target = Path(__file__).with_name("answer.svg")
    target.write_text(svg.replace("Fira Code", "DejaVu Sans Mono"), encoding="utf-8")
    sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
