"""The pool's own rules, without a process: what is in a pipe belongs to the execution that ends."""

from __future__ import annotations

import os

import pytest

from mock_server.executors.base import Code, Job, Logged, Succeeded
from mock_server.executors.output import Output
from mock_server.executors.pool import Pool
from mock_server.executors.settings import PoolSettings
from mock_server.executors.worker import Entry, Worker


@pytest.fixture
def pool():
    made = Pool(PoolSettings(workers=1), lambda reports: None)
    yield made
    made.ward.close()


@pytest.fixture
def busy(pool):
    """A worker that holds a job, and the far ends of its socket and pipes."""
    worker, ends = Worker.create(0, {})
    entry = Entry(Job("e", 1, Code("h", "run")))
    pool._entries["e"] = entry
    entry.number = 7
    worker.take(entry, 0.0, Output(1000))
    yield worker, ends
    worker.close()
    for end in ends:
        os.close(end)


def test_native_output_that_was_not_read_yet_comes_before_the_end(pool, busy):
    worker, (_socket, stdout, stderr) = busy
    os.write(stdout, b"native\nhalf")
    os.write(stderr, b"error\n")

    pool.on_frame(worker, {"kind": "done", "job": 7}, b'{"output": 1}')

    logged, end = pool._reports
    assert isinstance(logged, Logged)
    assert [record["message"] for record in logged.records] == ["native", "half", "error"] or [
        record["message"] for record in logged.records
    ] == ["native", "error", "half"]
    assert end == Succeeded("e", 1, {"output": 1})


def test_an_answer_to_another_job_is_not_believed(pool, busy):
    worker, _ends = busy

    pool.on_frame(worker, {"kind": "done", "job": 6}, b'{"output": 1}')

    assert pool._reports == []
    assert worker.entry is not None


@pytest.mark.parametrize(
    "header",
    [
        {"kind": "nonsense"},
        {},
        {"kind": "failed", "job": 7, "error": {"cause": "whim"}},
        {"kind": "failed", "job": 7},
        {"kind": "ready", "pid": "one"},
    ],
)
def test_what_is_no_answer_is_a_breach(pool, busy, header):
    worker, _ends = busy
    pool.on_frame(worker, header, b"")

    assert worker.breach


@pytest.mark.parametrize("blob", [b"", b"[]", b"no", b"\xff", b'{"x": "\\ud800"}', b"[" * 100_000])
def test_a_result_that_is_no_sound_json_object_is_a_breach(pool, busy, blob):
    worker, _ends = busy
    pool.on_frame(worker, {"kind": "done", "job": 7}, blob)

    assert "result" in worker.breach
    assert pool._reports == []
