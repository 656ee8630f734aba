"""Graphs and drivers that the engine's tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dtlpipe.graph import Graph, InputPort, Plan, RunState, Task, freeze


def optional(name: str, default: Any = None) -> InputPort:
    return InputPort(name, default_value=default)


def lazy(name: str, **options: Any) -> InputPort:
    return InputPort(name, kind="lazy", **options)


def greedy(name: str, **options: Any) -> InputPort:
    return InputPort(name, kind="greedy", **options)


def stream(name: str, **options: Any) -> InputPort:
    return InputPort(name, kind="stream", **options)


def build(
    nodes: Mapping[str, tuple[Iterable[InputPort | str], Iterable[str]]],
    connections: Iterable[str] = (),
) -> Plan:
    """Compile nodes and connections, the latter written "a.out -> b.in"."""
    graph = Graph()
    for name, (inputs, outputs) in nodes.items():
        graph.add_node(name, inputs, outputs)
    for connection in connections:
        left, right = connection.split(" -> ")
        graph.connect(*left.split("."), *right.split("."))
    return freeze(graph)


def ready(state: RunState) -> list[Task]:
    """Hand out all that can run now."""
    return list(iter(state.next, None))


def names(tasks: Iterable[Task]) -> list[str]:
    return [task.node for task in tasks]


def run(state: RunState, call: Callable[[Task], Mapping[str, Any]]) -> list[tuple[str, int, dict[str, Any]]]:
    """Run to the end, one task at a time; return what ran with what."""
    trace = []
    while (task := state.next()) is not None:
        trace.append((task.node, task.visit, task.inputs))
        state.complete(task, call(task))
    assert state.finished
    return trace


def loop(limit: int = 100, **options: Any) -> RunState:
    """A head and a tail that sends back `again` until it says `done`."""
    plan = build(
        {"head": ([lazy("x")], ["y"]), "tail": (["x"], ["again", "done"])},
        ["head.y -> tail.x", "tail.again -> head.x"],
    )
    return RunState(plan, {"head": {"x": 0}}, max_runs_per_node=limit, **options)
