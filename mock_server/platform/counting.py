"""Numbers of a pipeline's runs and executions: how many there are of each status, and how long they took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from dtlpipe.model import times
from mock_server.platform import passes
from mock_server.store.base import Document, ExecutionRow, RunRow

if TYPE_CHECKING:
    from mock_server.store.base import Store


def statistics(store: Store, pipeline_id: str, since: datetime | None) -> Document:
    """In exactly the keys that clients unpack. Executions that a rerun has replaced are not among them."""
    replaced = passes.replaced_of(store, pipeline_id, since)
    nodes = _without(store.node_counts(pipeline_id, since), replaced)
    latest: Document = {"pageSize": 1000}
    if since is not None:
        latest["filter"] = {"createdAt": {"$gte": times.to_wire(since)}}
    runs, _ = store.find_runs(latest, where={"pipelineId": pipeline_id})
    found, _ = store.find_executions(latest, where={"pipelineId": pipeline_id})
    gone = {each.id for each in replaced}
    executions = [each for each in found if each.id not in gone]
    return {
        "pipelineExecutionCounters": _counters(store.run_counts(pipeline_id=pipeline_id, since=since)),
        "nodeExecutionsCounters": [{"nodeId": id, "statusCount": _counters(each)} for id, each in nodes.items()],
        "pipelineExecutionStatistics": _averages(runs),
        "nodeExecutionStatistics": [
            {"nodeId": id, "executionStatistics": _averages([each for each in executions if each.node_id == id])}
            for id in nodes
        ],
    }


def _without(counts: Mapping[str, Mapping[str, int]], replaced: Iterable[ExecutionRow]) -> dict[str, dict[str, int]]:
    """The counts by node and status, without executions that were replaced when their run ran again."""
    found = {node: dict(each) for node, each in counts.items()}
    for row in replaced:
        if row.node_id in found and row.status in found[row.node_id]:
            found[row.node_id][row.status] -= 1
    left = {node: {status: count for status, count in each.items() if count > 0} for node, each in found.items()}
    return {node: each for node, each in left.items() if each}


def _averages(rows: Sequence[RunRow | ExecutionRow]) -> Document:
    took = [(each.ended_at - each.started_at).total_seconds() for each in rows if each.started_at and each.ended_at]
    days = (times.now() - min(each.created_at for each in rows)).total_seconds() / 86400 if rows else 0.0
    return {
        "avgTimePerExecution": round(sum(took) / len(took), 3) if took else 0,
        "avgExecutionsPerDay": round(len(rows) / max(days, 1.0), 3),
    }


def _counters(counts: Mapping[str, int]) -> list[Document]:
    return [{"status": status, "count": count} for status, count in counts.items()]
