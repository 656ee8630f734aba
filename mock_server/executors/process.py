"""The process executor: node code in warm processes, forked from a zygote that has imported once.

Law: the methods may be called from any thread and never block (but `close`, which waits for the processes to be gone);
everything else happens on the executor's own thread, which is also the one that reports.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from mock_server.executors.base import Capabilities, ExecutorClosed, Job, Receiver
from mock_server.executors.pool import Message, Pool
from mock_server.executors.settings import MIB, PoolSettings, no_environment

logger = logging.getLogger(__name__)

_END: Final = 30.0
"""Seconds that `close` waits beyond its grace for the executor's thread."""


class ProcessExecutor:
    """Runs jobs in a pool of worker processes.

    Args:
        report: takes reports in batches, on the executor's thread.
        workers: jobs that run at the same time; twice the processors, at least four, if not given.
        environment: variables for workers; asked for again every `environment_interval` seconds.
        warm: idle workers kept ready.
        asleep: no process is started before the first job, or before `rouse`.
        default_memory_limit: bytes, for jobs that name no limit.
        log_limit: characters of output kept of one execution.
        output_limit: bytes of JSON that one execution may return.
        kill_grace: seconds between SIGTERM and SIGKILL.
        jobs_per_worker: jobs after which a worker is replaced.
        growth_limit: bytes that a worker may keep after a job beyond what it had when new.
        preload: modules that the zygote imports beside its own list.
        path: folders that workers search for modules after their own; the platform's own path if not given.
    """

    def __init__(
        self,
        report: Receiver,
        *,
        workers: int | None = None,
        environment: Callable[[], Mapping[str, str]] = no_environment,
        environment_interval: float = 15.0,
        warm: int = 2,
        asleep: bool = False,
        default_memory_limit: int | None = None,
        log_limit: int = 2 * MIB,
        output_limit: int = 64 * MIB,
        kill_grace: float = 1.0,
        jobs_per_worker: int = 1000,
        growth_limit: int = 512 * MIB,
        preload: Sequence[str] = (),
        path: Sequence[str] | None = None,
    ) -> None:
        count = workers if workers is not None else max(4, 2 * (os.cpu_count() or 1))
        if count < 1:
            raise ValueError(f"An executor needs at least one worker, not {count}.")
        self._settings = PoolSettings(
            workers=count,
            warm=min(warm, count),
            asleep=asleep,
            environment=environment,
            environment_interval=environment_interval,
            memory_limit=default_memory_limit,
            log_limit=log_limit,
            output_limit=output_limit,
            kill_grace=kill_grace,
            jobs_per_worker=jobs_per_worker,
            growth_limit=growth_limit,
            preload=tuple(preload),
            path=tuple(path if path is not None else (str(Path(entry).resolve()) for entry in sys.path)),
        )
        self._report = report
        self._inbox: deque[Message] = deque()
        self._lock = threading.Lock()
        self._open = False
        self._pool: Pool | None = None
        self._thread: threading.Thread | None = None
        self._wake: socket.socket | None = None

    @property
    def capacity(self) -> int:
        """Jobs that can run at the same time."""
        return self._settings.workers

    @property
    def appetite(self) -> int:
        """Jobs beyond `capacity` that are better here than elsewhere: some, while jobs are quick."""
        return 0 if self._pool is None else self._pool.appetite

    @property
    def capabilities(self) -> Capabilities:
        """All that there is."""
        return Capabilities(isolated=True, kills=True, limits_memory=True)

    @property
    def alive(self) -> bool:
        """Whether jobs are taken: it was started, and has neither been closed nor broken down."""
        return self._open

    @property
    def processes(self) -> int:
        """Worker processes, busy or idle."""
        return 0 if self._pool is None else len(self._pool.ward.workers)

    def start(self) -> None:
        """Start the executor's thread and, unless it is to sleep, the zygote; returns before a worker is there."""
        with self._lock:
            if self._thread is not None:
                raise RuntimeError("A process executor is started once.")
            pool = self._pool = Pool(self._settings, self._report)
            if not self._settings.asleep:
                pool.ward.open()
            self._wake, alarm = socket.socketpair()
            self._wake.setblocking(False)
            alarm.setblocking(False)
            self._thread = threading.Thread(
                target=self._run, args=(pool, alarm), name="dtlpipe-process-executor", daemon=True
            )
            self._open = True
            self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job.

        Raises:
            ExecutorClosed: before `start` and after `close`.
        """
        self._post(lambda pool: pool.submit(job))

    def cancel(self, execution_id: str, fence: int) -> None:
        """End that job as `Failed` with cause "canceled"; nothing happens if it is over, or has another fence."""
        with contextlib.suppress(ExecutorClosed):
            self._post(lambda pool: pool.cancel(execution_id, fence))

    def rouse(self) -> None:
        """Jobs are to be expected: have processes for them, if there are none yet."""
        with contextlib.suppress(ExecutorClosed):
            self._post(Pool.rouse)

    def close(self, grace: float = 0.0) -> None:
        """Let running jobs finish within `grace` seconds, end the others without a report, wait for all processes."""
        with self._lock:
            if not self._open:
                return
            self._inbox.append(lambda pool: pool.close(grace))
            self._open = False
        self._ring()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(grace + _END)
            if thread.is_alive():
                raise RuntimeError("The process executor did not end: a receiver of reports blocks it.")

    def _post(self, message: Message) -> None:
        with self._lock:
            if not self._open:
                raise ExecutorClosed("The process executor is not running: start it first; once closed, make another.")
            self._inbox.append(message)
            first = len(self._inbox) == 1  # looked at after the append: else the thread may have fallen asleep between
        if first and threading.current_thread() is not self._thread:
            self._ring()

    def _ring(self) -> None:
        if self._wake is not None:
            with contextlib.suppress(BlockingIOError, OSError):
                self._wake.send(b"!")

    def _run(self, pool: Pool, alarm: socket.socket) -> None:
        def hush(_events: int) -> None:
            with contextlib.suppress(BlockingIOError):
                alarm.recv(4096)

        pool.ward.selector.register(alarm, selectors.EVENT_READ, hush)
        try:
            while not pool.over:
                pool.round(self._inbox)
        except Exception:
            logger.critical("the process executor has broken down; it takes no jobs any more", exc_info=True)
            raise
        finally:
            self._open = False
            pool.ward.close()
            alarm.close()
            if self._wake is not None:
                self._wake.close()
