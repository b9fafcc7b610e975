"""Where things lie: what ships with the package, what is the user's, what is a cache."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CATALOGUE = PACKAGE / "catalogue"
METHODS = PACKAGE / "methods"
EVIDENCE = PACKAGE / "evidence"
BUNDLE = PACKAGE / "bundle.sqlite"
TOPICS = PACKAGE / "topics.tsv"

_APP = "ssl-doctor"


def user_store() -> Path:
    """Return the user's own store, under `$XDG_DATA_HOME`."""
    import platformdirs  # here, since a GPU node that only trains may lack it

    return Path(platformdirs.user_data_dir(_APP)) / "store.sqlite"


def cache_dir() -> Path:
    """Return the cache folder, under `$XDG_CACHE_HOME`; everything in it can be rebuilt."""
    import platformdirs

    return Path(platformdirs.user_cache_dir(_APP))
