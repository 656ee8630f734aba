"""What an executor is: it takes jobs without blocking and answers with reports.

Law: values only. A job says all that a process needs to run one node once; a report says one thing that happened to it.
Every job that was submitted ends in exactly one of `Succeeded`, `Failed` or `Returned`, unless the executor is closed
first (then the platform, once restarted, runs it again) or a job of the same execution with a higher fence takes its
place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypedDict

import attrs

Cause = Literal["exception", "timeout", "memory", "exit", "signal", "canceled", "code", "output", "lost"]
Stream = Literal["stdout", "stderr", "log"]


class ErrorRecord(TypedDict, total=False):
    """Why an execution failed; `type`, `message`, `traceback` and `cause` are always there."""

    type: str
    message: str
    traceback: str
    cause: Cause
    hint: str


class LogRecord(TypedDict):
    """One line that node code wrote; `timestamp` is ISO-8601 in UTC, `level` is a name of logging's."""

    timestamp: str
    level: str
    message: str
    stream: Stream


@attrs.frozen
class Code:
    """Node code as it was shipped: by value for the Python that pickled it, and as source for every other.

    `hash` names source, pickle and `init_inputs` together: workers keep what they loaded under it. `pickle` is base64
    of a cloudpickle by value and is loaded only inside a worker of the same `python` ("3.11").
    """

    hash: str
    function_name: str
    source: str | None = None
    pickle: str | None = attrs.field(default=None, repr=False)
    python: str | None = None
    class_name: str | None = None
    name: str | None = None
    init_inputs: dict[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Argument:
    """A value for one parameter. `entity` is the wire JSON of what `value` names (a list of them for `X[]`)."""

    name: str
    type: str | None = None
    value: Any = None
    entity: Any = None


@attrs.frozen
class Job:
    """One run of one node. `timeout` is in seconds; `memory_limit` in bytes beyond what the worker holds at first.

    `runtime` is the `serviceConfig.runtime` of its node, for executors that give nodes what they ask for.
    """

    execution_id: str
    fence: int
    code: Code
    arguments: tuple[Argument, ...] = ()
    outputs: tuple[tuple[str, str | None], ...] = ()
    node: str | None = None
    context: dict[str, Any] = attrs.field(factory=dict)
    timeout: float | None = None
    memory_limit: int | None = None
    log_level: str = "INFO"
    runtime: dict[str, Any] = attrs.field(factory=dict)

    @property
    def labels(self) -> frozenset[str]:
        """What the machine that runs it must have: a job with any is for remote workers alone."""
        return frozenset(self.runtime.get("labels") or ())


@attrs.frozen
class Started:
    """The job was handed to a process. Said again, with another `pid`, if that process died before it took it up."""

    execution_id: str
    fence: int
    pid: int


@attrs.frozen
class Logged:
    """Lines that the execution wrote, in order; all of them come before its end is reported."""

    execution_id: str
    fence: int
    records: list[LogRecord]


@attrs.frozen
class Progressed:
    """Node code called `progress.update(...)`; what it left out is None. `progress` is in percent."""

    execution_id: str
    fence: int
    status: str | None = None
    progress: float | None = None
    message: str | None = None
    action: str | None = None
    output: Any = None
    duration: float | None = None


@attrs.frozen
class Succeeded:
    """The function returned. `outputs` has every output port's JSON value; `action` is the last that progress named."""

    execution_id: str
    fence: int
    outputs: dict[str, Any]
    action: str | None = None


@attrs.frozen
class Outcome:
    """What the platform's own work for a node came to: as `Succeeded`, without saying which execution's."""

    outputs: Mapping[str, Any]
    action: str | None = None


@attrs.frozen
class Failed:
    """The execution ended without a result, for the reason in `error["cause"]`."""

    execution_id: str
    fence: int
    error: ErrorRecord


@attrs.frozen
class Returned:
    """Who had the job gives it back, not having run it to its end: it is to be run again, and that was no attempt."""

    execution_id: str
    fence: int


Report = Started | Logged | Progressed | Succeeded | Failed | Returned
Receiver = Callable[[Sequence[Report]], None]
"""Takes reports in batches, in order, on the executor's own thread: it must not block for long."""


@attrs.frozen
class Capabilities:
    """What an executor can promise about the code that it runs."""

    isolated: bool
    """A crash of node code leaves the platform alone."""
    kills: bool
    """Timeouts and cancels end code that does not cooperate."""
    limits_memory: bool
    """`Job.memory_limit` is enforced."""


class ExecutorClosed(RuntimeError):
    """A job was submitted to an executor that is closed or was never started."""


class Executor(Protocol):
    """Where nodes run."""

    @property
    def capacity(self) -> int:
        """Jobs that can run at the same time."""

    @property
    def capabilities(self) -> Capabilities:
        """What this executor promises."""

    def start(self) -> None:
        """Return at once; jobs that are submitted meanwhile wait."""

    def submit(self, job: Job) -> None:
        """Queue a job; never blocks. A job with a higher fence replaces an earlier one of the same execution."""

    def cancel(self, execution_id: str, fence: int) -> None:
        """End that job, queued or running, as `Failed` with cause "canceled"; nothing happens if it is already over."""

    def close(self, grace: float = 0.0) -> None:
        """Give running jobs `grace` seconds, then end them without a report. Queued jobs are dropped without one."""
