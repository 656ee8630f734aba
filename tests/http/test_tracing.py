"""One trace from a call of the SDK to the spans that node code makes, over a stop of the platform, too."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dtlpipe.runs import PipelineServiceClient
from mock_server.testing import LocalPlatform
from tests.unit.platform.building import code_node, definition, port

API = "/api/v1"
ME = "me@example.org"
NODE = """
import os, pathlib, time
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

def run(x):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("node").start_as_current_span("inside"):
        pass
    (span,) = exporter.get_finished_spans()
    while x and not os.path.exists(x):
        time.sleep(0.01)
    return [format(span.context.trace_id, "032x"), format(span.parent.span_id, "016x"), os.environ["TRACEPARENT"]]
"""


@pytest.fixture(scope="module")
def exporter():
    """OpenTelemetry's provider can be set once in a process: nobody else does so here."""
    found = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(found))
    trace.set_tracer_provider(provider)
    return found


def node(source=NODE):
    config = {"package": {"code": source, "name": "run", "type": "code"}}
    return code_node("a", inputs=[port("x", "Json")], outputs=[port("x", "Json")], config=config)


def installed(verbs):
    project = verbs.projects.create(f"p {uuid.uuid4().hex}", ME)
    made = verbs.pipelines.create({"projectId": project["id"], **definition(node())}, ME)
    verbs.pipelines.install(made["id"], None, ME)
    return made["id"]


def spans(exporter, *names):
    """Finished spans by the beginnings of their names, once all of them are there."""
    import threading

    for _ in range(500):
        found = {name: each for each in exporter.get_finished_spans() for name in names if each.name.startswith(name)}
        if len(found) == len(names):
            return [found[name] for name in names]
        threading.Event().wait(0.01)  # spans end on the feed's thread, of which a test hears nothing
    raise AssertionError(f"only {sorted(found)} of {names}")


def test_a_call_of_the_sdk_a_request_a_run_a_node_and_its_code_are_one_trace(exporter, tmp_path):
    exporter.clear()
    with LocalPlatform(tmp_path / "data", workers=1, durability="relaxed") as platform:
        id = installed(platform.platform)
        exporter.clear()
        with platform.client() as client, trace.get_tracer("test").start_as_current_span("mine") as mine:
            run = client.pipelines.get(pipeline_id=id).execute(execution_input={"x": ""})
        ended = platform.platform.runs.get(id, run.id, wait=30)
        assert ended["status"] == "success", ended["error"]
        call, request, begun, at_node = spans(
            exporter,
            f"POST /pipelines/{id}/execute",
            f"POST {API}/pipelines/<pipeline_id>/execute",
            f"run {id}",
            "node ",
        )
    trace_id, parent_id, header = ended["executions"]["a"][0]["output"]
    whole = [call, request, begun, at_node]
    assert {each.context.trace_id for each in whole} == {mine.get_span_context().trace_id} == {int(trace_id, 16)}
    assert [each.parent.span_id for each in whole] == [
        mine.get_span_context().span_id,
        *(each.context.span_id for each in whole[:-1]),
    ]
    assert int(parent_id, 16) == at_node.context.span_id
    assert header.startswith(f"00-{trace_id}-{parent_id}-")
    assert begun.attributes["dtlpipe.run_id"] == run.id
    assert begun.attributes["dtlpipe.status"] == "success"
    assert request.attributes["http.response.status_code"] < 300


def test_a_run_of_actions_is_traced_as_any_other(exporter, tmp_path):
    (tmp_path / "traced.py").write_text(
        "import os\ndef act(params, ctx):\n    return {'seen': os.environ['TRACEPARENT']}\n"
    )
    settings = {"code_roots": (tmp_path,), "workers": 1, "durability": "relaxed"}
    with (
        LocalPlatform(tmp_path / "data", **settings) as platform,
        PipelineServiceClient(platform.run_service_url) as client,
    ):
        exporter.clear()
        pipeline = client.create_pipeline("traced", [{"name": "act", "entrypoint": "traced.act"}])
        run = client.wait(client.create_run(pipeline["id"])["id"], 60)
        begun, at_node = spans(exporter, f"run {pipeline['id']}", "node act")
    assert begun.attributes["dtlpipe.run_id"] == run["id"]
    assert at_node.parent.span_id == begun.context.span_id
    assert run["result"]["seen"].startswith(f"00-{begun.context.trace_id:032x}-{at_node.context.span_id:016x}-")


def test_what_runs_after_a_restart_belongs_to_the_trace_of_its_run(exporter, tmp_path):
    gate = tmp_path / "gate"
    with LocalPlatform(tmp_path / "data", workers=1, durability="relaxed", grace=0.0) as platform:
        verbs = platform.platform
        id = installed(verbs)
        exporter.clear()
        with trace.get_tracer("test").start_as_current_span("mine") as mine:
            run = verbs.runs.start(id, inputs={"x": str(gate)}, creator=ME)
        platform.restart()
        begun, at_node = spans(exporter, f"run {id}", "node ")
        assert begun.attributes["dtlpipe.interrupted"]
        assert at_node.attributes["dtlpipe.interrupted"]
        exporter.clear()
        gate.touch()
        ended = platform.platform.runs.get(id, run["id"], wait=30)
        again, second = spans(exporter, f"run {id}", "node ")
    trace_id, parent_id, _ = ended["executions"]["a"][0]["output"]
    assert int(trace_id, 16) == mine.get_span_context().trace_id == second.context.trace_id
    assert int(parent_id, 16) == second.context.span_id
    assert again.attributes["dtlpipe.resumed"]
    assert again.parent.span_id == second.parent.span_id == begun.context.span_id


def test_a_node_that_fails_is_a_span_that_failed(exporter, tmp_path):
    with LocalPlatform(tmp_path / "data", workers=1, durability="relaxed") as platform:
        verbs = platform.platform
        id = installed(verbs)
        exporter.clear()
        run = verbs.runs.start(id, inputs={"x": 1.5}, creator=ME)
        assert verbs.runs.get(id, run["id"], wait=30)["status"] == "failed"
        begun, at_node = spans(exporter, f"run {id}", "node ")
    assert not at_node.status.is_ok
    assert not begun.status.is_ok
    assert at_node.attributes["dtlpipe.status"] == "failed"


def test_where_nobody_traces_opentelemetry_is_not_even_loaded(tmp_path):
    script = """
import json, sys
from dtlpipe.runs import PipelineServiceClient
from mock_server.testing import LocalPlatform
with LocalPlatform(sys.argv[1], workers=1) as platform, platform.client() as client:
    client.projects.list()
print(json.dumps([name for name in sys.modules if name.startswith("opentelemetry")]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "data")], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
