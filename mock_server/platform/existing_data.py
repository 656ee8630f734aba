"""Dataset nodes that load what is there already: one batch over their dataset, begun by the first install.

Law: once. A node whose batch was begun is marked with its command, and the batch's key makes a repetition harmless, so
that an install that was cut short in between loads nothing twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mock_server.store.base import Document

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: The key in a node's metadata: `{"active", "filter"?: JSON text, "triggered"?, "commandId"?}`.
LOADS = "triggerToPipeline"


def due(pipeline: Mapping[str, Any]) -> Iterator[Document]:
    """The nodes that are to load their dataset and have not."""
    for node in pipeline["nodes"]:
        loads = node["metadata"].get(LOADS) if node["type"] == "storage" else None
        if isinstance(loads, Mapping) and loads.get("active") and not loads.get("triggered"):
            yield node


def load(platform: Platform, pipeline: Mapping[str, Any], user: str) -> dict[str, str]:
    """Begins a run for each item that is there; returns the id of each node's command. It must be installed."""
    return {node["id"]: _begin(platform, pipeline["id"], node, user) for node in due(pipeline)}


def _begin(platform: Platform, pipeline_id: str, node: Mapping[str, Any], user: str) -> str:
    query = {
        "filter": {"$and": [*_predicates(node["metadata"])]},
        "context": {"datasets": [node["metadata"]["datasetId"]]},
    }
    digest = hashlib.sha256(json.dumps(query, sort_keys=True).encode()).hexdigest()[:16]
    command = platform.runs.start_batch(
        pipeline_id,
        query=query,
        node_id=node["id"],
        creator=user,
        idempotency_key=f"existing-data:{pipeline_id}:{node['id']}:{digest}",
    )
    command_id: str = command["id"]
    return command_id


def _predicates(metadata: Mapping[str, Any]) -> Iterator[Document]:
    yield {"hidden": False}
    yield {"type": "file"}
    folder = metadata.get("dir")
    if isinstance(folder, str) and folder.strip("/"):
        yield {"filename": f"/{folder.strip('/')}/**"}
    chosen = metadata[LOADS].get("filter")
    query = json.loads(chosen) if isinstance(chosen, str) and chosen else chosen
    if query:
        yield query


def marked(pipeline: Document, commands: Mapping[str, str]) -> Document:
    """The pipeline whose nodes say which command loads for them."""
    return {
        **pipeline,
        "nodes": [
            node
            if node["id"] not in commands
            else {
                **node,
                "metadata": {
                    **node["metadata"],
                    LOADS: {**node["metadata"][LOADS], "triggered": True, "commandId": commands[node["id"]]},
                },
            }
            for node in pipeline["nodes"]
        ],
    }
