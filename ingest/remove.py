"""Documents out of the user's store, by the path they were ingested from or their id."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ingest.files import printable
from ingest.ingestion import document_id
from kb.errors import UsageError, nearest
from kb.paths import user_store
from kb.store import Store


def remove(paths: Iterable[Path], store: Store | None = None) -> tuple[str, ...]:
    """Remove each named document, and all below a named folder; return the removed ids.

    Raises UsageError, and removes nothing, when a name matches no document.
    """
    if store is None:
        if not user_store().is_file():
            raise UsageError("nothing was ingested yet", hint="ssl-doctor ingest PATH...")
        with Store.open(user_store()) as opened:
            return remove(paths, opened)
    held = [info.id for info in store.documents()]
    chosen: dict[str, None] = {}
    for path in paths:
        identity = str(path) if str(path) in held else document_id(path)
        folder = f"{identity.rstrip('/')}/"
        below = [one for one in held if one == identity or one.startswith(folder)]
        if not below:
            shown = [one.removeprefix("user:") for one in held]
            raise UsageError(
                f"no such document{nearest(identity.removeprefix('user:'), shown)}",
                where=printable(path),
                hint="ssl-doctor list --mine shows yours",
            )
        chosen.update(dict.fromkeys(below))
    for identity in chosen:
        store.remove(identity)
    return tuple(chosen)
