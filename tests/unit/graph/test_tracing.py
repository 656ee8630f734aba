"""Tracers, and what they see."""

from __future__ import annotations

import contextvars
import sys
import threading
import types

import pytest

from dtlpipe.graph import plugins, tracing
from dtlpipe.graph.recorder import RecordedSpan, Recorder
from dtlpipe.graph.tracing import NullSpan, NullTracer, ProxyTracer, disable_tracing, enable_tracing, recording, tracer

COMPONENT = "haystack.component.run"
PIPELINE = "haystack.pipeline.run"


@pytest.fixture(autouse=True)
def nobody_watches(monkeypatch):
    monkeypatch.setattr(tracer, "is_content_tracing_enabled", False)
    yield
    disable_tracing()


def named(name: str, **tags: object) -> dict[str, object]:
    return {"haystack.component.name": name, "haystack.component.type": "Kind", **tags}


def test_nobody_watches_until_somebody_does():
    assert not tracing.is_tracing_enabled()
    assert tracing.watching() is None
    with tracer.trace("anything") as span:
        span.set_tags({"a": 1})
        assert isinstance(span, NullSpan)
        assert span.raw_span() is span
        assert span.get_correlation_data_for_logs() == {}
    assert isinstance(tracer.current_span(), NullSpan)


def test_an_enabled_tracer_watches_until_tracing_is_disabled():
    recorder = Recorder()
    assert enable_tracing(recorder) is recorder
    assert tracing.is_tracing_enabled()
    assert tracing.watching() is recorder
    with tracer.trace("outer", {"a": 1}) as span:
        assert tracer.current_span() is span
    disable_tracing()
    assert tracing.watching() is None
    assert [(own.operation_name, own.tags) for own in recorder.spans] == [("outer", {"a": 1})]


@pytest.mark.parametrize(("said", "expected"), [("true", True), ("TRUE", True), ("1", False), ("false", False)])
def test_the_environment_decides_whether_content_is_traced(monkeypatch, said, expected):
    monkeypatch.setenv("HAYSTACK_CONTENT_TRACING_ENABLED", said)
    assert ProxyTracer(NullTracer()).is_content_tracing_enabled is expected


def test_content_is_taken_only_if_that_is_allowed(monkeypatch):
    class Plain(tracing.Span):
        def __init__(self):
            self.tags = {}

        def set_tag(self, key, value):
            self.tags[key] = value

    for span in (Plain(), RecordedSpan(Recorder(), "x", {}, None)):
        span.set_content_tag("first", 1)
        monkeypatch.setattr(tracer, "is_content_tracing_enabled", True)
        span.set_content_tag("second", 2)
        monkeypatch.setattr(tracer, "is_content_tracing_enabled", False)
        assert span.tags == {"second": 2}


def test_a_recording_may_take_content_whatever_the_environment_says():
    with recording(content=True) as recorder, recorder.trace("x") as span:
        span.set_content_tag("content", "secret")
    assert recorder.spans[0].tags == {"content": "secret"}


def test_a_recording_sees_its_own_context_only():
    enabled = enable_tracing(Recorder())
    seen = []

    def elsewhere():
        seen.append(tracing.watching())

    with recording() as recorder:
        assert tracing.watching() is recorder
        for context in (contextvars.Context(), contextvars.copy_context()):
            thread = threading.Thread(target=context.run, args=(elsewhere,))
            thread.start()
            thread.join()
    assert seen == [enabled, recorder]
    assert tracing.watching() is enabled


def test_a_recorder_counts_runs_and_the_visits_of_each():
    recorder = Recorder()
    for _ in range(2):
        with recorder.trace(PIPELINE) as run:
            for name in ("a", "b", "a"):
                with recorder.trace(COMPONENT, named(name), parent_span=run):
                    pass
    assert [(event.run, event.name, event.visit) for event in recorder.events] == [
        (0, "a", 0),
        (0, "b", 0),
        (0, "a", 1),
        (1, "a", 0),
        (1, "b", 0),
        (1, "a", 1),
    ]


