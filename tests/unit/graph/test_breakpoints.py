"""Breakpoints and snapshots as nouns and files, and what is refused when a run shall go on."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
from datetime import UTC
from typing import Any

import pytest

from dtlpipe.graph import (
    Breakpoint,
    PipelineSnapshot,
    PipelineState,
    Plan,
    RunState,
    stopping,
)
from dtlpipe.graph.errors import (
    BreakpointException,
    DeserializationError,
    PipelineInvalidPipelineSnapshotError,
    PipelineMaxComponentRuns,
    PipelineValidationError,
)
from dtlpipe.graph.serialization import snapshots, states
from dtlpipe.graph.serialization.values import serialize_value
from dtlpipe.graph.stopping import create_snapshot, resume
from tests.unit.graph.machines import build, greedy, lazy, loop, optional


class Compiled:
    """A plan as a pipeline for runs; notes which sockets should join lists."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.gathered: set[tuple[str, str]] = set()

    def gathering(self, sockets):
        found = Compiled(self.plan)
        found.gathered = set(sockets)
        return found


def chain(**changes: Any) -> Plan:
    nodes = {"a": (["x"], ["y"]), "b": (["x", optional("z")], ["y"]), **changes}
    return build(nodes, ["a.y -> b.x"])


def stopped(plan: Plan | None = None, value: Any = 1, *, at: str = "b") -> PipelineSnapshot:
    """A chain that stopped before its second component, which then waits for what the first sent."""
    state = RunState(plan or chain(), {"a": {"x": value}}, mode="serial", remember_senders=True)
    while (task := state.next()).node != at:
        state.complete(task, {"y": value})
    return create_snapshot(
        state, break_point=Breakpoint(at, 0), original_input_data={"a": {"x": value}}, include_outputs_from={"a"}
    )


def through_json(snapshot: PipelineSnapshot) -> PipelineSnapshot:
    return PipelineSnapshot.from_dict(json.loads(json.dumps(snapshot.to_dict())))


def go_on(snapshot: PipelineSnapshot, plan: Plan | None = None):
    return resume(snapshot, Compiled(plan or chain()), mode="serial", max_runs_per_node=100)


# ---- nouns -----------------------------------------------------------------------------------------------------------


def test_a_breakpoint_is_a_value():
    point = Breakpoint("a", 2, "here")
    assert Breakpoint.from_dict(point.to_dict()) == point
    assert point.to_dict() == {"component_name": "a", "visit_count": 2, "snapshot_file_path": "here"}
    assert Breakpoint("a") == Breakpoint("a", 0, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.visit_count = 3  # type: ignore[misc]


def test_a_snapshot_shows_what_waits_and_who_sent_it():
    snapshot = stopped()
    assert snapshot.pipeline_state.inputs["serialized_data"] == {"b": {"x": [{"sender": "a", "value": 1}]}, "a": {
        "x": [{"sender": None, "value": 1}]
    }}  # fmt: skip
    assert snapshot.pipeline_state.component_visits == {"a": 1, "b": 0}
    assert snapshot.pipeline_state.inputs_format == "internal"
    assert snapshot.ordered_component_names == ["a", "b"]
    assert snapshot.include_outputs_from == {"a"}
    assert snapshot.original_input_data["serialized_data"] == {"a": {"x": 1}}
    assert snapshot.timestamp is not None
    assert snapshot.timestamp.tzinfo is UTC


def test_a_snapshot_comes_back_from_json_equal():
    snapshot = stopped()
    assert through_json(snapshot) == snapshot
    bare = dataclasses.replace(snapshot, run=None, timestamp=None)
    assert "run" not in bare.to_dict()
    assert through_json(bare) == bare


def test_snapshots_by_hand_have_haystacks_shape():
    state = PipelineState(inputs={}, component_visits={"a": 0}, pipeline_outputs={})
    snapshot = PipelineSnapshot(
        original_input_data={}, ordered_component_names=["a"], pipeline_state=state, break_point=Breakpoint("a")
    )
    assert snapshot.to_dict() == {
        "pipeline_state": {"inputs": {}, "component_visits": {"a": 0}, "pipeline_outputs": {}, "inputs_format": None},
        "break_point": {"component_name": "a", "visit_count": 0, "snapshot_file_path": None},
        "timestamp": None,
        "original_input_data": {},
        "ordered_component_names": ["a"],
        "include_outputs_from": [],
    }


def test_visits_of_other_components_are_refused():
    with pytest.raises(ValueError, match=r"Inconsistent state: components .*\['a'\] do not match .*\['b'\]"):
        PipelineSnapshot({}, ["b"], PipelineState({}, {"a": 0}, {}), Breakpoint("a"))


@pytest.mark.parametrize("data", [{}, [], {"pipeline_state": {}, "break_point": {}}, {"pipeline_state": 5}])
def test_data_that_is_no_snapshot_is_refused(data):
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match="no pipeline snapshot") as caught:
        PipelineSnapshot.from_dict(data)
    assert isinstance(caught.value, ValueError)


