"""Pipelines that stop at breakpoints or failures, and go on."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from dtlpipe.graph import (
    Breakpoint,
    BreakpointException,
    GreedyVariadic,
    Pipeline,
    PipelineInvalidPipelineSnapshotError,
    PipelineRuntimeError,
    PipelineSnapshot,
    Variadic,
    component,
    load_pipeline_snapshot,
)
from dtlpipe.graph.serialization import allowlist

HERE = __name__


class Note:
    """A value of the user's own, that can write itself."""

    def __init__(self, text: str):
        self.text = text

    def to_dict(self):
        return {"text": self.text}

    @classmethod
    def from_dict(cls, data) -> Note:
        return cls(data["text"])


@component
class Say:
    """Adds a letter, unless it is broken."""

    def __init__(self, letter: str):
        self.letter = letter
        self.broken = False
        self.runs = 0

    @component.output_types(text=str)
    def run(self, text: str = ""):
        self.runs += 1
        if self.broken:
            raise ValueError("broken")
        return {"text": text + self.letter}


@component
class Join:
    @component.output_types(text=str)
    def run(self, texts: Variadic[str]):
        return {"text": ",".join(texts)}


@component
class Either:
    @component.output_types(text=str)
    def run(self, text: GreedyVariadic[str]):
        return {"text": text[0]}


@component
class Until:
    def __init__(self, length: int):
        self.length = length

    @component.output_types(again=str, done=str)
    def run(self, text: str):
        return {"done" if len(text) >= self.length else "again": text}


@component
class Carry:
    @component.output_types(value=object)
    def run(self, value: object):
        return {"value": value}


def diamond() -> Pipeline:
    pipeline = Pipeline()
    for name in "abc":
        pipeline.add_component(name, Say(name))
    pipeline.add_component("join", Join())
    pipeline.add_component("last", Say("!"))
    pipeline.connect("a.text", "b.text").connect("a.text", "c.text")
    pipeline.connect("b.text", "join.texts").connect("c.text", "join.texts").connect("join.text", "last.text")
    return pipeline


def loop() -> Pipeline:
    pipeline = Pipeline()
    pipeline.add_component("entry", Either())
    pipeline.add_component("say", Say("x"))
    pipeline.add_component("until", Until(4))
    pipeline.connect("entry.text", "say.text").connect("say.text", "until.text").connect("until.again", "entry.text")
    return pipeline


def run(pipeline: Pipeline, data: dict[str, Any], *, is_async: bool, **options: Any) -> Any:
    if is_async:
        return asyncio.run(pipeline.run_async(data, **options))
    return pipeline.run(data, **options)


def through_json(snapshot: PipelineSnapshot) -> PipelineSnapshot:
    return PipelineSnapshot.from_dict(json.loads(json.dumps(snapshot.to_dict())))


def stop(
    pipeline: Pipeline, data: Any, point: Breakpoint, *, is_async: bool = False, **options: Any
) -> PipelineSnapshot:
    with pytest.raises(BreakpointException) as caught:
        run(pipeline, data, is_async=is_async, break_point=point, **options)
    assert caught.value.component == point.component_name
    assert caught.value.break_point == point
    return caught.value.pipeline_snapshot


@pytest.mark.parametrize("goes_on_async", [False, True])
@pytest.mark.parametrize("stops_async", [False, True])
@pytest.mark.parametrize("carry", [lambda s: s, through_json], ids=["memory", "json"])
@pytest.mark.parametrize("name", ["a", "b", "c", "join", "last"])
def test_a_pipeline_goes_on_to_the_same_result_wherever_and_however_it_stopped(name, carry, stops_async, goes_on_async):
    include = {"a", "join"}
    whole = run(diamond(), {"a": {"text": ">"}}, is_async=False, include_outputs_from=include)
    snapshot = stop(
        diamond(), {"a": {"text": ">"}}, Breakpoint(name), is_async=stops_async, include_outputs_from=include
    )
    other = diamond()
    assert run(other, {}, is_async=goes_on_async, pipeline_snapshot=carry(snapshot)) == whole
    assert other.get_component("a").runs == (name == "a")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("visit", [0, 1, 2, 3])
@pytest.mark.parametrize("name", ["entry", "say", "until"])
def test_a_loop_goes_on_in_any_visit(name, visit, is_async):
    snapshot = stop(loop(), {"entry": {"text": ""}}, Breakpoint(name, visit), is_async=is_async)
    other = loop()
    assert run(other, {}, is_async=is_async, pipeline_snapshot=through_json(snapshot)) == {"until": {"done": "xxxx"}}
    assert other.get_component("say").runs == 4 - visit - (name == "until")


