"""Random graphs and the deterministic nodes that run in them, for the engine's properties."""

from __future__ import annotations

import zlib
from typing import Any

import attrs
from hypothesis import strategies as st

from dtlpipe.graph import Graph, InputPort, Plan, RunState, Task, freeze

KINDS = ("standard", "standard", "standard", "lazy", "greedy", "stream")


@attrs.frozen
class Case:
    """A graph, its inputs, and how its nodes behave: an output appears, and an edge opens, by a hash of node and visit.

    `generosity` is the chance of that in percent.
    """

    plan: Plan
    inputs: dict[str, dict[str, Any]]
    generosity: int
    salt: int
    start: str | None

    def chance(self, *what: object) -> bool:
        return zlib.crc32(repr((self.salt, what)).encode()) % 100 < self.generosity

    def call(self, task: Task) -> dict[str, Any]:
        outputs = next(node for node in self.plan.nodes if node.name == task.node).outputs
        return {name: f"{task.node}.{name}.{task.visit}" for name in outputs if self.chance(task.key, name)}

    def closed(self, task: Task) -> list[int]:
        return [edge for edge in self.plan.edges_from(task.node) if not self.chance(task.key, edge)]

    def begin(self, mode: str = "concurrent", limit: int = 4, **options: Any) -> RunState:
        include = self.plan.names[:1]
        if mode == "as Haystack":
            mode, options["dead_paths"] = "concurrent", False
        return RunState(
            self.plan,
            self.inputs,
            start=self.start,
            mode=mode,
            max_runs_per_node=limit,
            include_outputs_from=include,
            **options,
        )

    def complete(self, state: RunState, task: Task) -> None:
        state.complete(task, self.call(task), self.closed(task))


@st.composite
def cases(draw: st.DrawFn, *, acyclic: bool = False, kinds: tuple[str, ...] = KINDS, starts: bool = True) -> Case:
    graph = Graph()
    count = draw(st.integers(1, 7))
    names = [f"{letter}{number}" for number, letter in enumerate(draw(st.permutations("abCdEfg"))[:count])]
    sockets: list[list[InputPort]] = []
    for name in names:
        own = [
            InputPort(f"i{number}", kind=kind, **({} if mandatory else {"default_value": "default"}))
            for number, (kind, mandatory) in enumerate(
                draw(st.lists(st.tuples(st.sampled_from(kinds), st.booleans()), max_size=3))
            )
        ]
        sockets.append(own)
        graph.add_node(name, own, ["o0", "o1"])
    fed = set()
    nodes = st.integers(0, count - 1)
    for source, target, out, into in draw(
        st.lists(st.tuples(nodes, nodes, st.integers(0, 1), st.integers(0, 2)), max_size=4 * count)
    ):
        if source == target or (acyclic and source > target) or into >= len(sockets[target]):
            continue
        socket = sockets[target][into]
        if socket.takes_many_senders or (target, into) not in fed:
            fed.add((target, into))
            graph.connect(names[source], f"o{out}", names[target], socket.name)
    inputs: dict[str, dict[str, Any]] = {}
    for number, (name, own) in enumerate(zip(names, sockets, strict=True)):
        for place, socket in enumerate(own):
            if draw(st.integers(0, 9)) >= (7 if (number, place) in fed else 1):
                inputs.setdefault(name, {})[socket.name] = f"user.{name}.{socket.name}"
    return Case(
        plan=freeze(graph),
        inputs=inputs,
        generosity=draw(st.sampled_from([100, 95, 80, 50])),
        salt=draw(st.integers(0, 1000)),
        start=draw(st.sampled_from(names)) if starts and draw(st.integers(0, 3)) == 0 else None,
    )
