from __future__ import annotations

import pytest

import dtlpipe.graph.errors
from dtlpipe.errors import DtlpipeError
from dtlpipe.graph import Breakpoint, BreakpointException, PipelineRuntimeError


def test_every_error_of_the_engine_can_be_caught_as_one_of_dtlpipe():
    for name in dtlpipe.graph.errors.__all__:
        assert issubclass(getattr(dtlpipe.graph.errors, name), DtlpipeError)


def test_the_error_for_a_reached_breakpoint_names_it_and_has_no_snapshot_yet():
    error = BreakpointException.from_triggered_breakpoint(Breakpoint("a", visit_count=2))
    assert str(error) == "Breaking at component a at visit count 2"
    assert error.component == "a"
    assert error.break_point == Breakpoint("a", visit_count=2)
    assert (error.inputs, error.results, error.pipeline_snapshot) == (None, None, None)


def test_an_error_for_a_breakpoint_has_to_know_which():
    with pytest.raises(ValueError, match="Either pipeline_snapshot or break_point"):
        BreakpointException("stopped")


def test_the_error_of_a_component_names_it_and_its_class_and_what_it_raised():
    error = PipelineRuntimeError.from_exception("a", dict, KeyError("x"))
    assert (error.component_name, error.component_type) == ("a", dict)
    for part in ("Component name: 'a'", "Component type: 'dict'", "Error: 'x' (KeyError)"):
        assert part in str(error)
