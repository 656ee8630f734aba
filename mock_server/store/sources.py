"""What can be searched, and by which words: the documents of each kind, runs, and executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from mock_server.store.base import Document, Kind
from mock_server.store.codec import RowCodec, loads
from mock_server.store.find import Source, Values
from mock_server.store.pushdown import Field
from mock_server.store.rows import EXECUTIONS, RUNS
from mock_server.store.schema import DOCUMENTS
from mock_server.store.shapes import PROMOTED, paths_of


def _body(row: Values) -> Document:
    document: Document = loads(row[1])
    return document


def _documents(kind: Kind) -> Source:
    table = DOCUMENTS[kind]
    wheres = {key: Field(table.c[each.column], each.type) for key, each in PROMOTED[kind].items()}
    fields = {key: wheres[key] for key, each in PROMOTED[kind].items() if each.source is None and key[0] != "_"}
    return Source(f"{kind}s", table, ("id", "body"), fields, wheres, paths_of(kind), _body)


#: Wire paths of a run's columns.
_RUN_PATHS = {
    "id": "id",
    "pipelineId": "pipeline_id",
    "projectId": "project_id",
    "revisionId": "revision_id",
    "status": "status",
    "latestStatus.status": "status",
    "creator": "creator",
    "batchId": "batch_id",
    "surface": "surface",
    "startNode": "start_node",
    "testMode": "test_mode",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "startedAt": "started_at",
    "endedAt": "ended_at",
}
#: Wire paths of an execution's columns; a node's execution says where it belongs under `pipeline`.
_EXECUTION_PATHS = {
    "id": "id",
    "functionName": "function_name",
    "status": "status",
    "latestStatus.status": "status",
    "latestStatus.percentComplete": "percent",
    "latestStatus.message": "message",
    "creator": "creator",
    "serviceId": "service_id",
    "serviceName": "service_name",
    "projectId": "project_id",
    "pipelineId": "pipeline_id",
    "runId": "run_id",
    "nodeId": "node_id",
    "pipeline.id": "pipeline_id",
    "pipeline.executionId": "run_id",
    "pipeline.nodeId": "node_id",
    "batchId": "batch_id",
    "attempts": "attempt",
    "maxAttempts": "max_attempts",
    "toTerminate": "to_terminate",
    "worker": "worker",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "startedAt": "started_at",
    "endedAt": "ended_at",
}


def _rows(noun: str, codec: RowCodec[Any], wire: Mapping[str, str]) -> Source:
    columns = codec.table.c
    fields = {path: Field(columns[name], _python_type(columns[name])) for path, name in wire.items()}
    places = [(path.split("."), codec.names.index(name), fields[path].type is bool) for path, name in wire.items()]

    def document(row: Values) -> Document:
        """The row as the wire nests it, as far as filters may look."""
        found: Document = {}
        for (*parents, key), index, is_bool in places:
            inner = found
            for parent in parents:
                inner = inner.setdefault(parent, {})
            inner[key] = bool(row[index]) if is_bool else row[index]
        return found

    paths = {"projectId": "projectId"}
    return Source(
        noun, codec.table, codec.names, fields, fields, paths, document, newest_first=True, closed=True, page_size=100
    )


def _python_type(column: sa.Column[Any]) -> type:
    return column.type.python_type


SOURCES: dict[Kind, Source] = {kind: _documents(kind) for kind in Kind}
RUN_SOURCE = _rows("runs", RUNS, _RUN_PATHS)
EXECUTION_SOURCE = _rows("executions", EXECUTIONS, _EXECUTION_PATHS)
