"""The processes of the pool: forked by the zygote, heard through the selector, buried when they are gone.

Law: this is about processes, `pool` is about jobs. Whatever a worker says, and that it died, goes to the listener; a
worker that died has first been heard to the end. Nothing here waits.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import time
from collections import deque
from typing import Any, Final, Protocol

from dtlpipe.runtime.protocol import Board, ProtocolError
from mock_server.executors.nursery import Nursery
from mock_server.executors.settings import PoolSettings
from mock_server.executors.verdict import Death
from mock_server.executors.worker import State, Worker

logger = logging.getLogger(__name__)

_BACKOFF: Final = 0.5
"""Seconds to wait after a process could not be had."""
_LOST: Final = 1.0
"""Seconds that a worker has to end after it closed its socket."""
_LAST: Final = 10.0
"""Seconds that the zygote has to end everything."""


class Listener(Protocol):
    """Who cares for what the workers say."""

    def on_frame(self, worker: Worker, header: dict[str, Any], blob: bytes) -> None:
        """The worker sent a frame."""

    def on_native(self, worker: Worker) -> None:
        """The worker's process wrote past Python."""

    def on_breach(self, worker: Worker, what: str) -> None:
        """The worker's stream cannot be followed any more."""

    def on_death(self, worker: Worker, death: Death) -> None:
        """The worker is gone; all that it said has been heard."""

    def on_shortage(self, what: str) -> None:
        """A process could not be had; `blocked_until` says when to try again."""


