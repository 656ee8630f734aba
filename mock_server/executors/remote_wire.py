"""What platform and remote workers say to each other, as JSON: both check what comes from the other side here.

Law: a change that the other side would not understand takes a new PROTOCOL; a worker of another one is refused. Nothing
is pickled but the code that a node was shipped with, which is loaded in a worker's child process alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from mock_server.executors import base
from mock_server.executors.remote_leases import Ref

PROTOCOL: Final = 1
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
REPORTS: Final = "application/vnd.dtlpipe.reports+json"
"""The media type of reports, by which their bodies may be as large as a result is."""
MIB: Final = 1 << 20
LARGEST: Final = 72 * MIB
"""Bytes of a body of reports: a result of 64 MiB, and what is around it."""
_MOST: Final = 4096
_KEY: Final = r"^[A-Za-z0-9._:-]+$"
_TIME: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"

_Id = Annotated[str, Field(min_length=1, max_length=200)]
_Label = Annotated[str, Field(min_length=1, max_length=100, pattern=_KEY)]


class Said(BaseModel):
    """What one side says: camelCase, and nothing that the other does not know."""

    model_config = ConfigDict(defer_build=True, alias_generator=to_camel, populate_by_name=True, extra="forbid")

    def json_body(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Held(Said):
    """An execution that a worker has, by its fence."""

    execution_id: _Id
    fence: int

    @property
    def ref(self) -> Ref:
        return self.execution_id, self.fence


def held(refs: Any) -> list[Held]:
    """Refs for the wire."""
    return [Held(execution_id=id, fence=fence) for id, fence in refs]


_Holdings = Annotated[list[Held], Field(max_length=_MOST)]

# --- what workers say -------------------------------------------------------------------------------------------------


class Greeting(Said):
    """What every version of the protocol begins with."""

    model_config = ConfigDict(extra="ignore")

    protocol: int
    version: Annotated[str, Field(max_length=100)] = "unknown"


class Register(Said):
    """Who comes. `id` is new with each start of a worker; `held` is what it has, if it has been here before."""

    protocol: int
    version: Annotated[str, Field(max_length=100)] = "unknown"
    id: Annotated[str, Field(min_length=16, max_length=64, pattern=_KEY)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    slots: Annotated[int, Field(ge=1, le=1024)]
    labels: Annotated[list[_Label], Field(max_length=64)] = []
    python: Annotated[str, Field(max_length=20)]
    held: _Holdings = []


class Claim(Said):
    """A wish for up to `limit` jobs, for which to wait up to `wait` seconds. `number` grows with every claim."""

    number: Annotated[int, Field(ge=1)]
    limit: Annotated[int, Field(ge=0, le=1024)]
    held: _Holdings = []
    wait: Annotated[float, Field(ge=0, le=3600)] = 0.0


class Heartbeat(Said):
    """What a worker has, whose leases are to run on."""

    held: _Holdings = []
    draining: bool = False


class LogLine(Said):
    """One line; see base.LogRecord."""

    timestamp: Annotated[str, Field(max_length=40, pattern=_TIME)]
    level: Annotated[str, Field(max_length=40)]
    message: str
    stream: Literal["stdout", "stderr", "log"]


class Error(Said):
    """See base.ErrorRecord."""

    type: str
    message: str
    traceback: str
    cause: base.Cause
    hint: str | None = None


class Started(Held):
    """See base."""

    kind: Literal["started"] = "started"
    pid: int


class Logged(Held):
    """See base."""

    kind: Literal["logged"] = "logged"
    records: list[LogLine]


class Progressed(Held):
    """See base."""

    kind: Literal["progressed"] = "progressed"
    status: str | None = None
    progress: float | None = None
    message: str | None = None
    action: str | None = None
    output: Any = None
    duration: float | None = None


class Succeeded(Held):
    """See base."""

    kind: Literal["succeeded"] = "succeeded"
    outputs: dict[str, Any]
    action: str | None = None


class Failed(Held):
    """See base."""

    kind: Literal["failed"] = "failed"
    error: Error


class Returned(Held):
    """See base."""

    kind: Literal["returned"] = "returned"


AnyReport = Started | Logged | Progressed | Succeeded | Failed | Returned


class Reports(Said):
    """What happened, in order. `number` grows with every call, and stays when a call is repeated."""

    number: Annotated[int, Field(ge=1)]
    reports: Annotated[list[Annotated[AnyReport, Field(discriminator="kind")]], Field(min_length=1, max_length=_MOST)]


def report_in(said: AnyReport) -> base.Report:
    """As executors have it."""
    id, fence = said.ref
    match said:
        case Started():
            return base.Started(id, fence, said.pid)
        case Logged():
            records: list[base.LogRecord] = [
                {"timestamp": each.timestamp, "level": each.level, "message": each.message, "stream": each.stream}
                for each in said.records
            ]
            return base.Logged(id, fence, records)
        case Progressed():
            return base.Progressed(
                id, fence, said.status, said.progress, said.message, said.action, said.output, said.duration
            )
        case Succeeded():
            return base.Succeeded(id, fence, said.outputs, said.action)
        case Failed():
            error: base.ErrorRecord = said.error.model_dump(exclude_none=True)  # type: ignore[assignment]
            return base.Failed(id, fence, error)
        case Returned():
            return base.Returned(id, fence)


def report_out(report: base.Report) -> dict[str, Any]:
    """As it goes over the wire; the platform checks it there."""
    found: dict[str, Any] = {"executionId": report.execution_id, "fence": report.fence}
    match report:
        case base.Started():
            return found | {"kind": "started", "pid": report.pid}
        case base.Logged():
            return found | {"kind": "logged", "records": report.records}
        case base.Progressed():
            names = ("status", "progress", "message", "action", "output", "duration")
            said = {name: value for name in names if (value := getattr(report, name)) is not None}
            return found | {"kind": "progressed"} | said
        case base.Succeeded():
            return found | {"kind": "succeeded", "outputs": report.outputs, "action": report.action}
        case base.Failed():
            return found | {"kind": "failed", "error": report.error}
        case base.Returned():
            return found | {"kind": "returned"}


# --- what the platform says -------------------------------------------------------------------------------------------


class Welcome(Said):
    """The answer to `Register`.

    Attributes:
        lease: seconds; heartbeats are to come three times as often.
        url: what urls in the platform's entities begin with: workers put their own way to it in its place.
        token: for node code; None where none is asked for.
        stale, canceled: of what the worker holds, what it is to drop, and what it is to end.
    """

    protocol: int
    lease: float
    url: str
    token: str | None = None
    stale: list[Held] = []
    canceled: list[Held] = []


class News(Said):
    """The answer to `Heartbeat`, and in part to `Claim`."""

    stale: list[Held] = []
    canceled: list[Held] = []


class WireCode(Said):
    """Code without its text, which is fetched by its hash."""

    hash: Annotated[str, Field(min_length=1, max_length=200)]
    function_name: str
    class_name: str | None = None
    name: str | None = None
    python: str | None = None
    init_inputs: dict[str, Any] = {}


class CodeText(Said):
    """The rest of it."""

    source: str | None = None
    pickle: str | None = None


class WireArgument(Said):
    """See base.Argument."""

    name: str
    type: str | None = None
    value: Any = None
    entity: Any = None


class WireJob(Held):
    """See base.Job."""

    code: WireCode
    arguments: list[WireArgument] = []
    outputs: list[tuple[str, str | None]] = []
    node: str | None = None
    context: dict[str, Any] = {}
    timeout: float | None = None
    memory_limit: int | None = None
    log_level: str = "INFO"


class Work(News):
    """The answer to `Claim`."""

    jobs: list[WireJob] = []


class Refused(Said):
    """The answer to `Reports`: of whose executions the worker has lost."""

    stale: list[Held] = []


def job_out(job: base.Job) -> dict[str, Any]:
    """As it goes over the wire."""
    code = job.code
    return {
        "executionId": job.execution_id,
        "fence": job.fence,
        "code": {
            "hash": code.hash,
            "functionName": code.function_name,
            "className": code.class_name,
            "name": code.name,
            "python": code.python,
            "initInputs": code.init_inputs,
        },
        "arguments": [
            {"name": each.name, "type": each.type, "value": each.value, "entity": each.entity} for each in job.arguments
        ],
        "outputs": job.outputs,
        "node": job.node,
        "context": job.context,
        "timeout": job.timeout,
        "memoryLimit": job.memory_limit,
        "logLevel": job.log_level,
    }


def job_in(said: WireJob, text: CodeText, urls: tuple[str, str]) -> base.Job:
    """As executors have it; entities' urls that begin with the first of `urls` begin with the other one."""
    code = said.code
    return base.Job(
        execution_id=said.execution_id,
        fence=said.fence,
        code=base.Code(
            hash=code.hash,
            function_name=code.function_name,
            source=text.source,
            pickle=text.pickle,
            python=code.python,
            class_name=code.class_name,
            name=code.name,
            init_inputs=code.init_inputs,
        ),
        arguments=tuple(
            base.Argument(each.name, each.type, each.value, _moved(each.entity, *urls)) for each in said.arguments
        ),
        outputs=tuple(said.outputs),
        node=said.node,
        context=said.context,
        timeout=said.timeout,
        memory_limit=said.memory_limit,
        log_level=said.log_level,
    )


def _moved(value: Any, theirs: str, ours: str) -> Any:
    if isinstance(value, str):
        return ours + value[len(theirs) :] if value.startswith(f"{theirs}/") else value
    if isinstance(value, Mapping):
        return {key: _moved(each, theirs, ours) for key, each in value.items()}
    if isinstance(value, list):
        return [_moved(each, theirs, ours) for each in value]
    return value
