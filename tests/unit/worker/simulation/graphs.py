"""Random pipelines whose nodes are pure functions: what a run of one comes to is known before it is run."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import attrs

from dtlpipe.graph.elements import Turn
from dtlpipe.graph.fanning import closed_element
from mock_server.runners.blueprint import Blueprint, NodeSpec
from tests.unit.worker.playing import blueprint, edge, node, port

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
    """`ordered` is set if what a node gets depends on which of several arrivals comes first.

    `lists` are the nodes that return a list, with its length.
    """

    plan: Blueprint
    ordered: bool
    lists: dict[str, int] = attrs.field(factory=dict)


def made(rng: Random, config: Callable[[], dict[str, Any]]) -> Graph:
    """One to six nodes; each port of a node but the first has one connection or several. `config` makes theirs."""
    names = "abcdef"[: rng.randint(1, 6)]
    nodes, edges, streamed, ordered = [], [], set(), False
    for index, name in enumerate(names):
        ports = ["x"] if index == 0 else [f"x{number}" for number in range(rng.choice((1, 1, 1, 2, 2, 3)))]
        nodes.append(node(name, inputs=ports, config=config()))
        for each in ports if index else ():
            sources = rng.sample(names[:index], min(index, rng.choice((1, 1, 1, 1, 2))))
            edges += [edge(f"{source}.y", f"{name}.{each}") for source in sources]
            if len(sources) > 1 or streamed & set(sources):
                streamed.add(name)
        ordered = ordered or (name in streamed and len(ports) > 1)
    return Graph(blueprint(nodes, edges), ordered)


def spread(rng: Random, config: Callable[[], dict[str, Any]]) -> Graph:
    """Two to seven nodes, of which some spread a list that another returns, or collect what its elements came to.

    Lists that are paired are of one length mostly; where they are not, all runs fail, and the reference too.
    """
    names = "abcdefg"[: rng.randint(2, 7)]
    length = rng.choice((0, 1, 2, 2, 3, 4))
    lists: dict[str, int] = {}
    ordered = False
    nodes, edges = [], []
    for index, name in enumerate(names):
        makes_list = rng.random() < (0.9 if index == 0 else 0.35)
        if makes_list:
            lists[name] = length if rng.random() < 0.95 else length + 1
        inputs = []
        ports = ["x"] if index == 0 else [f"x{number}" for number in range(rng.choice((1, 1, 1, 2, 2)))]
        for each in ports:
            source = rng.choice(names[:index]) if index else None
            whole = source is None or (source in lists and rng.random() < 0.25)
            collects = source is not None and source not in lists and rng.random() < 0.35
            inputs.append(port(each, id=f"{name}.{each}", type="Json[]" if collects or (whole and source) else "Json"))
            if source is not None:
                edges.append(edge(f"{source}.y", f"{name}.{each}"))
                if rng.random() < 0.06 and (other := rng.choice(names[:index])) != source:
                    edges.append(edge(f"{other}.y", f"{name}.{each}"))
                    ordered = True
        made = node(name, inputs=(), outputs=(), config=config(), ports=inputs)
        if rng.random() < 0.08:
            made["type"] = "task"  # it waits for people, and takes no place
        made["outputs"] = [port("y", id=f"{name}.y", type="Json[]" if makes_list else "Json")]
        nodes.append(made)
    return Graph(blueprint(nodes, edges), ordered, lists)


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


def output(row: Any, lists: Mapping[str, int] | None = None) -> dict[str, Any]:
    """What an execution returns: its node and its inputs, in few letters; or a list of such, of a node of `lists`."""
    text = f"{row.node_id or row.service_id}:{sorted(row.input.items())}"
    value = f"{row.node_id or row.service_id}-{zlib.crc32(text.encode()):08x}"
    length = (lists or {}).get(row.node_id)
    return {"y": value if length is None else [f"{value}.{index}" for index in range(length)]}


def closed(graph: Graph, spec: NodeSpec, outputs: dict[str, Any]) -> tuple[int, ...]:
    """The connections that are not taken: the value decides, unless it depends on the order of arrivals itself."""
    plan, fans = graph.plan.plan, graph.plan.fans
    edges, count = plan.edges_from(spec.id), len(plan.edges)
    said = "" if graph.ordered else f"{outputs}"
    found = [each for each in edges if zlib.crc32(f"{said}{each}".encode()) % 5 == 0]
    for each in edges if fans is not None else ():
        if fans is not None and fans.turns.get(each) is Turn.FAN:
            parts = enumerate(range(len(outputs["y"])) if graph.ordered else outputs["y"])
            found += [
                closed_element(each, i, count) for i, part in parts if zlib.crc32(f"{part}{each}".encode()) % 6 == 0
            ]
    return tuple(found)
