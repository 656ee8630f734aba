"""What is PostgreSQL's own about the store: sessions, leadership, and lost connections."""

from __future__ import annotations

import logging
import threading

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from dtlpipe.errors import ConfigurationError
from mock_server.store import open_store, postgres
from mock_server.store.base import Kind, StoreError
from mock_server.store.conformance.subjects import putting
from mock_server.store.sql import SqlStore
from tests.wire import Proxy


@pytest.fixture
def store(tmp_path, database):
    store = open_store(tmp_path / "data", database)
    yield store
    store.close()


@pytest.fixture
def wire(database):
    with Proxy(database) as proxy:
        yield proxy


def setting(store, name):
    return store.write(lambda tx: tx.db.raw.execute(f"SHOW {name}").fetchone()[0])


def test_commits_are_durable_by_default_and_relaxed_on_request(tmp_path, postgres_server, database):
    postgres_server.execute(f"ALTER DATABASE {conninfo_to_dict(database)['dbname']} SET synchronous_commit = off")
    store = open_store(tmp_path / "data", database)
    assert setting(store, "synchronous_commit") == "on"
    store.close()
    store = open_store(tmp_path / "data", database, relaxed=True)
    assert setting(store, "synchronous_commit") == "off"
    store.close()


@pytest.mark.parametrize("reaches", [False, True])
def test_a_connection_lost_at_a_commit_is_a_503_and_the_change_is_made_once_or_not_at_all(tmp_path, wire, reaches):
    store = open_store(tmp_path / "data", wire.url)
    applied, rebuilt = [], []

    def intent(tx, run_id="r1", project="p1"):
        applied.append(1)
        tx.put(Kind.PROJECT, {"id": project})
        tx.append_event(run_id, None, "made", {})

    for _ in range(8):  # by then the statements are prepared, and a change takes two turns
        store.write(lambda tx: intent(tx, "r0", "p0"))
    store.on_rollback(lambda: rebuilt.append(store.get(Kind.PROJECT, "p1") is not None))
    applied.clear()
    wire.cut_at(2, forward=reaches)
    with pytest.raises(StoreError) as caught:
        store.write(intent)
    assert caught.value.status == 503
    assert caught.value.retry_after
    assert applied == [1]
    store.write(putting("p2"))
    assert applied == [1]  # never again by itself
    assert rebuilt[-1] is reaches  # once the lock was had again, what is read is all there will be of it
    assert (store.get(Kind.PROJECT, "p1") is not None) is reaches
    assert [event.kind for event in store.events("r1")] == ["made"] * reaches
    number = store.write(lambda tx: tx.append_event("r1", None, "later", {}))
    assert [event.id for event in store.events("r1")][-1] == number
    store.close()


def test_a_connection_lost_while_nobody_wrote_costs_nobody_an_answer(tmp_path, wire):
    store = open_store(tmp_path / "data", wire.url)
    store.write(putting("p1"))
    assert store.get(Kind.PROJECT, "p1")
    wire.cut()
    assert store.get(Kind.PROJECT, "p1")
    store.write(putting("p2"))
    assert store.count(Kind.PROJECT) == 2
    store.close()


def test_while_the_database_cannot_be_reached_all_is_refused_and_then_all_is_well(tmp_path, wire, caplog):
    store = open_store(tmp_path / "data", wire.url)
    wire.close()
    for _ in range(2):
        with pytest.raises(StoreError, match="does not answer") as caught:
            store.write(putting("p1"))
        assert caught.value.retry_after
        with pytest.raises(StoreError) as caught:
            store.get(Kind.PROJECT, "p1")
        assert caught.value.retry_after
    wire.open()
    store.write(putting("p1"))
    assert store.get(Kind.PROJECT, "p1")
    store.close()


def test_a_second_platform_is_refused_with_the_name_of_the_first(tmp_path, database, store):
    with pytest.raises(ConfigurationError, match=r"another platform has .*dtlpipe platform, process \d+"):
        open_store(tmp_path / "data", database)
    store.write(putting("p1"))


def test_two_schemas_of_a_database_are_two_stores(tmp_path, database, store):
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA other")
    other = open_store(tmp_path / "other", f"{database}&options=-csearch_path%3Dother")
    other.write(putting("p1"))
    assert store.get(Kind.PROJECT, "p1") is None
    other.close()


def test_a_standby_takes_over_when_the_leader_goes_and_reads_what_it_has_left(tmp_path, database, caplog):
    leader = open_store(tmp_path / "data", database)
    with caplog.at_level(logging.WARNING), _in_background(tmp_path / "data", database) as standby:
        _until(lambda: "standing by" in caplog.text)
        number = leader.write(lambda tx: tx.append_event("r1", None, "made", {}))
        leader.close()
        standby.thread.join(30)
        assert standby.store.write(lambda tx: tx.append_event("r1", None, "made", {})) > number
        standby.store.close()


