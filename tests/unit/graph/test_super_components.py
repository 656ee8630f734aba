from __future__ import annotations

import pickle
from typing import Any

import pytest

from dtlpipe.errors import DtlpipeError
from dtlpipe.graph import (
    DeserializationError,
    InvalidMappingTypeError,
    InvalidMappingValueError,
    Pipeline,
    PipelineRuntimeError,
    PipelineValidationError,
    SuperComponent,
    component,
)
from tests.unit.graph.super_parts import Collect, Fail, Maybe, Number, Shout, Split, inputs, outputs, rejoin

# ---- mappings --------------------------------------------------------------------------------------------------------


def test_without_mappings_the_open_sockets_stand_under_their_own_names():
    rejoined = SuperComponent(rejoin())
    assert inputs(rejoined) == {"text": (str, True), "limit": (int, False), "separator": (str | None, False)}
    assert outputs(rejoined) == {"count": int, "text": str}
    assert rejoined.input_mapping == {
        "text": ["split.text"],
        "limit": ["split.limit"],
        "separator": ["join.separator"],
    }
    assert rejoined.output_mapping == {"split.count": "count", "join.text": "text"}
    assert rejoined.run(text="a b c d") == {"count": 4, "text": "a-b-c"}


def test_sockets_of_the_same_name_are_one_input():
    pipeline = Pipeline().add_component("split", Split()).add_component("shout", Shout())
    both = SuperComponent(pipeline)
    assert inputs(both)["text"] == (str, True)
    assert both.run(text="a b") == {"words": ["a", "b"], "count": 2, "loud": "A B"}


def test_mappings_name_inputs_and_outputs_also_of_connected_sockets():
    mapped = SuperComponent(
        rejoin(),
        input_mapping={"sentence": ["split.text"], "glue": ["join.separator"]},
        output_mapping={"split.words": "parts", "join.text": "sentence"},
    )
    assert inputs(mapped) == {"sentence": (str, True), "glue": (str | None, False)}
    assert outputs(mapped) == {"parts": list[str], "sentence": str}
    assert mapped.run(sentence="a b", glue="+") == {"parts": ["a", "b"], "sentence": "a+b"}


def test_an_input_that_was_left_out_takes_the_default_inside():
    rejoined = SuperComponent(rejoin("/"))
    assert rejoined.run(text="a b c d", limit=2)["text"] == "a/b"
    assert rejoined.run(text="a b", separator=None)["text"] == "a/b"


def test_an_input_is_mandatory_if_one_of_its_sockets_is():
    @component
    class Optional:
        @component.output_types(out=str)
        def run(self, text: str = ""):
            return {"out": text}

    for order in (["a.text", "b.text"], ["b.text", "a.text"]):
        pipeline = Pipeline().add_component("a", Optional()).add_component("b", Shout())
        assert inputs(SuperComponent(pipeline, {"text": order}))["text"] == (str, True)
    assert inputs(SuperComponent(Pipeline().add_component("a", Optional())))["text"] == (str, False)


def test_a_value_of_odd_equality_is_passed_on():
    class Odd:
        def __eq__(self, other):
            raise ValueError("the truth of an array is ambiguous")

        __hash__ = None

        def __deepcopy__(self, memo):
            return self

    @component
    class Keep:
        @component.output_types(out=Any)
        def run(self, value: Any = None):
            return {"out": value}

    odd = Odd()
    assert SuperComponent(Pipeline().add_component("keep", Keep())).run(value=odd)["out"] is odd


def test_an_input_may_have_any_name():
    named = SuperComponent(rejoin(), {"self": ["split.text"], "not a name": ["split.limit"]})
    assert named.run(**{"self": "a b", "not a name": 1})["text"] == "a"


def test_outputs_that_the_run_did_not_produce_are_missing():
    parity = SuperComponent(Pipeline().add_component("maybe", Maybe()))
    assert parity.run(value=2) == {"even": 2}
    assert parity.run(value=3) == {"odd": 3}


def test_an_input_that_is_mapped_to_no_socket_is_none():
    assert set(inputs(SuperComponent(rejoin(), {"text": ["split.text"], "nothing": []}))) == {"text"}


