"""Where state lives. The law: one writer, group commit, and nothing is acknowledged before its COMMIT.

Only this ring knows SQL, and within it only one module a database knows that database's own words.
`base` is all that other rings need to read. Importing this package costs nothing; `open_store` loads the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mock_server.store.base import Store


def open_store(url_or_dir: str | Path, *, relaxed: bool = False) -> Store:
    """Open, create or migrate the store in a folder.

    `relaxed` trades the last moments before a power cut for speed; a killed process loses nothing either way.
    Raises ConfigurationError if another live platform holds the folder, or a newer version wrote it.
    """
    from mock_server.store.sql import SqlStore

    return SqlStore.open(url_or_dir, relaxed=relaxed)


def reset(data_dir: str | Path) -> None:
    """Delete a platform's data. Raises ConfigurationError if the folder holds none, or a live platform uses it."""
    from mock_server.store.folder import reset

    reset(data_dir)
