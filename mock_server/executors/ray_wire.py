"""What goes between the platform and a Ray task: a job as JSON bytes, reports as frames.

Law: bytes and JSON, in both directions, and nothing of Ray's: no reference to one of its objects ever reaches a row.
What comes back is checked by the rules for workers on this machine (`answers`): it comes from where node code runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import attrs

from dtlpipe.runtime.protocol import Decoder, ProtocolError, encode
from mock_server.executors import answers
from mock_server.executors.base import (
    Argument,
    Cause,
    Code,
    ErrorRecord,
    Failed,
    Job,
    Logged,
    Progressed,
    Report,
    Returned,
    Started,
    Succeeded,
)
from mock_server.executors.output import Output


@attrs.frozen
class Parcel:
    """All that a task is given. `version` is the platform's: both ends have to be of the same one."""

    job: Job
    environment: dict[str, str]
    version: str


def pack(parcel: Parcel) -> bytes:
    """A parcel as bytes. Raises TypeError or ValueError for inputs that are not JSON (NaN counts as not JSON)."""
    raw = attrs.asdict(parcel, filter=lambda field, _value: field.name not in _PLATFORMS_OWN)
    return json.dumps(raw, separators=(",", ":"), allow_nan=False).encode()


_PLATFORMS_OWN = ("labels", "runtime")
"""Fields of a job that say where it is to run: those who run it need them no more."""


def version_of(data: bytes) -> str:
    """The version of the platform that packed it, whatever else it may have packed."""
    return str(json.loads(data)["version"])


def unpack(data: bytes) -> Parcel:
    """The parcel that another end of the same version packed."""
    raw = json.loads(data)
    job = raw["job"]
    job["code"] = Code(**job["code"])
    job["arguments"] = tuple(Argument(**each) for each in job["arguments"])
    job["outputs"] = tuple((name, kind) for name, kind in job["outputs"])
    return Parcel(Job(**job), raw["environment"], raw["version"])


def frames(reports: Sequence[Report]) -> bytes:
    """Reports of one job as frames, one after another."""
    return b"".join(_frame(report) for report in reports)


def failure(error: ErrorRecord) -> bytes:
    """The frame of a job's end without a result."""
    return encode({"kind": "failed", "error": error})


def _frame(report: Report) -> bytes:
    match report:
        case Started(_, _, pid):
            return encode({"kind": "ready", "pid": pid})
        case Logged(_, _, records):
            return encode({"kind": "log", "records": records})
        case Progressed():
            said = attrs.asdict(report, filter=lambda _field, value: value is not None)
            return encode({"kind": "progress", **said})
        case Succeeded(_, _, outputs, action):
            return encode({"kind": "done", "action": action}, json.dumps(outputs, separators=(",", ":")).encode())
        case Failed(_, _, error):
            return failure(error)
        case Returned():
            raise TypeError("processes of one machine end what they begin")


def reports(data: bytes, job: Job, output: Output) -> list[Report]:
    """What the frames say about the job; `output` counts what its logs may still have.

    Raises:
        ProtocolError: they are no frames, or say what no worker says.
    """
    said: list[Report] = []
    for header, blob in Decoder().feed(data):
        said += _report(answers.read_answer(header, blob), job, output)
    return said


def _report(answer: answers.Answer, job: Job, output: Output) -> list[Report]:
    id, fence = job.execution_id, job.fence
    match answer:
        case answers.Ready(pid):
            return [Started(id, fence, pid)]
        case answers.Wrote(records, _):
            output.add(records)
            taken = output.take()
            return [Logged(id, fence, taken)] if taken else []
        case answers.Progress(said):
            return [Progressed(id, fence, **said)]
        case answers.Done(outputs, action, _):
            return [Succeeded(id, fence, outputs, action)]
        case answers.Broke(error, _):
            return [Failed(id, fence, error)]
    raise ProtocolError(f"a Ray task does not say {type(answer).__name__}.")


def is_end(report: Report) -> bool:
    """Whether the job is over with it."""
    return isinstance(report, Succeeded | Failed)


def error(cause: Cause, kind: str, message: str, *, hint: str = "", details: str = "") -> ErrorRecord:
    """An error record; `details` take the place of a traceback."""
    made: ErrorRecord = {"cause": cause, "type": kind, "message": message, "traceback": details}
    if hint:
        made["hint"] = hint
    return made


def environment_of_task(variables: Mapping[str, str]) -> dict[str, str]:
    """What Ray tells a task by variables: which devices are its own, and how many threads it should start."""
    return {name: variables[name] for name in _OF_TASK if name in variables}


_OF_TASK = (
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "NEURON_RT_VISIBLE_CORES",
    "TPU_VISIBLE_CHIPS",
    "OMP_NUM_THREADS",
)
