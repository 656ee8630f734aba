"""Breakpoints against the real Haystack: what a snapshot shows, and how each goes on from its own and the other's."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from typing import Any

import haystack
import pytest
from haystack.components.joiners import BranchJoiner, ListJoiner
from haystack.components.routers import ConditionalRouter
from haystack.core.component import component
from haystack.core.errors import BreakpointException as TheirStop
from haystack.core.errors import PipelineRuntimeError as TheirFailure
from haystack.core.pipeline.breakpoint import load_pipeline_snapshot as load_theirs
from haystack.dataclasses import ChatMessage, Document
from haystack.dataclasses.breakpoints import Breakpoint as TheirBreakpoint
from haystack.dataclasses.breakpoints import PipelineSnapshot as TheirSnapshot
from haystack.utils.base_serialization import _deserialize_value_with_schema as read_theirs
from haystack.utils.base_serialization import _serialize_value_with_schema as write_theirs

from dtlpipe.graph import (
    Breakpoint,
    BreakpointException,
    Pipeline,
    PipelineRuntimeError,
    PipelineSnapshot,
    load_pipeline_snapshot,
)
from dtlpipe.graph.serialization.values import deserialize_value, serialize_value
from tests.unit.graph.against_haystack import Case, Node, make

NO_OUTPUT = "haystack.core.pipeline.component_checks._NoOutputProduced"


def call_of(case: Case, visits: dict[str, int], trace: list[Any]):
    """Return what all nodes do, from a run's visits on: as `Case.caller`, with visits that are given."""
    done = Counter(visits)

    def call(node: str, received: dict[str, Any]) -> dict[str, Any]:
        trace.append((node, done[node], copy.deepcopy(received)))
        done[node] += 1
        dice = random.Random(f"{case.seed}/{node}/{done[node]}")
        return {
            out: f"{node}.{out}.{done[node]}"
            if kind is str
            else [f"{node}.{out}.{n}" for n in range(dice.randint(0, 2))]
            for out, kind in case.nodes[node][1].items()
            if dice.random() < case.generosity
        }

    return call


def build(pipeline_class: Any, case: Case, visits: dict[str, int], trace: list[Any]) -> Any:
    pipeline = pipeline_class(max_runs_per_component=case.limit)
    call = call_of(case, visits, trace)
    for name, (sockets, outputs) in case.nodes.items():
        pipeline.add_component(name, Node(name, sockets, outputs, call))
    for sender, out, receiver, into in case.connections:
        pipeline.connect(f"{sender}.{out}", f"{receiver}.{into}")
    return pipeline


def outcome(pipeline_class: Any, case: Case, visits: dict[str, int], **options: Any) -> tuple[list[Any], Any]:
    trace: list[Any] = []
    pipeline = build(pipeline_class, case, visits, trace)
    data = {} if "pipeline_snapshot" in options else copy.deepcopy(case.inputs)
    try:
        return trace, pipeline.run(data, include_outputs_from=set(case.include), **options)
    except (BreakpointException, TheirStop) as stop:
        return trace, stop
    except IndexError:
        return trace, "their bug"
    except Exception as error:
        return trace, type(error).__name__


def shown(serialized: dict[str, Any], case: Case) -> dict[str, Any]:
    """What waits, by socket: values in order of arrival, and who had nothing (whose place among them says nothing).

    Of several senders that had nothing for a greedy socket, one is shown; which one says nothing either.
    """
    found: dict[str, Any] = {}
    schema = serialized["serialization_schema"]["properties"]
    for name, sockets in serialized["serialized_data"].items():
        for socket, listed in sockets.items():
            array = schema[name]["properties"][socket]
            kinds = array.get("prefixItems") or [array["items"]] * len(listed)
            types = [kind["properties"]["value"]["type"] for kind in kinds]
            values = [entry for entry, kind in zip(listed, types, strict=True) if kind != NO_OUTPUT]
            silent = {entry["sender"] for entry, kind in zip(listed, types, strict=True) if kind == NO_OUTPUT}
            silent -= {entry["sender"] for entry in values}
            is_greedy = case.nodes[name][0][socket].startswith("greedy")
            found[f"{name}.{socket}"] = (values, bool(silent) if is_greedy else silent)
    return found


def over_json(kind: Any, snapshot: Any) -> Any:
    return kind.from_dict(json.loads(json.dumps(snapshot.to_dict())))


