"""Where state lives. The law: one writer, group commit, and nothing is acknowledged before its COMMIT.

Only this ring knows SQL, and within it only one module a database knows that database's own words.
`base` is all that other rings need to read. Importing this package costs nothing; `open_store` loads the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mock_server.store.base import Standby, Store


def open_store(
    data_dir: str | Path, url: str | None = None, *, relaxed: bool = False, standby: bool | Standby = False
) -> Store:
    """Open, create or migrate a store.

    Args:
        data_dir: the folder of everything, or with a `url`, of the files alone.
        url: a PostgreSQL database (`postgresql://user@host/database`); SQLite in the folder without one.
        relaxed: trades the last moments before a power cut for speed; a killed process loses nothing either way.
        standby: wait for as long as another platform has the database, instead of refusing; one that is more than
            a bool is told meanwhile who leads, and may end the waiting.

    Raises ConfigurationError if another live platform holds the folder or the database, a newer version wrote it, or
    the database cannot be reached.
    """
    from mock_server.store.crashes import armed
    from mock_server.store.sql import SqlStore

    return SqlStore.open(data_dir, url, relaxed=relaxed, standby=standby, probe=armed())


def reset(data_dir: str | Path) -> None:
    """Delete a platform's data. Raises ConfigurationError if the folder holds none, or a live platform uses it."""
    from mock_server.store.folder import reset

    reset(data_dir)
