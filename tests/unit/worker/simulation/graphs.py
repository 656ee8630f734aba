"""Random pipelines whose nodes are pure functions: what a run of one comes to is known before it is run."""

from __future__ import annotations

import zlib
from random import Random
from typing import Any

import attrs

from mock_server.runners.blueprint import Blueprint, NodeSpec
from tests.unit.worker.playing import blueprint, edge, node

CAUSES = ("exception", "timeout", "memory", "exit", "signal", "output")


@attrs.frozen
class Graph:
    """`ordered` is set if what a node gets depends on which of several arrivals comes first."""

    plan: Blueprint
    ordered: bool


def made(rng: Random, config: Any = dict) -> Graph:
    """One to six nodes; each port of a node but the first has one connection or several. `config` makes theirs."""
    names = "abcdef"[: rng.randint(1, 6)]
    nodes, edges, streamed, ordered = [], [], set(), False
    for index, name in enumerate(names):
        ports = ["x"] if index == 0 else [f"x{number}" for number in range(rng.choice((1, 1, 1, 2, 2, 3)))]
        nodes.append(node(name, inputs=ports, config={"maxAttempts": rng.choice((1, 1, 2, 3)), **config()}))
        for port in ports if index else ():
            sources = rng.sample(names[:index], min(index, rng.choice((1, 1, 1, 1, 2))))
            edges += [edge(f"{source}.y", f"{name}.{port}") for source in sources]
            if len(sources) > 1 or streamed & set(sources):
                streamed.add(name)
        ordered = ordered or (name in streamed and len(ports) > 1)
    return Graph(blueprint(nodes, edges), ordered)


def output(row: Any) -> dict[str, Any]:
    """What an execution returns: its node and its inputs, in few letters."""
    text = f"{row.node_id or row.service_id}:{sorted(row.input.items())}"
    return {"y": f"{row.node_id or row.service_id}-{zlib.crc32(text.encode()):08x}"}


def closed(plan: Blueprint, spec: NodeSpec, outputs: dict[str, Any]) -> tuple[int, ...]:
    """The connections that are not taken, which the value decides."""
    return tuple(each for each in plan.plan.edges_from(spec.id) if zlib.crc32(f"{outputs}{each}".encode()) % 5 == 0)
