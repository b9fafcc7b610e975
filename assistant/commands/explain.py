"""`ssl-doctor explain`: one entry or method document, whole."""

from __future__ import annotations

import click

from assistant.commands.options import json_option, notify, print_json


@click.command()
@click.argument("name")
@json_option
def explain(name: str, as_json: bool) -> None:
    """Show an entry, one of its fixes, a method document, or one of your documents.

    NAME is an id, an alias such as ssl-1000-fixes#3, a fix id, or a method.

    \b
    Examples:
      ssl-doctor explain contrastive/chance-level-loss
      ssl-doctor explain vicreg
    """
    from assistant.explain import page_of
    from assistant.render.page import render_page

    page = page_of(name, notify=notify)
    if as_json:
        print_json(page.to_dict())
    else:
        click.echo(render_page(page))
