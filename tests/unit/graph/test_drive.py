from __future__ import annotations

import asyncio
import threading
from typing import NamedTuple

import pytest

from dtlpipe.graph import (
    PipelineComponentsBlockedError,
    PipelineMaxComponentRuns,
    PipelineRuntimeError,
    RunState,
    run,
    run_async,
    steps_async,
)
from tests.unit.graph.machines import build, greedy, lazy

DIAMOND = build(
    {"a": (["x"], ["y"]), "b": (["x"], ["y"]), "c": (["x"], ["y"]), "d": (["l", "r"], ["y"])},
    ["a.y -> b.x", "a.y -> c.x", "b.y -> d.l", "c.y -> d.r"],
)
WIDE = build(
    {f"n{i}": ([], ["y"]) for i in range(6)} | {"z": ([lazy("x")], ["y"])}, [f"n{i}.y -> z.x" for i in range(6)]
)


def add(task):
    return {"y": sum(task.inputs.values()) + 1}


async def add_later(task):
    await asyncio.sleep(0)
    return add(task)


def test_a_graph_runs_to_its_end():
    assert run(DIAMOND, {"a": {"x": 1}}, add) == {"d": {"y": 7}}


async def test_a_graph_runs_to_its_end_asynchronously():
    assert await run_async(DIAMOND, {"a": {"x": 1}}, add_later, include_outputs_from={"a"}) == {
        "a": {"y": 2},
        "d": {"y": 7},
    }


def test_a_start_node_is_passed_on():
    assert run(DIAMOND, {"c": {"x": 1}}, add, start="c", include_outputs_from={"c"}) == {"c": {"y": 2}}


def test_each_node_gets_its_own_copies():
    seen = []

    def call(task):
        if task.node == "a":
            return {"y": ["shared"]}
        seen.append(task.inputs)
        task.inputs.get("x", []).append(task.node)
        return {"y": 1}

    run(DIAMOND, {"a": {"x": 1}}, call)
    assert seen[:2] == [{"x": ["shared", "b"]}, {"x": ["shared", "c"]}]


def test_defaults_are_copied_too():
    plan = build({"a": ([lazy("x", default_value=[])], ["y"])})

    def call(task):
        task.inputs["x"][0].append("mine")
        return {"y": task.inputs["x"]}

    for _ in range(2):
        assert run(plan, {}, call) == {"a": {"y": [["mine"]]}}


def test_what_cannot_be_copied_is_shared():
    lock = threading.Lock()
    value = {"lock": lock, "list": [lock]}

    def call(task):
        return {"y": task.inputs["x"]}

    plan = build({"a": (["x"], ["y"])})
    copy = run(plan, {"a": {"x": value}}, call)["a"]["y"]
    assert copy == value
    assert copy["lock"] is lock
    assert copy is not value
    assert copy["list"] is not value["list"]


def test_copies_keep_what_is_shared_or_circular():
    from dtlpipe.graph.copies import copied

    ring = [1]
    ring.append(ring)
    pair = (ring, ring)
    copy = copied({"ring": ring, "pair": pair, "number": 7})
    assert copy["ring"][1] is copy["ring"]
    assert copy["ring"] is not ring
    assert copy["pair"][0] is copy["pair"][1] is copy["ring"]
    assert copy["number"] == 7


def test_copies_keep_their_types():
    from dtlpipe.graph.copies import copied

    class Point(NamedTuple):
        x: list[int]
        y: int

    point = Point([1], 2)
    copy = copied({"p": point, "s": {1, 2}, "f": frozenset({3}), "t": ([],)})
    assert copy == {"p": point, "s": {1, 2}, "f": frozenset({3}), "t": ([],)}
    assert type(copy["p"]) is type(point)
    assert copy["p"].x is not point.x


def boom(task):
    if task.node == "c":
        raise KeyError("lost")
    return add(task)


