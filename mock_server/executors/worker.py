"""The platform's end of one worker process: its socket, its two output pipes, the job it holds.

Law: reads and writes never block; every frame is checked before it is believed. What a worker may do when is decided in
`pool`; here is only how bytes become frames and how a job becomes bytes.
"""

from __future__ import annotations

import contextlib
import enum
import os
import select
import socket
from collections import deque
from typing import Any, Final

import attrs

from dtlpipe.runtime.protocol import CHUNK, Decoder, Frame, ProtocolError
from mock_server.executors.base import Cause, Code, Job, Stream
from mock_server.executors.output import Output
from mock_server.executors.settings import PoolSettings

_DRAIN: Final = 16 * 1024 * 1024
"""Bytes of native output read at the end of an execution before the rest is left to the next one's silence."""


class State(enum.Enum):
    """Where a worker is in its life."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    ENDING = "ending"


@attrs.define(eq=False)
class Entry:
    """A job on its way: in the queue, or held by a worker."""

    job: Job
    stale: bool = False
    unwanted: bool = False
    lost: int = 0
    worker: Worker | None = None
    number: int = 0


@attrs.define(eq=False, slots=False)
class Worker:
    """One worker process as the pool sees it."""

    slot: int
    sock: socket.socket
    stdout: int
    stderr: int
    environment: dict[str, str]
    state: State = State.STARTING
    pid: int | None = None
    entry: Entry | None = None
    number: int = 0
    output: Output | None = None
    known: set[str] = attrs.field(factory=set)
    jobs: int = 0
    baseline: int | None = None
    since: float = 0.0
    deadline: float | None = None
    cause: Cause | None = None
    used: int = 0
    where: str = ""
    breach: str = ""
    closed: bool = False
    buried: bool = False
    decoder: Decoder = attrs.field(factory=Decoder)
    backlog: deque[memoryview] = attrs.field(factory=deque)
    ahead: deque[Entry] = attrs.field(factory=deque)
    silence: select.poll = attrs.field(factory=select.poll)

    @classmethod
    def create(cls, slot: int, environment: dict[str, str]) -> tuple[Worker, tuple[int, int, int]]:
        """A worker to be forked, and the three descriptors that are its own ends."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        pipes = [os.pipe(), os.pipe()]
        for read_end, _write_end in pipes:
            os.set_blocking(read_end, False)
        worker = cls(slot=slot, sock=ours, stdout=pipes[0][0], stderr=pipes[1][0], environment=environment)
        for descriptor in (worker.stdout, worker.stderr):
            worker.silence.register(descriptor, select.POLLIN)
        return worker, (theirs.detach(), pipes[0][1], pipes[1][1])

    def take(self, entry: Entry, now: float, output: Output) -> None:
        """Hold a job from now on, under its number."""
        self.state, self.entry, self.number, self.since, self.output = State.BUSY, entry, entry.number, now, output
        self.deadline = now + entry.job.timeout if entry.job.timeout is not None else None
        self.jobs += 1
        self.known.add(entry.job.code.hash)
        entry.worker = self

    def rest(self, now: float) -> None:
        """Hold nothing."""
        if self.entry is not None:
            self.entry.worker = None
        self.state, self.entry, self.output, self.since, self.deadline = State.IDLE, None, None, now, None

    def write(self, data: bytes = b"") -> None:
        """Write `data` after what waits already, as far as it goes; that the worker is dead is noticed elsewhere."""
        if data:
            self.backlog.append(memoryview(data))
        while self.backlog:
            piece = self.backlog[0]
            try:
                sent = self.sock.send(piece)
            except BlockingIOError:
                return
            except OSError:
                self.backlog.clear()
                return
            if sent == len(piece):
                self.backlog.popleft()
            else:
                self.backlog[0] = piece[sent:]

    def read(self) -> list[Frame] | None:
        """The frames that have arrived; None once the worker has closed its end.

        Raises:
            ProtocolError: the worker's stream is broken.
        """
        try:
            data = self.sock.recv(CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            return None
        return self.decoder.feed(data) if data else None

    def read_native(self, stream: Stream) -> bool | None:
        """Take a piece of what node code wrote past Python; False if there is none now, None if never again."""
        try:
            data = os.read(self.stdout if stream == "stdout" else self.stderr, CHUNK)
        except BlockingIOError:
            return False
        if data and self.output is not None:
            self.output.add_native(stream, data)
        return True if data else None

    def drain(self) -> None:
        """Take all native output that is there: what was written before the end belongs to this execution."""
        if not self.silence.poll(0):  # nearly always: one question instead of two reads that fail
            return
        streams: tuple[Stream, Stream] = ("stdout", "stderr")
        for stream in streams:
            for _piece in range(_DRAIN // CHUNK):
                if not self.read_native(stream):
                    break

    def last_frames(self) -> list[Frame]:
        """What a dead worker had still sent."""
        frames: list[Frame] = []
        with contextlib.suppress(ProtocolError):
            while more := self.read():
                frames += more
        return frames

    def close(self) -> None:
        """Give back the descriptors."""
        self.sock.close()
        os.close(self.stdout)
        os.close(self.stderr)


def job_header(job: Job, number: int, code: dict[str, Any], settings: PoolSettings) -> dict[str, Any]:
    """The frame that hands over a job; `code` is whole, or its hash alone for a worker that has it."""
    return {
        "kind": "job",
        "job": number,
        "node": job.node,
        "code": code,
        "arguments": [
            {"name": one.name, "type": one.type, "value": one.value, "entity": one.entity} for one in job.arguments
        ],
        "outputs": job.outputs,
        "context": {"execution_id": job.execution_id, **job.context},
        "memory_limit": job.memory_limit,
        "log_level": job.log_level,
        "log_limit": settings.log_limit,
        "output_limit": settings.output_limit,
    }


def whole_code(code: Code) -> dict[str, Any]:
    """The code as the worker needs it to load it."""
    return {
        "hash": code.hash,
        "source": code.source,
        "pickle": code.pickle,
        "python": code.python,
        "function_name": code.function_name,
        "class_name": code.class_name,
        "name": code.name,
        "init_inputs": code.init_inputs,
    }


def known_code(code: Code) -> dict[str, Any]:
    """The code for a worker that has loaded it before."""
    return {"hash": code.hash, "function_name": code.function_name}
