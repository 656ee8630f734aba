"""What an empty database is given: for SQLite as text that was noted down, so that no start needs SQLAlchemy for it.

`python -m mock_server.store.creation` notes it down anew, from `schema`, after each change of that. A test compares the
two, as others compare `schema` with what the migrations lead to.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

FILE = Path(__file__).with_name("empty.sql")


def noted() -> list[str]:
    """The statements that the file has for SQLite: they make the tables, and name the schema's version."""
    return [each.strip() for each in FILE.read_text(encoding="utf-8").split(";\n") if each.strip()]


def told(dialect: sa.Dialect) -> list[str]:
    """The same, as `schema` tells it."""
    from sqlalchemy.schema import CreateIndex, CreateTable

    from mock_server.store.schema import metadata, version
    from mock_server.store.shapes import HEAD

    made: list[CreateTable | CreateIndex] = []
    for table in metadata.sorted_tables:
        made.append(CreateTable(table))
        made += [CreateIndex(each) for each in sorted(table.indexes, key=lambda each: str(each.name))]
    statements = [" ".join(str(each.compile(dialect=dialect)).split()) for each in made]
    return [*statements, f"INSERT INTO {version.name} (version_num) VALUES ('{HEAD}')"]  # noqa: S608 - names of our own


if __name__ == "__main__":
    from sqlalchemy.dialects import sqlite

    FILE.write_text("".join(f"{each};\n" for each in told(sqlite.dialect())), encoding="utf-8")
