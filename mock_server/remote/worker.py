"""A remote worker: three threads between a platform and a pool of processes.

| thread     | does                                                                                         |
| ---------- | -------------------------------------------------------------------------------------------- |
| claims     | asks for jobs and waits, all the time: the answer brings jobs, cancels and what was lost     |
| reports    | says what happened, in order; what the platform did not take it says again until it does     |
| heartbeats | renews all leases three times in each                                                        |

Law: an execution is held until the platform has taken its end, or has said that it is lost; what is lost is ended and
nothing more is said of it. While the platform is away, jobs run on and their ends wait.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from mock_server.executors.base import Executor, ExecutorClosed, Failed, Receiver, Report, Returned, Succeeded
from mock_server.executors.process import ProcessExecutor
from mock_server.executors.remote_leases import Ref
from mock_server.executors.remote_wire import (
    PYTHON,
    Claim,
    CodeText,
    Heartbeat,
    Held,
    Welcome,
    Work,
    held,
    job_in,
)
from mock_server.platform.environment import client_environment
from mock_server.remote.link import Away, Gone, Link, Refusal, register_of, told

logger = logging.getLogger(__name__)

_WAIT: Final = 20.0
"""Seconds that a claim may wait at the platform."""
_SLOWEST: Final = 10.0
"""Seconds, at most, between two tries while the platform is away."""
_MOST, _BYTES = 500, 8 * 1024 * 1024
"""Reports, and bytes of them, in one request; a single one may be larger."""
_CODES: Final = 64
"""Texts of code that are kept."""
Batch = list[tuple[Report, str]]
"""Reports, each with its JSON."""


class RemoteWorker:
    """Runs a platform's executions.

    Args:
        link: the way to the platform.
        name: for people.
        slots: jobs at a time.
        labels: what this machine has, for nodes that ask for it.
        folder: for files that SDKs in node code insist on.
        grace: seconds that running jobs get when it is to end.
        pool: makes the executor of the jobs, for a receiver of reports and the variables of node code.
        wait: seconds that a claim may wait at the platform.
    """

    def __init__(
        self,
        link: Link,
        *,
        name: str,
        slots: int,
        labels: Sequence[str] = (),
        folder: Path,
        grace: float = 30.0,
        pool: Callable[[Receiver, Callable[[], Mapping[str, str]]], Executor] | None = None,
        wait: float = _WAIT,
    ) -> None:
        self.id = uuid4().hex
        self.name, self.slots, self.labels = name, slots, tuple(labels)
        self._link = link
        self._folder = folder
        self._grace = grace
        self._wait = wait
        make = pool or (lambda report, environment: ProcessExecutor(report, workers=slots, environment=environment))
        self._pool = make(self._receive, self._environment)
        self._changed = threading.Condition()
        self._greeting = threading.Lock()
        self._welcome: Welcome | None = None
        self._held: dict[str, int] = {}
        self._running: dict[str, int] = {}
        self._outbox: deque[Report] = deque()
        self._number = 0
        self._codes: OrderedDict[str, CodeText] = OrderedDict()
        self._draining = threading.Event()
        self._over = threading.Event()
        self._failure: Refusal | None = None
        self._threads: list[threading.Thread] = []

    # --- its life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns once the platform has taken it in.

        Raises:
            Refusal: the platform will not have it, for its version or its token.
        """
        tries = Backoff()
        while True:
            try:
                self._register()
                break
            except Away as error:
                if self._draining.is_set():
                    return
                logger.warning("%s; trying again", error)
                tries.wait(self._draining, error.retry_after)
        self._pool.start()
        for work in (self._claims, self._reports, self._heartbeats):
            thread = threading.Thread(target=self._guarded, args=(work,), name=f"worker{work.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def drain(self) -> None:
        """Claim no more: to be called when the process is asked to end; `join` then does the rest."""
        self._draining.set()
        with self._changed:
            self._changed.notify_all()

    def join(self) -> None:
        """Returns when it has been drained and all is over: jobs get the grace, the rest of them is given back.

        Raises:
            Refusal: the platform did not want it any more.
        """
        self._draining.wait()
        until = time.monotonic() + self._grace
        with self._changed:
            self._changed.wait_for(lambda: not self._running or self._failure is not None, self._grace)
            left = len(self._running)
        if left:
            logger.warning("%d executions did not end within the grace of %g s; they are given back", left, self._grace)
        self._pool.close(0.0)
        with self._changed:  # what has ended shall arrive
            self._changed.wait_for(
                lambda: not self._outbox or self._failure is not None, max(2.0, until - time.monotonic())
            )
        self._over.set()
        with self._changed:
            self._changed.notify_all()
        if self._welcome is not None:
            try:
                self._link.leave(self.id)
            except (Away, Gone, Refusal) as error:
                logger.warning("the platform did not hear that this worker leaves: %s", error)
        for thread in self._threads:
            thread.join(self._wait + 5.0)
        if self._failure is not None:
            raise self._failure

    def _guarded(self, work: Callable[[], None]) -> None:
        """A thread's life: what will never be taken ends the worker as a whole."""
        try:
            work()
        except Refusal as error:
            self._failure = error
        except Exception as error:
            logger.exception("this worker has broken down")
            self._failure = Refusal(f"this worker has broken down: {error}")
        if self._failure is not None:
            self.drain()

    # --- what the platform says ---------------------------------------------------------------------------------------

    def _register(self, last: Welcome | None = None) -> None:
        """Come, or come back; nothing is done if somebody else did since the `last` time."""
        with self._greeting:
            if self._welcome is not last:
                return
            with self._changed:
                refs = list(self._held.items())
            try:
                welcome = self._link.register(register_of(self.id, self.name, self.slots, self.labels, PYTHON, refs))
            except Gone as error:
                raise Refusal(f"what answers at {self._link.url} takes no workers: {error.message}") from error
            self._welcome = welcome
        logger.info("at %s, with %d places", self._link.url, self.slots)
        self._heed(welcome.stale, welcome.canceled)

    def _heed(self, stale: Iterable[Held], canceled: Iterable[Held]) -> None:
        for each in stale:
            self._drop(each.ref)
        for each in canceled:
            self._pool.cancel(*each.ref)

    def _drop(self, ref: Ref) -> None:
        """End what was lost; nothing more is said of it."""
        with self._changed:
            if self._held.get(ref[0]) != ref[1]:
                return
            del self._held[ref[0]]
        logger.warning("execution %s was lost to another worker, and is ended here", ref[0])
        self._pool.cancel(*ref)

    def _claims(self) -> None:
        number, tries = 0, Backoff()
        while not self._draining.is_set():
            number += 1
            with self._changed:
                refs = list(self._held.items())
            welcome = self._welcome
            began = time.monotonic()
            try:
                work = self._link.claim(
                    self.id, Claim(number=number, limit=self.slots, held=held(refs), wait=self._wait)
                )
                if welcome is not None:
                    self._take(work, welcome)
                quick = not work.jobs and not work.stale and not work.canceled and time.monotonic() - began < 0.1
                if not quick:
                    tries = Backoff()
                elif not self._draining.is_set():  # there was no room to wait
                    tries.wait(self._draining)
            except Gone:
                if not self._draining.is_set():
                    self._register_again(welcome, tries)
            except Away as error:
                logger.warning("no work for now: %s", error)
                tries.wait(self._draining, error.retry_after)

    def _register_again(self, last: Welcome | None, tries: Backoff) -> None:
        try:
            self._register(last)
        except (Away, Gone) as error:
            logger.warning("the platform is not ready: %s", error)
            tries.wait(self._over)

    def _take(self, work: Work, welcome: Welcome) -> None:
        self._heed(work.stale, work.canceled)
        for each in work.jobs:
            with self._changed:
                if self._held.get(each.execution_id, -1) >= each.fence:
                    continue
                self._held[each.execution_id] = each.fence
            try:
                job = job_in(each, self._code(each.code.hash), (welcome.url, self._link.url))
                with self._changed:
                    self._running[each.execution_id] = each.fence
                self._pool.submit(job)
            except (Away, Gone, ExecutorClosed) as error:
                logger.warning("execution %s is given back: %s", each.execution_id, error)
                with self._changed:
                    self._running.pop(each.execution_id, None)
                self._receive([Returned(*each.ref)])

    def _code(self, hash: str) -> CodeText:
        found = self._codes.get(hash)
        if found is None:
            found = self._codes[hash] = self._link.code(hash)
            if len(self._codes) > _CODES:
                self._codes.popitem(last=False)
        self._codes.move_to_end(hash)
        return found

    def _environment(self) -> dict[str, str]:
        """Variables by which node code finds the platform from here."""
        token = self._welcome.token if self._welcome is not None else None
        return client_environment(self._link.url, self._folder, token=token)

    # --- what it says -------------------------------------------------------------------------------------------------

    def _receive(self, reports: Sequence[Report]) -> None:
        """From the pool, on its thread."""
        with self._changed:
            for each in reports:
                id, fence = each.execution_id, each.fence
                if isinstance(each, Succeeded | Failed) and self._running.get(id) == fence:
                    del self._running[id]
                if self._held.get(id) == fence:
                    self._outbox.append(each)
            self._changed.notify_all()

    def _reports(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._outbox or self._over.is_set())
                if self._over.is_set():
                    return
                batch = self._batch()
            refused = self._deliver(batch)
            if refused is None:
                return
            with self._changed:
                for each, _ in batch:
                    self._outbox.popleft()
                    ended = isinstance(each, Succeeded | Failed | Returned)
                    if ended and self._held.get(each.execution_id) == each.fence:
                        del self._held[each.execution_id]
                self._changed.notify_all()
            for ref in refused:
                self._drop(ref)

    def _batch(self) -> Batch:
        """The next reports, as many as go into one request."""
        batch: Batch = []
        size = 0
        for each in self._outbox:
            text = told(each)
            size += len(text)
            if batch and (size > _BYTES or len(batch) >= _MOST):
                break
            batch.append((each, text))
        return batch

    def _deliver(self, batch: Batch) -> list[Ref] | None:
        """What the platform says to it, whenever it does; None if the worker ends before."""
        tries = Backoff()
        self._number += 1
        while not self._over.is_set():
            welcome = self._welcome
            try:
                return self._link.report(self.id, self._number, [text for _, text in batch])
            except Gone:
                self._register_again(welcome, tries)
            except Away as error:
                logger.warning("%d reports wait: %s", len(batch), error)
                tries.wait(self._over, error.retry_after)
            except Refusal as error:
                if error.status not in (400, 413):
                    raise
                if len(batch) > 1:  # one of them is the culprit: all are said one by one
                    return self._one_by_one(batch)
                batch = _unfit(batch[0][0], error)
                if not batch:
                    return []
        return None

    def _one_by_one(self, batch: Batch) -> list[Ref] | None:
        refused: list[Ref] = []
        for each in batch:
            found = self._deliver([each])
            if found is None:
                return None
            refused += found
        return refused

    def _heartbeats(self) -> None:
        while not self._over.is_set():
            welcome = self._welcome
            pause = welcome.lease / 3 if welcome is not None else 1.0
            draining = self._draining.is_set()
            with self._changed:
                refs = list(self._held.items())
            try:
                news = self._link.heartbeat(self.id, Heartbeat(held=held(refs), draining=draining))
                self._heed(news.stale, news.canceled)
            except Gone:
                self._register_again(welcome, Backoff())
                continue
            except Away as error:
                logger.warning("no sign of life can be given: %s", error)
                pause /= 4
            (self._over if draining else self._draining).wait(pause)


class Backoff:
    """Longer and longer pauses, each of them a little random: many workers shall not all come back at once."""

    def __init__(self) -> None:
        self._pause = 0.1

    def wait(self, woken: threading.Event, at_least: float | None = None) -> None:
        """Wait, unless woken."""
        woken.wait(max(at_least or 0.0, self._pause) * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
        self._pause = min(self._pause * 2, _SLOWEST)


def _unfit(report: Report, error: Refusal) -> Batch:
    """What is said in place of a report that the platform cannot take: nothing, or that the execution has failed."""
    logger.error("a report of execution %s cannot be told: %s", report.execution_id, error)
    if not isinstance(report, Succeeded | Failed):
        return []
    record: Any = {
        "cause": "output",
        "type": "ResultRefused",
        "message": f"the platform cannot take the result: {error.message}",
        "traceback": "",
        "hint": "return less, or put large values into items",
    }
    instead = Failed(report.execution_id, report.fence, record)
    return [(instead, told(instead))]