def test_who_lost_its_session_to_another_writes_nothing_until_it_leads_again(tmp_path, database, wire):
    first = open_store(tmp_path / "data", wire.url)
    first.write(lambda tx: tx.append_event("r1", None, "first", {}))
    with _in_background(tmp_path / "data", database) as standby:
        while standby.thread.is_alive():
            wire.cut()
            standby.thread.join(0.05)
        numbers = [standby.store.write(lambda tx: tx.append_event("r1", None, "second", {})) for _ in range(3)]
        with pytest.raises(StoreError, match="another platform has"):
            first.write(putting("p1"))
        assert first.get(Kind.PROJECT, "p1") is None
        standby.store.close()
    assert first.write(lambda tx: tx.append_event("r1", None, "first", {})) > numbers[-1]
    first.close()


def test_who_is_deposed_hears_of_it_without_writing_and_the_next_one_waits_for_it(tmp_path, database, postgres_server):
    first = open_store(tmp_path / "data", database)
    told, stopped, heard = threading.Event(), threading.Event(), []

    def stop():
        heard.append("told")
        told.set()
        assert stopped.wait(30)
        heard.append("stopped")

    first.on_deposed(stop)
    with _in_background(tmp_path / "data", database) as standby:
        while not told.is_set():  # whoever looks first has the lock
            session = first._writer._db
            if session is not None:
                postgres_server.execute(f"SELECT pg_terminate_backend({session.connection.info.backend_pid})")
            told.wait(0.05)
        assert standby.thread.is_alive()
        assert standby.store is None
        stopped.set()
        standby.thread.join(30)
        standby.store.write(putting("p1"))
        assert heard == ["told", "stopped"]
        with pytest.raises(StoreError, match="another platform has"):
            first.write(putting("p2"))
        standby.store.close()
    first.write(putting("p2"))
    first.close()
    assert heard == ["told", "stopped"]


def test_who_finds_its_session_lost_takes_it_up_again_without_being_asked(tmp_path, wire):
    store = open_store(tmp_path / "data", wire.url)
    again = threading.Event()
    store.on_rollback(again.set)
    wire.cut()
    assert again.wait(30)
    store.close()


def test_a_database_that_a_newer_platform_has_migrated_meanwhile_is_left_alone(tmp_path, wire, store, database):
    store.close()
    store = open_store(tmp_path / "data", wire.url)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    wire.cut()
    with pytest.raises(StoreError, match=r"newer dtlpipe .*'9999'"):
        store.write(putting("p1"))
    store.close()
    with pytest.raises(ConfigurationError, match="newer dtlpipe"):
        open_store(tmp_path / "data", database)


def test_a_folder_goes_with_one_database_and_a_database_with_one_folder(tmp_path, database, postgres_server):
    store = open_store(tmp_path / "data", database)
    store.blobs.put(b"x")
    store.close()
    with pytest.raises(ConfigurationError, match="not the one"):
        open_store(tmp_path / "other", database)
    with pytest.raises(ConfigurationError, match="on another database"):
        open_store(tmp_path / "data")
    another = postgres_server.create("t_another")
    try:
        with pytest.raises(ConfigurationError, match="another database"):
            open_store(tmp_path / "data", another)
        open_store(tmp_path / "lite").close()
        with pytest.raises(ConfigurationError, match="SQLite"):
            open_store(tmp_path / "lite", another)
        open_store(tmp_path / "third", another).close()
    finally:
        postgres_server.drop("t_another")
    open_store(tmp_path / "data", database).close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://nobody:s3cret@localhost:1/x", "cannot be opened"),
        ("postgresql://u:s3cret@[::1/x", "cannot be read"),
    ],
)
def test_a_database_that_cannot_be_had_is_refused_without_telling_the_password(tmp_path, url, says):
    with pytest.raises(ConfigurationError, match=says) as caught:
        open_store(tmp_path, url)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(caught.value.__cause__)


def test_a_database_that_does_not_hold_all_text_is_refused(tmp_path, postgres_server):
    postgres_server.execute("CREATE DATABASE t_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        with pytest.raises(ConfigurationError, match="LATIN1"):
            open_store(tmp_path, postgres_server.url_of("t_latin"))
    finally:
        postgres_server.drop("t_latin")


def test_a_lock_that_is_not_given_up_is_a_503_and_nothing_was_lost(tmp_path, database, monkeypatch):
    monkeypatch.setattr(postgres, "_LOCK_WAIT", 1)
    store = open_store(tmp_path / "data", database)
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE project IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreError, match="locked") as caught:
            store.write(putting("p1"))
        assert caught.value.retry_after
    store.write(putting("p1"))
    store.close()


class _in_background:
    """A store that is opened as a standby, on a thread."""

    def __init__(self, place, url):
        self.store = None
        self.thread = threading.Thread(target=self._open, args=(place, url))

    def _open(self, place, url):
        self.store = SqlStore.open(place, url, standby=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join(30)


def _until(true):
    done = threading.Event()
    for _ in range(600):
        if true():
            return
        done.wait(0.05)
    raise AssertionError("it did not come true")
