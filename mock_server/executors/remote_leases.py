"""What the remote executor knows: workers, their leases, and what it says when a lease ends.

Law: plain values, and the port (`LeaseBook`) by which leases reach the disk.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Protocol

import attrs

from mock_server.executors import verdict
from mock_server.executors.base import Failed, Job, Report, Returned

Ref = tuple[str, int]
"""An execution's id and the fence of its start."""


class UnknownWorker(LookupError):
    """It is not registered, or was silent for so long that it is not any more."""


class NotRecorded(RuntimeError):
    """Reports that could not be written down; they are to be sent again."""


class LeaseBook(Protocol):
    """Leases on disk."""

    def grant(self, worker_id: str, refs: Sequence[Ref], seconds: float) -> set[Ref]:
        """Write the leases down; returns, after COMMIT, those that were given: the others are over, or begun anew."""

    def renew(self, worker_id: str, refs: Sequence[Ref], seconds: float) -> None:
        """Write down, until after COMMIT, that they run on."""

    def recorded(self, refs: Sequence[Ref]) -> bool:
        """Whether all that was reported before this call is on disk, and these have come to their ends."""


@attrs.frozen
class Enrolment:
    """A worker as it introduces itself. `slots`: jobs at a time; `python`: "3.11", for code that travels pickled."""

    id: str
    name: str
    slots: int
    python: str
    labels: frozenset[str] = frozenset()

    def fits(self, job: Job) -> bool:
        """Whether it can run the job."""
        code = job.code
        readable = code.pickle is None or code.source is not None or code.python in (None, self.python)
        return readable and job.labels <= self.labels


@attrs.define(eq=False)
class Remote:
    """A worker that is there. `claim` and `said` are the numbers of its latest claim and of its latest reports."""

    enrolment: Enrolment
    seen: float
    draining: bool = False
    claim: int = 0
    said: int = 0
    refused: tuple[Ref, ...] = ()
    gate: threading.Lock = attrs.field(factory=threading.Lock)


@attrs.define(eq=False)
class Lease:
    """Who has an execution until when; None: its grant is not on disk yet.

    `job` is not known after a restart. `claim` is the number of the claim that brought it; `told` whether a claim's
    answer has said that it is canceled, which heartbeats' answers go on saying.
    """

    execution_id: str
    fence: int
    worker_id: str
    until: float | None
    job: Job | None = None
    claim: int = 0
    canceled: bool = False
    told: bool = False

    @property
    def ref(self) -> Ref:
        return self.execution_id, self.fence


@attrs.frozen
class Claimed:
    """What a worker is given, and what it shall end: canceled (and say so), or lost to others (and say nothing)."""

    jobs: tuple[Job, ...] = ()
    canceled: tuple[Ref, ...] = ()
    stale: tuple[Ref, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.jobs or self.canceled or self.stale)


@attrs.frozen
class Presence:
    """A worker, for those who watch. `silent` is in seconds."""

    enrolment: Enrolment
    running: int
    draining: bool
    silent: float


def canceled_among(leases: Iterable[Lease]) -> tuple[Ref, ...]:
    """Those of them whose jobs are to end."""
    return tuple(lease.ref for lease in leases if lease.canceled)


def canceled_report(execution_id: str, fence: int, job: Job) -> Failed:
    """The end of a job that was canceled before anybody had it."""
    return Failed(execution_id, fence, verdict.on_cancel(job, ""))


def given_back(lease: Lease) -> Report:
    """The end of a lease whose holder goes, or never had the job."""
    if lease.canceled:
        message = "The execution was canceled, and its worker gave it back."
        error = {"cause": "canceled", "type": "Canceled", "message": message, "traceback": ""}
        return Failed(lease.execution_id, lease.fence, error)  # type: ignore[arg-type]
    return Returned(*lease.ref)


def lost_report(lease: Lease, name: str, seconds: float) -> Failed:
    """The end of a lease that was not renewed."""
    where = verdict.label(lease.job) if lease.job is not None else "The execution"
    return Failed(
        lease.execution_id,
        lease.fence,
        {
            "cause": "canceled" if lease.canceled else "lost",
            "type": "WorkerLost",
            "message": f"{where}: worker {name} had it and has not been heard of for {seconds:g} s.",
            "traceback": "",
            "hint": "Look whether that machine and its network are well; with more maxAttempts, another worker tries.",
        },
    )
