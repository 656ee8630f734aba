"""Random pipelines that two libraries can build: the same components, connections, inputs and mishaps.

A component's behaviour is drawn by a hash of its name and visit, so both libraries meet the same one. It notes what it
received, then soils it: what another component receives must not show that.
"""

from __future__ import annotations

import asyncio
import copy
import os
import re
import selectors
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # read when haystack is imported

from haystack import Pipeline as TheirPipeline
from haystack import component as their_component
from haystack.core.component.types import GreedyVariadic, Variadic
from haystack.dataclasses import ChatMessage
from hypothesis import strategies as st

__all__ = [
    "Case",
    "Kind",
    "Stage",
    "TheirPipeline",
    "TurnedClock",
    "build",
    "cases",
    "component_class",
    "ending",
    "their_component",
]

INPUTS: dict[str, Any] = {
    "text": str,
    "maybe text": str | None,
    "list": list[str],
    "maybe list": list[str] | None,
    "lists": list[str] | list[int],
    "message": ChatMessage,
    "anything": Any,
    "lazy": Variadic[str],
    "lazy lists": Variadic[list[str]],
    "greedy": GreedyVariadic[str],
    "greedy anything": GreedyVariadic[Any],
}
OUTPUTS: dict[str, Any] = {"text": str, "list": list[str], "message": ChatMessage}
ERRORS = {"ValueError", "PipelineRuntimeError", "PipelineComponentsBlockedError", "PipelineMaxComponentRuns"}
LIKELY = ["text", "text", "text", "text", "list", "list", "maybe list", "lazy", "lazy", "greedy"]

Trace = list[tuple[str, dict[str, Any]]]


@attrs.frozen
class Kind:
    """A component: inputs `{name: (kind, mandatory)}` and outputs `{name: kind}`."""

    name: str
    inputs: dict[str, tuple[str, bool]]
    outputs: dict[str, str]


@attrs.frozen
class Case:
    """A pipeline and its run. Chances are in percent."""

    kinds: list[Kind]
    connections: list[tuple[str, str]]
    data: dict[str, Any]
    include: set[str]
    limit: int
    checks_types: bool
    generosity: int
    mishaps: int
    salt: int

    def chance(self, percent: int, *what: object) -> bool:
        return zlib.crc32(repr((self.salt, what)).encode()) % 100 < percent

    def answer(self, kind: Kind, visit: int) -> Any:
        """Return what a component returns, or raise what it raises."""
        if self.chance(self.mishaps, kind.name, visit, "raises"):
            raise KeyError(f"{kind.name} in visit {visit}")
        if self.chance(self.mishaps, kind.name, visit, "odd"):
            return f"no mapping from {kind.name}"
        outputs = {
            name: self.value(what, f"{kind.name}.{name}.{visit}")
            for name, what in kind.outputs.items()
            if self.chance(self.generosity, kind.name, visit, name)
        }
        if self.chance(self.mishaps, kind.name, visit, "undeclared"):
            outputs["undeclared"] = f"{kind.name}.undeclared.{visit}"
        return outputs

    def value(self, what: str, label: str) -> Any:
        if what == "list":
            return [f"{label}.{n}" for n in range(zlib.crc32(f"{self.salt}{label}".encode()) % 3)]
        return ChatMessage.from_user(label) if what == "message" else label

    def seconds(self, name: str, visit: int) -> float:
        """How long an asynchronous visit takes, on a clock that only the test turns; nearly never two the same."""
        return 1 + zlib.crc32(f"{self.salt}/{name}/{visit}".encode()) / 2**28


class Stage:
    """Where one library runs a case: what its components share during a run."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.trace: Trace = []
        self.visits: Counter[str] = Counter()

    def visit(self, kind: Kind, received: dict[str, Any]) -> int:
        self.trace.append((kind.name, copy.deepcopy(received)))
        for value in received.values():
            if isinstance(value, list):
                value.append("soiled")
            elif isinstance(value, ChatMessage):
                value.meta["soiled"] = True
        self.visits[kind.name] += 1
        return self.visits[kind.name]


def component_class(component: Any, *, is_async: bool = False) -> Any:
    """Return a component class of a library, given its decorator."""

    class Node:
        def __init__(self, kind: Kind, stage: Stage):
            self.kind = kind
            self.stage = stage
            for name, (what, mandatory) in kind.inputs.items():
                default = {} if mandatory else {"default": default_of(what)}
                component.set_input_type(self, name, INPUTS[what], **default)
            component.set_output_types(self, **{name: OUTPUTS[what] for name, what in kind.outputs.items()})

        def run(self, **received: Any):
            return self.stage.case.answer(self.kind, self.stage.visit(self.kind, received))

        if is_async:

            async def run_async(self, **received: Any):
                visit = self.stage.visit(self.kind, received)
                await asyncio.sleep(self.stage.case.seconds(self.kind.name, visit))
                return self.stage.case.answer(self.kind, visit)

    return component(Node)


def default_of(what: str) -> Any:
    return ["default"] if "list" in what and "lazy" not in what else "default"


def build(case: Case, pipeline: Any, node: Any, stage: Stage) -> list[str]:
    """Fill a pipeline; return how each connection ended."""
    for kind in case.kinds:
        pipeline.add_component(kind.name, node(kind, stage))
    endings = []
    for sender, receiver in case.connections:
        try:
            pipeline.connect(sender, receiver)
            endings.append("connected")
        except Exception as error:
            endings.append(type(error).__name__)
    return endings


def ending(stage: Stage, run: Callable[[], Any]) -> tuple[Trace, Any]:
    """Run; return what ran with what, and the result, or the error in a form that both libraries' errors have."""
    stage.trace = []
    stage.visits.clear()
    try:
        return stage.trace, run()
    except IndexError:
        return stage.trace, "their bug"  # 3.4.0 looks for what blocks in a queue that it has emptied
    except TypeError:
        return stage.trace, "not joined"  # without checks of types, something else than lists may meet in a list
    except Exception as error:
        if "joins the lists" in str(error):
            return stage.trace, "not joined"
        kind = "ValueError" if isinstance(error, ValueError) else type(error).__name__
        if kind not in ERRORS:
            raise
        if kind == "ValueError":
            return stage.trace, kind  # of several things wrong with the inputs, either may be named
        named = getattr(error, "component_name", None)
        if not hasattr(error, "component_name") and (
            found := re.search(r"[Cc]omponent(?: named)?:? '(\w+)'", str(error))
        ):
            named = found[1]
        return stage.trace, (kind, named, type(error.__cause__).__name__)


