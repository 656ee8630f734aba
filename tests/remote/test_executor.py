"""The remote executor alone: who is given what, what leases do, what is refused; on a clock that is set by hand."""

from __future__ import annotations

import pytest

from mock_server.executors.base import Code, ExecutorClosed, Failed, Job, Progressed, Returned, Succeeded
from mock_server.executors.remote import RemoteExecutor
from mock_server.executors.remote_leases import Enrolment, NotRecorded, UnknownWorker
from mock_server.store.base import StoreError

LEASE = 30.0


class Book:
    """Leases on a disk that may fail, and jobs that may be over."""

    def __init__(self):
        self.granted, self.renewed, self.over, self.fails, self.written = [], [], set(), False, True
        self.meanwhile = lambda: None

    def grant(self, worker_id, refs, seconds):
        self.meanwhile()
        if self.fails:
            raise StoreError("no")
        self.granted.append((worker_id, *refs))
        return set(refs) - self.over

    def renew(self, worker_id, refs, seconds):
        self.renewed.append((worker_id, *refs))

    def recorded(self, refs):
        return self.written


class Bench:
    def __init__(self):
        self.now, self.reports, self.woken, self.changes = 1000.0, [], [], 0
        self.book = Book()
        self.executor = RemoteExecutor(
            self.reports.extend, self.book, lease=LEASE, clock=lambda: self.now, wake=self.woken.append
        )
        self.executor._open = True  # without the thread that looks at the clock: `pass_by` does that

    def come(self, id="w1", slots=2, labels=(), held=(), python="3.11"):
        return self.executor.register(Enrolment(id, f"name of {id}", slots, python, frozenset(labels)), held)

    def put(self, id="e1", fence=1, labels=(), **code):
        self.executor.submit(
            Job(id, fence, Code(f"h{id}", "run", source="...", **code), runtime={"labels": list(labels)})
        )

    def claim(self, id="w1", number=1, limit=10, held=(), **more):
        return [(job.execution_id, job.fence) for job in self.executor.claim(id, number, limit, held, **more).jobs]

    def pass_by(self, seconds):
        """Time goes on, and is looked at now and then, as the executor's thread does."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + 1.0)
            self.executor.sweep()

    def ends(self):
        return [each for each in self.reports if not isinstance(each, Progressed)]


@pytest.fixture
def bench():
    return Bench()


def test_a_claim_that_has_waited_takes_nothing_for_a_worker_that_may_be_dead(bench):
    bench.come()
    assert bench.claim() == []
    bench.pass_by(LEASE * 0.6)
    bench.put()
    assert bench.claim(waited=True) == []
    bench.woken.clear()
    bench.executor.renew("w1", ())
    assert bench.woken == ["w1"], "it lives, and its claim is looked at again"
    assert bench.claim(waited=True) == [("e1", 1)]


def test_a_claim_that_waits_is_no_sign_of_life(bench):
    bench.come()
    bench.pass_by(LEASE * 0.6)
    bench.claim(waited=True)
    bench.pass_by(LEASE * 0.6)
    with pytest.raises(UnknownWorker):
        bench.claim(waited=True)


def test_a_job_is_handed_out_once_and_its_lease_is_written_down_first(bench):
    bench.come()
    bench.put()
    assert bench.claim() == [("e1", 1)]
    assert bench.book.granted == [("w1", ("e1", 1))]
    bench.come("w2")
    assert bench.claim("w2") == []


def test_a_worker_gets_no_more_than_it_has_places(bench):
    bench.come(slots=2)
    for id in ("e1", "e2", "e3"):
        bench.put(id)
    assert bench.claim() == [("e1", 1), ("e2", 1)]
    assert bench.claim(number=2, held=[("e1", 1), ("e2", 1)]) == []
    bench.executor.report("w1", 1, [Succeeded("e1", 1, {})])
    assert bench.claim(number=3, held=[("e2", 1)]) == [("e3", 1)]


def test_labels_lead_to_the_workers_that_have_them(bench):
    bench.come("plain")
    bench.come("gpu", labels=("gpu", "big"))
    bench.put("e1", labels=("gpu",))
    assert bench.claim("plain") == []
    assert bench.claim("gpu") == [("e1", 1)]


def test_what_nobody_fits_is_said_and_takes_no_place_from_others(bench):
    bench.come(slots=2)
    places = bench.executor.capacity
    bench.put("e1", labels=("tpu",))
    assert bench.executor.capacity == places + 1
    assert bench.reports == [Progressed("e1", 1, message="waiting for a worker with the labels tpu")]


def test_code_that_only_another_python_can_read_waits_for_that(bench):
    bench.come("old", python="3.11")
    bench.come("new", python="3.12")
    bench.executor.submit(Job("e1", 1, Code("h", "run", pickle="...", python="3.12")))
    assert bench.claim("old") == []
    assert bench.claim("new") == [("e1", 1)]


def test_a_lease_that_is_not_renewed_is_lost_and_its_late_end_refused_and_counted(bench):
    bench.come()
    bench.put()
    bench.claim()
    bench.pass_by(LEASE - 1)
    assert bench.ends() == []
    bench.pass_by(2)
    (end,) = bench.ends()
    assert (end.execution_id, end.fence, end.error["cause"], end.error["type"]) == ("e1", 1, "lost", "WorkerLost")
    with pytest.raises(UnknownWorker):
        bench.executor.report("w1", 1, [Succeeded("e1", 1, {})])
    assert bench.come(held=[("e1", 1)]).stale == (("e1", 1),)
    assert bench.executor.report("w1", 1, [Succeeded("e1", 1, {})]) == (("e1", 1),)
    assert bench.executor.refused == 1
    assert len(bench.ends()) == 1


def test_a_lease_that_is_renewed_runs_on(bench):
    bench.come()
    bench.put()
    bench.claim()
    for _ in range(10):
        bench.pass_by(LEASE / 3)
        assert bench.executor.renew("w1", [("e1", 1)]).stale == ()
    assert bench.ends() == []
    assert len(bench.book.renewed) == 10


def test_a_machine_that_slept_blames_no_worker_for_it(bench):
    bench.come()
    bench.put()
    bench.claim()
    bench.now += 1000
    bench.executor.sweep()
    assert bench.ends() == []
    bench.pass_by(LEASE)
    assert [type(each) for each in bench.ends()] == [Failed]


def test_a_lease_is_that_of_its_fence_alone(bench):
    bench.come()
    bench.put(fence=1)
    bench.claim()
    bench.put(fence=2)
    assert bench.executor.renew("w1", [("e1", 1)]).stale == (("e1", 1),)
    assert bench.executor.report("w1", 1, [Succeeded("e1", 1, {})]) == (("e1", 1),)
    assert bench.claim(number=2) == [("e1", 2)]


def test_a_job_whose_answer_was_lost_on_the_way_is_handed_out_again(bench):
    bench.come()
    bench.put()
    assert bench.claim(number=1) == [("e1", 1)]
    assert bench.claim(number=2) == [("e1", 1)], "the worker does not say that it holds it"
    assert bench.claim(number=3, held=[("e1", 1)]) == []
    assert len(bench.book.granted) == 1


def test_a_claim_that_was_given_up_gets_nothing(bench):
    bench.come()
    bench.claim(number=5)
    bench.put()
    assert bench.claim(number=4) == []
    assert bench.claim(number=5) == [("e1", 1)]


def test_reports_that_are_repeated_are_taken_once(bench):
    bench.come()
    bench.put()
    bench.claim()
    for _ in range(2):
        assert bench.executor.report("w1", 1, [Succeeded("e1", 1, {})]) == ()
    assert bench.executor.report("w1", 2, [Succeeded("e1", 1, {})]) == (), "it was recorded: nothing was lost"
    assert bench.ends() == [Succeeded("e1", 1, {})]
    assert bench.executor.refused == 0


def test_reports_that_do_not_reach_the_disk_are_asked_for_again(bench):
    bench.come()
    bench.put()
    bench.claim()
    bench.book.written = False
    with pytest.raises(NotRecorded):
        bench.executor.report("w1", 1, [Succeeded("e1", 1, {})])
    bench.book.written = True
    assert bench.executor.report("w1", 1, [Succeeded("e1", 1, {})]) == ()


def test_a_claim_that_cannot_be_written_down_leaves_the_job_in_its_place(bench):
    bench.come()
    bench.put("e1")
    bench.put("e2")
    bench.book.fails = True
    with pytest.raises(StoreError):
        bench.claim(limit=1)
    bench.book.fails = False
    assert bench.claim(number=2) == [("e1", 1), ("e2", 1)]


def test_what_is_over_when_its_lease_is_written_down_is_not_handed_out(bench):
    bench.come()
    bench.put()
    bench.book.over = {("e1", 1)}
    assert bench.claim() == []
    assert bench.claim(number=2) == []


def test_a_job_that_is_canceled_while_its_lease_is_written_down_ends_at_once(bench):
    bench.come()
    bench.put()
    bench.book.meanwhile = lambda: bench.executor.cancel("e1", 1)
    assert bench.claim() == []
    (end,) = bench.ends()
    assert end.error["cause"] == "canceled"


def test_a_cancel_reaches_the_holder_and_is_told_by_a_claim_once_and_by_heartbeats_always(bench):
    bench.come()
    bench.put()
    bench.claim()
    bench.executor.cancel("e1", 1)
    assert "w1" in bench.woken
    held = [("e1", 1)]
    assert bench.executor.claim("w1", 2, 1, held).canceled == (("e1", 1),)
    assert not bench.executor.claim("w1", 2, 1, held), "else a claim that waits would never wait"
    assert bench.executor.renew("w1", held).canceled == (("e1", 1),)


def test_a_job_that_nobody_has_is_canceled_at_once(bench):
    bench.put()
    bench.executor.cancel("e1", 1)
    (end,) = bench.ends()
    assert end.error["cause"] == "canceled"
    bench.come()
    assert bench.claim() == []


def test_who_leaves_gives_back_what_it_has(bench):
    bench.come()
    bench.put()
    bench.claim()
    bench.executor.leave("w1")
    assert bench.ends() == [Returned("e1", 1)]
    assert bench.executor.capacity == 0


def test_who_drains_gets_nothing_more_and_keeps_what_it_has(bench):
    bench.come()
    bench.put("e1")
    bench.claim()
    bench.executor.renew("w1", [("e1", 1)], draining=True)
    bench.put("e2")
    assert bench.claim(number=2, held=[("e1", 1)]) == []
    assert bench.executor.report("w1", 1, [Succeeded("e1", 1, {})]) == ()


def test_a_restarted_platform_believes_the_worker_that_has_the_lease(bench):
    bench.executor.hold("e1", 7, "w1")
    bench.pass_by(LEASE / 2)
    assert bench.come(held=[("e1", 7)]).stale == ()
    bench.pass_by(LEASE / 2)
    assert bench.executor.report("w1", 9, [Succeeded("e1", 7, {"y": 1})]) == ()
    assert bench.ends() == [Succeeded("e1", 7, {"y": 1})]


def test_a_restarted_platform_believes_nobody_else(bench):
    bench.executor.hold("e1", 7, "w1")
    assert bench.come("w2", held=[("e1", 7)]).stale == (("e1", 7),)
    assert bench.come("w1", held=[("e1", 6)]).stale == (("e1", 6),)


def test_what_never_reached_its_worker_before_a_restart_is_given_back_when_that_comes(bench):
    bench.executor.hold("e1", 7, "w1")
    bench.come()
    assert bench.ends() == [Returned("e1", 7)]


def test_what_a_restarted_platform_waits_for_in_vain_is_lost(bench):
    bench.executor.hold("e1", 7, "w1")
    bench.pass_by(LEASE)
    (end,) = bench.ends()
    assert end.error["cause"] == "lost"


def test_a_platform_that_stops_takes_nothing_that_it_could_not_keep(bench):
    bench.come()
    bench.put()
    bench.claim()
    bench.executor.close()
    with pytest.raises(ExecutorClosed):
        bench.executor.report("w1", 1, [Succeeded("e1", 1, {})])
    with pytest.raises(ExecutorClosed):
        bench.executor.submit(Job("e2", 1, Code("h", "run")))
    assert bench.ends() == [], "what the worker has it goes on with"


def test_a_silent_worker_is_forgotten_with_its_places(bench):
    bench.come(slots=3)
    assert bench.executor.capacity == 3
    bench.pass_by(LEASE + 1)
    assert bench.executor.capacity == 0
    with pytest.raises(UnknownWorker):
        bench.claim()


def test_code_is_given_to_who_asks_by_its_hash_while_a_job_needs_it(bench):
    bench.put()
    assert bench.executor.code("he1").source == "..."
    assert bench.executor.code("other") is None
