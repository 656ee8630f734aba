"""Serialization against the real Haystack: the same data, and files that each loads of the other."""

from __future__ import annotations

import decimal
import sys

import haystack
import pytest
from haystack.components.builders import AnswerBuilder, PromptBuilder
from haystack.components.converters import OutputAdapter
from haystack.components.joiners import BranchJoiner, DocumentJoiner, ListJoiner, StringJoiner
from haystack.components.preprocessors import DocumentSplitter, TextCleaner
from haystack.components.retrievers import InMemoryBM25Retriever
from haystack.components.routers import ConditionalRouter, FileTypeRouter
from haystack.components.validators import JsonSchemaValidator
from haystack.core import serialization as theirs
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.marshal import YamlMarshaller as TheirMarshaller
from haystack.utils import ComponentDevice, Secret
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtlpipe.graph import (
    DeserializationCallbacks,
    Pipeline,
    SuperComponent,
    component,
    component_to_dict,
    default_from_dict,
    default_to_dict,
)
from dtlpipe.graph.errors import DeserializationError
from dtlpipe.graph.pipeline.base import PipelineBase
from dtlpipe.graph.serialization import allowlist
from dtlpipe.graph.serialization.marshal import YamlMarshaller
from dtlpipe.integrations import haystack as integration

ROUTES = [
    {"condition": "{{n > 1}}", "output": "{{n}}", "output_name": "many", "output_type": int},
    {"condition": "{{n <= 1}}", "output": "{{n}}", "output_name": "few", "output_type": int},
]

GENUINE = {
    "prompt": lambda: PromptBuilder("Hello {{ name }}, {{ question }}", required_variables=["name"]),
    "answer": lambda: AnswerBuilder(pattern="[0-9]+"),
    "adapter": lambda: OutputAdapter("{{ x }}", output_type=dict[str, list[int] | None]),
    "branch": lambda: BranchJoiner(list[int]),
    "documents": lambda: DocumentJoiner(join_mode="merge", weights=[0.25, 0.75]),
    "lists": lambda: ListJoiner(list[str]),
    "strings": StringJoiner,
    "splitter": lambda: DocumentSplitter(split_by="word", split_length=7),
    "cleaner": lambda: TextCleaner(remove_regexps=[r"\s+"], convert_to_lowercase=True),
    "retriever": lambda: InMemoryBM25Retriever(InMemoryDocumentStore(index="here"), top_k=3),
    "router": lambda: ConditionalRouter(ROUTES),
    "files": lambda: FileTypeRouter(["text/plain", "image/.*"]),
    "validator": lambda: JsonSchemaValidator({"properties": {"a": {"type": "integer"}}, "type": "object"}),
}


@component
class Keyed:
    """A component of ours that takes objects of Haystack's."""

    def __init__(self, key: Secret | None = None, device: ComponentDevice | None = None, store: object = None):
        self.key = key
        self.device = device
        self.store = store

    def run(self):
        return {}


def build(pipeline_class, names):
    pipeline = pipeline_class(metadata={"of": ("b", "a")}, max_runs_per_component=9)
    for name in names:
        pipeline.add_component(name, GENUINE[name]())
    if "prompt" in names and "strings" in names:
        pipeline.connect("prompt.prompt", "strings.strings")
    if "router" in names and "adapter" in names:
        pipeline.connect("router.many", "adapter.x")
    return pipeline


@pytest.mark.parametrize("name", GENUINE)
def test_a_genuine_component_is_the_same_data_to_both(name):
    assert component_to_dict(GENUINE[name](), name) == theirs.component_to_dict(GENUINE[name](), name)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(st.sampled_from(sorted(GENUINE)), unique=True, max_size=6))
def test_pipelines_of_genuine_components_are_the_same_data_and_each_loads_the_others_text(names):
    ours, real = build(PipelineBase, names), build(haystack.Pipeline, names)
    data = ours.to_dict()
    assert data == real.to_dict()
    assert haystack.Pipeline.loads(ours.dumps()).to_dict() == data
    assert PipelineBase.loads(real.dumps()).to_dict() == data
    assert PipelineBase.loads(ours.dumps()).to_dict() == data


@settings(max_examples=40, deadline=None)
@given(
    data=st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=10),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=120),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.lists(inner, max_size=3).map(tuple)
                | st.dictionaries(st.text(max_size=6), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=4,
    )
)
def test_each_reads_the_yaml_of_the_other(data):
    assert TheirMarshaller().unmarshal(YamlMarshaller().marshal(data)) == data
    assert YamlMarshaller().unmarshal(TheirMarshaller().marshal(data)) == data


def test_the_text_of_a_pipeline_with_sorted_names_is_haystacks_to_the_letter():
    names = sorted(GENUINE)
    assert build(PipelineBase, names).dumps() == build(haystack.Pipeline, names).dumps()


