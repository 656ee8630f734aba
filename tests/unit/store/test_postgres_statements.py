"""What is PostgreSQL's own about statements: what they cost, how they fail, what answers them."""

from __future__ import annotations

import subprocess
import sys
import threading

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors

from dtlpipe.errors import ConfigurationError, Conflict, InsufficientStorage
from mock_server.store import migrate, open_store
from mock_server.store.base import Kind, StoreFull
from mock_server.store.conformance.subjects import Hold, a_line, a_run, an_execution, putting
from mock_server.store.migrate import bring_up_to_date
from mock_server.store.postgres import Postgres
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


def test_a_full_disk_is_a_507_and_the_batch_is_lost(store):
    def full(tx):
        tx.put(Kind.PROJECT, {"id": "p2"})
        raise errors.DiskFull("could not extend file")

    with pytest.raises(StoreFull) as caught:
        store.write(full)
    assert isinstance(caught.value, InsufficientStorage)
    assert store.get(Kind.PROJECT, "p2") is None


def test_a_mistake_in_a_statement_is_the_intents_own(store):
    hold = Hold(store)
    before = store.post(putting("p0"))
    wrong = store.post(lambda tx: tx.db.raw.execute("SELECT nonsense"))
    put_off = store.post(lambda tx: (tx.put(Kind.PROJECT, {"id": "gone"}), tx.insert_runs([a_run(creator=None)])))
    right = store.post(putting("p1"))
    hold.release()
    with pytest.raises(errors.UndefinedColumn, match="nonsense"):
        wrong.result(30)
    with pytest.raises(errors.NotNullViolation):  # and not a Conflict
        put_off.result(30)
    before.result(30)
    right.result(30)
    assert sorted(doc["id"] for doc in store.iterate(Kind.PROJECT)) == ["p0", "p1"]


def test_a_conflict_that_was_put_off_names_its_noun(store):
    run, execution = a_run(), an_execution()
    store.write(lambda tx: (tx.insert_runs([run]), tx.insert_executions([execution])))
    with pytest.raises(Conflict, match="one of 1 executions"):
        store.write(lambda tx: (tx.insert_runs([a_run()]), tx.insert_executions([execution])))


def test_a_conflict_of_a_put_leaves_the_rest_of_its_intent(store):
    def intent(tx):
        tx.put(Kind.PROJECT, {"id": "p1"})
        tx.put(Kind.SERVICE, {"id": "s1", "name": "svc"})
        with pytest.raises(Conflict):
            tx.put(Kind.SERVICE, {"id": "s2", "name": "svc"})
        tx.put(Kind.SERVICE, {"id": "s2", "name": "svc-2"})

    store.write(intent)
    assert store.get(Kind.PROJECT, "p1")
    assert store.count(Kind.SERVICE) == 2


def test_a_change_costs_two_round_trips_and_a_batch_one_for_each_and_one_more(tmp_path, wire):
    store = open_store(tmp_path / "data", wire.url)

    def change(tx):
        run, execution = a_run(), an_execution()
        tx.insert_runs([run])
        tx.insert_executions([execution])
        tx.append_event(run.id, execution.id, "begun", {})
        tx.set_execution(execution.id, status="success")
        tx.set_run(run.id, status="success")
        tx.append_logs([a_line("one"), a_line("two")])

    for _ in range(8):  # by then the statements are prepared
        store.write(change)
    before = wire.turns
    store.write(change)
    assert wire.turns - before == 2
    hold, before = Hold(store), wire.turns
    futures = [store.post(change) for _ in range(10)]
    hold.release()
    for future in futures:
        future.result(30)
    assert wire.turns - before <= 10 + 1 + 2  # and what held the writer
    store.close()


@pytest.mark.parametrize("text", ["a\x00b", "\x00"])
def test_a_text_that_no_column_holds_is_found_nowhere(store, text):
    assert store.get(Kind.PROJECT, text) is None
    assert store.get_run(text) is None
    assert store.get_execution(text) is None
    assert store.get_many(Kind.PROJECT, [text]) == {}
    assert store.executions_of([text]) == {text: []}
    assert store.count(Kind.PROJECT, {"name": text}) == 0
    assert store.events(text) == []
    assert store.logs(run_id=text) == []
    assert store.logs(execution_ids=[text]) == []
    assert store.write(lambda tx: tx.delete(Kind.PROJECT, text)) is False
    assert store.run_counts(text) == {}
    assert store.node_counts(text) == {}