def test_an_event_says_what_happened():
    recorder = Recorder()
    with recorder.trace(COMPONENT, named("a", **{"haystack.component.input_types": {"x": "int"}})) as span:
        span.set_tag("more", 1)
    with pytest.raises(ValueError), recorder.trace(COMPONENT, named("b")):
        raise ValueError("no")
    with pytest.raises(KeyboardInterrupt), recorder.trace(COMPONENT, named("c")):
        raise KeyboardInterrupt
    first, second, third = recorder.events
    assert (first.run, first.name, first.type, first.visit) == (None, "a", "Kind", 0)
    assert first.started_at.utcoffset().total_seconds() == 0
    assert first.duration >= 0
    assert first.input_types == {"x": "int"}
    assert first.tags["more"] == 1
    assert [event.outcome for event in recorder.events] == ["completed", "failed", "cancelled"]
    assert (first.error, second.error, third.error) == (None, "ValueError: no", "KeyboardInterrupt: ")


def test_a_span_within_a_span_is_its_child_unless_another_recorder_opened_it():
    recorder, other = Recorder(), Recorder()
    with recorder.trace("outer") as outer, other.trace("strange"):
        assert recorder.current_span() is None
        with other.trace("within"):
            pass
    with recorder.trace("outer") as outer, recorder.trace("inner"):
        pass
    assert recorder.current_span() is None
    assert recorder.spans[-1].parent is outer
    assert other.spans[0].parent is None
    assert other.spans[1].parent is other.spans[0]


def test_a_genuine_haystack_tracer_is_asked_when_nobody_else_watches(monkeypatch):
    theirs = types.SimpleNamespace(is_tracing_enabled=lambda: True, tracer=object())
    monkeypatch.setitem(sys.modules, "haystack.tracing", theirs)
    assert tracing.watching() is theirs.tracer
    recorder = enable_tracing(Recorder())
    assert tracing.watching() is recorder
    disable_tracing()
    theirs.is_tracing_enabled = lambda: False
    assert tracing.watching() is None


def test_auto_is_opentelemetry_if_it_is_installed_and_a_recorder_otherwise(monkeypatch):
    chosen = enable_tracing()
    assert type(chosen) is plugins.load("opentelemetry").OpenTelemetryTracer
    assert tracing.watching() is chosen
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert isinstance(enable_tracing("auto"), Recorder)


# ---- OpenTelemetry ---------------------------------------------------------------------------------------------------


@pytest.fixture
def exported():
    """Return a tracer of ours, and the list that its finished spans go to."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    ours = plugins.load("opentelemetry").OpenTelemetryTracer(provider.get_tracer("test"))
    yield ours, exporter.get_finished_spans
    provider.shutdown()


def test_opentelemetry_spans_carry_tags_as_attributes(exported):
    class Document:
        def to_dict(self):
            return {"id": 1}

    class Odd:
        def to_dict(self):
            raise RuntimeError

        def __str__(self):
            return "odd"

    ours, finished = exported
    with ours.trace("op", {"number": 1, "list": [1, "a"], "nothing": None}) as span:
        span.set_tags({"document": [Document()], "class": Document, "set": {1}, "odd": Odd()})
    (only,) = finished()
    assert dict(only.attributes) == {
        "number": 1,
        "list": '[1, "a"]',
        "nothing": "",
        "document": '[{"id": 1}]',
        "class": f'"{Document}"',
        "set": '"{1}"',
        "odd": "odd",
    }


def test_opentelemetry_spans_have_the_parents_that_they_are_given(exported):
    ours, finished = exported
    with ours.trace("run") as run, ours.trace("first"):
        assert ours.current_span().raw_span() is not run.raw_span()
    with ours.trace("second", parent_span=run):
        pass
    assert ours.current_span() is None
    first, outer, second = finished()
    assert first.parent.span_id == second.parent.span_id == outer.context.span_id
    assert run.get_correlation_data_for_logs() == {
        "trace_id": f"{outer.context.trace_id:032x}",
        "span_id": f"{outer.context.span_id:016x}",
    }


def test_opentelemetry_notes_what_was_raised(exported):
    ours, finished = exported
    with pytest.raises(ValueError), ours.trace("op"):
        raise ValueError("no")
    (only,) = finished()
    assert not only.status.is_ok
    assert only.events[0].attributes["exception.message"] == "no"


def test_a_span_that_records_nothing_has_no_attributes_computed():
    """That is what the API alone gives, without an SDK's provider; here by name, for a process has one provider."""

    class Dear:
        def to_dict(self):
            raise AssertionError("asked for nothing")

    from opentelemetry import trace

    quiet = trace.NoOpTracerProvider().get_tracer("dtlpipe")
    ours = plugins.load("opentelemetry").OpenTelemetryTracer(quiet)
    with ours.trace("op", {"dear": Dear()}) as span:
        assert span.raw_span().is_recording() is False
