"""Jobs and reports as bytes: whole, and checked like anything that comes from where node code runs."""

from __future__ import annotations

import pytest

from dtlpipe.runtime.protocol import ProtocolError, encode
from mock_server.executors import ray_wire
from mock_server.executors.base import Argument, Code, Failed, Job, Logged, Progressed, Started, Succeeded
from mock_server.executors.output import Output

JOB = Job(
    execution_id="e1",
    fence=3,
    code=Code("h", "run", source="def run(x): return x", init_inputs={"a": 1}),
    arguments=(Argument("x", "Json", {"y": [1, None]}),),
    outputs=(("y", "Json"), ("z", None)),
    node="n",
    context={"execution_id": "e1"},
    timeout=2.5,
    memory_limit=1 << 20,
)
LINE = {"timestamp": "2026-11-21T09:00:00.000Z", "level": "INFO", "message": "said", "stream": "stdout"}


def test_a_job_comes_out_as_it_went_in():
    parcel = ray_wire.Parcel(JOB, {"DTLPIPE_URL": "http://x"}, "1.0")
    data = ray_wire.pack(parcel)
    assert ray_wire.unpack(data) == parcel
    assert ray_wire.version_of(data) == "1.0"


def test_inputs_that_are_no_json_are_refused_before_they_travel():
    job = Job("e1", 1, JOB.code, (Argument("x", None, float("nan")),))
    with pytest.raises(ValueError, match="JSON"):
        ray_wire.pack(ray_wire.Parcel(job, {}, "1"))


def test_reports_come_out_as_they_went_in():
    said = [
        Started("e1", 3, 77),
        Logged("e1", 3, [LINE]),
        Progressed("e1", 3, progress=40.0, message="m", output={"a": 1}),
        Succeeded("e1", 3, {"y": "ü"}, "go"),
    ]
    assert ray_wire.reports(ray_wire.frames(said), JOB, Output(1000)) == said
    failed = [Failed("e1", 3, ray_wire.error("signal", "WorkerLost", "gone", hint="again"))]
    assert ray_wire.reports(ray_wire.frames(failed), JOB, Output(1000)) == failed


def test_a_task_speaks_of_no_execution_but_its_own():
    foreign = ray_wire.frames([Succeeded("another", 9, {"y": 1})])
    assert ray_wire.reports(foreign, JOB, Output(10)) == [Succeeded("e1", 3, {"y": 1})]


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 8,
        encode({"kind": "pickle"}),
        encode({"kind": "need"}),
        encode({"kind": "done"}, b"not json"),
        encode({"kind": "failed", "error": {"cause": "a new one"}}),
    ],
)
def test_what_no_task_says_is_a_breach(data):
    with pytest.raises(ProtocolError):
        ray_wire.reports(data, JOB, Output(10))


def test_lines_beyond_the_limit_of_an_execution_are_dropped_with_one_notice():
    output = Output(10)
    many = ray_wire.frames([Logged("e1", 3, [LINE] * 10)])
    said = ray_wire.reports(many, JOB, output) + ray_wire.reports(many, JOB, output)
    messages = [each["message"] for report in said if isinstance(report, Logged) for each in report.records]
    assert len(messages) < 10
    assert "dropped" in messages[-1]
    assert ray_wire.is_end(Succeeded("e1", 3, {}))


def test_only_what_ray_says_by_variables_reaches_node_code():
    told = {"CUDA_VISIBLE_DEVICES": "1", "OMP_NUM_THREADS": "2", "RAY_JOB_ID": "x", "HOME": "x"}
    assert ray_wire.environment_of_task(told) == {"CUDA_VISIBLE_DEVICES": "1", "OMP_NUM_THREADS": "2"}
