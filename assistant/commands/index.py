"""`ssl-doctor index`: build the search index now rather than with the next question."""

from __future__ import annotations

import shutil
import time

import click

from assistant.commands.options import json_option, notify, print_json


@click.command()
@click.option("--rebuild", is_flag=True, help="Build it anew even when it is up to date.")
@json_option
def index(rebuild: bool, as_json: bool) -> None:
    """Prepare everything a question needs: encoder and search index.

    Questions do this by themselves; on a cluster, run it once where the cache lies.

    \b
    Examples:
      ssl-doctor index
      ssl-doctor index --rebuild --json
    """
    from assistant.knowledge import Knowledge
    from kb.paths import cache_dir

    started = time.perf_counter()
    if rebuild:
        shutil.rmtree(cache_dir() / "index", ignore_errors=True)
    knowledge = Knowledge.open(notify)
    built = knowledge.index
    facts = {
        "schema": 1,
        "units": built.n_units,
        "passages": built.n_passages,
        "encoder": knowledge.encoder.identity,
        "directory": str(cache_dir() / "index"),
        "seconds": round(time.perf_counter() - started, 3),
    }
    if as_json:
        print_json(facts)
        return
    click.echo(
        f"{facts['units']} entries and passages, {facts['passages']} vectors, ready in "
        f"{facts['seconds']} s ({facts['directory']})"
    )
