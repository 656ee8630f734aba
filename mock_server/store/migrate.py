"""From whatever schema a database has to the newest. The law: in one transaction, and alembic only where it is needed.

An empty database is given the newest schema at once; the migrations are for those that were made before. Both ways must
lead to the same tables, which a test compares.
"""

from __future__ import annotations

from pathlib import Path

from dtlpipe.errors import ConfigurationError
from mock_server.store import shapes
from mock_server.store.dialect import Db, Dialect

MIGRATIONS = Path(__file__).parent / "migrations"


def bring_up_to_date(db: Db, dialect: Dialect, *, versions: Path | None = None) -> None:
    """Create or migrate the tables. Raises ConfigurationError for a database that is not ours, or is too new.

    `versions`: another folder of revisions than the package's own.
    """
    if current_version(db, dialect) == shapes.HEAD:
        return
    db.raw.execute(dialect.begin_write)
    try:
        _change(db, dialect, versions)
    except BaseException:
        if dialect.in_transaction(db.raw):
            db.raw.execute("ROLLBACK")
        raise
    db.raw.execute("COMMIT")


def check_version(db: Db, dialect: Dialect) -> None:
    """Raises ConfigurationError unless the schema is this version's: somebody newer may have migrated it meanwhile."""
    current = current_version(db, dialect)
    if current != shapes.HEAD:
        raise _newer(current)


def _newer(current: str | None) -> ConfigurationError:
    return ConfigurationError(
        f"the data was written by a newer dtlpipe (its schema is {current!r}, this one knows {shapes.HEAD!r})",
        hint="install that dtlpipe or a later one, or choose another data folder",
    )


def _change(db: Db, dialect: Dialect, versions: Path | None) -> None:
    current = current_version(db, dialect)
    if current is None:
        tables = [str(name) for (name,) in db.raw.execute(dialect.tables).fetchall()]
        if tables:
            raise ConfigurationError(
                f"the database is not a platform's: it has tables ({', '.join(tables[:5])}) but no version",
                hint="choose another data folder",
            )
        for statement in dialect.creation():
            db.raw.execute(statement)
    elif current in shapes.REVISIONS:
        _upgrade(db, versions)
    else:
        raise _newer(current)


def current_version(db: Db, dialect: Dialect) -> str | None:
    """The revision that the database bears; None for one that is empty."""
    if db.raw.execute(dialect.has_version).fetchone() is None:
        return None
    found = db.raw.execute(f"SELECT version_num FROM {shapes.VERSION}").fetchone()  # noqa: S608 - a constant
    return None if found is None else str(found[0])


def _upgrade(db: Db, versions: Path | None) -> None:
    from alembic import command  # 1.3 s: only who has an old database waits for it
    from alembic.config import Config

    if not db.core.in_transaction():
        db.core.begin()  # else alembic would begin one, and end ours
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(versions or MIGRATIONS / "versions"))
    config.attributes["connection"] = db.core
    command.upgrade(config, "head")
