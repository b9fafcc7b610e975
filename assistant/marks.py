"""What the user says of fixes: tried, helped, did not; kept in the user's store."""

from __future__ import annotations

from collections.abc import Iterable

from assistant.knowledge import Knowledge, Notify, silent
from kb.errors import UsageError, nearest
from kb.paths import user_store
from kb.store import Store
from kb.types import Mark, MarkWord


def set_marks(
    names: Iterable[str], word: MarkWord | None, run: str = "", *, notify: Notify = silent
) -> dict[str, Mark]:
    """Mark fixes, all or none, and return all marks as they now are; None forgets.

    A name is a fix's global id, or its entry's id or alias with `#` and the id or place of the
    fix. The store is made when there is none yet. Raises UsageError for a name of no fix.
    """
    knowledge = Knowledge.open(notify)
    held = knowledge.marks()
    ids = [name if name in held else fix_id(knowledge, name) for name in names]
    if knowledge.user is None and word is None:
        return {}
    with Store.open(user_store()) as store:
        store.set_marks(ids, word, run)
        return store.marks()


def fix_id(knowledge: Knowledge, name: str) -> str:
    """Return the global id of the fix that `name` means; raise UsageError when there is none."""
    asked, hash_sign, wanted = name.strip().rpartition("#")
    if not hash_sign:
        raise UsageError(
            f'"{name}" names no fix, expected the id of an entry, # and the id of the fix',
            hint="ssl-doctor fixes lists them with their ids",
        )
    known = (store.resolve(asked) for store in knowledge.stores)
    entry_id = next((found for found in known if found), None)
    entry = knowledge.entry(entry_id) if entry_id else None
    if entry is None:
        names = [one for store in knowledge.stores for one in store.names()]
        raise UsageError(
            f'no entry is called "{asked}"{nearest(asked, names)}',
            hint="ssl-doctor list shows all ids",
        )
    for place, fix in enumerate(entry.fixes, 1):
        if wanted in (fix.id, str(place)):
            return f"{entry.id}#{fix.id}"
    ids = [fix.id for fix in entry.fixes]
    raise UsageError(
        f'{entry.id} has no fix "{wanted}"{nearest(wanted, ids)}',
        hint=f"its fixes are {', '.join(ids)}" if ids else "it has none",
    )
