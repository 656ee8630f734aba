"""What the core is told (events, each with its time) and what it answers (effects, for others to carry out)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from mock_server.runners.blueprint import Blueprint
from mock_server.runners.policies import Terms
from mock_server.store.base import ExecutionRow, RunRow

# --- events --------------------------------------------------


@attrs.frozen
class Begin:
    """Work was accepted. `terms` are those of the services that are called, by id."""

    at: datetime
    runs: tuple[tuple[RunRow, Blueprint], ...] = ()
    calls: tuple[ExecutionRow, ...] = ()
    terms: Mapping[str, Terms] = attrs.field(factory=dict)


@attrs.frozen
class Succeeded:
    """`outputs` by port name (for a call: whatever it returned); `closed` are the connections not taken."""

    at: datetime
    execution_id: str
    fence: int
    outputs: Mapping[str, Any]
    closed: tuple[int, ...] = ()


@attrs.frozen
class Failed:
    """An execution ended without a result; `error` says why."""

    at: datetime
    execution_id: str
    fence: int
    error: Mapping[str, Any]


@attrs.frozen
class Returned:
    """Who had an execution gives it back, through no fault of the execution: that was no attempt."""

    at: datetime
    execution_id: str
    fence: int


@attrs.frozen
class Cancel:
    """A run, or one execution, shall end."""

    at: datetime
    reason: str
    run_id: str | None = None
    execution_id: str | None = None


@attrs.frozen
class Rerun:
    """Runs that are over are to begin again; or were to, when the platform was stopped."""

    at: datetime
    runs: tuple[RunRow, ...]


@attrs.frozen
class BeginAgain:
    """A run that is to begin again does. `kept` are the executions that count as done, in the order of their ends."""

    at: datetime
    run_id: str
    blueprint: Blueprint
    kept: tuple[ExecutionRow, ...] = ()


@attrs.frozen
class CallOff:
    """Runs that were to begin again stay as they are."""

    at: datetime
    run_ids: tuple[str, ...]


@attrs.frozen
class Resume:
    """`done` are a run's executions in the order in which they finished, `waiting` those that were not over.

    Executions that a rerun has replaced are not among them.
    """

    at: datetime
    run: RunRow | None
    blueprint: Blueprint | None
    done: tuple[ExecutionRow, ...] = ()
    waiting: tuple[ExecutionRow, ...] = ()
    terms: Mapping[str, Terms] = attrs.field(factory=dict)


@attrs.frozen
class Expect:
    """Runs, and calls (without a pipeline), that were left open, oldest first: they are resumed by and by.

    Until then they keep their turns, and no other run of their pipelines takes the room that they had.
    """

    at: datetime
    left: tuple[tuple[str, str | None], ...]


@attrs.frozen
class Pause:
    """Nothing of a run is to be started any more; what runs goes on."""

    at: datetime
    run_id: str


@attrs.frozen
class Continue:
    """A run that was paused goes on."""

    at: datetime
    run_id: str


@attrs.frozen
class Regulate:
    """How many runs of a pipeline go at once; None: as many as there are."""

    at: datetime
    pipeline_id: str
    limit: int | None


@attrs.frozen
class Refill:
    """What was in the buckets of rates when they were last written down, and when that was."""

    at: datetime
    buckets: Mapping[str, tuple[float, datetime]]


@attrs.frozen
class Shift:
    """The clock was set: what was `at - by` is `at` now."""

    at: datetime
    by: timedelta


@attrs.frozen
class Wake:
    """It is late enough for what was waited for, or somebody thinks so."""

    at: datetime


Event = (
    Begin
    | Succeeded
    | Failed
    | Returned
    | Cancel
    | Rerun
    | BeginAgain
    | CallOff
    | Expect
    | Resume
    | Pause
    | Continue
    | Regulate
    | Refill
    | Shift
    | Wake
)

# --- effects --------------------------------------------------


@attrs.frozen
class InsertRun:
    """A new run."""

    row: RunRow


@attrs.frozen
class InsertExecution:
    """A new execution, in the state that it has after the step."""

    row: ExecutionRow


@attrs.frozen
class UpdateRun:
    """Columns of a run that changed."""

    id: str
    columns: dict[str, Any]


@attrs.frozen
class UpdateExecution:
    """Columns of an execution that changed."""

    id: str
    columns: dict[str, Any]


@attrs.frozen
class Record:
    """An event of the log. With `closes`, its id becomes the execution's place in the order of replay."""

    run_id: str | None
    execution_id: str | None
    kind: str
    body: dict[str, Any]
    closes: bool = False


@attrs.frozen
class Dispatch:
    """After COMMIT: hand the execution to an executor."""

    execution_id: str
    fence: int


@attrs.frozen
class Hold:
    """After COMMIT: that worker, on another machine, may still run the execution, and tell of it."""

    execution_id: str
    fence: int
    worker: str


@attrs.frozen
class Withdraw:
    """After COMMIT: end the job, if it still runs."""

    execution_id: str
    fence: int


@attrs.frozen
class Keep:
    """What is in the bucket of a rate, and when it was."""

    key: str
    tokens: float
    at: datetime


@attrs.frozen
class WakeAt:
    """After COMMIT: say `Wake` then. The earliest of these is the one that counts."""

    at: datetime


@attrs.frozen
class Notify:
    """After COMMIT: wake those who wait for this id."""

    key: str


Effect = (
    InsertRun
    | InsertExecution
    | UpdateRun
    | UpdateExecution
    | Record
    | Dispatch
    | Hold
    | Withdraw
    | Keep
    | WakeAt
    | Notify
)
