"""`python -m tui.shots [FOLDER]`: SVG and PNG of every scene at three sizes."""

from __future__ import annotations

import argparse
import asyncio
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import tui.shots
from tui.app import DoctorApp
from tui.shots.scene import SIZES, Scene

FONT = "DejaVu Sans Mono"
"""A font with every glyph the screens use, found on most Linux machines."""


def scenes() -> list[Scene]:
    """Return the scenes of all screens."""
    found: list[Scene] = []
    for module in pkgutil.iter_modules(tui.shots.__path__):
        if module.name not in ("__main__", "scene"):
            found += import_module(f"tui.shots.{module.name}").SCENES
    return found


async def picture(scene: Scene, size: tuple[int, int]) -> str:
    """Return the scene as SVG."""
    app = DoctorApp(scene.run)
    async with app.run_test(size=size) as pilot:
        app.theme = scene.theme
        await scene.drive(pilot, app)
        await pilot.pause()
        svg = app.export_screenshot(title="ssl-doctor")
    app.consultation.close()
    return _with_our_font(svg)


def _with_our_font(svg: str) -> str:
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    return svg.replace("Fira Code", FONT)


def write(svg: str, path: Path, *, png: bool) -> None:
    """Write SVG, and PNG beside it; needs resvg-py of the `dev` extra for the latter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".svg").write_text(svg, encoding="utf-8")
    if png:
        import resvg_py

        path.with_suffix(".png").write_bytes(
            bytes(resvg_py.svg_to_bytes(svg_string=svg, monospace_family=FONT, font_family=FONT))
        )


def main() -> None:
    """Write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tui.shots", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("shots"))
    parser.add_argument("--only", default="", help="scenes whose name holds this text")
    parser.add_argument("--size", help="one size, such as 80x24")
    parser.add_argument("--no-png", action="store_true", help="SVG alone")
    given = parser.parse_args()
    sizes = SIZES
    if given.size:
        columns, _, rows = given.size.partition("x")
        sizes = ((int(columns), int(rows)),)
    for scene in scenes():
        if given.only in scene.name:
            for size in sizes:
                svg = asyncio.run(picture(scene, size))
                name = f"{scene.name}-{size[0]}x{size[1]}"
                write(svg, given.folder / name, png=not given.no_png)
                print(name)


if __name__ == "__main__":
    main()
