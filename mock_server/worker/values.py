"""Values on their way between nodes: the engine has them by port id, functions and rows by port name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dtlpipe.graph.schedule import Task
from mock_server.runners.blueprint import ABSENT, NodeSpec


def sockets(spec: NodeSpec, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """A node's outputs by port id, from those by port name."""
    return {port.id: outputs[port.name] for port in spec.outputs if port.name in outputs}


def bound(spec: NodeSpec, task: Task, variables: Mapping[str, Any], run_inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The input of one execution by parameter name: ports first, then what else the run was given.

    A port that receives None, or nothing, takes its variable or its default, if it has one.
    """
    found: dict[str, Any] = {}
    for port in spec.inputs:
        value = task.inputs.get(port.id, ABSENT)
        if value is ABSENT or value is None:
            if port.variable is not None and port.variable in variables:
                value = variables[port.variable]
            elif port.default is not ABSENT:
                value = port.default
        if value is not ABSENT:
            found[port.name] = value
    for name, value in run_inputs.items():
        found.setdefault(name, value)
    return found
