"""The user's own keys and theme: `tui.yaml` in the config folder, with every problem named.

A theme that is chosen in the interface is written there, so it is kept for the next start.

theme: doctor-light
keys:
  app.quit: ctrl+x
  ask.next_item: n, ctrl+n
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import platformdirs

from kb.errors import SslDoctorError, nearest
from tui.action import Action, Place
from tui.plain import shown_line

MOST_BYTES = 1 << 16
"""Size above which the file is not read: it holds a few lines."""

_THEME = re.compile(r"^theme[ \t]*:.*(?:\n|\Z)", re.MULTILINE)
_THEME_ALONE = re.compile(r"theme: ([a-z]+-?[a-z]+)\n")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the user set. `keys` maps action ids to Textual's key lists, without those that
    clash; `problems` are sentences that name file, setting and what was expected."""

    theme: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def path_of_preferences() -> Path:
    """Return where the user's settings of this interface lie, under `$XDG_CONFIG_HOME`."""
    return Path(platformdirs.user_config_dir("ssl-doctor")) / "tui.yaml"


def preferences(actions: Iterable[Action], themes: Iterable[str]) -> Preferences:
    """Read the user's file. Nothing it holds stops the start: what is wrong is told."""
    path = path_of_preferences()
    try:
        if not path.is_file():
            return Preferences()
        with path.open(encoding="utf-8", errors="replace") as stream:
            text = stream.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            return Preferences(problems=(f"{path}: longer than {MOST_BYTES} characters, not read",))
        values = _loaded(text, path)
    except (OSError, SslDoctorError) as error:
        return Preferences(problems=(shown_line(str(error)),))
    return _read(values, str(path), tuple(actions), tuple(themes))


def keep_theme(name: str) -> str:
    """Write the theme into the user's file, whose other lines stay as they are.

    Return why it was not written; "" when it was. A file that would not be read is left alone.
    """
    path = path_of_preferences()
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        line = f"theme: {name}\n"
        kept, replaced = _THEME.subn(line, text, count=1)
        kept = kept if replaced else line + text
        values = _loaded(kept, path)
        if len(kept) > MOST_BYTES or not isinstance(values, dict) or values.get("theme") != name:
            return f"{path} does not hold theme: and keys: alone"
        target = path.resolve()  # what a link leads to is written, and the link stays
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            beside.write_text(kept, encoding="utf-8")
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except (OSError, UnicodeDecodeError, SslDoctorError) as error:
        return shown_line(f"{path}: {error}")
    return ""


def _loaded(text: str, path: Path) -> object:
    """Return what the text says; one line that names a theme is read without the YAML library."""
    alone = _THEME_ALONE.fullmatch(text)
    if alone is not None:
        return {"theme": alone[1]}
    from kb import safe_yaml

    return safe_yaml.load(text, where=str(path), first_line=1)[0]


def _read(
    values: object, where: str, actions: tuple[Action, ...], themes: tuple[str, ...]
) -> Preferences:
    if values is None:
        return Preferences()
    if not isinstance(values, dict):
        return Preferences(problems=(f"{where}: expected theme: and keys:",))
    problems = [
        f"{where}: unknown setting {shown_line(str(key), 60)}{nearest(str(key), ('theme', 'keys'))}"
        for key in values
        if key not in ("theme", "keys")
    ]
    theme = values.get("theme")
    if theme is not None and theme not in themes:
        problems.append(
            f"{where}: theme: found {shown_line(str(theme), 60)}, expected one of "
            f"{', '.join(themes)}{nearest(str(theme), themes)}"
        )
        theme = None
    wanted = values.get("keys") or {}
    if not isinstance(wanted, dict):
        problems.append(f"{where}: keys: expected lines such as app.quit: ctrl+x")
        wanted = {}
    keys: dict[str, str] = {}
    ids = [action.id for action in actions]
    for action_id, key in wanted.items():
        if action_id not in ids:
            name = shown_line(str(action_id), 60)
            problems.append(f"{where}: keys: no action {name}{nearest(str(action_id), ids)}")
        elif not isinstance(key, str | int) or not str(key).strip():
            problems.append(f"{where}: keys: {action_id}: expected a key, such as ctrl+x")
        else:
            keys[str(action_id)] = ",".join(one.strip() for one in str(key).split(","))
    kept, clashing = _without_clashes(actions, keys)
    problems += [f"{where}: keys: {clash}" for clash in clashing]
    return Preferences(theme if isinstance(theme, str) else None, kept, tuple(problems))


def _without_clashes(
    actions: tuple[Action, ...], keys: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return the keys without those that another action has on the same screen, and why."""
    kept, told = dict(keys), list[str]()
    while found := clashes(actions, kept):
        for first, second, key in found:
            mine = second if second.id in kept else first
            if kept.pop(mine.id, None) is not None:
                other = first if mine is second else second
                told.append(
                    f"{key} is wanted by {mine.id} and by {other.id}; {mine.id} keeps its usual key"
                )
    return kept, told


def clashes(actions: Iterable[Action], keys: Mapping[str, str]) -> list[tuple[Action, Action, str]]:
    """Return pairs of actions that share a key on some screen, with the key."""
    found: dict[tuple[str, str], tuple[Action, Action, str]] = {}
    listed = tuple(actions)
    for place in get_args(Place):
        held: dict[str, Action] = {}
        for action in listed:
            if place not in action.places and "app" not in action.places:
                continue
            for key in keys.get(action.id, ",".join(action.keys)).split(","):
                other = held.setdefault(_long(key), action)
                if other is not action:
                    found[other.id, action.id] = (other, action, key)
    return list(found.values())


def _long(key: str) -> str:
    """Return a key under the name that Textual gives it: `?` is `question_mark`."""
    from textual.keys import _character_to_key

    return _character_to_key(key) if len(key) == 1 else key
