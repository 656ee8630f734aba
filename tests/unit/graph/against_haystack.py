"""Compare the machine with the original on random graphs: who ran, in which order, with which inputs, and what came
out.

`tests/clients/test_haystack_machine.py` does so on a few graphs; for more, by command:

    PYTHONPATH=. python tests/unit/graph/against_haystack.py FIRST_SEED COUNT [async]

With `async` it compares concurrent mode without dead paths with the original's asynchronous runs, whose components take
a number of turns on the event loop. Runs of ours take turns: by `run_calls`; task by task; and so, but restored from a
snapshot at every step. Seeds from a million on make dense cyclic graphs of optional inputs.
"""

from __future__ import annotations

import asyncio
import copy
import os
import random
import sys
from collections import Counter
from typing import Any

import attrs

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from haystack import Pipeline, component
from haystack.core.component.types import GreedyVariadic, Variadic
from haystack.core.errors import PipelineComponentsBlockedError as TheirBlocked
from haystack.core.errors import PipelineMaxComponentRuns as TheirLimit

from dtlpipe.graph import Graph, InputPort, PipelineMaxComponentRuns, Plan, RunState, Task, freeze
from dtlpipe.graph.drive import run_calls

TYPES: dict[str, Any] = {
    "standard": str,
    "standard?": str,
    "lazy": Variadic[str],
    "lazy?": Variadic[str],
    "greedy": GreedyVariadic[str],
    "greedy?": GreedyVariadic[str],
    "list": list[str],
    "list?": list[str],
}
USUAL = [6, 3, 2, 1, 2, 1, 1, 1]
DENSE = [2, 6, 1, 3, 1, 4, 0, 1]

Trace = list[tuple[str, dict[str, Any]]]


@attrs.frozen
class Case:
    """A graph by names: sockets are `{name: kind}` and `{name: type}`, connections (sender, output, receiver,
    input)."""

    seed: int
    nodes: dict[str, tuple[dict[str, str], dict[str, Any]]]
    connections: list[tuple[str, str, str, str]]
    inputs: dict[str, dict[str, Any]]
    include: set[str]
    limit: int
    generosity: float

    def fed(self, node: str, socket: str) -> int:
        return sum(connection[2:] == (node, socket) for connection in self.connections)

    def caller(self, trace: Trace):
        """Return what all nodes do: an output appears or not by a hash of node and visit."""
        visits: Counter[str] = Counter()

        def call(node: str, received: dict[str, Any]) -> dict[str, Any]:
            visits[node] += 1
            trace.append((node, copy.deepcopy(received)))
            dice = random.Random(f"{self.seed}/{node}/{visits[node]}")
            return {
                out: f"{node}.{out}.{visits[node]}"
                if kind is str
                else [f"{node}.{out}.{n}" for n in range(dice.randint(0, 2))]
                for out, kind in self.nodes[node][1].items()
                if dice.random() < self.generosity
            }

        return call


def make(seed: int) -> Case:
    dice, dense = random.Random(seed), seed >= 10**6
    count = dice.randint(2, 6) if dense else dice.randint(1, 9)
    nodes = {}
    for number in range(count):
        kinds = dice.choices(list(TYPES), DENSE if dense else USUAL, k=dice.randint(0, 3))
        outputs = {f"o{n}": dice.choice([str, str, str, list[str]]) for n in range(dice.randint(1, 3))}
        nodes[f"{dice.choice('abcdefgABC')}{number}"] = ({f"i{n}": kind for n, kind in enumerate(kinds)}, outputs)
    names, cyclic = list(nodes), dense or dice.random() < 0.5
    connections: list[tuple[str, str, str, str]] = []
    fed = set()
    for _ in range(dice.randint(count, 6 * count) if dense else dice.randint(0, 4 * count)):
        sender, receiver = dice.choice(names), dice.choice(names)
        if sender == receiver or not nodes[receiver][0]:
            continue
        if not cyclic and names.index(sender) > names.index(receiver):
            continue
        out, into = dice.choice(list(nodes[sender][1])), dice.choice(list(nodes[receiver][0]))
        kind, connection = nodes[receiver][0][into], (sender, out, receiver, into)
        is_list = nodes[sender][1][out] is not str
        is_taken = kind.startswith("standard") and (receiver, into) in fed
        if is_list == kind.startswith("list") and not is_taken and connection not in connections:
            connections.append(connection)
            fed.add((receiver, into))
    inputs: dict[str, dict[str, Any]] = {}
    for name, (sockets, _) in nodes.items():
        for socket, kind in sockets.items():
            if (name, socket) in fed:
                give = not kind.startswith("standard") and dice.random() < 0.3  # Haystack refuses the others
            else:
                give = dice.random() < (0.3 if kind.endswith("?") else 0.999)
            if give:
                value = f"user.{name}.{socket}"
                inputs.setdefault(name, {})[socket] = [value] if kind.startswith("list") else value
    return Case(
        seed=seed,
        nodes=nodes,
        connections=connections,
        inputs=inputs,
        include={name for name in nodes if dice.random() < 0.2},
        limit=dice.choice([1, 2, 3] if dense else [2, 3, 4, 6]),
        generosity=dice.choice([1, 0.9, 0.7, 0.5, 0.3]),
    )


