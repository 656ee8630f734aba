"""What a pipeline of actions is made of: its actions as nodes in a row, and back. Pure.

Another vocabulary may change such a pipeline as far as it stays one: what its nodes then say is what its actions are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from dtlpipe.errors import BadRequest
from mock_server.platform.actions.progress import node_id
from mock_server.platform.definitions import completed
from mock_server.platform.service_config import config_errors
from mock_server.store.base import Document

PROJECT_ID = "9f0ad7f6-5f1c-4c58-9f57-0f6b1c1d5a10"

_LONGEST_NAME = 255


def graph(actions: Sequence[Mapping[str, Any]]) -> Document:
    """Nodes, connections and start node for these actions."""
    nodes = [_node(index, dict(each)) for index, each in enumerate(actions)]
    return {
        "nodes": nodes,
        "connections": [
            {
                "src": {"nodeId": before["id"], "portId": before["outputs"][0]["portId"]},
                "tgt": {"nodeId": after["id"], "portId": after["inputs"][0]["portId"]},
            }
            for before, after in pairwise(nodes)
        ],
        "startNodes": [{"nodeId": nodes[0]["id"], "type": "root"}] if nodes else [],
        "variables": [],
    }


def _node(index: int, action: Document) -> Document:
    id = node_id(index)
    config = {
        key: value
        for key, value in (("executionTimeout", action.get("timeout")), ("maxAttempts", action.get("max_attempts")))
        if value is not None
    }
    if action.get("memory_limit") is not None:
        config["runtime"] = {"memoryLimit": action["memory_limit"]}
    outputs = ("params", "result", "artifacts_path")
    return {
        "id": id,
        "name": action.get("name") or f"action_{index}",
        "type": "action",
        "projectId": PROJECT_ID,
        "inputs": [{"portId": f"{id}-in", "name": "params", "type": "Json", "io": "input"}],
        "outputs": [{"portId": f"{id}-{each}", "name": each, "type": "Json", "io": "output"} for each in outputs],
        "namespace": {"functionName": action.get("name") or f"action_{index}", "packageName": action.get("entrypoint")},
        "metadata": {"serviceConfig": config} if config else {},
        "config": {"action": {**action, "index": index}},
    }


def as_nodes_say(pipeline: Document, doing: str) -> Document:
    """The pipeline with the actions that its nodes are. Raises BadRequest if they are none, or not in a row."""
    nodes = {each["id"]: each for each in pipeline["nodes"]}
    given = [nodes.get(node_id(index)) for index in range(len(pipeline["nodes"]))]
    actions = [_action(each) for each in given if each is not None]
    known = [each for each in actions if each is not None]
    wanted = completed(graph(known))
    if len(known) < len(given) or _shape(wanted) != _shape(pipeline):
        raise BadRequest(
            f"{doing}: {pipeline['name']!r} is a pipeline of actions, and would no longer be one: its nodes are of the "
            f"type 'action', named {node_id(0)}, {node_id(1)} and so on, and each gives the next one its `params`",
            hint=f"change its actions in the run service: PUT /synapse/api/v1/pipelines/{pipeline['id']}",
        )
    for made in wanted["nodes"]:
        made["metadata"] = nodes[made["id"]]["metadata"]
    return {**pipeline, "nodes": wanted["nodes"], "actions": known}


def _shape(pipeline: Mapping[str, Any]) -> Document:
    """What must be as it is in a row of actions, whatever a client has made of it."""
    return {
        "ports": {
            (each["id"], side, port["portId"], port["name"])
            for each in pipeline["nodes"]
            for side in ("inputs", "outputs")
            for port in each[side]
        },
        "connections": sorted(
            [
                *(str((each.get(end) or {}).get(key)) for end in ("src", "tgt") for key in ("nodeId", "portId")),
                str(each.get("action") or ""),
                str(each.get("condition") or ""),
            ]
            for each in pipeline["connections"]
        ),
        "starts": [(each.get("nodeId"), each.get("type")) for each in pipeline["startNodes"]],
    }


def _action(node: Mapping[str, Any]) -> Document | None:
    """The action that a node stands for, under the node's name and on its terms; None if it stands for none."""
    action, name = (node.get("config") or {}).get("action"), node.get("name")
    config = node["metadata"].get("serviceConfig") or {}
    if (
        node["type"] != "action"
        or not isinstance(name, str)
        or not 0 < len(name) <= _LONGEST_NAME
        or not isinstance(action, Mapping)
        or not isinstance(action.get("entrypoint"), str)
        or config_errors(config)
    ):
        return None
    terms = {
        "timeout": config.get("executionTimeout"),
        "max_attempts": config.get("maxAttempts"),
        "memory_limit": (config.get("runtime") or {}).get("memoryLimit"),
    }
    kept = {key: value for key, value in action.items() if key not in ("index", *terms)}
    return {**kept, "name": name, **{key: value for key, value in terms.items() if value is not None}}