def test_a_failing_node_is_named_and_its_error_chained():
    with pytest.raises(PipelineRuntimeError, match="Node 'c' failed in visit 0: KeyError: 'lost'") as caught:
        run(DIAMOND, {"a": {"x": 1}}, boom)
    assert caught.value.component_name == "c"
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_runtime_error_of_the_caller_passes_through():
    mine = PipelineRuntimeError("c", dict, "mine")

    def call(task):
        raise mine

    with pytest.raises(PipelineRuntimeError) as caught:
        run(DIAMOND, {"a": {"x": 1}}, call)
    assert caught.value is mine
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("wrong", [None, 3, [("y", 1)]])
def test_outputs_have_to_be_a_mapping(wrong):
    with pytest.raises(PipelineRuntimeError, match=r"Node 'a' returned \w+ where a mapping"):
        run(DIAMOND, {"a": {"x": 1}}, lambda task: wrong)


def test_a_graph_in_which_nothing_can_run_is_refused():
    with pytest.raises(PipelineComponentsBlockedError, match="all components are blocked"):
        run(DIAMOND, {}, add)
    assert run(build({}), {}, add) == {}


async def test_a_graph_in_which_nothing_can_run_is_refused_asynchronously():
    with pytest.raises(PipelineComponentsBlockedError):
        await run_async(DIAMOND, {}, add_later)
    assert await run_async(build({}), {}, add_later) == {}


async def test_independent_nodes_run_at_the_same_time_up_to_the_limit():
    running, peak, gate = 0, 0, asyncio.Event()

    async def call(task):
        nonlocal running, peak
        if task.node == "z":
            return {"y": sorted(task.inputs["x"])}
        running += 1
        peak = max(peak, running)
        if running == 3:
            gate.set()
        await gate.wait()
        running -= 1
        return {"y": task.node}

    result = await run_async(WIDE, {}, call, concurrency_limit=3)
    assert peak == 3
    assert result == {"z": {"y": [f"n{i}" for i in range(6)]}}


async def test_the_limit_is_at_least_one():
    with pytest.raises(ValueError, match="concurrency_limit is 0"):
        await run_async(WIDE, {}, add_later, concurrency_limit=0)


async def test_a_failure_cancels_and_awaits_what_else_is_running():
    cancelled = []
    entered = asyncio.Event()

    async def call(task):
        if task.node == "n3":
            await entered.wait()
            raise OSError("disk")
        try:
            entered.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            cancelled.append(task.node)
            raise

    with pytest.raises(PipelineRuntimeError, match="'n3' failed") as caught:
        await run_async(WIDE, {}, call, concurrency_limit=6)
    assert isinstance(caught.value.__cause__, OSError)
    assert sorted(cancelled) == ["n0", "n1", "n2", "n4", "n5"]


async def test_of_two_failures_the_first_is_raised_and_none_is_left_unseen():
    async def call(task):
        raise ValueError(task.node)

    with pytest.raises(PipelineRuntimeError, match="'n0' failed"):
        await run_async(WIDE, {}, call, concurrency_limit=6)


async def test_closing_the_iterator_cancels_what_is_running():
    plan = build({"quick": ([], ["y"]), "slow": ([], ["y"])})
    ended = []

    async def call(task):
        if task.node == "slow":
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("slow")
        return {"y": 1}

    steps = steps_async(RunState(plan), call)
    task, outputs = await anext(steps)
    assert (task.node, outputs) == ("quick", {"y": 1})
    await steps.aclose()
    assert ended == ["slow"]


async def test_a_runtime_error_passes_through_asynchronously():
    mine = PipelineRuntimeError("n0", None, "mine")

    async def call(task):
        raise mine

    with pytest.raises(PipelineRuntimeError) as caught:
        await run_async(WIDE, {}, call)
    assert caught.value is mine


LOOP = build({"a": ([greedy("x")], ["y"]), "b": (["x"], ["y"])}, ["a.y -> b.x", "b.y -> a.x"])


def test_an_endless_loop_is_stopped():
    with pytest.raises(PipelineMaxComponentRuns, match="count 5 reached for component 'a'"):
        run(LOOP, {"a": {"x": 0}}, lambda task: {"y": 1}, max_runs_per_node=5)


async def test_an_endless_loop_is_stopped_asynchronously():
    async def call(task):
        return {"y": 1}

    with pytest.raises(PipelineMaxComponentRuns, match="count 5 reached for component 'a'"):
        await run_async(LOOP, {"a": {"x": 0}}, call, max_runs_per_node=5)
