"""Jobs that fail on purpose: an executor before another one, which is asked only for what is not struck.

Law: each job still ends once. One that is late is held here, and can be cancelled here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from mock_server.executors.base import Capabilities, Cause, ErrorRecord, Executor, Failed, Job, Receiver


class Strike(Protocol):
    """What a job is struck with."""

    @property
    def latency(self) -> float: ...

    @property
    def message(self) -> str | None: ...

    @property
    def cause(self) -> Cause | None: ...

    @property
    def id(self) -> str | None: ...


class FaultyExecutor:
    """Args: the executor that runs what is not struck, who hears of what is, and what strikes a job's node."""

    def __init__(self, inner: Executor, report: Receiver, strike: Callable[[str | None], Strike | None]) -> None:
        self._inner = inner
        self._report = report
        self._strike = strike
        self._late: dict[tuple[str, int], threading.Timer] = {}
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)  # how it is: alive, processes ...

    @property
    def capacity(self) -> int:
        return self._inner.capacity

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    def start(self) -> None:
        self._inner.start()

    def submit(self, job: Job) -> None:
        strike = self._strike(job.node)
        if strike is None:
            self._inner.submit(job)
        elif strike.latency:
            key = job.execution_id, job.fence
            timer = threading.Timer(strike.latency, self._let_go, (job, strike))
            timer.daemon = True
            with self._lock:
                self._late[key] = timer
            timer.start()
        else:
            self._end(job, strike)

    def _let_go(self, job: Job, strike: Strike) -> None:
        with self._lock:
            if self._late.pop((job.execution_id, job.fence), None) is None:
                return  # it was cancelled meanwhile
        if strike.message is None and strike.cause is None:
            self._inner.submit(job)  # it was only late
        else:
            self._end(job, strike)

    def _end(self, job: Job, strike: Strike) -> None:
        message = strike.message or f"a fault on purpose ({strike.id})"
        error = ErrorRecord(type="FaultOnPurpose", message=message, traceback="", cause=strike.cause or "exception")
        self._report([Failed(job.execution_id, job.fence, error)])

    def cancel(self, execution_id: str, fence: int) -> None:
        with self._lock:
            timer = self._late.pop((execution_id, fence), None)
        if timer is None:
            self._inner.cancel(execution_id, fence)
            return
        timer.cancel()
        error = ErrorRecord(type="Canceled", message="it was canceled", traceback="", cause="canceled")
        self._report([Failed(execution_id, fence, error)])

    def close(self, grace: float = 0.0) -> None:
        with self._lock:
            late, self._late = self._late, {}
        for timer in late.values():
            timer.cancel()
        self._inner.close(grace)
