"""Several files of one run, read as one log: one for each start, or one for each checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.runs.log import Log
from ingest.runs.source import FileSource, MakeReader


class JoinedSource:
    """Reads files one after another; see `ingest.runs.source.Source`.

    `listing` returns the files in reading order, and is asked again at each poll: a resumed
    run starts a new one.
    """

    def __init__(self, listing: Callable[[], Sequence[Path]], log: Log, make: MakeReader) -> None:
        self._listing = listing
        self._log = log
        self._make = make
        self._sources: dict[Path, FileSource] = {}
        self._rewritten = False

    def poll(self) -> bool:
        """Read what is new in each file; all anew when one of them was rewritten."""
        grown = self._read()
        if self._rewritten:
            self._log.clear()
            self._sources.clear()
            self._rewritten = False
            grown = self._read()
        return grown

    def _read(self) -> bool:
        for path in self._listing():
            if path not in self._sources:
                self._sources[path] = FileSource(path, self._log, self._make, self._note)
        # Every one, also after the first that has grown.
        grown = [source.poll() for source in self._sources.values()]
        if len(grown) > 1:
            names = ", ".join(path.name for path in list(self._sources)[:4])
            more = ", ..." if len(grown) > 4 else ""
            where = next(iter(self._sources)).parent.name
            text = f"{len(grown)} files of one run are read one after another: {names}{more}"
            self._log.find("joined files", text, where)
        return any(grown)

    def _note(self) -> None:
        self._rewritten = True

    def close(self) -> None:
        """Tell each reader that its file is complete."""
        for source in self._sources.values():
            source.close()

    def files(self) -> tuple[Path, ...]:
        """Return the files read so far."""
        return tuple(self._sources)


class LatestSource:
    """The newest of several files that each hold the whole run so far; see Source.

    Trainers save their state with each checkpoint: a followed run goes on in the next file.
    """

    def __init__(self, listing: Callable[[], Sequence[Path]], log: Log, make: MakeReader) -> None:
        self._listing = listing
        self._log = log
        self._make = make
        self._source: FileSource | None = None

    def poll(self) -> bool:
        """Read what is new, from the start where a newer file has come."""
        newest = next(reversed(self._listing()), None)
        if newest is not None and (self._source is None or newest != self._source.path):
            if self._source is not None:
                self._log.clear()
            self._source = FileSource(newest, self._log, self._make)
        return self._source is not None and self._source.poll()

    def close(self) -> None:
        """Tell the reader that its file is complete."""
        if self._source is not None:
            self._source.close()

    def files(self) -> tuple[Path, ...]:
        """Return the file that is read."""
        return () if self._source is None else (self._source.path,)