# ---- before a run ----------------------------------------------------------------------------------------------------


def test_a_breakpoint_needs_a_component_that_there_is():
    stopping.check_break_point(None, ["a"])
    stopping.check_break_point(Breakpoint("a"), ["a"])
    with pytest.raises(PipelineValidationError, match="is not a registered component in the pipeline") as caught:
        stopping.check_break_point(Breakpoint("x"), ["a", "b"])
    assert isinstance(caught.value, ValueError)


def test_a_breakpoint_where_the_run_stands_already_is_refused():
    snapshot = stopped()
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match="same component and visit count"):
        stopping.check_break_point(Breakpoint("b", 0), ["a", "b"], snapshot)
    stopping.check_break_point(Breakpoint("b", 1), ["a", "b"], snapshot)
    stopping.check_break_point(Breakpoint("a", 0), ["a", "b"], snapshot)


def test_a_breakpoint_is_reached_by_its_task_alone():
    task = RunState(chain(), {"a": {"x": 1}}).next()
    assert stopping.is_reached(Breakpoint("a"), task)
    assert not stopping.is_reached(Breakpoint("a", 1), task)
    assert not stopping.is_reached(Breakpoint("b"), task)
    assert not stopping.is_reached(None, task)


def test_a_missed_breakpoint_is_said(caplog):
    stopping.warn_of_missed(Breakpoint("a"))
    assert "was never triggered" in caplog.text


# ---- going on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carry", [lambda s: s, through_json, copy.deepcopy], ids=["memory", "json", "copy"])
def test_a_run_goes_on_before_the_component_where_it_stopped(carry, caplog):
    with caplog.at_level(logging.INFO):
        resumed = go_on(carry(stopped()))
    task = resumed.state.next()
    assert (task.key, task.inputs) == (("b", 0), {"x": 1, "z": None})
    assert resumed.data == {"a": {"x": 1}}
    assert resumed.include == {"a"}
    assert resumed.state.outputs == {}
    assert "Resuming pipeline from b with visit count 0" in caplog.text


def test_values_that_no_file_can_hold_are_warned_of_and_stay_in_memory(caplog):
    snapshot = stopped(value=object())
    assert "'b.x' field of the inputs of the current pipeline state" in caplog.text
    assert snapshot.run["omitted"] == ["a.x", "b.x"]
    assert type(go_on(snapshot).state.next().inputs["x"]) is object
    caplog.clear()
    resumed = go_on(through_json(snapshot))
    assert "could not be serialized: " in caplog.text
    assert "b.x" in caplog.text
    assert resumed.state.next().inputs == {"z": None}


def test_values_in_memory_are_isolated_from_the_run_and_from_each_other():
    value = [1]
    snapshot = stopped(value=value)
    value.append(2)
    first = go_on(snapshot).state.next()
    first.inputs["x"].append(3)
    assert go_on(snapshot).state.next().inputs["x"] == [1]


