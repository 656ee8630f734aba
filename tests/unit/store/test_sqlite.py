import logging
import sqlite3
import threading
from contextlib import closing

import pytest

from dtlpipe.errors import ConfigurationError, InsufficientStorage, Unavailable
from mock_server.store import ids, open_store, sqlite
from mock_server.store.base import Kind, StoreError, StoreFull
from mock_server.store.conformance.subjects import Hold, a_run, an_execution, putting
from mock_server.store.rows import EVENTS, EXECUTIONS, LOG_LINES, RUNS
from mock_server.store.schema import DOCUMENTS
from mock_server.store.shapes import columns_of


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "data")
    yield store
    store.close()


def pragma(store, name):
    return store.write(lambda tx: tx.db.raw.execute(f"PRAGMA {name}").fetchone()[0])


def test_commits_are_durable_by_default_and_relaxed_on_request(tmp_path, store):
    assert pragma(store, "journal_mode") == "wal"
    assert pragma(store, "synchronous") == 2
    relaxed = open_store(tmp_path / "relaxed", relaxed=True)
    assert pragma(relaxed, "synchronous") == 1
    relaxed.close()


def test_a_full_disk_fails_the_batch_and_is_over_once_there_is_room(store, caplog):
    called = []
    store.on_rollback(lambda: called.append(1))
    store.write(putting("before"))
    pages = pragma(store, "page_count")
    pragma(store, f"max_page_count={pages + 3}")
    hold = Hold(store)
    small = store.post(putting("small"))
    large = store.post(lambda tx: tx.put(Kind.PROJECT, {"id": "large", "text": "x" * 100_000}))
    hold.release()
    for future in (small, large):
        with pytest.raises(StoreFull, match="no room left") as caught:
            future.result(30)
        assert isinstance(caught.value, InsufficientStorage)
        assert caught.value.status == 507
    assert called == [1]
    assert store.get(Kind.PROJECT, "small") is None
    assert store.get(Kind.PROJECT, "large") is None
    assert "was lost" in caplog.text
    pragma(store, f"max_page_count={pages + 1000}")
    store.write(lambda tx: tx.put(Kind.PROJECT, {"id": "large", "text": "x" * 100_000}))
    assert sorted(doc["id"] for doc in store.iterate(Kind.PROJECT)) == ["before", "large"]


def smash(path, page):
    """Overwrites a page of a database that is closed."""
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


def test_a_damaged_table_is_told_as_such_and_what_is_whole_goes_on(tmp_path, caplog):
    with closing(open_store(tmp_path)) as store:
        store.write(lambda tx: tx.insert_runs([a_run()]))
        store.write(putting("whole"))
        (page,) = store.write(
            lambda tx: tx.db.raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'run'").fetchone()
        )
        assert pragma(store, "page_size") == 4096
    smash(tmp_path / "store.sqlite3", page)
    with closing(open_store(tmp_path)) as store:
        for use in (lambda: store.find_runs({}), lambda: store.write(lambda tx: tx.insert_runs([a_run()]))):
            with pytest.raises(StoreError, match="the database is damaged") as caught:
                use()
            assert (caught.value.status, caught.value.retry_after) == (503, 60.0)
            assert "doctor" in caught.value.hint
        assert store.get(Kind.PROJECT, "whole")["id"] == "whole"
        store.write(putting("more"))


def test_what_is_no_database_is_refused_with_what_to_do(tmp_path):
    open_store(tmp_path).close()
    smash(tmp_path / "store.sqlite3", 1)
    with pytest.raises(ConfigurationError, match="damaged") as caught:
        open_store(tmp_path)
    assert "restore a backup" in caught.value.hint


def test_somebody_elses_lock_is_waited_for(store, tmp_path):
    other = sqlite3.connect(tmp_path / "data" / "store.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    future = store.post(putting("p1"))
    assert store.get(Kind.PROJECT, "p1") is None
    other.execute("COMMIT")
    future.result(30)
    other.close()


def test_a_lock_that_is_not_given_up_is_a_503_and_nothing_was_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "_LOCK_WAIT", 0.05)
    store = open_store(tmp_path / "data")
    called = []
    store.on_rollback(lambda: called.append(1))
    other = sqlite3.connect(tmp_path / "data" / "store.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked") as caught:
        store.write(putting("p1"))
    assert isinstance(caught.value, Unavailable)
    assert caught.value.status == 503
    assert caught.value.retry_after
    assert called == []  # no intent had run
    other.execute("COMMIT")
    other.close()
    store.write(putting("p1"))
    store.close()


def test_a_mistake_in_a_statement_is_the_intents_own(store):
    hold = Hold(store)
    wrong = store.post(lambda tx: tx.db.raw.execute("SELECT nonsense"))
    right = store.post(putting("p1"))
    hold.release()
    with pytest.raises(sqlite3.OperationalError, match="nonsense"):
        wrong.result(30)
    right.result(30)
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):  # and not a Conflict
        store.write(lambda tx: tx.insert_runs([a_run(creator=None)]))
    with pytest.raises(TypeError, match="at least one"):
        store.write(lambda tx: tx.update_run("r1"))


def test_readers_cannot_write(store):
    with store._reads() as reads, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reads.db.raw.execute("DELETE FROM project")


