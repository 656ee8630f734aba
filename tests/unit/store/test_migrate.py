import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite as sa_sqlite

from dtlpipe.errors import ConfigurationError
from mock_server.store import creation, migrate, open_store, schema, shapes
from mock_server.store.base import Kind
from mock_server.store.migrate import bring_up_to_date
from mock_server.store.sqlite import Sqlite


@pytest.fixture
def fresh(tmp_path):
    dialect = Sqlite(tmp_path / "x.sqlite3")
    db = dialect.connect(writer=True)
    yield dialect, db
    db.close()
    dialect.dispose()


def shape(path):
    with sqlite3.connect(path) as connection:
        objects = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        columns = {
            name: sorted(row[1:] for row in connection.execute(f"PRAGMA table_info({name!r})"))  # a new one comes last
            for kind, name, *_ in objects
            if kind == "table"
        }
    connection.close()
    indexes = {(name, " ".join((sql or "").split())) for kind, name, _, sql in objects if kind == "index"}
    return columns, indexes


def test_migrating_from_nothing_and_creating_at_once_make_the_same_tables(tmp_path):
    created, migrated = Sqlite(tmp_path / "created"), Sqlite(tmp_path / "migrated")
    for dialect in (created, migrated):
        db = dialect.connect(writer=True)
        if dialect is created:
            bring_up_to_date(db, dialect)
        else:
            migrate._upgrade(db, None)
        db.close()
        dialect.dispose()
    columns, indexes = shape(tmp_path / "created")
    migrated_columns, migrated_indexes = shape(tmp_path / "migrated")
    assert columns.keys() == migrated_columns.keys()
    for table in columns:
        assert columns[table] == migrated_columns[table], table
    assert indexes == migrated_indexes
    assert len(indexes) > 20


def test_the_newest_revision_of_the_folder_is_the_one_that_the_code_names():
    versions = sorted(path.stem.split("_")[0] for path in (migrate.MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert tuple(versions) == shapes.REVISIONS


def test_what_is_noted_down_for_an_empty_database_is_what_the_schema_tells():
    """`python -m mock_server.store.creation` notes it down."""
    assert creation.noted() == creation.told(sa_sqlite.dialect())


def test_a_store_is_opened_without_sqlalchemy(tmp_path):
    code = """if True:
        import sys
        from mock_server.store import open_store
        open_store(sys.argv[1]).close()
        open_store(sys.argv[1]).close()
        sys.exit("sqlalchemy" in sys.modules or "alembic" in sys.modules)
    """
    subprocess.run([sys.executable, "-c", code, tmp_path / "data"], check=True)


def test_the_interface_is_read_without_the_database(tmp_path):
    code = "import sys, mock_server.store.base, mock_server.store.ids; sys.exit('sqlalchemy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


_NEXT = """
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite as sa_sqlite
from alembic import op
revision, down_revision, branch_labels, depends_on = "9000", "{head}", None, None
def upgrade():
    op.add_column("project", sa.Column("colour", sa.Text()))
    op.execute("UPDATE project SET colour = 'red'")
    {more}
"""


@pytest.fixture
def next_version(monkeypatch, tmp_path):
    """A dtlpipe whose schema is one revision further."""

    def make(more=""):
        versions = tmp_path / "versions"
        versions.mkdir(exist_ok=True)
        for released in (migrate.MIGRATIONS / "versions").glob("[0-9]*.py"):
            (versions / released.name).write_text(released.read_text())
        (versions / "9000_next.py").write_text(_NEXT.format(more=more, head=shapes.REVISIONS[-1]))
        monkeypatch.setattr(shapes, "REVISIONS", (*shapes.REVISIONS, "9000"))
        monkeypatch.setattr(shapes, "HEAD", "9000")
        return versions

    return make


def test_an_older_database_is_migrated_and_keeps_its_data(fresh, next_version):
    dialect, db = fresh
    bring_up_to_date(db, dialect)
    db.raw.execute("INSERT INTO project (id, body) VALUES ('p1', '{}')")
    bring_up_to_date(db, dialect, versions=next_version())
    assert db.raw.execute("SELECT id, colour FROM project").fetchall() == [("p1", "red")]
    assert db.core.execute(sa.select(schema.version.c.version_num)).scalar_one() == "9000"


def test_a_migration_that_fails_leaves_the_database_as_it_was(fresh, next_version):
    dialect, db = fresh
    bring_up_to_date(db, dialect)
    before = shapes.HEAD
    with pytest.raises(ValueError, match="on purpose"):
        bring_up_to_date(db, dialect, versions=next_version(more="raise ValueError('on purpose')"))
    assert "colour" not in {column["name"] for column in sa.inspect(db.core).get_columns("project")}
    assert db.core.execute(sa.select(schema.version.c.version_num)).scalar_one() == before


def test_a_newer_database_is_refused_and_left_alone(tmp_path):
    store = open_store(tmp_path)
    store.write(lambda tx: tx.put(Kind.PROJECT, {"id": "p1"}))
    store.close()
    with sqlite3.connect(tmp_path / "store.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"newer dtlpipe .*'9999'"):
            open_store(tmp_path)
    with sqlite3.connect(tmp_path / "store.sqlite3") as connection:
        assert connection.execute("SELECT id FROM project").fetchall() == [("p1",)]
    connection.close()


def test_a_database_of_something_else_is_refused(fresh):
    dialect, db = fresh
    db.raw.execute("CREATE TABLE photos (id INTEGER)")
    with pytest.raises(ConfigurationError, match="photos"):
        bring_up_to_date(db, dialect)
    assert sa.inspect(db.core).get_table_names() == ["photos"]


def test_tables_are_created_all_or_none(fresh, monkeypatch):
    dialect, db = fresh
    told = [*dialect.creation(), "INSERT INTO nowhere VALUES (1)"]
    monkeypatch.setattr(type(dialect), "creation", lambda _: told)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        bring_up_to_date(db, dialect)
    assert sa.inspect(db.core).get_table_names() == []


def test_migrations_travel_with_the_package():
    assert (Path(migrate.__file__).parent / "migrations" / "env.py").is_file()