@st.composite
def cases(draw: st.DrawFn, *, cyclic: bool | None = None, mishaps: tuple[int, ...] = (0, 0, 0, 2, 8)) -> Case:
    is_dense = draw(st.booleans())  # small inputs and outputs, many connections: loops that turn
    count = draw(st.integers(2, 5) if is_dense else st.integers(1, 7))
    letters = draw(st.permutations("abcdABC"))[:count]
    whats = st.sampled_from(LIKELY) if is_dense else st.one_of(st.sampled_from(LIKELY), st.sampled_from(list(INPUTS)))
    is_mandatory = st.sampled_from([False, False, False, True]) if is_dense else st.booleans()
    gives = ["text", "text", "text", "list"] if is_dense else ["text", "text", "text", "list", "message"]
    kinds = [
        Kind(
            f"{letter}{number}",
            {
                f"i{place}": own
                for place, own in enumerate(
                    draw(st.lists(st.tuples(whats, is_mandatory), max_size=3, min_size=1 if is_dense or number else 0))
                )
            },
            {
                f"o{place}": what
                for place, what in enumerate(
                    draw(st.lists(st.sampled_from(gives), min_size=1 if is_dense else 0, max_size=3))
                )
            },
        )
        for number, letter in enumerate(letters)
    ]
    is_cyclic = (is_dense or draw(st.booleans())) if cyclic is None else cyclic
    connections: list[tuple[str, str]] = []
    fed: Counter[tuple[str, str]] = Counter()
    checks_types = draw(st.integers(0, 9)) > 0
    numbers = st.integers(0, count - 1)
    for source, target, place_out, place_in, bare in draw(
        st.lists(
            st.tuples(numbers, numbers, st.integers(0, 2), st.integers(0, 2), st.integers(0, 9)),
            min_size=4 * count if is_dense else min(count - 1, 3),
            max_size=(10 if is_dense else 5) * count,
        )
    ):
        sender, receiver = kinds[source], kinds[target]
        out = place_out % len(sender.outputs) if is_dense else place_out
        into = place_in % len(receiver.inputs) if is_dense else place_in
        if (source >= target and not is_cyclic) or out >= len(sender.outputs) or into >= len(receiver.inputs):
            continue
        fed[receiver.name, f"i{into}"] += 1
        connections.append((f"{sender.name}.o{out}" if bare else sender.name, f"{receiver.name}.i{into}"))
    data: dict[str, Any] = {}
    salt = draw(st.integers(0, 10**6))
    case = Case(
        kinds=kinds,
        connections=connections,
        data=data,
        include=set(draw(st.lists(st.sampled_from([kind.name for kind in kinds]), max_size=2))),
        limit=draw(st.sampled_from([1, 2, 3, 5])),
        checks_types=checks_types,
        generosity=draw(st.sampled_from([100, 100, 90, 70, 50])),
        mishaps=draw(st.sampled_from(mishaps)),
        salt=salt,
    )
    if draw(st.integers(0, 11)) == 11:
        data.update({f"i{n}": "flat" for n in range(3) if draw(st.integers(0, 9))})
        return case
    for kind in kinds:
        for name, (what, mandatory) in kind.inputs.items():
            is_fed = fed[kind.name, name] > 0
            wanted = 98 if mandatory and not is_fed else 30 if not is_fed else 15
            if what in ("text", "message", "anything", "maybe text") and is_fed:
                wanted = 0 if is_dense else 1
            if draw(st.integers(1, 100)) <= wanted:
                data.setdefault(kind.name, {})[name] = given(what, f"user.{kind.name}.{name}")
    return case


def given(what: str, label: str) -> Any:
    if "list" in what:
        return [label]
    return ChatMessage.from_user(label) if what == "message" else label


class TurnedClock(asyncio.SelectorEventLoop):
    """An event loop in which nobody waits: when nothing else is to be done, the clock is turned to the next timer."""

    def __init__(self) -> None:
        super().__init__(_Turning(self))
        self.now = 0.0

    def time(self) -> float:
        return self.now


class _Turning(selectors.SelectSelector):
    def __init__(self, loop: TurnedClock) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self._loop.now += timeout
        return super().select(0)