@component
class Node:
    """A component whose sockets and behaviour are given."""

    def __init__(self, name, sockets, outputs, call):
        self.name = name
        self.call = call
        for socket, kind in sockets.items():
            default = {"default": ["default"] if kind == "list?" else "default"} if kind.endswith("?") else {}
            component.set_input_type(self, socket, TYPES[kind], **default)
        component.set_output_types(self, **outputs)

    def run(self, **received):
        return self.call(self.name, received)

    async def run_async(self, **received):
        outputs = self.call(self.name, received)
        await turns(self.name, outputs)
        return outputs


async def turns(name: str, outputs: dict[str, Any]) -> None:
    """Take some turns on the event loop, by a hash of what is produced."""
    for _ in range(random.Random(f"{name}/{outputs}").randint(0, 9)):
        await asyncio.sleep(0)


def theirs(case: Case, limit: int | None) -> tuple[Trace, Any]:
    trace: Trace = []
    call = case.caller(trace)
    pipeline = Pipeline(max_runs_per_component=case.limit)
    for name, (sockets, outputs) in case.nodes.items():
        pipeline.add_component(name, Node(name, sockets, outputs, call))
    for sender, out, receiver, into in case.connections:
        pipeline.connect(f"{sender}.{out}", f"{receiver}.{into}")
    try:
        if limit is not None:
            run = pipeline.run_async(
                copy.deepcopy(case.inputs), include_outputs_from=case.include, concurrency_limit=limit
            )
            return trace, asyncio.run(run)
        return trace, pipeline.run(copy.deepcopy(case.inputs), include_outputs_from=case.include)
    except TheirLimit:
        return trace, "limit"
    except TheirBlocked:
        return trace, "blocked"
    except IndexError:
        return trace, "their bug"  # 3.4.0 looks for what blocks in a queue that it has emptied
    except ValueError:
        return trace, "refused"  # a mandatory input is missing: only Pipeline checks that, not the machine


def ours(case: Case, way: int, limit: int | None) -> tuple[Trace, Any]:
    trace: Trace = []
    call = case.caller(trace)
    plan = compiled(case)
    state = RunState(
        plan,
        case.inputs,
        mode="serial" if limit is None else "concurrent",
        max_runs_per_node=case.limit,
        include_outputs_from=case.include,
        remember_senders=bool(case.seed % 2),
        dead_paths=False,
    )
    restore = way == 1
    try:
        if limit is not None:
            state = asyncio.run(side_by_side(state, call, limit, restore=restore))
        elif way == 0:
            run_calls(state, [lambda _name=name, **received: call(_name, received) for name in plan.names])
        while (task := state.next()) is not None:
            state = RunState.restore(plan, state.snapshot()) if restore else state
            state.complete(task.key, call(task.node, task.inputs))
            state = RunState.restore(plan, state.snapshot()) if restore else state
    except PipelineMaxComponentRuns:
        return trace, "limit"
    return trace, "blocked" if case.nodes and not trace else state.outputs


async def side_by_side(state: RunState, call: Any, limit: int, *, restore: bool) -> RunState:
    """Drive the machine as the original drives its queue, turn by turn of the event loop."""
    gate, running = asyncio.Semaphore(limit), set()

    async def work(task: Task) -> None:
        nonlocal state
        async with gate:
            outputs = call(task.node, task.inputs)
            await turns(task.node, outputs)
        state.complete(task.key, outputs)
        state = RunState.restore(state.plan, state.snapshot()) if restore else state

    try:
        while True:
            task = state.next()
            if task is None and not running:
                return state
            while task is not None:
                running.add(asyncio.create_task(work(task)))
                task = None if gate.locked() else state.next()
            _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in running:
            task.cancel()


def compiled(case: Case) -> Plan:
    """Build the graph of a case."""
    graph = Graph()
    for name, (sockets, outputs) in case.nodes.items():
        own = []
        for socket, kind in sockets.items():
            options: dict[str, Any] = {"kind": kind.rstrip("?")}
            if kind.startswith("list"):
                senders = case.fed(name, socket) + (socket in case.inputs.get(name, {}))
                joins = case.fed(name, socket) and senders > 1
                options = {"kind": "lazy", "wrap_input_in_list": False} if joins else {}
            if kind.endswith("?"):
                options["default_value"] = ["default"] if kind == "list?" else "default"
            own.append(InputPort(socket, **options))
        graph.add_node(name, own, outputs)
    for connection in case.connections:
        graph.connect(*connection)
    return freeze(graph)


def main(first: int, count: int, *, is_async: bool) -> int:
    outcomes: Counter[str] = Counter()
    runs = mismatches = 0
    for seed in range(first, first + count):
        case = make(seed)
        limit = random.Random(seed).choice([1, 2, 3, 4, 100]) if is_async else None
        (their_trace, their_result), (our_trace, our_result) = theirs(case, limit), ours(case, seed % 3, limit)
        outcome = their_result if isinstance(their_result, str) else "finished"
        outcomes[outcome] += 1
        if outcome == "refused":
            continue
        runs += len(their_trace)
        if their_trace != our_trace or (their_result != our_result and outcome != "their bug"):
            mismatches += 1
            print(f"MISMATCH seed {seed}\n theirs {their_trace} -> {their_result}\n ours   {our_trace} -> {our_result}")
    print(f"{count} graphs, {runs} component runs, {dict(outcomes)}: {mismatches} mismatches")
    return min(mismatches, 1)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), int(sys.argv[2]), is_async=sys.argv[3:] == ["async"]))