def test_readers_are_kept_and_not_more_of_them_than_read_at_once(store):
    for _ in range(20):
        store.get(Kind.PROJECT, "p1")
        store.find(Kind.PROJECT, {})
    assert len(store._idle) == 1
    barrier = threading.Barrier(4)

    def read():
        with store._reads():
            barrier.wait(30)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(store._idle) == 4


def test_a_snapshot_is_let_go_when_reading_fails(store):
    with pytest.raises(ZeroDivisionError), store._reads(snapshot=True) as reads:
        assert store._dialect.in_transaction(reads.db.raw)
        1 / 0  # noqa: B018
    assert not store._dialect.in_transaction(store._idle[0].db.raw)


def test_ids_go_on_after_those_in_the_store(tmp_path, monkeypatch):
    monkeypatch.setattr(ids, "_last", ids._last)
    ahead = f"{int(ids.new_id()[:8], 16) + 5000:08x}{0:016x}"
    store = open_store(tmp_path / "data")
    store.write(lambda tx: tx.insert_runs([a_run(id=ahead)]))
    store.close()
    assert ids.new_id() < ahead
    open_store(tmp_path / "data").close()
    assert ids.new_id() > ahead


def test_what_is_said_of_columns_in_plain_words_is_what_the_tables_have():
    for kind, table in DOCUMENTS.items():
        assert columns_of(kind) == tuple(column.name for column in table.c)
    for codec in (RUNS, EXECUTIONS, EVENTS, LOG_LINES):
        assert {column.name for column in codec.table.c} == set(codec.columns)


@pytest.mark.parametrize(
    ("read", "index"),
    [
        (lambda reads: reads.open_runs(), "ix_run_open"),
        (lambda reads: reads.open_executions(), "ix_execution_open_call"),
        (lambda reads: reads.executions_of(["r1"]), "ix_execution_run_id_id"),
        (lambda reads: reads.executions_of(["r1", "r2"]), "ix_execution_run_id_id"),
        (lambda reads: reads.run_counts("p1"), "ix_run_pipeline_id_status"),
        (lambda reads: reads.run_counts(None, "b1"), "ix_run_batch_id_status"),
        (lambda reads: reads.node_counts("p1"), "ix_execution_pipeline_id_id"),
        (lambda reads: reads.events("r1", 5), "ix_event_run_id_id"),
        (lambda reads: reads.logs(execution_ids=["e1"], after_id=5), "ix_log_line_execution_id_id"),
        (lambda reads: reads.logs(service_id="s1"), "ix_log_line_service_id_id"),
        (lambda reads: reads.find_runs(where={"pipelineId": "p1"}), "ix_run_pipeline_id_id"),
        (lambda reads: reads.find_executions(where={"serviceId": "s1"}), "ix_execution_service_id_id"),
        (lambda reads: reads.find(Kind.ITEM, where={"datasetId": "d1"}), "ix_item_dataset_id_id"),
        (
            lambda reads: reads.find(
                Kind.ITEM,
                {"filter": {"$and": [{"hidden": False}, {"type": "file"}, {"id": {"$gt": "x"}}]}},
                where={"datasetId": "d1"},
            ),
            "ix_item_dataset_id_id",
        ),
        (
            lambda reads: reads.find(Kind.ITEM, {"filter": {"filename": "/a/b.jpg"}}, where={"datasetId": "d1"}),
            "sqlite_autoindex_item_2",
        ),
        (lambda reads: reads.find(Kind.SERVICE, {"filter": {"name": "x"}}), "sqlite_autoindex_service_2"),
    ],
)
def test_what_is_asked_often_is_answered_by_an_index(store, read, index):
    for kind in (Kind.ITEM, Kind.SERVICE, Kind.ANNOTATION):  # what is empty is not searched
        store.write(lambda tx, kind=kind: tx.put(kind, {"id": "one"}))
    with store._reads() as reads:
        statements = []
        reads.db.raw.set_trace_callback(statements.append)
        read(reads)
        reads.db.raw.set_trace_callback(None)
        plans = [
            step[3]
            for statement in statements
            if statement.startswith("SELECT")
            for step in reads.db.raw.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        ]
    assert any(index in plan for plan in plans), plans
    assert not any(plan.startswith("SCAN") and "INDEX" not in plan for plan in plans), plans
    assert not any("ORDER BY" in plan for plan in plans), plans


def test_a_large_store_is_read_in_pieces(store):
    """Streams go through the driver's cursor: memory does not hold what is only looked at."""
    store.write(lambda tx: tx.insert_executions([an_execution(run_id="r1") for _ in range(1500)]))
    assert len(store.executions_of(["r1"])["r1"]) == 1500
    found, total = store.find_executions({"filter": {"functionName": "r*n"}, "pageSize": 7})
    assert (len(found), total) == (7, 1500)


def test_a_listener_that_raises_does_not_keep_the_others_from_hearing(store, caplog):
    called = []

    def bad():
        raise ValueError("listener")

    store.on_rollback(bad)
    store.on_rollback(lambda: called.append(1))
    pragma(store, f"max_page_count={pragma(store, 'page_count') + 1}")
    with caplog.at_level(logging.ERROR), pytest.raises(StoreFull):
        store.write(lambda tx: tx.put(Kind.PROJECT, {"id": "large", "text": "x" * 100_000}))
    assert called == [1]
    assert "listener" in caplog.text
