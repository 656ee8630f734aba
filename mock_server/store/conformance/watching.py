"""What those ask who watch a store: counts, histories, sizes."""
# ruff: noqa: S101 - these are tests

from __future__ import annotations

from mock_server.store.base import Kind, Store
from mock_server.store.conformance.subjects import Suite, a_run, an_execution


class WatchConformance(Suite):
    """The questions of `store.inspection`."""

    def test_a_store_without_history_says_so(self, store: Store) -> None:
        inspection = store.inspection
        assert inspection.last_event() == 0
        assert inspection.event_counts(0, 10) == {}
        assert inspection.happenings() == []
        assert inspection.integrity() == []
        assert inspection.size() > 0

    def test_events_are_counted_told_and_kept_by_run(self, store: Store) -> None:
        run, execution = a_run(), an_execution()
        execution.run_id = run.id
        store.write(lambda tx: tx.insert_runs([run]))
        store.write(lambda tx: tx.insert_executions([execution]))
        for status in ("success", "failed"):
            store.write(lambda tx: tx.append_event(run.id, execution.id, "execution.started", {}))
            store.write(lambda tx, s=status: tx.append_event(run.id, execution.id, "execution.ended", {"status": s}))  # type: ignore[misc]
        inspection = store.inspection
        last = inspection.last_event()
        assert inspection.event_counts(0, last) == {
            ("execution.started", ""): 2,
            ("execution.ended", "success"): 1,
            ("execution.ended", "failed"): 1,
        }
        assert inspection.event_counts(last - 1, last) == {("execution.ended", "failed"): 1}
        assert [kind for _, kind, _ in inspection.history([run.id])[run.id]] == [
            "execution.started",
            "execution.ended",
            "execution.started",
            "execution.ended",
        ]
        told = inspection.happenings(pipeline_id=run.pipeline_id)
        assert [each.run_id for each in told] == [run.id] * 4
        assert inspection.happenings(told[-2].id, run_id=run.id) == told[-1:]
        assert inspection.happenings(project_id="another") == []

    def test_documents_name_their_blobs(self, store: Store) -> None:
        store.write(lambda tx: tx.put(Kind.ITEM, {"id": "i1", "datasetId": "d", "filename": "/a", "_blob": "ab" * 32}))
        assert list(store.inspection.blob_names()) == [(Kind.ITEM, "i1", "ab" * 32)]