def test_what_is_changed_in_a_snapshot_counts():
    snapshot = stopped()
    snapshot.pipeline_state.inputs["serialized_data"]["b"]["x"][0]["value"] = 5
    assert go_on(snapshot).state.next().inputs["x"] == 5
    replaced = dataclasses.replace(stopped(), break_point=Breakpoint("b", 0, "x"))
    assert go_on(replaced).state.next().inputs["x"] == 1


def test_inputs_of_a_run_that_also_other_components_send_join_lists_again():
    plan = build({"a": (["x"], ["y"]), "b": (["x"], [])}, ["a.y -> b.x"])
    snapshot = stopped(plan)
    given = {"serialized_data": {"b": {"x": [0]}, "a": {"x": 1, "nowhere": 1}}}
    snapshot.original_input_data = {
        **given,
        "serialization_schema": {
            "type": "object",
            "properties": {
                "b": {"type": "object", "properties": {"x": {"type": "array", "items": {"type": "integer"}}}},
                "a": {"type": "object", "properties": {"x": {"type": "integer"}, "nowhere": {"type": "integer"}}},
            },
        },
    }
    assert go_on(snapshot, plan).compiled.gathered == {("b", "x")}


@pytest.mark.parametrize("format_of_inputs", ["internal", None])
def test_what_haystack_wrote_goes_on_too(format_of_inputs):
    snapshot = stopped()
    if format_of_inputs is None:
        inputs = {"a": {"x": 1}, "b": {"x": 7, "z": 8}}
        written = serialize_value(inputs)
    else:
        written = snapshot.pipeline_state.inputs
    state = dataclasses.replace(snapshot.pipeline_state, inputs=written, inputs_format=format_of_inputs)
    theirs = dataclasses.replace(snapshot, run=None, pipeline_state=state)
    task = go_on(through_json(theirs)).state.next()
    assert task.key == ("b", 0)
    assert task.inputs == ({"x": 1, "z": None} if format_of_inputs else {"x": 7, "z": 8})


def test_old_snapshots_hold_the_lists_of_variadic_sockets():
    plan = build({"a": ([], ["y"]), "j": ([lazy("many"), greedy("one"), "x"], [])}, ["a.y -> j.many"])
    entries = states.without_senders(plan, {"j": {"many": [1, 2], "one": [3], "x": [4], "gone": 5}, "a": {}}, "j")
    assert entries == {
        "j": {
            "many": [{"sender": None, "value": 1}, {"sender": None, "value": 2}],
            "one": [{"sender": None, "value": 3}],
            "x": [{"sender": None, "value": [4]}],
            "gone": [{"sender": None, "value": 5}],
        }
    }


def test_all_that_differs_in_the_pipeline_is_named():
    other = build(
        {"a": (["x"], ["w"]), "b": (["x", "new"], ["y"]), "c": ([], [])},
        ["a.w -> b.x"],
    )
    snapshot = stopped()
    with pytest.raises(
        PipelineInvalidPipelineSnapshotError, match=r"components \['c'\] in the current pipeline are not"
    ):
        go_on(snapshot, other)
    same_names = build({"a": (["x"], ["w"]), "b": (["x", "new"], ["y"])}, ["a.w -> b.x"])
    with pytest.raises(PipelineInvalidPipelineSnapshotError) as caught:
        go_on(snapshot, same_names)
    for difference in (
        "missing output of component 'a': 'y'",
        "added output of component 'a': 'w'",
        "missing input of component 'b': 'z'",
        "added input of component 'b': 'new'",
        "missing connection 'a.y -> b.x'",
        "added connection 'a.w -> b.x'",
    ):
        assert difference in str(caught.value)


def test_components_that_came_and_went_are_differences_too():
    then = snapshots.describe(build({"a": (["x"], []), "gone": ([], [])}))
    assert snapshots.differences(then, build({"a": (["x"], []), "new": ([], [])})) == [
        "missing component 'gone'",
        "added component 'new'",
    ]


