"""Changes: batches, savepoints, callbacks, what readers see, and what a failing disk does."""
# ruff: noqa: S101 - these are tests

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from mock_server.store.base import Kind, Store, StoreError, Tx
from mock_server.store.conformance.subjects import Hold, Suite, a_run, an_execution, putting


class ChangeConformance(Suite):
    """Changes."""

    def test_a_batch_is_whatever_arrived_during_the_last_commit(self, store: Store) -> None:
        hold, before = Hold(store), store.commits
        futures = [store.post(putting(f"p{n}")) for n in range(100)]
        hold.release()
        for future in futures:
            future.result(30)
        assert store.commits - before == 2  # what held the writer, and all the others in one
        assert store.count(Kind.PROJECT) == 100

    def test_an_intent_that_raises_undoes_itself_alone(self, store: Store) -> None:
        def bad(tx: Tx) -> None:
            tx.put(Kind.PROJECT, {"id": "bad"})
            tx.insert_runs([a_run(id="bad")])
            tx.after_commit(lambda: called.append("bad"))
            raise ValueError("on purpose")

        def good(tx: Tx, name: str) -> bool:
            tx.put(Kind.PROJECT, {"id": name})
            tx.after_commit(lambda: called.append(name))
            return tx.get(Kind.PROJECT, "bad") is None

        called: list[str] = []
        hold, before = Hold(store), store.commits
        first, failing, second = (
            store.post(lambda tx: good(tx, "a")),
            store.post(bad),
            store.post(lambda tx: good(tx, "b")),
        )
        hold.release()
        with pytest.raises(ValueError, match="on purpose"):
            failing.result(30)
        assert first.result(30)
        assert second.result(30)
        assert store.commits - before == 2
        assert called == ["a", "b"]
        assert store.get(Kind.PROJECT, "bad") is None
        assert store.get_run("bad") is None
        assert sorted(store.get_many(Kind.PROJECT, ["a", "b"])) == ["a", "b"]

    @pytest.mark.parametrize("reads", ["at once", "after a change of its own"])
    def test_an_intent_that_has_read_rows_undoes_nothing_of_the_others(self, store: Store, reads: str) -> None:
        """What waits for the end of the batch is written when somebody reads rows; it is not the reader's."""
        execution, new = an_execution(), an_execution()

        def before(tx: Tx) -> None:
            tx.add_execution(new)
            tx.set_execution(new.id, status="in-progress")
            tx.set_execution(execution.id, percent=5.0)
            tx.append_event("r1", new.id, "started", {})

        def failing(tx: Tx) -> None:
            if reads != "at once":
                tx.put(Kind.PROJECT, {"id": "bad"})
            seen.append([tx.get_execution(new.id), tx.get_execution(execution.id)])
            tx.set_execution(new.id, status="failed")
            tx.append_event("r1", new.id, "lost", {})
            seen.append([tx.get_execution(new.id)])
            raise ValueError("on purpose")

        seen: list[list[Any]] = []
        store.write(lambda tx: tx.insert_executions([execution]))
        hold = Hold(store)
        first, second = store.post(before), store.post(failing)
        third = store.post(lambda tx: tx.set_execution(execution.id, message="half"))
        hold.release()
        first.result(30)
        with pytest.raises(ValueError, match="on purpose"):
            second.result(30)
        third.result(30)
        assert [[row.status for row in rows] for rows in seen] == [["in-progress", "created"], ["failed"]]
        found, changed = store.get_execution(new.id), store.get_execution(execution.id)
        assert found is not None
        assert changed is not None
        assert (found.status, changed.percent, changed.message) == ("in-progress", 5.0, "half")
        assert [event.kind for event in store.events("r1")] == ["started"]
        assert store.get(Kind.PROJECT, "bad") is None

    def test_rows_that_the_database_refuses_late_lose_their_batch_once_and_are_then_alone(self, store: Store) -> None:
        execution = an_execution()

        def late(tx: Tx) -> None:
            tx.set_execution(execution.id, attempt=2**70)

        def both() -> tuple[Future[Any], Future[Any]]:
            hold = Hold(store)
            futures = store.post(late), store.post(putting("p1"))
            hold.release()
            return futures

        store.write(lambda tx: tx.insert_executions([execution]))
        rebuilt: list[int] = []
        store.on_rollback(lambda: rebuilt.append(1))
        for future in both():
            with pytest.raises(StoreError):
                future.result(30)
        assert (rebuilt, store.get(Kind.PROJECT, "p1")) == ([1], None)
        refused, kept = both()
        with pytest.raises(Exception) as caught:  # noqa: PT011 - each database has its own
            refused.result(30)
        assert not isinstance(caught.value, StoreError)
        kept.result(30)
        assert rebuilt == [1]
        assert store.get_execution(execution.id) == execution

    def test_callbacks_run_in_order_after_the_commit_and_before_the_answer(self, store: Store) -> None:
        seen: list[Any] = []

        def intent(tx: Tx) -> str:
            tx.put(Kind.PROJECT, {"id": "p1"})
            tx.after_commit(lambda: seen.append(store.get(Kind.PROJECT, "p1")))
            tx.after_commit(lambda: seen.append(future.done()))
            return "answer"

        hold = Hold(store)
        future = store.post(intent)
        hold.release()
        assert future.result(30) == "answer"
        assert seen == [{"id": "p1"}, False]

    @pytest.mark.parametrize("error", [ValueError, SystemExit])
    def test_a_callback_that_raises_does_not_unmake_the_change(
        self, store: Store, caplog: pytest.LogCaptureFixture, error: type[BaseException]
    ) -> None:
        def callback() -> None:
            raise error("on purpose")

        def intent(tx: Tx) -> None:
            tx.put(Kind.PROJECT, {"id": "p1"})
            tx.after_commit(callback)

        store.write(intent)
        assert store.get(Kind.PROJECT, "p1")
        assert "after_commit" in caplog.text

    def test_readers_see_only_what_is_committed_and_do_not_wait(self, store: Store) -> None:
        entered, let_go = threading.Event(), threading.Event()

        def intent(tx: Tx) -> None:
            tx.put(Kind.PROJECT, {"id": "p1"})
            assert tx.get(Kind.PROJECT, "p1") is not None
            assert tx.find(Kind.PROJECT).total == 1
            entered.set()
            assert let_go.wait(30)

        future = store.post(intent)
        assert entered.wait(30)
        assert store.get(Kind.PROJECT, "p1") is None
        assert store.find(Kind.PROJECT).total == 0
        let_go.set()
        future.result(30)
        assert store.get(Kind.PROJECT, "p1") == {"id": "p1"}

    def test_a_tx_cannot_be_used_after_its_intent(self, store: Store) -> None:
        kept = store.write(lambda tx: tx)
        with pytest.raises(RuntimeError, match="over"):
            kept.get(Kind.PROJECT, "p1")

    def test_the_writer_refuses_to_wait_for_itself(self, store: Store) -> None:
        with pytest.raises(RuntimeError, match="itself"):
            store.write(lambda _: store.write(lambda _: None))

    def test_a_change_that_is_not_made_in_time_is_withdrawn(self, store: Store) -> None:
        hold = Hold(store)
        with pytest.raises(StoreError, match="withdrawn"):
            store.write(lambda tx: tx.put(Kind.PROJECT, {"id": "p1"}), timeout=0.01)
        hold.release()
        store.write(lambda _: None)
        assert store.get(Kind.PROJECT, "p1") is None

    @pytest.mark.parametrize("point", ["before commit", "after commit"])
    def test_a_commit_that_fails_fails_its_whole_batch_and_memory_is_rebuilt(self, tmp_path: Path, point: str) -> None:
        broken = threading.Event()

        def probe(at: str) -> None:
            if at == point and broken.is_set():
                raise OSError("the disk is gone")

        store = self.open_store(tmp_path / "data", probe=probe)
        memory: set[str] = set()

        def rebuild() -> None:
            rebuilt.append({doc["id"] for doc in store.iterate(Kind.PROJECT)})

        def adding(name: str) -> Callable[[Tx], object]:
            def intent(tx: Tx) -> None:
                tx.put(Kind.PROJECT, {"id": name})
                tx.after_commit(lambda: memory.add(name))

            return intent

        rebuilt: list[set[str]] = []
        store.on_rollback(rebuild)
        store.write(adding("before"))
        hold = Hold(store)
        futures: list[Future[Any]] = [store.post(adding(f"p{n}")) for n in range(3)]
        futures.append(store.post(lambda tx: tx.get(Kind.PROJECT, "p1")))  # it has read what is not to be
        broken.set()
        for future in [hold.let_go(), *futures]:
            with pytest.raises(StoreError, match="the disk is gone") as caught:
                future.result(30)
            assert isinstance(caught.value.__cause__, OSError)
        broken.clear()
        assert memory == {"before"}
        # a commit may have reached the disk before it failed: memory follows the store, whichever it was
        assert rebuilt[-1] == ({"before"} if point == "before commit" else {"before", "p0", "p1", "p2"})
        store.write(adding("later"))
        assert store.get(Kind.PROJECT, "later")
        store.close()

    def test_closing_finishes_what_was_posted_and_refuses_more(self, tmp_path: Path) -> None:
        store = self.open_store(tmp_path / "data")
        hold = Hold(store)
        future = store.post(lambda tx: tx.put(Kind.PROJECT, {"id": "p1"}))
        closing = threading.Thread(target=store.close)
        closing.start()
        hold.release()
        closing.join(30)
        assert future.done()
        assert future.exception() is None
        with pytest.raises(StoreError, match="closed"):
            store.write(lambda _: None)
        with pytest.raises(StoreError, match="closed"):
            store.get(Kind.PROJECT, "p1")
        store.close()
        again = self.open_store(tmp_path / "data")
        assert again.get(Kind.PROJECT, "p1") == {"id": "p1"}
        again.close()

    def test_many_threads_read_and_write_at_once(self, store: Store) -> None:
        def work(n: int) -> None:
            for step in range(20):
                name = f"p{n}-{step}"
                store.write(lambda tx, name=name: tx.put(Kind.PROJECT, {"id": name}))  # type: ignore[misc]
                if store.get(Kind.PROJECT, name) is None:
                    lost.append(name)

        lost: list[str] = []
        threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert lost == []
        assert store.count(Kind.PROJECT) == 320
        assert store.commits <= 320
