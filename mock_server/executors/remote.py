"""The remote executor: jobs for workers on other machines, who come and ask for them.

Law: a job is handed out only after its lease is on disk, and as long as the lease runs its holder alone is believed. A
lease that is not renewed in time ends: the attempt is reported as lost, and whatever its holder says later is refused
and counted. Time is this machine's monotonic clock: no worker's clock, and no clock that can be set, is asked.

| a worker       | and so                                                                                     |
| -------------- | ------------------------------------------------------------------------------------------ |
| registers      | is known; what it holds and nobody took away meanwhile, it goes on holding                 |
| claims         | is given jobs that fit it, and once more those that never reached it                       |
| reports        | is told, after they are on disk, which of its reports came too late                        |
| renews         | keeps its leases, and learns what was canceled or taken away                               |
| leaves         | gives back all that it holds, which was no attempt                                         |
| falls silent   | loses its leases, one lease's time after its last word                                     |

A platform that was stopped could renew nothing, so every lease begins anew with it (`hold`).

Methods may be called from any thread; reports are handed on from whichever thread they come in on, in their order.
Longer than 400 lines because the table is one machine on one state, and each line of it a method.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from mock_server.executors.base import (
    Capabilities,
    Code,
    ExecutorClosed,
    Failed,
    Job,
    Progressed,
    Receiver,
    Report,
    Returned,
    Succeeded,
)
from mock_server.executors.remote_leases import (
    Claimed,
    Enrolment,
    Lease,
    LeaseBook,
    NotRecorded,
    Presence,
    Ref,
    Remote,
    UnknownWorker,
    canceled_among,
    canceled_report,
    given_back,
    lost_report,
)

logger = logging.getLogger(__name__)

_LOOK: Final = 1.0
"""Seconds, at most, between two looks at what has run out."""
_REMEMBERED: Final = 4096
"""Ends that were recorded lately: a worker that missed the answer says them again."""
_PARKED: Final = 10_000
"""Jobs that nobody fits, up to which others are handed out as if they were not there."""


def _nobody(_key: str) -> None:
    """Nobody waits."""


def _nothing() -> None:
    """Nobody asks."""


def _shorten(remembered: OrderedDict[tuple[str, Ref], None]) -> None:
    while len(remembered) > _REMEMBERED:
        remembered.popitem(last=False)


class RemoteExecutor:
    """Gives jobs to workers that ask.

    Args:
        report: takes reports in batches.
        book: where leases are written down.
        lease: seconds that one runs.
        clock: monotonic seconds.
        wake: called with the id of a worker for which there is something.
        changed: called when `capacity` may have changed, or `staffed`.
    """

    def __init__(
        self,
        report: Receiver,
        book: LeaseBook,
        *,
        lease: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        wake: Callable[[str], None] = _nobody,
        changed: Callable[[], None] = _nothing,
    ) -> None:
        self.lease = lease
        self.refused = 0
        self.changed = changed
        self._report = report
        self._book = book
        self._clock = clock
        self._wake = wake
        self._lock = threading.Condition()
        self._telling = threading.Lock()
        self._open = False
        self._workers: dict[str, Remote] = {}
        self._queue: OrderedDict[str, Job] = OrderedDict()
        self._leases: dict[str, Lease] = {}
        self._recorded: OrderedDict[tuple[str, Ref], None] = OrderedDict()
        self._turned_away: OrderedDict[tuple[str, Ref], None] = OrderedDict()
        self._looked = clock()
        self._thread: threading.Thread | None = None

    # --- an executor --------------------------------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        """Places of workers that are there, and as many more as there are jobs that none of them fits."""
        with self._lock:
            active = self._active()
            parked = sum(not any(each.fits(job) for each in active) for job in self._queue.values())
            return sum(each.slots for each in active) + min(parked, _PARKED)

    @property
    def capabilities(self) -> Capabilities:
        """What a worker's own pool promises."""
        return Capabilities(isolated=True, kills=True, limits_memory=True)

    @property
    def staffed(self) -> bool:
        """Whether any worker is there to take jobs."""
        return bool(self._workers)

    @property
    def waiting(self) -> int:
        """Jobs that nobody has taken yet."""
        return len(self._queue)

    def start(self) -> None:
        """Take jobs, and watch over leases."""
        with self._lock:
            self._open = True
        self._thread = threading.Thread(target=self._watch, name="dtlpipe-leases", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job, in place of one of the same execution with a lower fence.

        Raises:
            ExecutorClosed: before `start` and after `close`.
        """
        with self._lock:
            if not self._open:
                raise ExecutorClosed("The remote executor is not running.")
            known = self._queue.get(job.execution_id) or self._leases.get(job.execution_id)
            if known is not None and job.fence <= known.fence:
                return
            self._leases.pop(job.execution_id, None)
            self._queue[job.execution_id] = job
            fitting = [each.id for each in self._active() if each.fits(job)]
        if fitting:
            for each in fitting:
                self._wake(each)
        else:
            wanted = f" with the labels {', '.join(sorted(job.labels))}" if job.labels else ""
            self._tell([Progressed(job.execution_id, job.fence, message=f"waiting for a worker{wanted}")])
            self.changed()

    def cancel(self, execution_id: str, fence: int) -> None:
        """End that job: at once if nobody has it, else as soon as its worker says so, or loses it."""
        with self._lock:
            job, lease = self._queue.get(execution_id), self._leases.get(execution_id)
            if job is not None and job.fence == fence:
                del self._queue[execution_id]
            else:
                job = None
            if lease is not None and lease.fence == fence:
                lease.canceled = True
                holder = lease.worker_id
            else:
                holder = ""
        if job is not None:
            self._tell([canceled_report(execution_id, fence, job)])
        if holder:
            self._wake(holder)

    def close(self, grace: float = 0.0) -> None:
        """Take and hand out no more. What workers have they go on with, and tell the next platform."""
        with self._telling, self._lock:
            self._open = False
            self._queue.clear()
            workers = list(self._workers)
            self._lock.notify_all()
        for each in workers:
            self._wake(each)
        if self._thread is not None:
            self._thread.join()

    def take_back(self, fits: Callable[[Job], bool]) -> Job | None:
        """The oldest job that nobody has taken and that `fits`, for somebody else to run."""
        with self._lock:
            found = next((job for job in self._queue.values() if fits(job)), None)
            if found is not None:
                del self._queue[found.execution_id]
            return found

    def hold(self, execution_id: str, fence: int, worker_id: str) -> None:
        """A worker had this when the platform was stopped: it has a lease's time to come and say so."""
        with self._lock:
            known = self._queue.get(execution_id) or self._leases.get(execution_id)
            if known is None or known.fence < fence:
                self._queue.pop(execution_id, None)
                until = self._clock() + self.lease
                self._leases[execution_id] = Lease(execution_id, fence, worker_id, until)
                self._lock.notify_all()

    # --- workers ------------------------------------------------------------------------------------------------------

    def register(self, enrolment: Enrolment, held: Sequence[Ref]) -> Claimed:
        """A worker comes, or comes back with what it holds."""
        with self._lock:
            self._must_be_open()
            known = self._workers.get(enrolment.id)
            if known is None:
                self._workers[enrolment.id] = Remote(enrolment, self._clock())
            else:
                known.enrolment, known.seen, known.draining = enrolment, self._clock(), False
            mine, stale = self._sorted(enrolment.id, held)
            lost = self._not_held(enrolment.id, held)
            for lease in lost:
                del self._leases[lease.execution_id]
            self._lock.notify_all()
        self._tell([given_back(lease) for lease in lost])
        self._keep(enrolment.id, mine)
        logger.info("worker %s (%s) is there, with %d executions", enrolment.name, enrolment.id, len(mine))
        self.changed()
        return Claimed(canceled=canceled_among(mine), stale=stale)

    def claim(self, worker_id: str, number: int, limit: int, held: Sequence[Ref], *, waited: bool = False) -> Claimed:
        """Up to `limit` jobs for a worker that holds `held`; nothing for a claim that a later one has replaced.

        One that `waited` is no sign of life: whoever has not been heard of for half a lease may be dead, and gets none.
        A job that was handed out in an earlier claim and is not among `held` never arrived: it is handed out again.

        Raises:
            UnknownWorker: it must register first.
            ExecutorClosed: the platform is stopping.
        """
        with self._lock:
            self._must_be_open()
            remote = self._known(worker_id, heard=not waited)
            if number < remote.claim:
                return Claimed()
            remote.claim = number
            mine, stale = self._sorted(worker_id, held)
            again, gone = [], []
            for lease in self._not_held(worker_id, held):
                if lease.claim < number and lease.job is not None and not lease.canceled:
                    lease.claim = number
                    again.append(lease.job)
                elif lease.claim < number:
                    gone.append(self._leases.pop(lease.execution_id))
            news = [lease for lease in mine if lease.canceled and not lease.told]
            for lease in news:
                lease.told = True
            busy = sum(lease.worker_id == worker_id for lease in self._leases.values())
            doubtful = waited and self._clock() - remote.seen > self.lease / 2
            room = 0 if remote.draining or doubtful else min(limit - len(again), remote.enrolment.slots - busy)
            chosen = [self._choose(remote, job, number) for job in self._fitting(remote, room)]
        self._tell([given_back(lease) for lease in gone])
        granted = self._grant(remote, number, chosen) if chosen else []
        return Claimed((*again, *granted), canceled_among(news), stale)

    def report(self, worker_id: str, number: int, reports: Sequence[Report]) -> tuple[Ref, ...]:
        """Hand on what a worker tells; returns, after all of it is on disk, what it does not hold any more.

        `number` grows with each call: one that was answered before is answered so again.

        Raises:
            UnknownWorker, ExecutorClosed: as `claim`.
            NotRecorded: it must be told again.
        """
        with self._lock:
            self._must_be_open()
            remote = self._known(worker_id)
        with remote.gate:
            if number <= remote.said:
                return remote.refused
            with self._lock:
                theirs: list[Report] = []
                refused: dict[Ref, None] = {}
                ended: dict[Ref, None] = {}
                for each in reports:
                    ref = each.execution_id, each.fence
                    if self._holds(worker_id, ref):
                        theirs.append(each)
                        if isinstance(each, Succeeded | Failed | Returned):
                            ended[ref] = None
                    elif (worker_id, ref) not in self._recorded:
                        refused[ref] = None
                self._turn_away(worker_id, refused)
            if not self._tell(theirs):
                raise ExecutorClosed("The platform is stopping; it takes reports again when it is back.")
            if not self._book.recorded(list(ended)):
                raise NotRecorded("What was reported could not be written down yet.")
            with self._lock:
                for ref in ended:
                    if self._holds(worker_id, ref):
                        del self._leases[ref[0]]
                    self._recorded[worker_id, ref] = None
                _shorten(self._recorded)
                more = bool(ended and self._queue)
            if more:
                self._wake(worker_id)
            remote.said, remote.refused = number, tuple(refused)
            if refused:
                logger.warning("reports of %d executions that worker %s has lost are refused", len(refused), worker_id)
            return remote.refused

    def renew(self, worker_id: str, held: Sequence[Ref], *, draining: bool = False) -> Claimed:
        """The leases run anew. Raises UnknownWorker and ExecutorClosed as `claim`."""
        with self._lock:
            self._must_be_open()
            remote = self._known(worker_id)
            leaving, remote.draining = draining and not remote.draining, remote.draining or draining
            mine, stale = self._sorted(worker_id, held)
            waits = bool(self._queue)  # maybe for a claim of its own, which came to nothing while it was in doubt
        self._keep(worker_id, mine)
        if leaving or waits:
            self._wake(worker_id)
        if leaving:
            self.changed()
        return Claimed(canceled=canceled_among(mine), stale=stale)

    def leave(self, worker_id: str) -> None:
        """A worker goes, and gives back what it has. Nothing happens if it is not known."""
        with self._lock:
            self._must_be_open()
            remote = self._workers.pop(worker_id, None)
            left = [each for each in self._leases.values() if each.worker_id == worker_id and each.until is not None]
            for lease in left:
                del self._leases[lease.execution_id]
        self._tell([given_back(lease) for lease in left])
        if remote is not None:
            logger.info("worker %s has left, and gave back %d executions", remote.enrolment.name, len(left))
            self._wake(worker_id)
            self.changed()

    def code(self, hash: str) -> Code | None:
        """The code of a job that somebody has, or waits for."""
        with self._lock:
            jobs = (*(lease.job for lease in self._leases.values()), *self._queue.values())
            return next((job.code for job in jobs if job is not None and job.code.hash == hash), None)

    def present(self) -> list[Presence]:
        """Who is there."""
        with self._lock:
            now = self._clock()
            running = [lease.worker_id for lease in self._leases.values()]
            return [
                Presence(each.enrolment, running.count(id), each.draining, now - each.seen)
                for id, each in self._workers.items()
            ]

    # --- what runs out ------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """End the leases that have run out, and forget workers that are silent.

        If this comes far too late, the machine itself was asleep, and no worker could have renewed anything meanwhile.
        """
        with self._lock:
            now = self._clock()
            asleep = now - self._looked
            self._looked = now
            if asleep > self._interval + self.lease / 3:
                for lease in self._leases.values():
                    lease.until = None if lease.until is None else lease.until + asleep
                for remote in self._workers.values():
                    remote.seen += asleep
            lost = [each for each in self._leases.values() if each.until is not None and each.until <= now]
            for lease in lost:
                del self._leases[lease.execution_id]
            silent = [id for id, each in self._workers.items() if now - each.seen > self.lease]
            names = {id: self._workers.pop(id).enrolment.name for id in silent}
        for id, name in names.items():
            logger.warning("worker %s (%s) has not been heard of for %g s", name, id, self.lease)
        self._tell([lost_report(lease, names.get(lease.worker_id, lease.worker_id), self.lease) for lease in lost])
        if silent:
            self.changed()

    @property
    def _interval(self) -> float:
        return min(_LOOK, self.lease / 6)

    def _watch(self) -> None:
        while True:
            with self._lock:
                idle = not self._leases and not self._workers
                self._lock.wait(None if idle and self._open else self._interval)
                if not self._open:
                    return
                if idle:
                    self._looked = self._clock()
            try:
                self.sweep()
            except Exception:
                logger.exception("what has run out could not be looked at; it is tried again in a moment")

    # --- parts --------------------------------------------------------------------------------------------------------

    def _must_be_open(self) -> None:
        if not self._open:
            raise ExecutorClosed("The platform is stopping; it hands out work again when it is back.")

    def _known(self, worker_id: str, *, heard: bool = True) -> Remote:
        remote = self._workers.get(worker_id)
        if remote is None:
            raise UnknownWorker(worker_id)
        if heard:
            remote.seen = self._clock()
        return remote

    def _active(self) -> list[Enrolment]:
        return [each.enrolment for each in self._workers.values() if not each.draining]

    def _holds(self, worker_id: str, ref: Ref) -> bool:
        lease = self._leases.get(ref[0])
        return lease is not None and lease.until is not None and (lease.fence, lease.worker_id) == (ref[1], worker_id)

    def _sorted(self, worker_id: str, held: Iterable[Ref]) -> tuple[list[Lease], tuple[Ref, ...]]:
        """The leases among what a worker thinks it holds, and what it does not hold any more."""
        mine, stale = [], []
        for ref in held:
            if self._holds(worker_id, ref):
                mine.append(self._leases[ref[0]])
            elif (worker_id, ref) not in self._recorded:
                stale.append(ref)
        self._turn_away(worker_id, stale)
        return mine, tuple(stale)

    def _turn_away(self, worker_id: str, refs: Iterable[Ref]) -> None:
        """Count what a worker still has, or tells of, that is not its any more: once each."""
        for ref in refs:
            if (worker_id, ref) not in self._turned_away:
                self._turned_away[worker_id, ref] = None
                self.refused += 1
        _shorten(self._turned_away)

    def _not_held(self, worker_id: str, held: Iterable[Ref]) -> list[Lease]:
        known = set(held)
        return [
            lease
            for lease in self._leases.values()
            if lease.worker_id == worker_id and lease.until is not None and lease.ref not in known
        ]

    def _keep(self, worker_id: str, leases: Sequence[Lease]) -> None:
        """Let leases run anew: here at once, as the worker lives whether or not the disk does."""
        with self._lock:
            for lease in leases:
                lease.until = self._clock() + self.lease
        if leases:
            self._book.renew(worker_id, [lease.ref for lease in leases], self.lease)

    def _fitting(self, remote: Remote, room: int) -> Iterator[Job]:
        fitting = [job for job in self._queue.values() if remote.enrolment.fits(job)] if room > 0 else []
        return iter(fitting[:room])

    def _choose(self, remote: Remote, job: Job, number: int) -> Lease:
        del self._queue[job.execution_id]
        lease = Lease(job.execution_id, job.fence, remote.enrolment.id, None, job, number)
        self._leases[job.execution_id] = lease
        return lease

    def _grant(self, remote: Remote, number: int, chosen: Sequence[Lease]) -> list[Job]:
        """The jobs whose leases are on disk. If that fails, all of them wait as before."""
        try:
            granted = self._book.grant(remote.enrolment.id, [lease.ref for lease in chosen], self.lease)
        except BaseException:
            self._put_back(chosen)
            raise
        jobs, canceled = [], []
        with self._lock:
            for lease in chosen:
                if self._leases.get(lease.execution_id) is not lease or lease.job is None:
                    continue  # a later start has taken its place
                if lease.ref not in granted:
                    del self._leases[lease.execution_id]  # nobody wants it any more
                elif lease.canceled:
                    del self._leases[lease.execution_id]
                    canceled.append(canceled_report(*lease.ref, lease.job))
                else:
                    lease.until = self._clock() + self.lease
                    jobs.append(lease.job)
            overtaken = remote.claim > number
            self._lock.notify_all()
        self._tell(canceled)
        if overtaken:  # nobody listens to this answer any more: the later claim shall have them
            self._wake(remote.enrolment.id)
        return jobs

    def _put_back(self, chosen: Sequence[Lease]) -> None:
        canceled = []
        with self._lock:
            for lease in reversed(chosen):
                if self._leases.get(lease.execution_id) is lease and lease.job is not None:
                    del self._leases[lease.execution_id]
                    if lease.canceled:
                        canceled.append(canceled_report(*lease.ref, lease.job))
                    else:
                        self._queue[lease.execution_id] = lease.job
                        self._queue.move_to_end(lease.execution_id, last=False)
        self._tell(canceled)

    def _tell(self, reports: Sequence[Report]) -> bool:
        """Hand reports on; False once the platform is stopping, which must not hear of anything that it cannot keep."""
        with self._telling:
            if not self._open:
                return False
            if reports:
                self._report(reports)
            return True
