"""Random pipelines whose nodes are pure functions: what a run of one comes to is known before it is run."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from random import Random
from typing import Any

import attrs

from mock_server.runners.blueprint import Blueprint, NodeSpec
from tests.unit.worker.playing import blueprint, edge, node

#: Limits have the same numbers wherever they are named.
LIMITS = (
    {"key": "one", "concurrency": 1},
    {"key": "two", "concurrency": 2},
    {"key": "slow", "rate": 1, "per": 3.0, "burst": 2},
    {"key": "both", "concurrency": 1, "rate": 2, "per": 5.0},
    {"key": "each", "concurrency": 1, "by": "x"},
)
CAUSES = ("exception", "timeout", "memory", "exit", "signal", "output")


@attrs.frozen
class Graph:
    """`ordered` is set if what a node gets depends on which of several arrivals comes first."""

    plan: Blueprint
    ordered: bool


def made(rng: Random, config: Callable[[], dict[str, Any]]) -> Graph:
    """One to six nodes; each port of a node but the first has one connection or several. `config` makes theirs."""
    names = "abcdef"[: rng.randint(1, 6)]
    nodes, edges, streamed, ordered = [], [], set(), False
    for index, name in enumerate(names):
        ports = ["x"] if index == 0 else [f"x{number}" for number in range(rng.choice((1, 1, 1, 2, 2, 3)))]
        nodes.append(node(name, inputs=ports, config=config()))
        for port in ports if index else ():
            sources = rng.sample(names[:index], min(index, rng.choice((1, 1, 1, 1, 2))))
            edges += [edge(f"{source}.y", f"{name}.{port}") for source in sources]
            if len(sources) > 1 or streamed & set(sources):
                streamed.add(name)
        ordered = ordered or (name in streamed and len(ports) > 1)
    return Graph(blueprint(nodes, edges), ordered)


def config(rng: Random) -> dict[str, Any]:
    """A `serviceConfig`, of a node or of a service."""
    found: dict[str, Any] = {"maxAttempts": rng.choice((1, 1, 2, 3))}
    if rng.random() < 0.3:
        found["retryPolicy"] = {
            "maxAttempts": rng.randint(1, 4),
            "initialInterval": rng.choice((0, 0.5, 20)),
            "backoffCoefficient": rng.choice((1, 2, 10)),
            "maximumInterval": 60,
            "jitter": rng.choice(("full", "none")),
            **rng.choice(({}, {"retryOn": ["OSError"]}, {"noRetryOn": ["OSError"]})),
        }
    if rng.random() < 0.3:
        found["limits"] = rng.sample(LIMITS, rng.choice((1, 1, 2)))
    return found


def output(row: Any) -> dict[str, Any]:
    """What an execution returns: its node and its inputs, in few letters."""
    text = f"{row.node_id or row.service_id}:{sorted(row.input.items())}"
    return {"y": f"{row.node_id or row.service_id}-{zlib.crc32(text.encode()):08x}"}


def closed(plan: Blueprint, spec: NodeSpec, outputs: dict[str, Any]) -> tuple[int, ...]:
    """The connections that are not taken, which the value decides."""
    return tuple(each for each in plan.plan.edges_from(spec.id) if zlib.crc32(f"{outputs}{each}".encode()) % 5 == 0)