def test_a_pipeline_is_stepped_through_from_breakpoint_to_breakpoint():
    pipeline, snapshot, seen = diamond(), None, []
    for name in ["a", "b", "c", "join", "last"]:
        snapshot = stop(pipeline, {"a": {"text": ""}}, Breakpoint(name), pipeline_snapshot=snapshot)
        seen.append({each: n for each, n in snapshot.pipeline_state.component_visits.items() if n})
    assert seen == [{}, {"a": 1}, {"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1}, dict.fromkeys(["a", "b", "c", "join"], 1)]
    assert pipeline.run({}, pipeline_snapshot=snapshot) == {"last": {"text": "ab,ac!"}}


def test_the_place_where_a_run_stands_cannot_be_its_breakpoint():
    snapshot = stop(diamond(), {"a": {}}, Breakpoint("b"))
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match="same component and visit count"):
        diamond().run({}, pipeline_snapshot=snapshot, break_point=Breakpoint("b"))


def test_a_breakpoint_of_no_component_is_a_value_error():
    with pytest.raises(ValueError, match="is not a registered component"):
        diamond().run({"a": {}}, break_point=Breakpoint("nobody"))


def test_a_breakpoint_that_is_never_reached_is_said(caplog):
    assert diamond().run({"a": {}}, break_point=Breakpoint("a", 5)) == {"last": {"text": "ab,ac!"}}
    assert "was never triggered" in caplog.text


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("name", ["a", "c", "last"])
def test_a_failed_run_goes_on_from_the_snapshot_in_its_error(name, is_async):
    pipeline = diamond()
    pipeline.get_component(name).broken = True
    with pytest.raises(PipelineRuntimeError) as caught:
        run(pipeline, {"a": {"text": ">"}}, is_async=is_async)
    pipeline.get_component(name).broken = False
    snapshot = caught.value.pipeline_snapshot
    assert (snapshot.break_point.component_name, snapshot.break_point.visit_count) == (name, 0)
    for carried in (snapshot, through_json(snapshot)):
        assert run(pipeline, {}, is_async=is_async, pipeline_snapshot=carried) == {"last": {"text": ">ab,>ac!"}}
    assert caught.value.pipeline_snapshot_file_path is None


def test_a_snapshot_of_another_pipeline_is_refused_with_what_differs():
    snapshot = stop(diamond(), {"a": {}}, Breakpoint("join"))
    other = diamond()
    other.remove_component("last")
    other.add_component("last", Join())
    with pytest.raises(PipelineInvalidPipelineSnapshotError) as caught:
        other.run({}, pipeline_snapshot=snapshot)
    for difference in ("missing input of component 'last': 'text'", "added input of component 'last': 'texts'"):
        assert difference in str(caught.value)
    assert "missing connection 'join.text -> last.text'" in str(caught.value)
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match=r"components \['new'\] in the current pipeline"):
        diamond().add_component("new", Join()).run({}, pipeline_snapshot=snapshot)


def test_values_of_the_users_classes_go_on_in_memory_and_by_files_when_they_are_trusted(monkeypatch):
    def carrying() -> Pipeline:
        pipeline = Pipeline()
        pipeline.add_component("one", Carry())
        pipeline.add_component("two", Carry())
        return pipeline.connect("one.value", "two.value")

    monkeypatch.setitem(sys.modules, HERE, sys.modules[Note.__module__])
    monkeypatch.setattr(allowlist, "_added", [])
    snapshot = stop(carrying(), {"one": {"value": Note("hello")}}, Breakpoint("two"))
    assert carrying().run({}, pipeline_snapshot=snapshot)["two"]["value"].text == "hello"
    with pytest.raises(Exception, match="not on the trusted-module allowlist"):
        carrying().run({}, pipeline_snapshot=through_json(snapshot))
    monkeypatch.setattr(allowlist, "_added", [HERE])
    assert carrying().run({}, pipeline_snapshot=through_json(snapshot))["two"]["value"].text == "hello"


def test_inputs_that_join_lists_in_one_run_join_them_when_it_goes_on():
    @component
    class Lists:
        @component.output_types(values=list[int])
        def run(self, values: list[int]):
            return {"values": values}

    def lists() -> Pipeline:
        pipeline = Pipeline()
        pipeline.add_component("first", Lists())
        pipeline.add_component("second", Lists())
        return pipeline.connect("first.values", "second.values")

    data = {"first": {"values": [1]}, "second": {"values": [2]}}
    whole = lists().run(data)
    assert whole == {"second": {"values": [2, 1]}}
    for name in ("first", "second"):
        snapshot = stop(lists(), data, Breakpoint(name))
        assert lists().run({}, pipeline_snapshot=through_json(snapshot)) == whole


def test_snapshots_are_files_when_the_environment_allows_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DTLPIPE_PIPELINE_SNAPSHOT_SAVE_ENABLED", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(BreakpointException) as stopped:
        diamond().run({"a": {}}, break_point=Breakpoint("c", 0, str(tmp_path / "own")))
    path = Path(stopped.value.pipeline_snapshot_file_path)
    assert path.parent == tmp_path / "own"
    assert path.name.startswith("c_0_")
    assert diamond().run({}, pipeline_snapshot=load_pipeline_snapshot(path)) == {"last": {"text": "ab,ac!"}}

    pipeline = diamond()
    pipeline.get_component("b").broken = True
    with pytest.raises(PipelineRuntimeError) as failed:
        pipeline.run({"a": {}})
    path = Path(failed.value.pipeline_snapshot_file_path)
    assert path.parent == tmp_path / ".dtlpipe" / "pipeline_snapshot"
    assert diamond().run({}, pipeline_snapshot=load_pipeline_snapshot(path)) == {"last": {"text": "ab,ac!"}}


def test_a_callback_takes_snapshots_in_place_of_files(tmp_path):
    seen: list[PipelineSnapshot] = []

    def callback(snapshot: PipelineSnapshot) -> str:
        seen.append(snapshot)
        return "kept"

    with pytest.raises(BreakpointException) as stopped:
        diamond().run({"a": {}}, break_point=Breakpoint("c", 0, str(tmp_path)), snapshot_callback=callback)
    assert stopped.value.pipeline_snapshot_file_path == "kept"
    assert seen == [stopped.value.pipeline_snapshot]
    assert list(tmp_path.iterdir()) == []