def compare(seed: int) -> str:
    """Stop and go on with one random pipeline in all ways; return how it was compared."""
    case = make(seed)
    whole, result = outcome(haystack.Pipeline, case, {})
    if not isinstance(result, dict) or not whole:
        return "nothing to stop"
    place = random.Random(seed).randrange(len(whole))
    node, visit, _ = whole[place]

    _, ours = outcome(Pipeline, case, {}, break_point=Breakpoint(node, visit))
    _, theirs = outcome(haystack.Pipeline, case, {}, break_point=TheirBreakpoint(node, visit))
    assert isinstance(ours, BreakpointException)
    assert isinstance(theirs, TheirStop)
    mine, other = ours.pipeline_snapshot, theirs.pipeline_snapshot
    assert (ours.component, ours.break_point.to_dict()) == (theirs.component, theirs.break_point.to_dict())
    assert str(ours) == str(theirs)
    assert ours.results == theirs.results
    assert shown(ours.inputs, case) == shown(theirs.inputs, case)
    assert mine.pipeline_state.component_visits == other.pipeline_state.component_visits
    assert mine.original_input_data == other.original_input_data
    assert mine.ordered_component_names == other.ordered_component_names
    assert mine.include_outputs_from == other.include_outputs_from

    visits = mine.pipeline_state.component_visits
    for snapshot in (mine, over_json(PipelineSnapshot, mine)):
        tail, end = outcome(Pipeline, case, visits, pipeline_snapshot=snapshot)
        assert tail == whole[place:]
        assert end == result
    # Haystack weighs all components anew when it goes on, which may change their order; ours from its data does, too
    reference = outcome(haystack.Pipeline, case, visits, pipeline_snapshot=over_json(TheirSnapshot, other))
    from_theirs = outcome(Pipeline, case, visits, pipeline_snapshot=over_json(PipelineSnapshot, other))
    joins = any(
        kind.startswith("list") and case.fed(name, socket) == 1 and socket in case.inputs.get(name, {})
        for name, (sockets, _) in case.nodes.items()
        for socket, kind in sockets.items()
    )
    if joins:  # that a run's inputs made a socket join lists is forgotten by Haystack, so its user's value is lost
        assert from_theirs[1].keys() == result.keys()
        return "lists"
    if reference[1] != "their bug":
        assert from_theirs == reference
    from_mine = outcome(haystack.Pipeline, case, visits, pipeline_snapshot=over_json(TheirSnapshot, mine))
    if reference[1] != "their bug":
        assert from_mine == reference
    return "exact" if reference == (whole[place:], result) else "Haystack goes on otherwise"


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_random_pipelines_stop_alike_and_go_on_from_each_others_snapshots(first):
    outcomes = Counter(compare(seed) for seed in range(first, first + 50))
    assert outcomes["exact"] >= 10


@pytest.mark.parametrize("first", range(10**6, 10**6 + 200, 50))
def test_so_do_dense_loops(first):
    assert sum(Counter(compare(seed) for seed in range(first, first + 50)).values()) == 50


# ---- values ----------------------------------------------------------------------------------------------------------

