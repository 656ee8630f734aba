"""The platform's own work, in threads."""

from __future__ import annotations

import threading

import attrs
import pytest

from mock_server.executors.base import Code, ExecutorClosed, Failed, Job, Outcome, Started, Succeeded
from mock_server.executors.inline import InlineExecutor

CODE = Code(hash="inline", function_name="run")


class Inline:
    def __init__(self, run, **settings):
        self.reports = []
        self.changed = threading.Condition()
        self.executor = InlineExecutor(self.receive, run, **settings)
        self.executor.start()

    def receive(self, reports):
        with self.changed:
            self.reports.extend(reports)
            self.changed.notify_all()

    def submit(self, execution_id, fence=1, **context):
        self.executor.submit(Job(execution_id, fence, CODE, context=context))

    def end_of(self, execution_id):
        def ended():
            return [
                one for one in self.reports if isinstance(one, Succeeded | Failed) and one.execution_id == execution_id
            ]

        with self.changed:
            assert self.changed.wait_for(ended, 30)
        return ended()[0]


@pytest.fixture
def make():
    made = []

    def build(run, **settings):
        made.append(Inline(run, **settings))
        return made[-1]

    yield build
    for inline in made:
        inline.executor.close(grace=10)


def test_a_job_is_run_and_its_outputs_reported(make):
    inline = make(lambda job: {"item": job.context["n"]})
    inline.submit("a", n=5)

    assert inline.end_of("a").outputs == {"item": 5}
    assert [type(report) for report in inline.reports] == [Started, Succeeded]


def test_what_is_raised_is_reported_with_its_traceback(make):
    def run(job):
        raise LookupError("no dataset of that name")

    inline = make(run)
    inline.submit("a")
    error = inline.end_of("a").error

    assert (error["cause"], error["type"], error["message"]) == ("exception", "LookupError", "no dataset of that name")
    assert "in run" in error["traceback"]


def test_jobs_run_at_the_same_time_up_to_the_number_of_threads(make):
    together = threading.Barrier(3)
    inline = make(lambda job: {"n": together.wait(30)}, threads=3)
    for name in "abc":
        inline.submit(name)

    assert {inline.end_of(name).outputs["n"] for name in "abc"} == {0, 1, 2}


def test_many_jobs_all_end_once(make):
    inline = make(lambda job: {"n": job.context["n"]}, threads=3)
    for number in range(300):
        inline.submit(str(number), n=number)

    assert [inline.end_of(str(number)).outputs["n"] for number in range(300)] == list(range(300))
    assert len(inline.reports) == 600


def test_a_queued_job_is_canceled_at_once_and_a_running_one_when_it_returns(make):
    running, gate = threading.Event(), threading.Event()

    def run(job):
        running.set()
        gate.wait(30)
        return {}

    inline = make(run, threads=1)
    inline.submit("a")
    inline.submit("b")
    assert running.wait(30)

    inline.executor.cancel("b", 1)
    assert inline.end_of("b").error["cause"] == "canceled"
    inline.executor.cancel("a", 2)
    inline.executor.cancel("a", 1)
    assert not [one for one in inline.reports if isinstance(one, Succeeded | Failed) and one.execution_id == "a"]
    gate.set()
    assert inline.end_of("a").error["cause"] == "canceled"


def test_a_higher_fence_silences_the_lower(make):
    gates = {1: threading.Event(), 2: threading.Event()}
    running = threading.Event()

    def run(job):
        running.set()
        gates[job.fence].wait(30)
        return {"fence": job.fence}

    inline = make(run, threads=2)
    inline.submit("a", fence=1)
    assert running.wait(30)
    inline.submit("a", fence=2)
    inline.submit("a", fence=1)
    gates[1].set()
    gates[2].set()

    assert inline.end_of("a").outputs == {"fence": 2}
    inline.executor.close(grace=30)
    assert [attrs.asdict(one)["fence"] for one in inline.reports if isinstance(one, Succeeded)] == [2]


def test_close_drops_the_queue_and_silences_what_runs_on(make):
    running, gate = threading.Event(), threading.Event()

    def run(job):
        running.set()
        gate.wait(30)
        return {}

    inline = make(run, threads=1)
    inline.submit("a")
    inline.submit("b")
    assert running.wait(30)
    inline.executor.close(grace=0.01)
    gate.set()
    for thread in inline.executor._threads:
        thread.join(30)

    assert [type(report) for report in inline.reports] == [Started]
    with pytest.raises(ExecutorClosed):
        inline.submit("c")


def test_it_promises_nothing_that_threads_cannot_keep(make):
    inline = make(lambda job: {}, threads=7)

    assert inline.executor.capacity == 7
    assert not inline.executor.capabilities.kills
    assert not inline.executor.capabilities.isolated


def test_a_job_that_waits_ends_when_it_is_submitted_again_and_finds_what_it_waited_for(make):
    there = threading.Event()
    inline = make(lambda job: Outcome({"item": 1}, "approve") if there.is_set() else None)
    inline.submit("a")
    inline.submit("b")
    there.set()
    inline.submit("a")
    assert (inline.end_of("a").outputs, inline.end_of("a").action) == ({"item": 1}, "approve")
    assert not [each for each in inline.reports if isinstance(each, Failed)]


def test_a_job_that_is_submitted_again_while_it_looks_looks_once_more(make):
    looked, go_on, seen = threading.Event(), threading.Event(), []

    def run(job):
        seen.append(job.execution_id)
        if len(seen) == 1:
            looked.set()
            assert go_on.wait(30)
            return None
        return {"item": len(seen)}

    inline = make(run)
    inline.submit("a")
    assert looked.wait(30)
    inline.submit("a")  # what it waits for came after it had looked
    go_on.set()
    assert inline.end_of("a").outputs == {"item": 2}