class Ward:
    """All worker processes and the zygote."""

    def __init__(self, settings: PoolSettings, listener: Listener) -> None:
        self.workers: dict[int, Worker] = {}
        self.selector = selectors.DefaultSelector()
        self.blocked_until = 0.0
        self._settings = settings
        self._listener = listener
        self._free = deque(range(settings.workers * 4 + 8))
        self._board = Board.create(len(self._free))
        self._nursery: Nursery | None = None

    def open(self) -> bool:
        """Have a zygote; False if none can be started now."""
        if self._nursery is None:
            try:
                nursery = Nursery(self._board, self._settings.path, self._settings.preload)
            except OSError as error:
                self.shortage(f"the pool's parent process cannot be started: {error}")
                return False
            self._nursery = nursery
            self.selector.register(nursery.control, selectors.EVENT_READ, self._on_nursery)
            self.selector.register(nursery.errors, selectors.EVENT_READ, lambda _events: self._on_errors(nursery))
            self._arm_nursery(nursery)
        return True

    def fork(self, environment: dict[str, str]) -> bool:
        """Ask for one more worker; False if that is not possible now."""
        if not self._free:  # as many processes are on their way out as there are seats
            self.blocked_until = time.monotonic() + _BACKOFF
            return False
        if not self.open() or self._nursery is None:
            return False
        try:
            worker, descriptors = Worker.create(self._free[0], environment)
        except OSError as error:
            self.shortage(f"no descriptors for another worker: {error}")
            return False
        self._free.popleft()
        self.workers[worker.slot] = worker
        worker.deadline = time.monotonic() + self._settings.start_timeout
        self._nursery.send({"kind": "fork", "slot": worker.slot, "environment": environment}, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self.selector.register(worker.sock, selectors.EVENT_READ, lambda events: self._on_socket(worker, events))
        self.selector.register(worker.stdout, selectors.EVENT_READ, lambda _events: self._on_stdout(worker))
        self.selector.register(worker.stderr, selectors.EVENT_READ, lambda _events: self._on_stderr(worker))
        self._arm_nursery(self._nursery)
        return True

    def send(self, worker: Worker, data: bytes) -> None:
        """Send bytes to a worker, now or as soon as its socket takes them."""
        worker.write(data)
        if worker.backlog:
            self._arm(worker)

    def begun(self, worker: Worker) -> int | None:
        """If the worker took up the job that it was given last: the memory that it held then, in bytes."""
        number, anonymous = self._board.read(worker.slot)
        return anonymous if number == worker.number else None

    def withdraw(self, worker: Worker, number: int) -> int:
        """Take back the jobs up to `number` that the worker was given; the number of the one that it took up last."""
        return self._board.withdraw(worker.slot, number)

    def signal(self, worker: Worker, number: signal.Signals) -> None:
        """Signal a worker and all that it started."""
        if self._nursery is not None and worker.pid is not None:
            self._nursery.kill(worker.pid, number)
            self._arm_nursery(self._nursery)

    def dismiss(self, worker: Worker) -> None:
        """Let an idle worker end by itself; it is killed if it has not within the grace."""
        worker.state = State.ENDING
        worker.deadline = time.monotonic() + self._settings.kill_grace
        with contextlib.suppress(OSError):
            worker.sock.shutdown(2)

    def shortage(self, what: str) -> None:
        """Wait a little before the next process is asked for."""
        logger.warning("worker pool: %s", what)
        self.blocked_until = time.monotonic() + _BACKOFF
        self._listener.on_shortage(what)

    def close(self) -> None:
        """End all processes and wait until they are gone."""
        if self._nursery is not None:
            self._nursery.close(_LAST)
        for worker in self.workers.values():
            worker.close()
        self.workers.clear()
        self.selector.close()
        self._board.close()

    # -- What the selector tells ---------------------------------------------------------------------------------------

    def _on_socket(self, worker: Worker, events: int) -> None:
        if worker.buried:  # earlier in this round; its descriptors may be another's by now
            return
        if events & selectors.EVENT_WRITE:
            worker.write()
            self._arm(worker)
        if events & selectors.EVENT_READ:
            try:
                frames = worker.read()
            except ProtocolError as error:
                self.selector.unregister(worker.sock)
                self._listener.on_breach(worker, str(error))
                return
            if frames is None:
                self.selector.unregister(worker.sock)
                worker.closed = True
                worker.deadline = time.monotonic() + _LOST  # its end is reported by the zygote, or is helped along
                return
            for header, blob in frames:
                self._listener.on_frame(worker, header, blob)

    def _on_stdout(self, worker: Worker) -> None:
        if worker.buried:
            return
        if worker.read_native("stdout") is None:
            self.selector.unregister(worker.stdout)
        self._listener.on_native(worker)

    def _on_stderr(self, worker: Worker) -> None:
        if worker.buried:
            return
        if worker.read_native("stderr") is None:
            self.selector.unregister(worker.stderr)
        self._listener.on_native(worker)

    def _arm(self, worker: Worker) -> None:
        """Be told when a socket that was full takes more."""
        if worker.sock in self.selector.get_map():
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.backlog else 0)
            self.selector.modify(worker.sock, wanted, lambda events: self._on_socket(worker, events))

    def _arm_nursery(self, nursery: Nursery) -> None:
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if nursery.backlog else 0)
        self.selector.modify(nursery.control, wanted, self._on_nursery)

    # -- What the zygote tells -----------------------------------------------------------------------------------------

    def _on_nursery(self, events: int) -> None:
        nursery = self._nursery
        if nursery is None:
            return
        if events & selectors.EVENT_WRITE:
            nursery.write()
            self._arm_nursery(nursery)
        if events & selectors.EVENT_READ:
            reports = nursery.read()
            if reports is None:
                self._lose_nursery(nursery)
                return
            for report in reports:
                self._heed(nursery, report)

    def _heed(self, nursery: Nursery, report: dict[str, Any]) -> None:
        match report["kind"]:
            case "ready":
                nursery.ready = True
                for module, reason in report["missing"].items():
                    logger.info("workers start without %s: %s", module, reason)
            case "forked":
                self.workers[report["slot"]].pid = report["pid"]
            case "unforked":
                self._bury(self.workers[report["slot"]], Death())
                self.shortage(f"no process for another worker: {report['error']}")
            case "exited":
                worker = next((one for one in self.workers.values() if one.pid == report["pid"]), None)
                if worker is not None:
                    self._bury(worker, Death(report["code"], report["signal"]))

    def _on_errors(self, nursery: Nursery) -> None:
        if self._nursery is nursery and not nursery.read_errors():
            self.selector.unregister(nursery.errors)

    def _lose_nursery(self, nursery: Nursery) -> None:
        """The zygote died, and its workers with it: the kernel ties them; where it does not, this does."""
        self._nursery = None
        self.selector.unregister(nursery.control)
        if nursery.errors in self.selector.get_map():
            self.selector.unregister(nursery.errors)
        for worker in list(self.workers.values()):
            if worker.pid is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(worker.pid, signal.SIGKILL)
            self._bury(worker, Death())
        status = nursery.close(_LAST)
        self.shortage("\n".join([f"its parent process ended with status {status}", *nursery.last_lines]))

    def _bury(self, worker: Worker, death: Death) -> None:
        """Hear what a dead worker had still sent, let the listener judge, give back what it held."""
        for descriptor in (worker.sock, worker.stdout, worker.stderr):
            if descriptor in self.selector.get_map():
                self.selector.unregister(descriptor)
        for header, blob in worker.last_frames():
            self._listener.on_frame(worker, header, blob)
        worker.drain()
        self._listener.on_death(worker, death)
        worker.close()
        worker.buried = True
        del self.workers[worker.slot]
        self._free.append(worker.slot)
