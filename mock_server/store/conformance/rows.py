"""Runs, executions, events and log lines."""
# ruff: noqa: S101 - these are tests

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from dtlpipe.errors import Conflict
from mock_server.store.base import Store, Tx
from mock_server.store.conformance.subjects import NOW, Suite, a_line, a_run, an_execution


class RowConformance(Suite):
    """Rows of work."""

    def test_runs_come_back_as_they_were_inserted(self, store: Store) -> None:
        bare = a_run()
        full = a_run(
            batch_id="b1",
            start_node="n1",
            test_mode=True,
            inputs={"x": [1, {"y": 2**65}]},
            error={"message": "no"},
            transition_errors=[{"error": "x"}],
            started_at=NOW,
            ended_at=NOW + timedelta(seconds=1),
        )
        store.write(lambda tx: tx.insert_runs([bare, full]))
        assert store.get_run(bare.id) == bare
        assert store.get_run(full.id) == full
        assert store.get_run("nobody") is None
        with pytest.raises(Conflict):
            store.write(lambda tx: tx.insert_runs([a_run(), full]))

    def test_executions_come_back_as_they_were_inserted(self, store: Store) -> None:
        bare = an_execution()
        full = an_execution(
            run_id="r",
            node_id="n",
            visit=2,
            pipeline_id="p",
            project_id="q",
            service_id="s",
            service_name="svc",
            attempt=2,
            max_attempts=3,
            fence=7,
            worker="w",
            lease_until=NOW,
            input={"item": {"id": "i"}},
            output=[1, "two"],
            closed=[0, 3],
            error={"message": "m"},
            percent=12.5,
            message="half",
            batch_id="b",
            to_terminate=True,
            started_at=NOW,
            ended_at=NOW,
            seq=5,
            log=[{"status": "created"}],
        )
        store.write(lambda tx: tx.insert_executions([bare, full]))
        assert store.get_execution(bare.id) == bare
        assert store.get_execution(full.id) == full
        assert store.executions_of(["r", "none"]) == {"r": [full], "none": []}

    def test_an_update_sets_what_is_named_and_nothing_else(self, store: Store) -> None:
        run = a_run(inputs={"x": 1})
        store.write(lambda tx: tx.insert_runs([run]))
        assert store.write(lambda tx: tx.update_run(run.id, status="in-progress", started_at=NOW))
        run.status, run.started_at = "in-progress", NOW
        assert store.get_run(run.id) == run
        assert not store.write(lambda tx: tx.update_run("nobody", status="failed"))
        with pytest.raises(TypeError, match="colour"):
            store.write(lambda tx: tx.update_run(run.id, colour="red"))

    def test_a_change_with_an_old_fence_or_from_another_status_is_refused(self, store: Store) -> None:
        execution = an_execution(fence=1)
        store.write(lambda tx: tx.insert_executions([execution]))

        def update(**fields: Any) -> bool:
            return store.write(lambda tx: tx.update_execution(execution.id, **fields))

        assert update(fence=1, expect=("created", "queue"), new_fence=2, status="in-progress", worker="w1")
        assert not update(fence=1, status="success", output="stale")
        assert not update(fence=2, expect=["created"], status="success")
        assert not update(expect=[], status="success")
        found = store.get_execution(execution.id)
        assert found is not None
        assert (found.status, found.fence, found.output, found.worker) == ("in-progress", 2, None, "w1")
        assert update(fence=2, expect={"in-progress"}, status="success", output={"x": 1})

    def test_what_is_open_and_what_is_counted_follow_the_status(self, store: Store) -> None:
        runs = [a_run(batch_id="b" if n < 2 else None) for n in range(4)]
        executions = [an_execution(run_id=run.id, pipeline_id="pipe", node_id="n1") for run in runs]

        def begin(tx: Tx) -> None:
            tx.insert_runs(runs)
            tx.insert_executions([*executions, an_execution()])

        def finish(tx: Tx) -> None:
            tx.update_run(runs[0].id, status="success")
            tx.update_execution(executions[0].id, status="success")
            tx.update_run(runs[1].id, status="failed")
            tx.update_run(runs[1].id, status="rerun")

        store.write(begin)
        store.write(finish)
        assert [run.id for run in store.open_runs()] == [run.id for run in runs[1:]]
        assert executions[0].id not in {each.id for each in store.open_executions()}
        assert len(store.open_executions()) == 4
        assert [each.run_id for each in store.write(lambda tx: tx.open_calls())] == [None]
        assert store.run_counts("pipe") == {"success": 1, "rerun": 1, "pending": 2}
        assert store.run_counts(batch_id="b") == {"success": 1, "rerun": 1}
        assert store.run_counts("other") == {}
        assert store.node_counts("pipe") == {"n1": {"success": 1, "created": 3}}

    def test_what_was_created_before_a_time_is_left_out_of_the_counts(self, store: Store) -> None:
        early, late = NOW, NOW + timedelta(milliseconds=1)

        def fill(tx: Tx) -> None:
            tx.insert_runs([a_run(created_at=when) for when in (early, late)])
            executions = [an_execution(created_at=when, pipeline_id="pipe", node_id="n1") for when in (early, late)]
            tx.insert_executions(executions)

        store.write(fill)
        zone = timezone(timedelta(hours=5))
        assert store.run_counts("pipe", since=early) == {"pending": 2}
        assert store.run_counts("pipe", since=late.astimezone(zone)) == {"pending": 1}
        assert store.node_counts("pipe", since=late) == {"n1": {"created": 1}}

    def test_times_of_any_zone_come_back_as_the_same_moment(self, store: Store) -> None:
        run = a_run(created_at=NOW.astimezone(timezone(timedelta(hours=-3))))
        store.write(lambda tx: tx.insert_runs([run]))
        found = store.get_run(run.id)
        assert found is not None
        assert found.created_at == NOW
        assert found.created_at.utcoffset() == timedelta(0)

    def test_events_are_numbered_in_order_and_numbers_are_not_used_twice(self, tmp_path: Path) -> None:
        store = self.open_store(tmp_path / "data")

        def undone(tx: Tx) -> None:
            lost.append(tx.append_event("r1", None, "lost", {}))
            raise ValueError("on purpose")

        lost: list[int] = []
        first = store.write(lambda tx: tx.append_event("r1", "e1", "started", {"x": 1}, NOW))
        with pytest.raises(ValueError, match="on purpose"):
            store.write(undone)
        second = store.write(lambda tx: tx.append_event("r2", None, "started", {}))
        assert first < lost[0] < second
        store.close()
        store = self.open_store(tmp_path / "data")
        third = store.write(lambda tx: tx.append_event("r1", None, "done", {}))
        assert third > second
        assert [event.id for event in store.events()] == [first, second, third]
        assert [event.kind for event in store.events("r1")] == ["started", "done"]
        assert [event.id for event in store.events(after_id=first, limit=1)] == [second]
        event = store.events("r1")[0]
        assert (event.execution_id, event.at, event.body) == ("e1", NOW, {"x": 1})
        store.close()

    def test_a_run_that_is_deleted_takes_all_that_is_its_own_along(self, store: Store) -> None:
        gone, kept = a_run(surface="reports"), a_run()

        def fill(tx: Tx) -> None:
            tx.insert_runs([gone, kept])
            for run in (gone, kept):
                tx.insert_executions([an_execution(id=f"of-{run.id}", run_id=run.id)])
                tx.append_event(run.id, None, "run.started", {})
                tx.append_logs([a_line("one", run_id=run.id)])

        store.write(fill)
        assert [run.id for run in store.find_runs(where={"surface": "reports"})[0]] == [gone.id]
        assert store.write(lambda tx: tx.delete_run(gone.id))
        assert not store.write(lambda tx: tx.delete_run(gone.id))
        assert store.get_run(gone.id) is None
        assert store.executions_of([gone.id, kept.id])[gone.id] == []
        assert len(store.executions_of([kept.id])[kept.id]) == 1
        assert (store.events(gone.id), store.logs(run_id=gone.id)) == ([], [])
        assert (len(store.events(kept.id)), len(store.logs(run_id=kept.id))) == (1, 1)

    def test_log_lines_are_found_by_who_wrote_them_how_grave_and_what(self, store: Store) -> None:
        lines = [
            a_line("one"),
            a_line("Two of them", level="ERROR", execution_id="e2"),
            a_line("three", level="debug", run_id=None, service_id=None),
            a_line("four \x00\ud800", level="warning", service_id="s2", execution_id=None),
        ]
        numbers = store.write(lambda tx: tx.append_logs(lines))
        assert [line.id for line in store.logs()] == numbers

        def found(**criteria: Any) -> list[str]:
            return [line.message for line in store.logs(**criteria)]

        assert found() == ["one", "Two of them", "three", "four \ufffd?"]
        assert found(execution_ids=["e1"]) == ["one", "three"]
        assert found(execution_ids=["e2", "e1"], level="info") == ["one", "Two of them"]
        assert found(run_id="r1", service_id="s2") == ["four \ufffd?"]
        assert found(level="WARNING") == ["Two of them", "four \ufffd?"]
        assert found(text="two") == ["Two of them"]
        assert found(text="o", limit=2) == ["one", "Two of them"]
        first, second, *_ = store.logs()
        assert first.id is not None
        assert second.id is not None
        assert [line.message for line in store.logs(after_id=second.id)] == ["three", "four \ufffd?"]
        assert (first.at, first.level, first.stream, first.execution_id) == (NOW, "INFO", "stdout", "e1")

    def test_log_lines_are_found_by_when_and_by_which_function_they_were_written(self, store: Store) -> None:
        later = NOW + timedelta(seconds=1)
        writers = [an_execution(id="e1"), an_execution(id="e2", function_name="other")]
        store.write(lambda tx: tx.insert_executions(writers))
        store.write(lambda tx: tx.append_logs([a_line("one"), a_line("two", at=later, execution_id="e2")]))

        def found(**criteria: Any) -> list[str]:
            return [line.message for line in store.logs(**criteria)]

        assert found(since=NOW, until=later) == ["one", "two"]
        assert found(since=NOW + timedelta(milliseconds=1)) == found(since=later) == ["two"]
        assert found(until=NOW) == ["one"]
        assert found(function_name="other") == ["two"]
        assert found(function_name="nobody") == []
