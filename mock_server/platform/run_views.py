"""A run as the wire shows it: what its row says, with its nodes and their executions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.platform.actions.progress import told_of_nodes
from mock_server.platform.execution_views import partial_execution
from mock_server.platform.passing import merge_counts
from mock_server.runners.policies import RunTerms
from mock_server.store.base import Document, ExecutionRow, RunRow


def cycle(row: RunRow, executions: list[ExecutionRow], revision: Mapping[str, Any], base: str) -> Document:
    """A run as the wire shows it. A node that the run did not reach is `pending`.

    A run that is to begin again shows the executions that it has, and no end.
    """
    terms = RunTerms.of(row.extra)
    told = told_of_nodes(row)
    ended_at, error = (None, None) if row.status == lifecycle.RERUN else (row.ended_at, row.error)
    by_node: dict[str, list[ExecutionRow]] = defaultdict(list)
    for each in executions:
        if each.node_id is not None:
            by_node[each.node_id].append(each)
    nodes = []
    for node in revision.get("nodes") or ():
        rows = by_node.get(node["id"], [])
        nodes.append(
            {
                "id": node["id"],
                "name": node["name"],
                "type": node.get("type"),
                "namespace": node.get("namespace"),
                "projectId": node.get("projectId"),
                "metadata": {},
                "status": lifecycle.node_status([each.status for each in rows])
                if rows
                else told.get(node["id"], lifecycle.PENDING),
                "attempts": sum(each.attempt for each in rows),
                "createdAt": times.to_wire(rows[0].created_at if rows else row.created_at),
                "updatedAt": times.to_wire(rows[-1].updated_at if rows else row.created_at),
                "duration": _seconds(rows[0].started_at, rows[-1].ended_at) if rows else None,
            }
        )
    return {
        "id": row.id,
        "pipelineId": row.pipeline_id,
        "projectId": row.project_id,
        "revisionId": row.revision_id,
        "pipelineVersionNumber": revision.get("number"),
        "status": row.status,
        "creator": row.creator,
        "createdAt": times.to_wire(row.created_at),
        "updatedAt": times.to_wire(row.updated_at),
        "startedAt": times.to_wire(row.started_at) if row.started_at else None,
        "endedAt": times.to_wire(ended_at) if ended_at else None,
        "duration": _seconds(row.started_at, ended_at),
        "maxAttempts": max((each.max_attempts for each in executions), default=1),
        "nodes": nodes,
        "executions": {node: [partial_execution(each) for each in rows] for node, rows in by_node.items()},
        "mergeCount": merge_counts(revision, by_node),
        "inputs": row.inputs,
        "startNodeId": row.start_node,
        "batchId": row.batch_id,
        "testMode": row.test_mode,
        "priority": row.priority,
        "paused": row.paused,
        "timeout": terms.timeout,
        "deadlineAt": times.to_wire(terms.deadline_at) if terms.deadline_at else None,
        "parentExecutionId": terms.parent_execution,
        "error": error,
        "transitionErrors": row.transition_errors or [],
        "url": f"{base}/pipelines/{row.pipeline_id}/executions/{row.id}",
    }


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return round((end - start).total_seconds(), 3) if start and end else None