def test_readers_cannot_write(store):
    with store._reads() as reads, pytest.raises(errors.ReadOnlySqlTransaction):
        reads.db.raw.execute("DELETE FROM project")


def test_there_are_never_more_readers_than_the_database_should_have(store):
    entered, let_go = threading.Semaphore(0), threading.Event()

    def read():
        with store._reads():
            entered.release()
            assert let_go.wait(30)

    threads = [threading.Thread(target=read) for _ in range(Postgres.max_readers + 4)]
    for thread in threads:
        thread.start()
    for _ in range(Postgres.max_readers):
        assert entered.acquire(timeout=30)
    assert not entered.acquire(blocking=False)
    let_go.set()
    for thread in threads:
        thread.join(30)
    assert len(store._idle) <= Postgres.max_readers


_INDEXES = "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
_COLUMNS = """SELECT table_name, column_name, data_type, is_nullable, collation_name
    FROM information_schema.columns WHERE table_schema = 'public'"""


def test_migrating_from_nothing_and_creating_at_once_make_the_same_tables(postgres_server):
    shapes = []
    for way in (bring_up_to_date, lambda db, dialect: migrate._upgrade(db, None)):
        name = "t_shape"
        dialect = Postgres(postgres_server.create(name))
        db = dialect.connect(writer=True)
        way(db, dialect)
        indexes = db.core.execute(sa.text(_INDEXES))
        columns = db.core.execute(sa.text(_COLUMNS))
        shapes.append((sorted(map(tuple, indexes)), sorted(map(str, columns))))
        db.close()
        dialect.dispose()
        postgres_server.drop(name)
    assert shapes[0] == shapes[1]
    assert len(shapes[0][0]) > 40
    assert sum(" WHERE " in definition for _, definition in shapes[0][0]) == 11


def test_the_tables_of_something_else_are_refused(tmp_path, database):
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE photos (id int)")
    with pytest.raises(ConfigurationError, match="photos"):
        open_store(tmp_path, database)


def test_sqlite_starts_without_a_word_of_postgresql(tmp_path):
    code = """if True:
        import sys
        from mock_server.store import open_store
        open_store(sys.argv[1]).close()
        sys.exit(", ".join(name for name in sys.modules if "postgresql" in name or "psycopg" in name) or 0)
    """
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "data"], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("read", "index"),
    [
        (lambda reads: reads.open_runs(), "ix_run_open"),
        (lambda reads: reads.open_executions(), "ix_execution_open_call"),
        (lambda reads: reads.executions_of(["r1"]), "ix_execution_run_id_id"),
        (lambda reads: reads.executions_of(["r1", "r2"]), "ix_execution_run_id_id"),
        (lambda reads: reads.node_counts("p1"), "ix_execution_pipeline_id_id"),
        (lambda reads: reads.events("r1", 5), "ix_event_run_id_id"),
        (lambda reads: reads.logs(execution_ids=["e1"], after_id=5), "ix_log_line_execution_id_id"),
        (lambda reads: reads.get_run("r1"), "pk_run"),
    ],
)
def test_what_is_asked_often_is_answered_by_an_index(store, read, index):
    with store._reads() as reads:
        raw = reads.db.raw
        statements = []
        execute = raw.connection.cursor_factory.execute

        class Cursor(psycopg.Cursor):
            def execute(self, query, params=None, **options):
                statements.append((query, params))
                return execute(self, query, params, **options)

        run = raw._exchange.run
        raw._exchange.run = lambda asked: (statements.extend(asked), run(asked))[1]
        raw.connection.cursor_factory = Cursor
        read(reads)
        raw.connection.cursor_factory = psycopg.Cursor
        raw._exchange.run = run
        raw.execute("SET enable_seqscan = off")  # the tables are empty, which makes reading them whole the cheapest
        plans = "\n".join(
            line
            for statement, parameters in statements
            for (line,) in raw.connection.execute(f"EXPLAIN {statement}", parameters)
        )
    assert index in plans, plans
    assert "Seq Scan" not in plans, plans
