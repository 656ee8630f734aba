"""Why an execution on Ray has no result, or has not begun: from what became of its task to an error or a sentence.

Law: a task that was lost with its process, its machine or the cluster has the cause of a process that somebody killed,
since that is what happened to the node: it is tried again under the same rule. What would happen again to any attempt
has the cause "code", and is not.
"""

from __future__ import annotations

from mock_server.executors import verdict
from mock_server.executors.base import Cause, ErrorRecord, Job
from mock_server.executors.output import clean
from mock_server.executors.ray_wire import error
from mock_server.executors.verdict import label

_SAID: dict[str, tuple[Cause, str, str, str]] = {
    "lost": (
        "signal",
        "WorkerLost",
        "the Ray worker that ran it was lost",
        "Its process was killed or its machine went away. Give the node more than one attempt (maxAttempts).",
    ),
    "cluster": (
        "signal",
        "ClusterLost",
        "the Ray cluster was lost while it ran",
        "Look at the platform's log and at the cluster's head. Execute it again.",
    ),
    "memory": (
        "memory",
        "OutOfMemory",
        "its machine ran out of memory, and Ray chose to end it",
        "Work on less at a time, or tell Ray how much it takes: runtime.memory in bytes.",
    ),
    "environment": (
        "code",
        "RuntimeEnvironmentError",
        "its requirements could not be installed",
        "Look at runtime.requirements; the cluster's nodes must reach the package index.",
    ),
    "refused": (
        "code",
        "ValueError",
        "Ray does not take it",
        "Look at the node's runtime: cpu, gpu, memory, resources.",
    ),
    "broken": ("code", "TaskError", "its Ray task could not be run", "Look at the log of the Ray worker."),
    "silent": ("output", "ProtocolError", "its Ray task ended without an answer", "Look at the log of the Ray worker."),
}


def judge(job: Job, why: str, details: str) -> ErrorRecord:
    """The error of a job whose task is over and did not tell how it ended; `details` are Ray's words."""
    cause, kind, what, hint = _SAID.get(why, _SAID["lost"])
    details = clean(details)
    return error(cause, kind, f"{label(job)}: {what}: {_first(details)}", hint=hint, details=details)


def on_bad_demand(job: Job, what: str) -> ErrorRecord:
    """The error of a job that asks for what is no amount."""
    hint = "Mend the node's serviceConfig.runtime and install the pipeline again."
    return error("code", "ValueError", f"{label(job)}: {what}.", hint=hint)


def on_breach(job: Job, what: str) -> ErrorRecord:
    """The error of a job whose task sent what is no message of ours."""
    return verdict.on_breach(job, what)


def waiting(seconds: float, lack: str | None) -> str:
    """What a log says about an execution that does not begin."""
    if lack is None:
        return f"It has waited {seconds:.0f} s for its place in the Ray cluster: those that could run it are busy."
    return (
        f"It has waited {seconds:.0f} s, and will go on waiting: {lack}. "
        "Add such a node, or cancel the run and change the node's serviceConfig.runtime."
    )


def _first(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[0] if lines else "no reason was given")[:500]
