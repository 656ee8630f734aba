"""All rows of a store taken from a copy, at once, while the store is in use.

Law: one transaction takes all that is there away and puts in all that was copied; what is read meanwhile is the one or
the other. Files come first, so that no row ever names one that is not there; those that are left over are swept later.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from mock_server.store import open_store
from mock_server.store.base import LEADER, Kind, Store
from mock_server.store.codec import LARGE, MARK, dumps
from mock_server.store.folder import BLOBS
from mock_server.store.schema import executions, large_values, metadata, runs, version
from mock_server.store.sqlite_copies import Manifest, restore
from mock_server.store.values import Values

if TYPE_CHECKING:
    from mock_server.store.sql import SqlStore
    from mock_server.store.tx import SqlTx

_SOME = 500  # rows in one statement
#: Where the platform is, and whose files are in its folder: of this one, whatever is loaded.
_STAY = (LEADER, "store:folder")
_TABLES = [table for table in metadata.sorted_tables if table is not version]


def replace_all(store: Store, copy: Path, data_dir: Path) -> Manifest:
    """The store has what is in the copy, and nothing else. Raises ConfigurationError for a copy that is none."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data_dir, prefix=".snapshot-") as name:
        folder = Path(name) / "store"
        manifest = restore(copy, folder)
        with _opened(folder) as source:
            _bring_blobs(folder / BLOBS, data_dir / BLOBS)
            store.write(lambda tx: _replace(cast("SqlTx", tx), source), timeout=600.0)
    return manifest


@contextmanager
def _opened(folder: Path) -> Iterator[Store]:
    """A copy's store, brought up to date, for reading."""
    with closing(open_store(folder, relaxed=True)) as store:
        yield store


def _bring_blobs(source: Path, target: Path) -> None:
    for blob in source.glob("*/*"):
        place = target / blob.parent.name / blob.name
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(blob, place)
            except OSError:  # another disk, or one that has no links
                shutil.copyfile(blob, place)
        os.utime(place)  # it is young: its row is on its way


def _replace(tx: SqlTx, source: Store) -> None:
    db = tx.db.core
    for table in reversed(_TABLES):
        stays = table.c.id.in_(_STAY) if table.name == Kind.SETTING.value else sa.false()
        db.execute(sa.delete(table).where(~stays))
    for table in _TABLES:
        for rows in _rows_of(source, table):
            some = [row for row in rows if table.name != Kind.SETTING.value or row["id"] not in _STAY]
            if some:
                db.execute(sa.insert(table), some)
    tx.replaced()


def _rows_of(source: Store, table: sa.Table) -> Iterator[list[dict[str, object]]]:
    with cast("SqlStore", source)._reads(snapshot=True) as reads:  # noqa: SLF001 - of the same ring
        result = reads.db.core.execute(sa.select(table))
        while chunk := result.mappings().fetchmany(_SOME):
            yield [dict(row) for row in chunk]


def contents(copy: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Each row of a copy with its table's name, columns by name. Raises ConfigurationError for a copy that is none."""
    with tempfile.TemporaryDirectory(prefix="dtlpipe-snapshot-") as name:
        folder = Path(name) / "store"
        restore(copy, folder)
        whole = Values(folder / BLOBS).whole
        with _opened(folder) as source:
            for table in _TABLES:
                if table is large_values:
                    continue
                for rows in _rows_of(source, table):
                    for row in rows:
                        yield table.name, _unshortened(table, row, whole)


def _unshortened(table: sa.Table, row: dict[str, object], whole: Callable[[str], Any]) -> dict[str, object]:
    """The row as if all values had room in it."""
    if table in (runs, executions):
        for name in LARGE:
            text = row.get(name)
            if isinstance(text, str) and text.startswith(MARK):
                row[name] = dumps(whole(text))
    return row
