"""A store that is only looked at: nothing is locked, made, migrated or cleaned up, whether a platform has it or not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import attrs

from dtlpipe.errors import ConfigurationError
from mock_server.store.dialect import Dialect
from mock_server.store.folder import BLOBS, DATABASE, MARKER
from mock_server.store.inspection import Inspection
from mock_server.store.reads import SqlReads
from mock_server.store.sqlite import Sqlite
from mock_server.store.statements import Statements
from mock_server.store.values import Values


class _LookedAt(Sqlite):
    def _open(self) -> sqlite3.Connection:
        uri = f"{self.path.as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, timeout=15.0, isolation_level=None, check_same_thread=False)


@attrs.frozen
class Reader:
    """What can be asked. `blobs` is the folder of files."""

    reads: SqlReads
    inspection: Inspection
    blobs: Path


@contextmanager
def open_reader(data_dir: Path, url: str | None = None) -> Iterator[Reader]:
    """Looks at the store of a folder, or at that of a database and a folder of files.

    Raises ConfigurationError if there is none, or it cannot be opened.
    """
    if not (data_dir / MARKER).is_file():
        raise ConfigurationError(f"{data_dir} holds no platform's data (there is no {MARKER} in it)")
    dialect = _dialect(data_dir, url)
    try:
        db = dialect.connect(writer=False)
    except Exception as error:
        raise ConfigurationError(f"the database cannot be opened: {error}") from error
    reads, one_at_a_time = SqlReads(db, Statements(dialect), Values(data_dir / BLOBS)), Lock()

    @contextmanager
    def borrowed(*, snapshot: bool = False) -> Iterator[SqlReads]:
        with one_at_a_time:
            if snapshot:
                db.raw.execute(dialect.begin_read)
            try:
                yield reads
            finally:
                if snapshot:
                    db.raw.execute("COMMIT")

    try:
        yield Reader(reads, Inspection(borrowed, dialect), data_dir / BLOBS)
    finally:
        db.close()
        dialect.dispose()


def _dialect(data_dir: Path, url: str | None) -> Dialect:
    if url is not None:
        from mock_server.store.postgres import Postgres

        return Postgres(url)
    if not (data_dir / DATABASE).is_file():
        raise ConfigurationError(
            f"{data_dir} has files, but no database", hint="name the database: --store postgresql://user@host/database"
        )
    return _LookedAt(data_dir / DATABASE)
