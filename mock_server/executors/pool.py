"""The rules of who runs what: a queue, workers that are idle or busy, and one end for each job.

Law: only the pool's own thread touches it. A job is held by at most one worker and ends in exactly one terminal report:
the worker's own, or the verdict over how the worker died. What a dead process had not begun is given to the next.
Reports leave in batches, one a round, because the receiver commits by batch. What may wait in a busy worker's pipe is
said by `ahead`; where such a job is begun, and by whom it is taken back, is decided here.

Longer than 400 lines because all moves of a job are to be seen together.
"""

from __future__ import annotations

import itertools
import logging
import signal
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import attrs

from dtlpipe.runtime.protocol import ProtocolError, encode
from mock_server.executors import answers, memory, verdict
from mock_server.executors.ahead import STUCK, Ahead
from mock_server.executors.base import (
    Cause,
    ErrorRecord,
    Failed,
    Job,
    Logged,
    Progressed,
    Receiver,
    Report,
    Started,
    Succeeded,
)
from mock_server.executors.output import Output
from mock_server.executors.settings import PoolSettings
from mock_server.executors.variables import Variables
from mock_server.executors.verdict import Death
from mock_server.executors.ward import Ward
from mock_server.executors.worker import Entry, State, Worker, job_header, known_code, whole_code

logger = logging.getLogger(__name__)

_HOPE: Final = 3
"""Processes that may fail in a row (to start, or to take up the job) until a job is given up."""
_PROBE: Final = 16
"""Every so many jobs, and after long ones, a worker's memory is looked at."""
_LONG: Final = 0.1
"""Seconds that make a job a long one."""


Message = Callable[["Pool"], None]
"""A call from another thread."""


