"""What a tracer sees of a run is what it sees in Haystack: the same spans, tags and contents.

No annotations from the future here: Haystack does not see a `GreedyVariadic` in them.
"""

import asyncio
import contextlib
import os
from typing import Any

import pytest

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # read when haystack is imported

from haystack import Pipeline as TheirPipeline
from haystack import component as their_component
from haystack import tracing as their_tracing
from haystack.core.component.types import GreedyVariadic as TheirGreedyVariadic

from dtlpipe.graph import Pipeline, tracing


class Spy:
    """A tracer for both libraries, which looks at nothing but their protocol."""

    def __init__(self):
        self.spans = []

    @contextlib.contextmanager
    def trace(self, operation_name, tags=None, parent_span=None):
        span = SpiedSpan(operation_name, dict(tags or {}), parent_span)
        self.spans.append(span)
        yield span

    def current_span(self):
        return None

    def seen(self) -> list[Any]:
        return [(span.name, span.tags, span.parent and span.parent.name) for span in self.spans]


class SpiedSpan:
    def __init__(self, name, tags, parent):
        self.name = name
        self.tags = tags
        self.parent = parent

    def set_tag(self, key, value):
        self.tags[key] = value

    set_content_tag = set_tag


@their_component
class Grow:
    @their_component.output_types(value=int)
    def run(self, value: TheirGreedyVariadic[int], by: int = 1):
        return {"value": value[0] + by}


@their_component
class Check:
    @their_component.output_types(low=int, high=int)
    def run(self, value: int | None):
        return {"high" if value > 2 else "low": value}


def built(pipeline: Any) -> Any:
    own = pipeline(metadata={"name": "loop"}, max_runs_per_component=7)
    own.add_component("grow", Grow())
    own.add_component("check", Check())
    own.connect("grow", "check")
    own.connect("check.low", "grow.value")
    return own


@pytest.fixture
def spies():
    ours, theirs = Spy(), Spy()
    yield ours, theirs
    tracing.disable_tracing()
    their_tracing.disable_tracing()


@pytest.mark.parametrize("is_async", [False, True])
def test_a_tracer_sees_the_same_run_in_both_libraries(spies, is_async: bool):
    def run(pipeline: Any) -> Any:
        data = {"grow": {"value": 0}}
        return asyncio.run(pipeline.run_async(data)) if is_async else pipeline.run(data)

    ours, theirs = spies
    their_tracing.enable_tracing(theirs)
    their_result = run(built(TheirPipeline))
    their_tracing.disable_tracing()
    tracing.enable_tracing(ours)
    assert run(built(Pipeline)) == their_result
    assert len(theirs.spans) == 7
    assert ours.seen() == theirs.seen()


def test_a_tracer_that_was_given_to_haystack_sees_runs_here_too(spies):
    _, theirs = spies
    their_tracing.enable_tracing(theirs)
    built(Pipeline).run({"grow": {"value": 2}})
    assert [span.name for span in theirs.spans] == ["haystack.pipeline.run", *["haystack.component.run"] * 2]