VALUES: list[Any] = [
    None,
    [1, 2.5, "x", True, None],
    {"a": {"b": [{"c": ()}, {"c": ()}]}},
    (1, [2], {"three": {3}}),
    frozenset({1}),
    Document(content="text", meta={"page": 1, "tags": ["a"]}, embedding=[0.5, 0.25]),
    [ChatMessage.from_user("hello"), ChatMessage.from_assistant("hi", meta={"n": 1})],
    len,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_the_same_data_to_both_and_each_reads_the_others(value):
    written = serialize_value(value)
    assert written == write_theirs(value)
    carried = json.loads(json.dumps(written))
    assert deserialize_value(carried) == value
    assert read_theirs(carried) == value


# ---- genuine components ----------------------------------------------------------------------------------------------


@component
class Draft:
    """Improves a text, visit by visit."""

    def __init__(self):
        self.visits = 0

    @component.output_types(text=str)
    def run(self, text: str):
        return {"text": f"{text}+"}


@component
class Fragile:
    """Fails until it is mended."""

    broken = False

    @component.output_types(text=str)
    def run(self, text: str):
        if self.broken:
            raise RuntimeError("it is broken")
        return {"text": f"<{text}>"}


def improving(pipeline_class: Any) -> Any:
    routes = [
        {"condition": "{{text|length < 6}}", "output": "{{text}}", "output_name": "again", "output_type": str},
        {"condition": "{{text|length >= 6}}", "output": "{{text}}", "output_name": "done", "output_type": str},
    ]
    pipeline = pipeline_class()
    pipeline.add_component("entry", BranchJoiner(str))
    pipeline.add_component("draft", Draft())
    pipeline.add_component("router", ConditionalRouter(routes))
    pipeline.add_component("fragile", Fragile())
    pipeline.connect("entry.value", "draft.text")
    pipeline.connect("draft.text", "router.text")
    pipeline.connect("router.again", "entry.value")
    pipeline.connect("router.done", "fragile.text")
    return pipeline


DATA = {"entry": {"value": "abc"}}
WHOLE = {"fragile": {"text": "<abc+++>"}}


@pytest.mark.parametrize("visit", [0, 1, 2])
@pytest.mark.parametrize("name", ["entry", "draft", "router"])
def test_a_loop_of_genuine_components_goes_on_from_the_others_file_in_any_visit(name, visit, tmp_path, monkeypatch):
    monkeypatch.setenv("HAYSTACK_PIPELINE_SNAPSHOT_SAVE_ENABLED", "true")
    assert improving(Pipeline).run(DATA) == WHOLE
    with pytest.raises(TheirStop) as theirs:
        improving(haystack.Pipeline).run(
            copy.deepcopy(DATA), break_point=TheirBreakpoint(name, visit, str(tmp_path / "theirs"))
        )
    with pytest.raises(BreakpointException) as ours:
        improving(Pipeline).run(DATA, break_point=Breakpoint(name, visit, str(tmp_path / "ours")))
    their_file = theirs.value.pipeline_snapshot_file_path
    our_file = ours.value.pipeline_snapshot_file_path
    assert improving(Pipeline).run({}, pipeline_snapshot=load_pipeline_snapshot(their_file)) == WHOLE
    assert improving(Pipeline).run({}, pipeline_snapshot=load_pipeline_snapshot(our_file)) == WHOLE
    assert improving(haystack.Pipeline).run({}, pipeline_snapshot=load_theirs(our_file)) == WHOLE


@pytest.mark.parametrize(
    ("pipeline_class", "failure"), [(Pipeline, PipelineRuntimeError), (haystack.Pipeline, TheirFailure)]
)
def test_a_failed_run_goes_on_once_its_cause_is_mended(pipeline_class, failure, monkeypatch):
    pipeline = improving(pipeline_class)
    monkeypatch.setattr(Fragile, "broken", True)
    with pytest.raises(failure) as caught:
        pipeline.run(copy.deepcopy(DATA))
    monkeypatch.setattr(Fragile, "broken", False)
    snapshot = caught.value.pipeline_snapshot
    assert snapshot.break_point.component_name == "fragile"
    assert snapshot.break_point.visit_count == 0
    assert improving(Pipeline).run({}, pipeline_snapshot=over_json(PipelineSnapshot, snapshot)) == WHOLE
    assert improving(haystack.Pipeline).run({}, pipeline_snapshot=over_json(TheirSnapshot, snapshot)) == WHOLE


def test_lists_that_wait_in_a_joiner_go_on_too():
    def joining(pipeline_class: Any) -> Any:
        pipeline = pipeline_class()
        for name in "ab":
            pipeline.add_component(name, BranchJoiner(list[str]))
        pipeline.add_component("joiner", ListJoiner(list[str]))
        pipeline.connect("a.value", "joiner.values")
        pipeline.connect("b.value", "joiner.values")
        return pipeline

    data = {"a": {"value": ["x"]}, "b": {"value": ["y", "z"]}}
    whole = {"joiner": {"values": ["x", "y", "z"]}}
    with pytest.raises(TheirStop) as theirs:
        joining(haystack.Pipeline).run(copy.deepcopy(data), break_point=TheirBreakpoint("b"))
    with pytest.raises(BreakpointException) as ours:
        joining(Pipeline).run(data, break_point=Breakpoint("b"))
    for snapshot in (theirs.value.pipeline_snapshot, ours.value.pipeline_snapshot):
        assert joining(Pipeline).run({}, pipeline_snapshot=over_json(PipelineSnapshot, snapshot)) == whole
        assert joining(haystack.Pipeline).run({}, pipeline_snapshot=over_json(TheirSnapshot, snapshot)) == whole