class Pool:
    """The queue, and who works on what."""

    def __init__(self, settings: PoolSettings, report: Receiver) -> None:
        self.settings = settings
        self._warm = 0 if settings.asleep else settings.warm
        self.ward = Ward(settings, self)
        self.over = False
        self._report = report
        self._reports: list[Report] = []
        self._noisy: dict[int, Worker] = {}
        self._outgoing: dict[int, tuple[Worker, list[bytes]]] = {}
        self._ahead = Ahead(self.ward)
        self._queue: deque[Entry] = deque()
        self._entries: dict[str, Entry] = {}
        self._idle: list[Worker] = []
        self._numbers = itertools.count(1)
        self._variables = Variables(settings)
        self._environment: dict[str, str] = {}
        self._watch_due = 0.0
        self._failures = 0
        self._closing: float | None = None

    @property
    def appetite(self) -> int:
        """Jobs beyond the number of workers that it is good to have here."""
        return self._ahead.appetite

    # -- What comes in -------------------------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        """Queue a job, in place of one of the same execution with a lower fence."""
        if self._closing is not None:
            return
        self.rouse()
        if job.memory_limit is None and self.settings.memory_limit is not None:
            job = attrs.evolve(job, memory_limit=self.settings.memory_limit)
        if (known := self._entries.get(job.execution_id)) is not None:
            if job.fence <= known.job.fence:
                logger.warning("execution %s is here already, with fence %s", job.execution_id, known.job.fence)
                return
            self._displace(known)
        entry = Entry(job)
        self._entries[job.execution_id] = entry
        self._queue.append(entry)

    def rouse(self) -> None:
        """Jobs are to be expected from now on: keep idle workers for them."""
        self._warm = self.settings.warm

    def cancel(self, execution_id: str, fence: int) -> None:
        """End a job, wherever it is."""
        entry = self._entries.get(execution_id)
        if entry is None or entry.job.fence != fence:
            return
        if entry.worker is not None and entry.worker.entry is not entry:
            self._take_back(entry.worker)
        if entry.worker is None:
            self._queue.remove(entry)
            self._fail(entry, verdict.on_cancel(entry.job, ""))
        elif entry.worker.entry is entry:
            self._end(entry.worker, "canceled")
        else:
            entry.unwanted = True  # it has just been begun: it is ended as soon as that is told of

    def close(self, grace: float) -> None:
        """Drop the queue; end once the running jobs have, or after `grace` seconds."""
        self._closing = time.monotonic() + grace
        for worker in self.ward.workers.values():
            self._take_back(worker)
        for entry in self._queue:
            del self._entries[entry.job.execution_id]
        self._queue.clear()

    def _displace(self, entry: Entry) -> None:
        if entry.worker is not None and entry.worker.entry is not entry:
            self._take_back(entry.worker)
        entry.stale = True
        del self._entries[entry.job.execution_id]
        if entry.worker is None:
            self._queue.remove(entry)
        elif entry.worker.entry is entry:
            self.ward.signal(entry.worker, signal.SIGKILL)

    def _take_back(self, worker: Worker) -> None:
        """Have what waits in the worker's pipe wait in the queue again, before all that came later."""
        for entry in reversed(self._ahead.take_back(worker)):
            self._requeue(entry)

    def _requeue(self, entry: Entry) -> None:
        entry.worker = None
        if not entry.stale and self._entries.get(entry.job.execution_id) is entry:
            self._queue.appendleft(entry)

    # -- One round -----------------------------------------------------------------------------------------------------

    def round(self, inbox: deque[Message]) -> None:
        """Wait until something happens, and do all that follows from it: the receiver may have put in new jobs."""
        for key, events in self.ward.selector.select(self._patience()):
            key.data(events)
        while True:
            while inbox:
                inbox.popleft()(self)
            self._tick(time.monotonic())
            self._dispatch()
            self._deliver()
            if self.over or not inbox:
                return

    def _patience(self) -> float | None:
        """Seconds until something is due though nothing happens."""
        workers = self.ward.workers.values()
        due = [worker.deadline for worker in workers if worker.deadline is not None]
        due += [worker.since + STUCK for worker in workers if worker.ahead]
        if self._closing is not None:
            due.append(self._closing)
        if self._watched():
            due.append(self._watch_due)
        if len(self._idle) > self._warm:
            due.append(self._idle[0].since + self.settings.idle_timeout)
        if self._wanted() > 0:
            due.append(self.ward.blocked_until)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _tick(self, now: float) -> None:
        """Do what is due."""
        for worker in list(self.ward.workers.values()):
            if worker.ahead and worker.since + STUCK <= now:
                self._take_back(worker)
            if worker.deadline is not None and worker.deadline <= now:
                self._on_deadline(worker, now)
        if self._watch_due <= now and (watched := self._watched()):
            self._watch_due = now + self.settings.watch_interval
            for worker in watched:
                self._watch(worker)
        if len(self._idle) > self._warm and self._idle[0].since + self.settings.idle_timeout <= now:
            self.ward.dismiss(self._idle.pop(0))
        if self._closing is not None:
            busy = any(worker.state is State.BUSY for worker in self.ward.workers.values())
            if not busy or self._closing <= now:
                self.over = True

    def _deliver(self) -> None:
        """Hand over this round's reports."""
        for worker in self._noisy.values():
            self._take_output(worker)
        self._noisy.clear()
        if self._reports:
            reports, self._reports = self._reports, []
            try:
                self._report(reports)
            except Exception:
                logger.exception("the receiver of %d reports failed; they are lost", len(reports))

    # -- Who runs what -------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        if self._closing is not None:
            return
        now = time.monotonic()
        self._renew(now)
        while self._queue and (worker := self._place(self._queue[0])) is not None:
            self._hand_over(self._queue.popleft(), worker)
        if self._outgoing:
            for worker, frames in self._outgoing.values():
                self.ward.send(worker, b"".join(frames))
            self._outgoing.clear()
        wanted_workers = self._wanted()
        if wanted_workers > 0 and self.ward.blocked_until <= now:
            for _one in range(wanted_workers):
                if not self.ward.fork(self._environment):
                    break

    def _place(self, entry: Entry) -> Worker | None:
        """An idle worker, at best one that knows the code, or the pipe of a busy one."""
        workers, ahead = self.ward.workers, self._ahead
        quick = ahead.is_quick(entry)
        limit = self.settings.jobs_per_worker
        if quick and ahead.crowded(len(workers) - len(self._idle)):
            found = ahead.place(entry, workers.values(), limit)
            if found is not None:
                return found
        if self._idle:
            wanted = entry.job.code.hash
            return next((one for one in reversed(self._idle) if wanted in one.known), self._idle[-1])
        return ahead.place(entry, workers.values(), limit) if quick else None

    def _renew(self, now: float) -> None:
        """Let idle workers go whose variables are not the platform's any more; busy ones go after their job."""
        environment = self._variables.at(now)
        if environment is not self._environment:
            self._environment = environment
            for worker in self._idle:
                self.ward.dismiss(worker)
            self._idle.clear()

    def _wanted(self) -> int:
        """How many more workers the queue and the warm reserve ask for."""
        if self._closing is not None:
            return 0
        starting = live = 0
        for worker in self.ward.workers.values():
            starting += worker.state is State.STARTING
            live += worker.state is not State.ENDING
        needed = max(len(self._queue), self._warm - len(self._idle)) - starting
        return min(needed, self.settings.workers - live)

    def _hand_over(self, entry: Entry, worker: Worker) -> None:
        job = entry.job
        entry.number = number = next(self._numbers)
        code = known_code(job.code) if job.code.hash in worker.known else whole_code(job.code)
        try:
            data = encode(job_header(job, number, code, self.settings))
        except (TypeError, ValueError, RecursionError, ProtocolError) as error:
            self._fail(entry, verdict.on_unfit_input(job, str(error)))
            return
        if worker.entry is None:
            self._idle.remove(worker)
            self._begin(entry, worker, time.monotonic())
        else:
            entry.worker = worker
            worker.ahead.append(entry)
        self._outgoing.setdefault(worker.slot, (worker, []))[1].append(data)

    def _begin(self, entry: Entry, worker: Worker, now: float) -> None:
        """The worker has the job, from now on as far as anybody knows here."""
        worker.take(entry, now, Output(self.settings.log_limit))
        self._say(entry, Started(entry.job.execution_id, entry.job.fence, worker.pid or 0))
        if entry.stale:
            self.ward.signal(worker, signal.SIGKILL)
        elif entry.unwanted:
            self._end(worker, "canceled")

    def _go_on(self, worker: Worker, now: float) -> None:
        """A worker without a job takes up the next in its pipe, or is idle."""
        if worker.ahead:
            self._begin(worker.ahead.popleft(), worker, now)
        else:
            self._idle.append(worker)

    # -- What workers say ----------------------------------------------------------------------------------------------

    def on_frame(self, worker: Worker, header: dict[str, Any], blob: bytes) -> None:
        """Believe what is well-formed and about the job at hand."""
        try:
            answer = answers.read_answer(header, blob)
        except ProtocolError as error:
            self.on_breach(worker, str(error))
            return
        if isinstance(answer, answers.Ready):
            if worker.state is State.STARTING:
                worker.pid = answer.pid
                self._failures = 0
                worker.rest(time.monotonic())
                if worker.environment is self._environment:
                    self._idle.append(worker)
                else:
                    self.ward.dismiss(worker)
            return
        if isinstance(answer, answers.Skipped):
            self._on_skipped(worker, answer.number)
        elif isinstance(answer, answers.Need) and header.get("job") != worker.number:
            self._on_need_ahead(worker, header.get("job"))
        elif worker.entry is not None and worker.output is not None and header.get("job") == worker.number:
            self._heed(worker, worker.entry, worker.output, answer)

    def _heed(self, worker: Worker, entry: Entry, output: Output, answer: answers.Answer) -> None:
        """What a worker says about the job that it holds."""
        match answer:
            case answers.Done() | answers.Broke():
                if worker.cause is None:
                    self._conclude(worker, entry, output, answer)
            case answers.Wrote(records, capped):
                output.add(records)
                if capped:
                    output.cap()
                self._noisy[worker.slot] = worker
            case answers.Pending(record):
                output.pend(record)
            case answers.Progress(said):
                self._take_output(worker)
                self._say(entry, Progressed(entry.job.execution_id, entry.job.fence, **said))
            case answers.Terminated(traceback):
                worker.where = traceback
            case answers.Need():
                code = whole_code(entry.job.code)
                self.ward.send(worker, encode(job_header(entry.job, worker.number, code, self.settings)))

    def _on_skipped(self, worker: Worker, number: int) -> None:
        """What was taken back as the worker was about to begin it, and what seemed to be begun, is nobody's now."""
        entry = worker.entry
        if entry is not None and worker.number == number:
            worker.rest(time.monotonic())
            worker.jobs -= 1
            self._go_on(worker, worker.since)
        else:
            entry = next((each for each in worker.ahead if each.number == number), None)
            if entry is None:
                return
            worker.ahead.remove(entry)
        if entry.unwanted:
            self._fail(entry, verdict.on_cancel(entry.job, ""))
        else:
            self._requeue(entry)

    def _on_need_ahead(self, worker: Worker, number: Any) -> None:
        """The worker passed over a job, having forgotten its code: it waits for whoever is next."""
        entry = next((each for each in worker.ahead if each.number == number), None)
        if entry is not None:
            worker.ahead.remove(entry)
            worker.known.discard(entry.job.code.hash)
            self._requeue(entry)

    def on_native(self, worker: Worker) -> None:
        """Note that there is output to deliver."""
        self._noisy[worker.slot] = worker

    def on_breach(self, worker: Worker, what: str) -> None:
        """End a worker whose stream is broken, and the job with it."""
        logger.warning("worker %s broke its connection: %s", worker.pid, what)
        if worker.entry is not None:
            worker.breach = worker.breach or what
        self.ward.signal(worker, signal.SIGKILL)

    def on_shortage(self, what: str) -> None:
        """After some tries without a process, give up the jobs that wait for one."""
        self._failures += 1
        if self._failures >= _HOPE:
            for entry in self._queue:
                self._fail(entry, verdict.on_hopeless(entry.job, what))
            self._queue.clear()

    def _conclude(self, worker: Worker, entry: Entry, output: Output, answer: answers.Done | answers.Broke) -> None:
        """The worker's own report ends the job; the worker is free, or leaves."""
        worker.drain()
        output.finish()
        self._take_output(worker)
        self._noisy.pop(worker.slot, None)
        job, now = entry.job, time.monotonic()
        if isinstance(answer, answers.Done):
            self._settle(entry, Succeeded(job.execution_id, job.fence, answer.outputs, answer.action))
        else:
            self._settle(entry, Failed(job.execution_id, job.fence, answer.error))
        took = now - worker.since
        long = took > _LONG
        told = answer.took if isinstance(answer, answers.Done) else None
        self._ahead.note(entry, took if told is None else told)
        worker.rest(now)
        worn = answer.retire is not None or self._is_worn(worker, long=long)
        if worn:
            self._take_back(worker)
        if worker.ahead:  # the last of them at most, which it has begun already
            self._begin(worker.ahead.popleft(), worker, now)
        elif answer.retire is not None:
            logger.info("worker %s ends: %s", worker.pid, answer.retire)
            worker.state, worker.deadline = State.ENDING, now + self.settings.kill_grace
        elif worn:
            self.ward.dismiss(worker)
        else:
            self._idle.append(worker)

    def _is_worn(self, worker: Worker, *, long: bool) -> bool:
        """Whether a worker has done enough, keeps too much memory, or has variables that are out of date."""
        if worker.jobs >= self.settings.jobs_per_worker or worker.environment is not self._environment:
            return True
        if worker.pid is None or (worker.jobs > 1 and worker.jobs % _PROBE and not long):
            return False
        held = memory.anonymous(worker.pid)
        worker.baseline = min(held, worker.baseline) if worker.baseline is not None else held
        return held - worker.baseline > self.settings.growth_limit

    # -- How workers end -----------------------------------------------------------------------------------------------

    def _end(self, worker: Worker, cause: Cause) -> None:
        """End a running job: politely, so that it can unwind and say where it is; then not."""
        if worker.cause is None:
            worker.cause = cause
            worker.deadline = time.monotonic() + self.settings.kill_grace
            self.ward.signal(worker, signal.SIGTERM)

    def _on_deadline(self, worker: Worker, now: float) -> None:
        if worker.state is State.BUSY and worker.cause is None and not worker.closed:
            self._end(worker, "timeout")
        else:
            if worker.closed and worker.entry is not None and worker.cause is None:
                worker.breach = worker.breach or "it closed its socket."
            worker.deadline = now + self.settings.kill_grace
            self.ward.signal(worker, signal.SIGKILL)

    def _watched(self) -> list[Worker]:
        """Workers whose job has a memory limit."""
        return [
            worker
            for worker in self.ward.workers.values()
            if worker.entry is not None and worker.entry.job.memory_limit is not None and worker.cause is None
        ]

    def _watch(self, worker: Worker) -> None:
        baseline, entry = self.ward.begun(worker), worker.entry
        if baseline is None or entry is None or entry.job.memory_limit is None or worker.pid is None:
            return
        used = memory.excess(worker.pid, baseline, entry.job.memory_limit)
        if used is not None:
            worker.cause, worker.used = "memory", used
            self.ward.signal(worker, signal.SIGKILL)

    def on_death(self, worker: Worker, death: Death) -> None:
        """Judge the job that a dead worker held."""
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.state is State.STARTING and self._closing is None:
            self.ward.shortage(f"a worker ended before it was ready: {death}")
        entry, output = worker.entry, worker.output
        left, worker.ahead = worker.ahead, deque()
        for each in reversed(left):
            self._requeue(each)
        if entry is None or output is None:
            return
        output.finish()
        self._take_output(worker)
        self._noisy.pop(worker.slot, None)
        entry.worker = worker.entry = None
        if worker.cause is None and not worker.breach and self.ward.begun(worker) is None and entry.lost < _HOPE:
            entry.lost += 1
            if not entry.stale:
                self._queue.appendleft(entry)
            return
        why = verdict.judge(entry.job, death, output.tail, worker.cause, worker.where, worker.used, worker.breach)
        self._fail(entry, why)

    # -- What goes out -------------------------------------------------------------------------------------------------

    def _take_output(self, worker: Worker) -> None:
        if worker.entry is not None and worker.output is not None and (records := worker.output.take()):
            job = worker.entry.job
            self._say(worker.entry, Logged(job.execution_id, job.fence, records))

    def _fail(self, entry: Entry, error: ErrorRecord) -> None:
        self._settle(entry, Failed(entry.job.execution_id, entry.job.fence, error))

    def _settle(self, entry: Entry, report: Succeeded | Failed) -> None:
        """The one terminal report of a job."""
        self._say(entry, report)
        if not entry.stale:
            del self._entries[entry.job.execution_id]

    def _say(self, entry: Entry, report: Report) -> None:
        if not entry.stale:
            self._reports.append(report)
