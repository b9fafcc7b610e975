"""`ssl-doctor remove`: take a document out of your store. Your file stays where it is."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema number.")
def remove(names: tuple[str, ...], as_json: bool) -> int:
    """Remove documents by path or id; `ssl-doctor list --mine` shows both.

    \b
    Examples:
      ssl-doctor remove notes/postmortem.md
      ssl-doctor remove notes/
    """
    from ingest.remove import remove as remove_documents

    removed = remove_documents([Path(name) for name in names])
    if as_json:
        click.echo(json.dumps({"schema": 1, "removed": list(removed)}, indent=2))
    else:
        for identity in removed:
            click.echo(f"removed    {identity.removeprefix('user:')}")
    return 0
