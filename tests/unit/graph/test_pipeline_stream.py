"""Streams: chunks first, then the result."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dtlpipe.graph import Pipeline, PipelineRuntimeError, PipelineStreamHandle, component
from tests.unit.graph.running_parts import Add, Await

PATIENCE = 30


@component
class Speak:
    """Emits a chunk for each word, and returns the text."""

    def __init__(self, streaming_callback: Any = None, error: Exception | None = None, gate: Any = None):
        self.streaming_callback = streaming_callback
        self.error = error
        self.gate = gate

    @component.output_types(text=str)
    def run(self, text: str, streaming_callback: Any = None):
        return {"text": text}

    @component.output_types(text=str)
    async def run_async(self, text: str, streaming_callback: Any = None):
        for word in text.split():
            if streaming_callback is not None:
                await streaming_callback(word)
            await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return {"text": text}


@component
class SpeakSync:
    @component.output_types(text=str)
    def run(self, text: str, streaming_callback: Any = None):
        return {"text": text}


@component
class Feed:
    @component.output_types(callback=Any)
    def run(self, value: int = 0):
        return {"callback": None}


def one(**options: Any) -> Pipeline:
    return Pipeline().add_component("llm", Speak(**options))


def two() -> Pipeline:
    pipeline = Pipeline()
    pipeline.add_components({"first": Speak(), "second": Speak()})
    return pipeline.connect("first.text", "second.text")


async def test_a_stream_gives_chunks_and_then_the_result():
    handle = one().stream({"llm": {"text": "to be or"}})
    assert isinstance(handle, PipelineStreamHandle)
    with pytest.raises(RuntimeError, match="has not finished"):
        _ = handle.result
    assert [chunk async for chunk in handle] == ["to", "be", "or"]
    assert handle.result == {"llm": {"text": "to be or"}}


async def test_all_streaming_components_are_heard():
    handle = two().stream({"text": "a b"}, include_outputs_from={"first"}, concurrency_limit=1)
    assert [chunk async for chunk in handle] == ["a", "b", "a", "b"]
    assert handle.result == {"first": {"text": "a b"}, "second": {"text": "a b"}}


async def test_only_the_wanted_components_are_heard():
    handle = two().stream({"first": {"text": "a b"}}, streaming_components=["second"])
    assert [chunk async for chunk in handle] == ["a", "b"]
    handle = two().stream({"first": {"text": "a b"}}, streaming_components=[])
    assert [chunk async for chunk in handle] == []
    assert handle.result == {"second": {"text": "a b"}}


async def test_components_that_are_unknown_or_silent_are_refused():
    pipeline = one().add_components({"add": Add(), "await": Await(None), "sync": SpeakSync()})
    with pytest.raises(ValueError, match=r"Unknown components in streaming_components: \['nobody'\]"):
        pipeline.stream({}, streaming_components=["llm", "nobody"])
    for silent in ("add", "await", "sync"):
        with pytest.raises(ValueError, match=rf"These components do not support streaming: \['{silent}'\]"):
            pipeline.stream({}, streaming_components=["llm", silent])


async def test_a_pipeline_without_streaming_components_has_an_empty_stream():
    handle = Pipeline().add_component("add", Add()).stream({"value": 1})
    assert [chunk async for chunk in handle] == []
    assert handle.result == {"add": {"value": 2}}


async def test_a_callback_of_the_component_or_of_the_run_hears_the_chunks_too(caplog):
    heard = []

    async def own(chunk):
        heard.append(("own", chunk))

    async def given(chunk):
        heard.append(("given", chunk))

    assert [chunk async for chunk in one(streaming_callback=own).stream({"text": "a"})] == ["a"]
    data = {"llm": {"text": "b", "streaming_callback": given}}
    assert [chunk async for chunk in one(streaming_callback=own).stream(data)] == ["b"]
    assert heard == [("own", "a"), ("given", "b")]
    assert data["llm"]["streaming_callback"] is given
    assert caplog.text == ""


async def test_a_callback_that_is_a_method_is_that_of_its_own_object():
    class Collector:
        def __init__(self):
            self.chunks = []

        async def collect(self, chunk):
            self.chunks.append(chunk)

    collector = Collector()
    handle = one().stream({"llm": {"text": "a b", "streaming_callback": collector.collect}})
    assert [chunk async for chunk in handle] == ["a", "b"]
    assert collector.chunks == ["a", "b"]


async def test_a_callback_that_is_no_coroutine_function_is_called_with_a_warning(caplog):
    heard = []
    assert [chunk async for chunk in one(streaming_callback=heard.append).stream({"text": "a b"})] == ["a", "b"]
    assert heard == ["a", "b"]
    assert "is not a coroutine function" in caplog.text


async def test_a_callback_that_another_component_sends_is_left_alone():
    pipeline = one().add_component("feed", Feed()).connect("feed.callback", "llm.streaming_callback")
    handle = pipeline.stream({"llm": {"text": "a"}})
    assert [chunk async for chunk in handle] == []
    assert handle.result == {"llm": {"text": "a"}}
    handle = pipeline.stream({"llm": {"text": "a"}}, streaming_components=["llm"])
    with pytest.raises(ValueError, match="cannot accept multiple inputs to 'streaming_callback'"):
        _ = [chunk async for chunk in handle]


async def test_errors_of_the_run_are_raised_while_iterating():
    handle = one(error=KeyError("broken")).stream({"text": "a b"})
    chunks = []
    with pytest.raises(PipelineRuntimeError, match="broken") as caught:
        async for chunk in handle:
            chunks.append(chunk)
    assert chunks == ["a", "b"]
    with pytest.raises(PipelineRuntimeError) as again:
        _ = handle.result
    assert again.value is caught.value
    for data, limit in (({}, 4), ({"text": "a"}, 0)):
        with pytest.raises(ValueError):
            _ = [chunk async for chunk in one().stream(data, concurrency_limit=limit)]


async def test_a_consumer_that_stops_cancels_the_run():
    gate = asyncio.Event()
    handle = one(gate=gate).stream({"text": "a b"})
    iterator = handle.__aiter__()
    assert await anext(iterator) == "a"
    await iterator.aclose()
    with pytest.raises(RuntimeError, match="was cancelled"):
        _ = handle.result


async def test_a_run_may_go_on_without_its_consumer():
    gate = asyncio.Event()
    handle = one(gate=gate).stream({"text": "a b"}, cancel_on_abandon=False)
    iterator = handle.__aiter__()
    assert await anext(iterator) == "a"
    await iterator.aclose()
    with pytest.raises(RuntimeError, match="has not finished"):
        _ = handle.result
    gate.set()
    assert [chunk async for chunk in handle] == ["b"]
    assert handle.result == {"llm": {"text": "a b"}}


async def test_a_handle_closes_with_its_block_and_closing_it_again_is_nothing():
    async with one(gate=asyncio.Event()).stream({"text": "a"}) as handle:
        assert await anext(handle.__aiter__()) == "a"
    with pytest.raises(RuntimeError, match="was cancelled"):
        _ = handle.result
    await handle.aclose()


async def test_closing_does_not_wait_for_ever_for_a_component_that_does_not_let_go(monkeypatch):
    let_go = asyncio.Event()

    class Stubborn:
        async def wait(self):
            try:
                await asyncio.Event().wait()
            finally:
                await let_go.wait()

    monkeypatch.setattr(PipelineStreamHandle, "_CLEANUP_TIMEOUT_SECONDS", 0.01)
    handle = one(gate=Stubborn()).stream({"text": "a"})
    assert await anext(handle.__aiter__()) == "a"
    await handle.aclose()
    with pytest.raises(RuntimeError, match="has not finished"):
        _ = handle.result
    let_go.set()
    await handle.aclose()


async def test_chunks_of_two_streams_of_one_pipeline_do_not_mix():
    pipeline = one()
    first, second = pipeline.stream({"text": "a b"}), pipeline.stream({"text": "c d"})

    async def all_of(handle):
        return [chunk async for chunk in handle]

    assert await asyncio.gather(all_of(first), all_of(second)) == [["a", "b"], ["c", "d"]]
