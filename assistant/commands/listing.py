"""`ssl-doctor list`: what there is to ask about."""

from __future__ import annotations

import click

from assistant.commands.options import json_option, notify, print_json


@click.command(name="list")
@click.option("--family", help="Only this family, such as collapse.")
@click.option("--status", help="Only entries with this much evidence, such as documented.")
@click.option("--method", help="Only what is about this method, such as byol.")
@click.option("--mine", is_flag=True, help="Only your own documents and entries.")
@click.option("--topics", "all_topics", is_flag=True, help="Also topics that are not written yet.")
@click.option("--metrics", is_flag=True, help="The metric vocabulary instead.")
@click.option("--forms", is_flag=True, help="The closed forms (chance, collapse, floor) instead.")
@json_option
def listing(
    family: str | None,
    status: str | None,
    method: str | None,
    mine: bool,
    all_topics: bool,
    metrics: bool,
    forms: bool,
    as_json: bool,
) -> None:
    """List entries, documents, metrics or closed forms.

    \b
    Examples:
      ssl-doctor list --family collapse
      ssl-doctor list --forms --method simclr
      ssl-doctor list --mine --json
    """
    from assistant import catalogue_list
    from assistant.render.rows import rendered

    if metrics:
        rows = catalogue_list.metric_rows()
    elif forms:
        rows = catalogue_list.form_rows(method)
    else:
        rows = catalogue_list.entry_rows(
            family=family,
            status=status,
            method=method,
            mine=mine,
            all_topics=all_topics,
            notify=notify,
        )
    if as_json:
        print_json({"schema": 1, "rows": [row.to_dict() for row in rows]})
        return
    for line in rendered(rows):
        click.echo(line)
    click.echo(f"{len(rows)} listed", err=True)
