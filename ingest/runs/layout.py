"""Where trainers put the files of a run: which folders are a logger's own, which files belong
together.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath

_STARTS = {
    "Lightning": re.compile(r"version_\d+"),
    "W&B": re.compile(r"(?:offline-)?run-\d{8}_\d{6}-\w+"),
    "mmengine": re.compile(r"\d{8}_\d{6}"),
    "TensorBoard": re.compile(r"[A-Z][a-z]{2}\d\d_\d\d-\d\d-\d\d_.+"),
}
"""Folders that a logger makes for each start of a run."""

_HPARAMS = re.compile(r"\d{9,11}\.\d+")
"""Folders that TensorBoard's `add_hparams` makes inside a run."""

_OWN = frozenset(
    "lightning_logs tb tb_logs tblogs tensorboard tensorboard_logs tf_logs tfevents events wandb "
    "csv csv_logs csv_log vis_data".split()
)
"""Folders that loggers make inside a run."""

_MADE = frozenset(
    "logs log metrics stats files checkpoints ckpts default train val valid validation test".split()
)
"""Folders that scripts make inside a run, and that may be anything elsewhere."""

_CHECKPOINT = re.compile(r"checkpoint-\d+")
DATABASES = frozenset((".db", ".sqlite", ".sqlite3"))
_LOGS = frozenset((".csv", ".tsv", ".jsonl", ".ndjson", ".wandb", ".log", ".out"))
_RANK = re.compile(
    r"(?P<name>.*?)(?:[._-]r|[._-]?rank[._-]?)(?P<rank>\d{1,4})", re.IGNORECASE | re.DOTALL
)
_STEMS_OF_A_RUN = frozenset(
    "metrics log logs train training training_metrics train_metrics scalars progress stats summary "
    "history trainer_state training_log train_log stdout output".split()
)
_EVENTS = re.compile(r"tfevents\.(\d{1,12})")


def home(folder: Path, top: Path) -> tuple[Path, str]:
    """Return the run folder that a log's folder belongs to, at most `top`, and which start it is.

    The start is the name of the folder that the logger made for it, "" when it made none.
    """
    start = ""
    while folder != top and folder != folder.parent:
        name = folder.name
        kind = kind_of_start(name)
        if kind:
            start = start or name
        elif not _inside(folder, start) and name.lower() not in _MADE:
            break
        folder = folder.parent
    return folder, start


def _inside(folder: Path, start: str) -> bool:
    """Tell whether a folder is surely one that a logger made inside a run; `start` is below it."""
    name = folder.name
    return (
        name.lower() in _OWN
        or bool(_CHECKPOINT.fullmatch(name) or _HPARAMS.fullmatch(name))
        or (name == "runs" and kind_of_start(start) == "TensorBoard")
    )


def above(folder: Path) -> Path:
    """Return the folder above those that are surely a logger's own."""
    start = ""
    while folder != folder.parent and (kind_of_start(folder.name) or _inside(folder, start)):
        start = start or folder.name
        folder = folder.parent
    return folder


def kind_of_start(name: str) -> str:
    """Return the logger that makes folders of such a name for each start, "" for none.

    Starts of one logger are different runs.
    """
    return next((kind for kind, made in _STARTS.items() if made.fullmatch(name)), "")


def rank_of(path: Path) -> tuple[str, int] | None:
    """Return what the files of all processes share in their name, and this one's rank."""
    name = path.name.removesuffix(".gz")
    stem, suffix = PurePath(name).stem, PurePath(name).suffix
    for text, rest in ((stem, suffix), (name, "")):
        match = _RANK.fullmatch(text[:255])
        if match and match["name"]:
            return f"{path.parent}/{match['name']}*{rest}", int(match["rank"])
    return None


def names_a_run(path: Path) -> bool:
    """Tell whether a log is called as the one log of its run is."""
    return PurePath(path.name.removesuffix(".gz")).stem.lower() in _STEMS_OF_A_RUN


def looks_like_a_log(path: Path) -> bool:
    """Tell whether a file is called as a log is."""
    suffix = PurePath(path.name.removesuffix(".gz")).suffix.lower()
    return suffix in _LOGS or is_event_file(path.name) or names_a_run(path)


def is_checkpoint(name: str) -> bool:
    """Tell whether a folder is one of a Hugging Face trainer's checkpoints."""
    return _CHECKPOINT.fullmatch(name) is not None


def is_event_file(name: str) -> bool:
    """Tell whether TensorBoard would read a file of this name."""
    return "tfevents" in name


def written(path: Path) -> tuple[int, str]:
    """Return a key that puts the event files of a resumed run in the order of their start."""
    match = _EVENTS.search(path.name)
    return int(match[1]) if match else 0, path.name


def counted(path: Path) -> tuple[tuple[bool, int, str], ...]:
    """Return a key under which `checkpoint-1000` comes after `checkpoint-500`."""
    parts = re.findall(r"\d{1,18}|\D+", str(path)[-400:])
    return tuple((part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)
