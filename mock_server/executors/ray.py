"""The Ray executor: node code on as many machines as a Ray cluster has.

Law: SQL is the truth, Ray is disposable. A job is handed over after the COMMIT that claimed it; Ray retries nothing and
nothing of Ray's is kept. Whoever was lost with a machine, a worker or the whole cluster is reported as failed (and is
tried again if the node has attempts left); a job that had not begun when the bridge to the cluster broke goes over the
next one. The methods may be called from any thread and never block (but `close`); all else is on the executor's thread.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Final

import attrs

from dtlpipe.errors import ConfigurationError
from dtlpipe.runtime.protocol import ProtocolError
from mock_server.executors import ray_verdict, ray_wire
from mock_server.executors.base import Capabilities, ExecutorClosed, Failed, Job, Logged, Receiver, Report
from mock_server.executors.output import Output, now
from mock_server.executors.ray_link import Link
from mock_server.executors.ray_resources import demand_of
from mock_server.executors.ray_task import here
from mock_server.executors.settings import MIB, PoolSettings, no_environment
from mock_server.executors.variables import Variables
from mock_server.executors.verdict import on_cancel, on_unfit_input

logger = logging.getLogger(__name__)

OLDEST: Final = (2, 60)
"""The oldest Ray that `make test-ray` was run with."""
CLIENT_PORT: Final = "10001"
_CLUSTER: Final = 1000
"""Jobs at a time in a cluster whose size is its own affair: it grows by what waits in it."""
_OWN: Final = 16
"""Jobs at a time for each processor of a Ray of our own."""
_AGAIN: Final = (1.0, 30.0)
"""Seconds until a bridge that broke is built again: at first, and at most."""
_END: Final = 20.0
"""Seconds that the bridge has to leave Ray."""


@attrs.define(eq=False)
class _Entry:
    job: Job
    number: int = 0
    sent: bool = False
    begun: bool = False
    canceled: bool = False
    output: Output = attrs.field(factory=lambda: Output(2 * MIB))


Message = Callable[["RayExecutor"], None]


def check_ray(address: str | None) -> None:
    """Raises ConfigurationError if Ray is not installed, is too old, or cannot be at that address."""
    if importlib.util.find_spec("ray") is None:
        raise ConfigurationError("the Ray executor needs Ray", hint="pip install 'dtlpipe[platform,ray]'")
    found = version("ray")
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST:
        least = ".".join(map(str, OLDEST))
        raise ConfigurationError(f"Ray {found} is too old, {least} is needed", hint="pip install 'dtlpipe[ray]'")
    if address is not None and address.rpartition(":")[2] == CLIENT_PORT:
        raise ConfigurationError(
            f"{address} is the address of a Ray client server, which cannot pass on what tasks say while they run",
            hint="name the head's own port: --executor ray://HOST:6379",
        )


class RayExecutor:
    """Runs jobs as Ray tasks.

    Args:
        report: takes reports in batches, on the executor's thread.
        address: the head of a cluster, HOST:PORT; "auto" for the Ray node on this machine; None for a Ray of our own,
            which listens on loopback alone.
        cpus: processors of a Ray of our own.
        environment: variables for node code; asked for again every so many seconds.
        patience: seconds after which a job that does not begin says why in its log.

    Raises ConfigurationError if Ray is not there.
    """

    def __init__(
        self,
        report: Receiver,
        *,
        address: str | None = None,
        cpus: int = 1,
        environment: Callable[[], Mapping[str, str]] = no_environment,
        patience: float = 10.0,
    ) -> None:
        check_ray(address)
        self._report = report
        self._address = address
        self._cpus = cpus
        self._patience = patience
        self._variables = Variables(PoolSettings(workers=1, environment=environment))
        self._inbox: deque[Message] = deque()
        self._lock = threading.Lock()
        self._open = False
        self._thread: threading.Thread | None = None
        self._wake: socket.socket | None = None
        self._selector = selectors.DefaultSelector()
        self._link: Link | None = None
        self._ready = False
        self._failures = 0
        self._retry_at = 0.0
        self._numbers = itertools.count(1)
        self._entries: dict[str, _Entry] = {}
        self._numbered: dict[int, _Entry] = {}
        self._reports: list[Report] = []
        self._closing: float | None = None

    @property
    def capacity(self) -> int:
        """Jobs that are handed to Ray at the same time; those that it has no room for wait there."""
        return _CLUSTER if self._address is not None else _OWN * self._cpus

    @property
    def capabilities(self) -> Capabilities:
        """All that there is."""
        return Capabilities(isolated=True, kills=True, limits_memory=True)

    def start(self) -> None:
        """Start the executor's thread; Ray is there some seconds later."""
        with self._lock:
            if self._thread is not None:
                raise RuntimeError("A Ray executor is started once.")
            self._wake, alarm = socket.socketpair()
            self._wake.setblocking(False)
            alarm.setblocking(False)
            self._thread = threading.Thread(target=self._run, args=(alarm,), name="dtlpipe-ray-executor", daemon=True)
            self._open = True
            self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job. Raises ExecutorClosed before `start` and after `close`."""
        self._post(lambda self: self._submit(job))

    def cancel(self, execution_id: str, fence: int) -> None:
        """End that job as `Failed` with cause "canceled"; nothing happens if it is over, or has another fence."""
        with contextlib.suppress(ExecutorClosed):
            self._post(lambda self: self._cancel(execution_id, fence))

    def close(self, grace: float = 0.0) -> None:
        """Let running jobs finish within `grace` seconds, end the others without a report, leave Ray."""
        with self._lock:
            if not self._open:
                return
            self._inbox.append(lambda self: self._close(grace))
            self._open = False
        self._ring()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(grace + 2 * _END)
            if thread.is_alive():
                raise RuntimeError("The Ray executor did not end: a receiver of reports blocks it.")

    def _post(self, message: Message) -> None:
        with self._lock:
            if not self._open:
                raise ExecutorClosed("The Ray executor is not running: start it first; once closed, make another.")
            self._inbox.append(message)
        if threading.current_thread() is not self._thread:
            self._ring()

    def _ring(self) -> None:
        if self._wake is not None:
            with contextlib.suppress(BlockingIOError, OSError):
                self._wake.send(b"!")

    # -- The executor's thread -----------------------------------------------------------------------------------------

    def _run(self, alarm: socket.socket) -> None:
        self._selector.register(alarm, selectors.EVENT_READ, None)
        try:
            while not self._over():
                self._round(alarm)
        except Exception:
            logger.critical("the Ray executor has broken down; it takes no jobs any more", exc_info=True)
            raise
        finally:
            self._open = False
            if self._link is not None:
                self._link.close(_END if self._ready else 0.0)
            alarm.close()
            if self._wake is not None:
                self._wake.close()
            self._selector.close()

    def _round(self, alarm: socket.socket) -> None:
        """Wait until something happens, and do all that follows from it: the receiver may have put in new jobs."""
        for key, events in self._selector.select(self._patience_left()):
            if key.fileobj is alarm:
                with contextlib.suppress(BlockingIOError):
                    alarm.recv(4096)
            elif key.data is self._link and self._link is not None:
                self._heed(self._link, key.fileobj, events)
        while True:
            while self._inbox:
                self._inbox.popleft()(self)
            if self._link is None and self._closing is None and self._retry_at <= time.monotonic():
                self._build()
            if not self._reports:
                return
            reports, self._reports = self._reports, []
            try:
                self._report(reports)
            except Exception:
                logger.exception("the receiver of %d reports failed; they are lost", len(reports))

    def _patience_left(self) -> float | None:
        due = [self._closing] if self._closing is not None else []
        if self._link is None:
            due.append(self._retry_at)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _over(self) -> bool:
        if self._closing is None:
            return False
        return self._closing <= time.monotonic() or not any(entry.sent for entry in self._entries.values())

    # -- Jobs ----------------------------------------------------------------------------------------------------------

    def _submit(self, job: Job) -> None:
        if (known := self._entries.get(job.execution_id)) is not None:
            if job.fence <= known.job.fence:
                logger.warning("execution %s is here already, with fence %s", job.execution_id, known.job.fence)
                return
            self._forget(known)
            if known.sent and self._link is not None:
                self._link.send({"kind": "cancel", "job": known.number})
        entry = _Entry(job, next(self._numbers))
        self._entries[job.execution_id] = self._numbered[entry.number] = entry
        if self._ready:
            self._send(entry)

    def _send(self, entry: _Entry) -> None:
        job = entry.job
        try:
            options = demand_of(job.runtime).options()
        except ValueError as error:
            self._settle(entry, Failed(job.execution_id, job.fence, ray_verdict.on_bad_demand(job, str(error))))
            return
        environment = self._variables.at(time.monotonic())
        try:
            data = ray_wire.pack(ray_wire.Parcel(job, environment, here()))
            header = {"kind": "submit", "job": entry.number, "options": options, "name": job.node or "call"}
            self._to_link(header, data)
        except (TypeError, ValueError, RecursionError, ProtocolError) as error:
            self._settle(entry, Failed(job.execution_id, job.fence, on_unfit_input(job, str(error))))
            return
        entry.sent = True

    def _to_link(self, header: dict[str, Any], data: bytes = b"") -> None:
        if self._link is not None:
            self._link.send(header, data)

    def _cancel(self, execution_id: str, fence: int) -> None:
        entry = self._entries.get(execution_id)
        if entry is None or entry.job.fence != fence or entry.canceled:
            return
        entry.canceled = True
        if entry.sent:
            self._to_link({"kind": "cancel", "job": entry.number})
        else:
            self._settle(entry, Failed(execution_id, fence, on_cancel(entry.job, "")))

    def _close(self, grace: float) -> None:
        self._closing = time.monotonic() + grace
        for entry in [each for each in self._entries.values() if not each.sent]:
            self._forget(entry)

    def _settle(self, entry: _Entry, report: Report) -> None:
        """The one terminal report of a job."""
        self._reports.append(report)
        self._forget(entry)

    def _forget(self, entry: _Entry) -> None:
        del self._entries[entry.job.execution_id]
        del self._numbered[entry.number]

    # -- The bridge ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        try:
            self._link = Link(self._address, self._cpus, self._patience, self._selector)
        except OSError as error:
            self._lose(f"its process cannot be started: {error}")

    def _heed(self, link: Link, source: Any, events: int) -> None:
        if source is link.errors:
            link.read_errors()
            return
        if events & selectors.EVENT_WRITE:
            link.write()
        if events & selectors.EVENT_READ:
            try:
                frames = link.read()
            except ProtocolError as error:
                self._lose(f"it cannot be followed: {error}")
                return
            if frames is None:
                self._lose("it has ended")
                return
            for header, blob in frames:
                self._hear(header, blob)

    def _hear(self, header: dict[str, Any], blob: bytes) -> None:
        match header["kind"]:
            case "ready":
                self._ready, self._failures = True, 0
                logger.info("connected to Ray")
                for entry in list(self._entries.values()):
                    self._send(entry)
            case "unreachable":
                self._lose(header["message"])
            case kind:
                found = self._numbered.get(header["job"])
                if found is not None:
                    self._hear_of(found, kind, header, blob)

    def _hear_of(self, entry: _Entry, kind: str, header: dict[str, Any], blob: bytes) -> None:
        job = entry.job
        if kind == "waits":
            self._note(entry, ray_verdict.waiting(header["waited"], header["lack"]))
        elif kind == "lost":
            self._settle(entry, Failed(job.execution_id, job.fence, self._why(entry, header)))
        else:
            entry.begun = True
            try:
                said = ray_wire.reports(blob, job, entry.output)
            except ProtocolError as error:
                self._settle(entry, Failed(job.execution_id, job.fence, ray_verdict.on_breach(job, str(error))))
                return
            for report in said:
                if ray_wire.is_end(report):
                    self._settle(entry, report)
                    return
                self._reports.append(report)

    def _why(self, entry: _Entry, header: dict[str, Any]) -> Any:
        if entry.canceled or header["why"] == "canceled":
            return on_cancel(entry.job, "")
        return ray_verdict.judge(entry.job, header["why"], header["message"])

    def _note(self, entry: _Entry, message: str) -> None:
        """A line of the platform's own in the execution's log."""
        record: Any = {"timestamp": now(), "level": "WARNING", "message": message, "stream": "log"}
        self._reports.append(Logged(entry.job.execution_id, entry.job.fence, [record]))

    def _lose(self, what: str) -> None:
        """The bridge is gone, and with it all tasks. What had begun has failed, the rest waits for the next bridge."""
        link, self._link, self._ready = self._link, None, False
        lines: list[str] = []
        if link is not None:
            link.read_errors()
            lines = list(link.last_lines)
            what = f"{what} (exit status {link.close(_END)})"
        first, most = _AGAIN
        pause = min(most, first * 2**self._failures)
        self._failures += 1
        self._retry_at = time.monotonic() + pause
        logger.error("no bridge to Ray: %s; the next try is in %g s\n%s", what, pause, "\n".join(lines))
        for entry in list(self._entries.values()):
            if entry.canceled:
                self._settle(entry, Failed(entry.job.execution_id, entry.job.fence, on_cancel(entry.job, "")))
            elif entry.begun:
                error = ray_verdict.judge(entry.job, "cluster", what)
                self._settle(entry, Failed(entry.job.execution_id, entry.job.fence, error))
            else:
                entry.sent = False
                if self._failures == 1 or self._failures % 10 == 0:
                    self._note(entry, f"it waits, because Ray cannot be reached: {what}")
