"""Asynchronous functions as components: awaited where a loop runs, run to their end where none does."""

from __future__ import annotations

import asyncio
import functools

import pytest

from dtlpipe.graph import ComponentError, Pipeline, PipelineRuntimeError, component
from dtlpipe.graph.components.functions import as_component


@component
def double(value: int, times: int = 2) -> int:
    return value * times


@component
async def later(value: int) -> int:
    await asyncio.sleep(0)
    return value + 1


class TestAsynchronousFunctions:
    async def test_are_awaited_on_the_event_loop(self):
        found = as_component(later)
        assert found.__haystack_supports_async__ is True
        assert await found.run_async(value=1) == {"output": 2}

    def test_run_to_their_end_where_no_loop_is_running(self):
        assert as_component(later).run(value=1) == {"output": 2}

    async def test_cannot_be_waited_for_inside_a_running_loop(self):
        with pytest.raises(ComponentError, match=r"'later' is asynchronous, and an event loop is running.*run_async"):
            as_component(later).run(value=1)

    def test_can_be_partials_and_callable_objects(self):
        class Adding:
            async def __call__(self, value: int) -> int:
                return value + 1

        for function in (functools.partial(later), functools.partial(functools.partial(later)), Adding()):
            assert as_component(function).__haystack_supports_async__
            assert as_component(function).run(value=1) == {"output": 2}

    def test_are_the_only_ones_with_run_async(self):
        found = as_component(double)
        assert found.__haystack_supports_async__ is False
        assert not hasattr(found, "run_async")
        with pytest.raises(AttributeError, match="'double' is not an asynchronous function"):
            found.run_async  # noqa: B018

    async def test_run_in_pipelines(self):
        pipeline = Pipeline()
        pipeline.add_component("later", later)
        pipeline.add_component("double", double)
        pipeline.connect("later", "double.value")
        with pytest.raises(PipelineRuntimeError, match="Component name: 'later'"):
            pipeline.run({"later": {"value": 1}})
