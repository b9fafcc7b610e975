"""The key tables of docs/tui.md, from the action table: `python -m tui.reference_page`."""

from __future__ import annotations

from pathlib import Path

from tui.action import Action, Place
from tui.actions import actions_of
from tui.help import shown_key

DOCS = Path(__file__).parents[1] / "docs" / "tui.md"
BEGIN, END = "<!-- keys -->", "<!-- /keys -->"
TITLES: dict[Place, str] = {
    "app": "Everywhere",
    "ask": "Ask",
    "run": "Run",
    "fixes": "Fixes",
    "browse": "Browse",
    "methods": "Methods",
    "compare": "Compare",
    "numbers": "Paste numbers",
}


def keys_page() -> str:
    """Return the tables as Markdown, one per screen."""
    parts: list[str] = []
    for place, title in TITLES.items():
        if actions := actions_of(place):
            rows = [f"| {_keys(one)} | `{one.id}` | {one.help} |" for one in actions]
            parts.append("\n".join([f"### {title}", "", "| key | id | |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def _keys(action: Action) -> str:
    return " ".join(f"`{shown_key(key)}`" for key in action.keys)


def main() -> None:
    """Write the tables between the two marks of the document."""
    text = DOCS.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCS.write_text(f"{before}{BEGIN}\n\n{keys_page()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
