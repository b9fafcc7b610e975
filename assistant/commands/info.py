"""`ssl-doctor info`: what is installed, where things lie, what they hold."""

from __future__ import annotations

import platform
from importlib.metadata import version

import click

from assistant.commands.options import json_option, notify, print_json

_SHOWN = ("faiss-cpu", "numpy", "onnxruntime", "sentence-transformers", "tokenizers", "torch")


@click.command()
@json_option
def info(as_json: bool) -> None:
    """Show versions, paths and counts; paste this into a bug report.

    \b
    Examples:
      ssl-doctor info
      ssl-doctor info --json
    """
    from assistant.knowledge import Knowledge
    from ingest.encode import encoder_identity, model_source
    from kb.paths import BUNDLE, cache_dir, user_store
    from kb.topics import topics

    knowledge = Knowledge.open(notify)
    bundled = knowledge.bundled.documents()
    facts: dict[str, object] = {
        "schema": 1,
        "ssl-doctor": version("ssl-doctor"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "entries": sum(document.n_entries for document in bundled),
        "topics": len(topics()),
        "your documents": len(knowledge.user.documents()) if knowledge.user else 0,
        "encoder": encoder_identity(),
        "model": model_source(),
        "bundled knowledge": str(BUNDLE),
        "your store": str(user_store()),
        "cache": str(cache_dir()),
        **{name: version(name) for name in _SHOWN},
    }
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if name != "schema":
            click.echo(f"{name:<22} {value}")
