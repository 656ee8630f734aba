from __future__ import annotations

import inspect
import pickle
from abc import ABC, abstractmethod
from typing import Any

import pytest

from dtlpipe.graph import (
    SuperComponent,
    component,
    super_component,
)
from dtlpipe.graph.serialization.components import component_to_dict, default_from_dict, default_to_dict
from tests.unit.graph.super_parts import Shout, inputs, outputs, rejoin


@super_component
class Rejoin:
    """Text with other separators."""

    kind = "text"

    def __init__(self, separator: str, *, with_words: bool = False):
        self.separator = separator
        self.with_words = with_words
        self.pipeline = rejoin(separator)
        self.input_mapping = {"text": ["split.text"]}
        self.output_mapping = {"join.text": "text"} | ({"split.words": "words"} if with_words else {})

    def describe(self):
        return f"{self.kind} joined by {self.separator}"


@super_component
class RejoinTwice(Rejoin):
    def __init__(self):
        super().__init__("/", with_words=True)
        self.pipeline.add_component("shout", Shout()).connect("join.text", "shout.text")
        self.output_mapping["shout.loud"] = "loud"


class Plain:
    def __init__(self, separator: str):
        self.pipeline = rejoin(separator)


def test_a_class_becomes_a_super_component():
    rejoined = Rejoin("+", with_words=True)
    assert rejoined.run(text="a b") == {"text": "a+b", "words": ["a", "b"]}
    assert inputs(rejoined) == {"text": (str, True)}
    assert outputs(rejoined) == {"text": str, "words": list[str]}
    assert rejoined.describe() == "text joined by +"


def test_the_class_keeps_its_name_its_documentation_and_its_signature():
    assert (Rejoin.__name__, Rejoin.__qualname__, Rejoin.__module__) == ("Rejoin", "Rejoin", __name__)
    assert Rejoin.__doc__ == "Text with other separators."
    assert list(inspect.signature(Rejoin.__init__).parameters) == ["self", "separator", "with_words"]
    assert component.registry[f"{__name__}.Rejoin"] is Rejoin


def test_its_data_are_the_parameters_of_its_own_constructor():
    data = component_to_dict(Rejoin("+"), "rejoin")
    assert data == {"type": f"{__name__}.Rejoin", "init_parameters": {"separator": "+", "with_words": False}}
    assert default_from_dict(Rejoin, data).run(text="a b") == {"text": "a+b"}


def test_it_can_be_written_as_a_plain_super_component(monkeypatch):
    monkeypatch.setenv("DTLPIPE_DESERIALIZATION_ALLOWLIST", __name__)
    again = SuperComponent.from_dict(Rejoin("+")._to_super_component_dict())
    assert type(again) is SuperComponent
    assert again.run(text="a b") == {"text": "a+b"}


def test_it_may_say_itself_how_it_is_written():
    @super_component
    class Named:
        def __init__(self, glue: str = "+"):
            self.pipeline = rejoin(glue)
            self._glue = glue

        def to_dict(self):
            return default_to_dict(self, glue=self._glue)

    assert Named("/").to_dict()["init_parameters"] == {"glue": "/"}


def test_a_class_may_derive_from_a_decorated_one_and_be_decorated():
    twice = RejoinTwice()
    assert twice.run(text="a b") == {"text": "a/b", "words": ["a", "b"], "loud": "A/B"}
    assert outputs(twice) == {"text": str, "words": list[str], "loud": str}


def test_a_class_may_derive_from_a_decorated_one_without_more():
    class Undecorated(Rejoin):
        def __init__(self):
            super().__init__("*")

    @super_component
    class WithoutConstructor(Rejoin):
        kind = "texts"

    assert Undecorated().run(text="a b") == {"text": "a*b"}
    assert WithoutConstructor("*").describe() == "texts joined by *"
    assert WithoutConstructor("*").run(text="a b") == {"text": "a*b"}


def test_a_class_may_derive_from_super_component():
    class Own(SuperComponent):
        def __init__(self, glue: str):
            super().__init__(rejoin(glue), output_mapping={"join.text": "text"})

    assert Own("+").run(text="a b") == {"text": "a+b"}
    assert Own("+").to_dict()["type"] == "dtlpipe.graph.super_components.SuperComponent"


def test_the_constructor_may_be_a_base_classes():
    @super_component
    class Derived(Plain):
        pass

    assert Derived("+").run(text="a b")["text"] == "a+b"


def test_a_constructor_may_call_those_of_its_bases():
    @super_component
    class Derived(Plain):
        def __init__(self, separator: str):
            super().__init__(separator)
            self.output_mapping = {"join.text": "text"}

    @super_component
    class Alone:
        def __init__(self):
            super().__init__()
            self.pipeline = rejoin("+")

    assert Derived("+").run(text="a b") == {"text": "a+b"}
    assert Alone().run(text="a b") == {"count": 2, "text": "a+b"}


def test_a_base_class_may_leave_run_to_the_super_component():
    class Answers(ABC):
        @abstractmethod
        def run(self, **inputs: Any) -> dict[str, Any]:
            """Answer."""

    @super_component
    class Derived(Answers):
        def __init__(self):
            self.pipeline = rejoin("+")

    assert isinstance(Derived(), Answers)
    assert Derived().run(text="a b") == {"count": 2, "text": "a+b"}


def test_a_class_without_a_constructor_takes_the_pipeline_itself():
    @super_component
    class Bare:
        def loud(self):
            return "loud"

    assert Bare(rejoin("+"), output_mapping={"join.text": "text"}).run(text="a b") == {"text": "a+b"}
    assert Bare(rejoin()).loud() == "loud"
    assert component_to_dict(Bare(rejoin()), "bare")["init_parameters"]["pipeline"] == rejoin().to_dict()


def test_a_constructor_that_sets_no_pipeline_is_told_so():
    @super_component
    class Empty:
        def __init__(self):
            pass

    with pytest.raises(ValueError, match="Class Empty decorated with @super_component must define a 'pipeline'"):
        Empty()


def test_super_components_can_be_pickled():
    for each in (SuperComponent(rejoin("+")), Rejoin("+")):
        assert pickle.loads(pickle.dumps(each)).run(text="a b")["text"] == "a+b"