def test_components_that_are_gone_are_named():
    only = build({"a": (["x"], ["y"])})
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match=r"\['b'\] in 'ordered_component_names'.*not part"):
        go_on(stopped(), only)
    snapshot = stopped()
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match=r"\['q'\] in 'break_point'"):
        go_on(dataclasses.replace(snapshot, break_point=Breakpoint("q")))
    data = snapshot.to_dict()
    data["original_input_data"] = serialize_value({"q": {"x": 1}})
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match=r"\['q'\] in 'input_data'"):
        go_on(PipelineSnapshot.from_dict(data))


def test_a_newer_format_is_refused():
    snapshot = stopped()
    snapshot.run["format"] = 2
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match="format 2; this version reads format 1"):
        go_on(snapshot)


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        ("inputs", {"b": {"x": [{"sender": "a"}]}}, "waits in 'b.x'"),
        ("inputs", {"b": {"x": 5}}, "waits in 'b.x'"),
        ("inputs", {"b": 5}, "dictionary for each component"),
        ("pipeline_outputs", [], "dictionary for each component"),
    ],
)
def test_a_damaged_state_is_refused(place, value, problem):
    snapshot = stopped()
    setattr(snapshot.pipeline_state, place, serialize_value(value))
    with pytest.raises(DeserializationError, match=problem):
        go_on(snapshot)


def test_wanted_outputs_of_components_that_nobody_has_are_passed_over():
    snapshot = stopped()
    snapshot.include_outputs_from = {"a", "nobody"}
    assert go_on(snapshot).include == {"a"}


# ---- what waits, when nobody remembered who sent it ------------------------------------------------------------------


def test_a_run_that_reached_its_limit_has_no_task_to_begin_anew():
    state = loop(1, mode="serial")
    state.complete(state.next(), {"y": 2})
    state.complete(state.next(), {"again": 3})
    with pytest.raises(PipelineMaxComponentRuns):
        state.next()
    paused = states.pause(state, "head", {"head": {"x": 0}})
    assert paused.visits == {"head": 1, "tail": 1}
    assert paused.entries == {"head": {"x": [{"sender": None, "value": 0}, {"sender": "tail", "value": 3}]}}


def test_what_a_failed_component_had_received_waits_again():
    default = object()
    plan = build(
        {
            "a": ([], ["y", "silent"]),
            "j": (
                [
                    lazy("many"),
                    lazy("joined", wrap_input_in_list=False),
                    lazy("unused", default_value=default),
                    greedy("quick"),
                    greedy("mine"),
                    optional("plain"),
                    optional("quiet"),
                    "user",
                ],
                [],
            ),
        },
        ["a.y -> j.many", "a.y -> j.joined", "a.y -> j.quick", "a.y -> j.plain", "a.silent -> j.quiet"],
    )
    given = {"j": {"many": [0], "joined": [8], "mine": "m", "user": "u"}}
    state = RunState(plan, given, mode="serial")
    state.complete(state.next(), {"y": [1]})
    task = state.next()
    state.fail(task, ValueError())
    entries = states.pause(state, "j", given).entries["j"]
    assert entries == {
        "many": [{"sender": None, "value": [0]}, {"sender": "a", "value": [1]}],
        "joined": [{"sender": None, "value": [8]}, {"sender": "a", "value": [1]}],
        "quick": [{"sender": "a", "value": [1]}],
        "mine": [{"sender": None, "value": "m"}],
        "plain": [{"sender": "a", "value": [1]}],
        "quiet": [{"sender": "a", "value": states.NO_OUTPUT}],
        "user": [{"sender": None, "value": "u"}],
    }


def test_a_stop_is_where_its_snapshot_says_unless_it_is_told_otherwise():
    snapshot = stopped()
    assert BreakpointException("stop", "b", snapshot).break_point == snapshot.break_point
    assert BreakpointException("stop", "b", snapshot, break_point=Breakpoint("a")).break_point == Breakpoint("a")