def test_a_variadic_input_inside_takes_one_value():
    collected = SuperComponent(Pipeline().add_component("collect", Collect()))
    assert inputs(collected) == {"values": (int, True)}
    assert collected.run(values=5) == {"all": [5]}


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ([], "input_mapping must be a dictionary.*not list"),
        ({"text": "split.text"}, "Input paths for 'text' must be a list of strings"),
        ({"text": ["split.text", 5]}, "Input paths for 'text' must be a list of strings"),
        ({5: ["split.text"]}, "Input names in input_mapping must be strings, and 5 is none"),
        (
            {"x": ["split.text", "split.limit"]},
            r"'limit' from component 'split'\. Existing type: str.*type: int.*'x' is to feed .* with split\.text",
        ),
    ],
)
def test_an_input_mapping_of_another_shape_is_refused(mapping, said):
    with pytest.raises(InvalidMappingTypeError, match=said):
        SuperComponent(rejoin(), input_mapping=mapping)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("split", "Invalid path format: 'split'. Expected 'component_name.socket_name'"),
        ("missing.text", "Component 'missing' not found in pipeline inputs.*\nAvailable components: .*split.*join"),
        ("split.missing", "Input socket 'missing' not found in component 'split'.*\nAvailable inputs for 'split'"),
        ("join.words", "Input socket 'words' not found in component 'join', or it is fed inside the pipeline"),
    ],
)
def test_an_input_mapping_to_what_is_not_there_is_refused(path, said):
    with pytest.raises(InvalidMappingValueError, match=said):
        SuperComponent(rejoin(), input_mapping={"text": [path]})


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (["split.words"], "output_mapping must be a dictionary.*not list"),
        ({"split.words": 5}, "Output names in output_mapping must be strings, and 5 is none"),
        ({5: "words"}, "Paths in output_mapping must be strings, and 5 is none"),
    ],
)
def test_an_output_mapping_of_another_shape_is_refused(mapping, said):
    with pytest.raises(InvalidMappingTypeError, match=said):
        SuperComponent(rejoin(), output_mapping=mapping)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"split": "words"}, "Invalid path format: 'split'"),
        ({"missing.words": "words"}, "Component 'missing' not found among pipeline outputs"),
        ({"split.missing": "words"}, "Output socket 'missing' not found in component 'split'.\nAvailable outputs"),
        (
            {"split.words": "out", "join.text": "out"},
            r"Duplicate output name 'out' in output_mapping: for split\.words and join\.text",
        ),
    ],
)
def test_an_output_mapping_of_what_is_not_there_is_refused(mapping, said):
    with pytest.raises(InvalidMappingValueError, match=said):
        SuperComponent(rejoin(), output_mapping=mapping)


def test_outputs_of_the_same_name_need_a_mapping():
    pipeline = Pipeline().add_component("one", Shout()).add_component("other", Shout())
    with pytest.raises(
        InvalidMappingValueError, match="Output name conflict: 'loud' is produced by multiple components"
    ):
        SuperComponent(pipeline)
    named = SuperComponent(pipeline, output_mapping={"one.loud": "first", "other.loud": "second"})
    assert named.run(text="a") == {"first": "A", "second": "A"}


def test_inputs_of_the_same_name_and_different_types_need_a_mapping():
    pipeline = Pipeline().add_component("number", Number()).add_component("shout", Shout())
    with pytest.raises(InvalidMappingTypeError, match="names of their own in input_mapping"):
        SuperComponent(pipeline)


def test_errors_of_mappings_are_caught_as_what_they_are():
    assert issubclass(InvalidMappingTypeError, DtlpipeError)
    assert issubclass(InvalidMappingTypeError, TypeError)
    assert issubclass(InvalidMappingValueError, DtlpipeError)
    assert issubclass(InvalidMappingValueError, ValueError)


def test_there_is_no_super_component_without_a_pipeline():
    with pytest.raises(ValueError, match="Pipeline must be provided to SuperComponent"):
        SuperComponent(None)
    with pytest.raises(PipelineValidationError, match="needs a Pipeline, not a str"):
        SuperComponent("pipeline")


def test_a_class_that_derives_splits_paths_under_haystacks_name():
    assert SuperComponent._split_component_path("split.text") == ("split", "text")
    assert SuperComponent._split_component_path("split.a.b") == ("split", "a.b")
    with pytest.raises(InvalidMappingValueError, match="Invalid path format"):
        SuperComponent._split_component_path("split")


# ---- running ---------------------------------------------------------------------------------------------------------


async def test_it_runs_on_the_event_loop_as_well():
    mapped = SuperComponent(rejoin(), output_mapping={"split.words": "parts", "join.text": "text"})
    assert await mapped.run_async(text="a b") == {"parts": ["a", "b"], "text": "a-b"}


async def test_it_is_warmed_up_and_closed_with_its_pipeline():
    rejoined = SuperComponent(rejoin())
    rejoined.warm_up()
    await rejoined.warm_up_async()
    rejoined.close()
    await rejoined.close_async()
    assert rejoined.pipeline.get_component("join").log == ["warm_up", "warm_up_async", "close", "close_async"]


def test_a_component_inside_that_fails_is_named():
    failing = Pipeline().add_component("inner", Fail())
    outer = Pipeline().add_component("outer", SuperComponent(failing))
    with pytest.raises(PipelineRuntimeError, match="the disk is full") as failure:
        outer.run({"outer": {"value": 1}})
    assert failure.value.component_name == "inner"


