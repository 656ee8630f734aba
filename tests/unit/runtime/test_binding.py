"""Inputs to parameters, by name."""

from __future__ import annotations

import pytest

from dtlpipe.runtime.binding import Signature, require
from dtlpipe.runtime.failures import NodeFailure


def call(function, **values):
    signature = Signature.of(function)
    require(signature, values, "Node 'n'", "run")
    positional, named = signature.arguments(values)
    return function(*positional, **named)


def test_values_go_to_parameters_of_their_name():
    assert call(lambda a, b: (a, b), b=2, a=1) == (1, 2)


def test_positional_only_parameters_get_their_values_too():
    def run(a, b=5, /, c=6):
        return a, b, c

    assert call(run, a=1, c=3) == (1, 5, 3)
    assert call(run, a=1, b=2, c=3) == (1, 2, 3)


def test_keyword_only_parameters_and_catch_alls_work():
    assert call(lambda *args, a, **rest: (args, a, rest), a=1, b=2) == ((), 1, {"b": 2})


def test_a_method_is_not_asked_for_self():
    class Runner:
        def run(self, a):
            return a

        @staticmethod
        def fixed(a) -> object:
            return a

        @classmethod
        def of_class(cls, a) -> object:
            return a

    for method in (Runner().run, Runner().fixed, Runner().of_class):
        assert call(method, a=1) == 1


def test_all_missing_inputs_are_named_at_once():
    with pytest.raises(NodeFailure, match=r"run\(a, b, c=3\) is missing 2 required inputs: 'a', 'b'") as caught:
        call(lambda a, b, c=3: None, other=1)

    assert "inputs that arrived: 'other'" in str(caught.value)
    assert caught.value.kind == "TypeError"


def test_a_parameter_is_special_only_when_it_is_there():
    assert Signature.of(lambda item, progress: None).specials == {"progress"}
    assert Signature.of(lambda item: None).specials == frozenset()


def test_a_long_default_is_not_spelled_out():
    def run(a, table="x" * 100):
        return a

    assert Signature.of(run).text == "(a, table=...)"