def test_a_genuine_component_that_was_never_imported_is_imported_from_its_name():
    name = "haystack.components.preprocessors.text_cleaner"
    kind = f"{name}.TextCleaner"
    from haystack.core.component import component as registrar

    registrar.registry.pop(kind)
    module = sys.modules.pop(name)
    try:
        pipeline = PipelineBase.from_dict({"components": {"a": {"type": kind, "init_parameters": {}}}})
        assert type(pipeline.get_component("a")).__name__ == "TextCleaner"
    finally:
        sys.modules[name] = module


def test_secrets_devices_and_stores_are_restored_as_haystack_restores_them():
    made = Keyed(Secret.from_env_var("SOME_KEY"), ComponentDevice.from_str("cpu"), InMemoryDocumentStore(index="x"))
    data = default_to_dict(made, key=made.key, device=made.device, store=made.store)
    assert (
        data["init_parameters"]
        == theirs.default_to_dict(made, key=made.key, device=made.device, store=made.store)["init_parameters"]
    )
    restored = default_from_dict(Keyed, data)
    assert restored.key == made.key
    assert restored.device == made.device
    assert type(restored.store) is InMemoryDocumentStore
    assert restored.store.index == "x"


def test_a_secret_without_haystack_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "haystack.utils.auth", None)
    data = {"type": f"{__name__}.Keyed", "init_parameters": {"key": Secret.from_env_var("A").to_dict()}}
    data["type"] = default_to_dict(Keyed())["type"]
    with pytest.raises(DeserializationError, match="pip install haystack-ai"):
        default_from_dict(Keyed, data)


def test_genuine_components_trust_what_this_call_trusts(monkeypatch):
    monkeypatch.setattr(allowlist, "_added", [])
    pipeline = PipelineBase()
    pipeline.add_component("a", BranchJoiner(decimal.Decimal))
    data = pipeline.to_dict()
    with pytest.raises(DeserializationError, match="decimal"):
        PipelineBase.from_dict(data)
    assert PipelineBase.from_dict(data, allowed_modules=["decimal"]).to_dict() == data
    assert PipelineBase.from_dict(data, unsafe=True).to_dict() == data
    allowlist.allow_deserialization_module("decimal")
    assert PipelineBase.from_dict(data).to_dict() == data


def test_the_callback_sees_genuine_components_too():
    seen = []

    def pre_init(name, cls, parameters):
        seen.append((name, cls.__name__))
        parameters["template"] = "Changed {{ x }}"

    data = build(PipelineBase, ["prompt"]).to_dict()
    pipeline = PipelineBase.from_dict(data, DeserializationCallbacks(pre_init))
    assert seen == [("prompt", "PromptBuilder")]
    assert pipeline.get_component("prompt").template is not None
    assert set(pipeline.inputs()["prompt"]) >= {"x"}


@pytest.mark.parametrize(
    "kind", ["haystack.utils.auth.os", "haystack.utils.auth.Secret", "os.path", "haystack.logging"]
)
def test_a_type_that_is_no_component_is_refused_by_both(kind):
    data = {"components": {"a": {"type": kind, "init_parameters": {}}}, "connections": []}
    for pipeline_class in (PipelineBase, haystack.Pipeline):
        with pytest.raises(Exception, match=kind.rpartition(".")[0]):
            pipeline_class.from_dict(data)


def test_without_haystack_loaded_there_is_nothing_to_trust_or_find(monkeypatch):
    for name in ("haystack.core.component.component", "haystack.core.serialization_security"):
        monkeypatch.delitem(sys.modules, name)
    assert integration.registry() == {}
    with integration.trusting(["x"], unsafe=True), integration.hooking_init(lambda cls, parameters: None):
        pass


def wrapping(pipeline_class, super_class):
    inner = pipeline_class()
    inner.add_component("joiner", BranchJoiner(str))
    inner.add_component("prompt", PromptBuilder("Hello {{ name }}"))
    inner.connect("joiner.value", "prompt.name")
    mappings = {"input_mapping": {"name": ["joiner.value"]}, "output_mapping": {"prompt.prompt": "greeting"}}
    middle = pipeline_class()
    middle.add_component("inner", super_class(inner, **mappings))
    outer = pipeline_class()
    outer.add_component("middle", super_class(middle))
    return outer


def test_super_components_load_of_each_other_also_nested():
    ours, real = wrapping(Pipeline, SuperComponent), wrapping(haystack.Pipeline, haystack.SuperComponent)
    assert ours.to_dict() == real.to_dict()
    for text in (ours.dumps(), real.dumps()):
        for pipeline_class in (Pipeline, haystack.Pipeline):
            pipeline = pipeline_class.loads(text)
            assert pipeline.run({"middle": {"name": "you"}}) == {"middle": {"greeting": "Hello you"}}
            assert pipeline.to_dict() == real.to_dict()
    assert type(Pipeline.loads(real.dumps()).get_component("middle")) is SuperComponent
