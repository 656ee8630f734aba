"""The inline executor: what the platform itself brings (dataset nodes and the like) runs in its own threads.

Law: for trusted code only. Nothing here can end a thread: a job that is canceled while it runs is reported as canceled
once it returns, and `Job.timeout` and `Job.memory_limit` are not enforced.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from mock_server.executors.base import (
    Capabilities,
    ErrorRecord,
    ExecutorClosed,
    Failed,
    Job,
    Outcome,
    Receiver,
    Report,
    Started,
    Succeeded,
)
from mock_server.executors.output import clean
from mock_server.executors.verdict import on_cancel

Runner = Callable[[Job], Mapping[str, Any] | Outcome | None]
"""Runs a job and gives its outputs by port; raises what went wrong. None: the job waits, and is submitted again."""


@attrs.define
class _Entry:
    job: Job
    running: bool = False
    canceled: bool = False
    again: bool = False


class InlineExecutor:
    """Runs jobs by one callable, in `threads` threads that are started when they are needed.

    `report` is called from those threads, never by two at the same time.
    """

    def __init__(self, report: Receiver, run: Runner, *, threads: int = 4) -> None:
        self._report = report
        self._run = run
        self._limit = threads
        self._queue: deque[_Entry] = deque()
        self._entries: dict[str, _Entry] = {}
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._changed = threading.Condition()
        self._reporting = threading.Lock()
        self._open = False

    @property
    def capacity(self) -> int:
        """Jobs that can run at the same time."""
        return self._limit

    @property
    def capabilities(self) -> Capabilities:
        """Nothing but speed."""
        return Capabilities(isolated=False, kills=False, limits_memory=False)

    def start(self) -> None:
        """Take jobs from now on."""
        self._open = True

    def submit(self, job: Job) -> None:
        """Queue a job, in place of one of the same execution with a lower fence. One that runs looks once more.

        Raises:
            ExecutorClosed: before `start` and after `close`.
        """
        with self._changed:
            if not self._open:
                raise ExecutorClosed("The inline executor is not running.")
            known = self._entries.get(job.execution_id)
            if known is not None:
                if job.fence <= known.job.fence:
                    known.again = known.running  # it may have looked already for what it is to find now
                    return
                if not known.running:
                    self._queue.remove(known)
            entry = self._entries[job.execution_id] = _Entry(job)
            self._queue.append(entry)
            if self._waiting < len(self._queue) and len(self._threads) < self._limit:
                thread = threading.Thread(target=self._work, name="dtlpipe-inline-executor", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify()

    def cancel(self, execution_id: str, fence: int) -> None:
        """End a queued job as canceled; a running one is reported so when it returns."""
        with self._changed:
            entry = self._entries.get(execution_id)
            if entry is None or entry.job.fence != fence:
                return
            entry.canceled = True
            if entry.running:
                return
            self._queue.remove(entry)
        self._settle(entry, Failed(execution_id, fence, on_cancel(entry.job, "")))

    def close(self, grace: float = 0.0) -> None:
        """Wait up to `grace` seconds for running jobs; what runs on after that is not reported."""
        until = time.monotonic() + grace
        with self._changed:
            self._open = False
            for entry in self._queue:
                self._entries.pop(entry.job.execution_id, None)
            self._queue.clear()
            self._changed.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
        with self._changed:
            self._entries.clear()

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._open and not self._queue:
                    self._waiting += 1
                    self._changed.wait()
                    self._waiting -= 1
                if not self._open:
                    return
                entry = self._queue.popleft()
                entry.running = True
            self._execute(entry)

    def _execute(self, entry: _Entry) -> None:
        job = entry.job
        self._say(entry, Started(job.execution_id, job.fence, 0))
        try:
            outputs = self._run(job)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this job and no other
            report: Report = Failed(job.execution_id, job.fence, _describe(error))
        else:
            if outputs is None:
                self._park(entry)
                return
            outcome = outputs if isinstance(outputs, Outcome) else Outcome(outputs)
            report = Succeeded(job.execution_id, job.fence, dict(outcome.outputs), outcome.action)
        if entry.canceled:
            report = Failed(job.execution_id, job.fence, on_cancel(job, ""))
        self._settle(entry, report)

    def _settle(self, entry: _Entry, report: Report) -> None:
        self._say(entry, report)
        with self._changed:
            if self._entries.get(entry.job.execution_id) is entry:
                del self._entries[entry.job.execution_id]

    def _park(self, entry: _Entry) -> None:
        """The job waits, unless it was submitted again while it looked: then it looks once more."""
        with self._changed:
            if self._entries.get(entry.job.execution_id) is not entry:
                return
            del self._entries[entry.job.execution_id]
            if entry.again and not entry.canceled and self._open:
                fresh = self._entries[entry.job.execution_id] = _Entry(entry.job)
                self._queue.append(fresh)
                self._changed.notify()

    def _say(self, entry: _Entry, report: Report) -> None:
        with self._reporting:
            if self._entries.get(entry.job.execution_id) is entry:
                self._report([report])


def _describe(error: Exception) -> ErrorRecord:
    text = "".join(traceback.format_exception(error))
    return {
        "cause": "exception",
        "type": type(error).__name__,
        "message": clean(str(error)),
        "traceback": clean(text),
    }