def test_super_components_are_components_of_pipelines_and_of_each_other():
    inner = SuperComponent(rejoin(), {"text": ["split.text"]}, {"join.text": "text"})
    middle = SuperComponent(Pipeline().add_component("rejoin", inner))
    outer = Pipeline().add_component("middle", middle).add_component("shout", Shout())
    outer.connect("middle.text", "shout.text")
    assert outer.run({"text": "a b"}) == {"shout": {"loud": "A-B"}}


# ---- a pipeline as a node --------------------------------------------------------------------------------------------


async def test_a_pipeline_is_a_node_of_another_one():
    outer = Pipeline().add_component("inner", rejoin()).add_component("shout", Shout())
    outer.connect("inner.text", "shout.text")
    assert isinstance(outer.get_component("inner"), SuperComponent)
    expected = {"inner": {"count": 2}, "shout": {"loud": "A+B"}}
    assert outer.run({"inner": {"text": "a b", "separator": "+"}}) == expected
    assert await outer.run_async({"inner": {"text": "a b", "separator": "+"}}) == expected


def test_a_pipeline_with_a_pipeline_inside_reads_back_as_it_was():
    outer = Pipeline().add_component("inner", rejoin("/"))
    again = Pipeline.from_dict(outer.to_dict(), allowed_modules=[__name__])
    assert again == outer
    assert again.run({"text": "a b"}) == {"inner": {"count": 2, "text": "a/b"}}


def test_a_pipeline_cannot_contain_itself():
    one, other = rejoin(), rejoin()
    for contained in (one, SuperComponent(one)):
        with pytest.raises(PipelineValidationError, match="'self' contains the pipeline that it is added to"):
            one.add_component("self", contained)
    one.add_component("other", other)
    with pytest.raises(PipelineValidationError, match="'one' contains the pipeline that it is added to"):
        other.add_component("one", SuperComponent(one, output_mapping={"join.text": "text"}))
    assert "one" not in other.graph


# ---- as data ---------------------------------------------------------------------------------------------------------


def test_it_is_written_with_its_pipeline_and_the_mappings_that_were_given():
    data = SuperComponent(rejoin(), output_mapping={"join.text": "text"}).to_dict()
    assert data == {
        "type": "dtlpipe.graph.super_components.SuperComponent",
        "init_parameters": {
            "pipeline": rejoin().to_dict(),
            "input_mapping": None,
            "output_mapping": {"join.text": "text"},
        },
    }


@pytest.mark.parametrize(
    "name",
    ["dtlpipe.graph.super_components.SuperComponent", "haystack.core.super_component.super_component.SuperComponent"],
)
def test_it_reads_back_under_our_name_and_under_haystacks(monkeypatch, name):
    monkeypatch.setenv("DTLPIPE_DESERIALIZATION_ALLOWLIST", __name__)
    data = SuperComponent(rejoin("/"), {"text": ["split.text"]}, {"join.text": "text"}).to_dict()
    data["type"] = name
    data["init_parameters"]["is_pipeline_async"] = False
    kept = pickle.loads(pickle.dumps(data))
    again = SuperComponent.from_dict(data)
    assert again.run(text="a b") == {"text": "a/b"}
    assert (again.input_mapping, again.output_mapping) == ({"text": ["split.text"]}, {"join.text": "text"})
    assert data == kept


@pytest.mark.parametrize("parameters", [{}, None, {"pipeline": None}, {"pipeline": "p"}])
def test_data_without_a_pipeline_is_refused(parameters):
    with pytest.raises(DeserializationError, match="no 'pipeline' in 'init_parameters'"):
        SuperComponent.from_dict({"type": "x", "init_parameters": parameters})


def test_what_the_pipeline_inside_names_must_be_allowed():
    data = SuperComponent(rejoin()).to_dict()
    data["init_parameters"]["pipeline"]["components"]["split"]["type"] = "json.decoder.JSONDecoder"
    with pytest.raises(DeserializationError, match=r"json\.decoder"):
        SuperComponent.from_dict(data)


# ---- pictures --------------------------------------------------------------------------------------------------------


def test_its_picture_is_that_of_its_pipeline(monkeypatch):
    asked = []
    monkeypatch.setattr(Pipeline, "draw", lambda self, **options: asked.append(("draw", self, options)))
    monkeypatch.setattr(Pipeline, "show", lambda self, **options: asked.append(("show", self, options)))
    rejoined = SuperComponent(rejoin())
    rejoined.draw("picture.svg")
    rejoined.draw("picture.png", server_url="http://here", params={"theme": "dark"}, timeout=5)
    rejoined.show(timeout=5)
    own = {"server_url": None, "params": None, "timeout": 30}
    given = {"server_url": "http://here", "params": {"theme": "dark"}, "timeout": 5}
    assert [(what, options) for what, _, options in asked] == [
        ("draw", {"path": "picture.svg", **own}),
        ("draw", {"path": "picture.png", **given}),
        ("show", {**own, "timeout": 5}),
    ]
    assert all(each is rejoined.pipeline for _, each, _ in asked)
