"""Why an execution has no result although its process never said so: from how the process ended to an error record.

Law: every way to die has a cause, a sentence with the node in it, and a hint. Where the code was comes from the process
itself: from its last words on SIGTERM, or from the stacks that faulthandler left on its standard error.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable
from typing import Final

import attrs

from mock_server.executors.base import Cause, ErrorRecord, Job

_STACK: Final = re.compile(r"^(Fatal Python error|(Current )?[Tt]hread 0x|Stack \(most recent call first\)|  File )")
_MEANINGS: Final = {
    "SIGSEGV": (
        "invalid memory access",
        "Native code crashed: look at the extension modules that the traceback names.",
    ),
    "SIGBUS": ("bus error", "Native code crashed, or a mapped file was cut short."),
    "SIGABRT": ("abort", "Native code gave up: its own message is in the logs of the execution."),
    "SIGFPE": ("arithmetic fault", "Native code crashed: look at the extension modules that the traceback names."),
    "SIGILL": ("illegal instruction", "A native module was built for another processor."),
    "SIGKILL": (
        "killed from outside",
        "Somebody used kill -9, or the system ran out of memory and chose this process.",
    ),
    "SIGTERM": ("asked to end from outside", "Somebody signalled the process; the platform did not."),
    "SIGXCPU": ("processor time used up", "A limit on processor time is set in the platform's environment."),
}


@attrs.frozen
class Death:
    """How a worker process ended: by exit status or by signal; neither is known if the zygote went with it."""

    code: int | None = None
    signal: int | None = None


def label(job: Job) -> str:
    """How messages name the job's node."""
    return f"Node {job.node!r}" if job.node else "The code"


def judge(
    job: Job, death: Death, tail: Iterable[str], cause: Cause | None, where: str, used: int, breach: str
) -> ErrorRecord:
    """The error of a job whose process is gone.

    Args:
        job: what it held.
        death: how it ended.
        tail: the last lines of its standard error.
        cause: why the pool ended it, if the pool did.
        where: its own last word on where the code was.
        used: bytes of memory that it was ended for.
        breach: what it sent that was no message.
    """
    lines = list(tail)
    where = where or node_stack(lines)
    match cause:
        case "timeout":
            return on_timeout(job, where)
        case "canceled":
            return on_cancel(job, where)
        case "memory":
            return on_memory(job, used, where)
    return on_breach(job, breach) if breach else on_death(job, death, lines)


def on_death(job: Job, death: Death, tail: Iterable[str]) -> ErrorRecord:
    """The error of a job whose process died of itself."""
    stack = node_stack(tail)
    if death.signal is not None:
        name = signal_name(death.signal)
        meaning, hint = _MEANINGS.get(name, ("", "Look for what sent the signal."))
        said = f" ({meaning})" if meaning else ""
        return _record("signal", name, f"{label(job)}: its process was ended by {name}{said}.", stack, hint)
    if death.code is not None:
        return _record(
            "exit",
            "ProcessExit",
            f"{label(job)}: its process ended itself with status {death.code} before the function returned.",
            stack,
            "Let the function return or raise; os._exit and exec take the whole process away.",
        )
    return _record(
        "signal",
        "ProcessLost",
        f"{label(job)}: its process was lost together with the pool's parent process.",
        stack,
        "Somebody killed the pool's parent process, or the system ran out of memory. Execute it again.",
    )


def on_timeout(job: Job, where: str) -> ErrorRecord:
    """The error of a job that was ended because its time was up."""
    return _record(
        "timeout",
        "TimeoutError",
        f"{label(job)}: it ran longer than its timeout of {job.timeout:g} s and was ended.",
        where,
        "Raise the node's timeout, or look at the traceback for where the code was.",
    )


def on_cancel(job: Job, where: str) -> ErrorRecord:
    """The error of a job that was canceled."""
    return _record("canceled", "Canceled", f"{label(job)}: the execution was canceled.", where, "")


def on_memory(job: Job, used: int, where: str) -> ErrorRecord:
    """The error of a job that was killed for the memory that it and its child processes used."""
    limit = job.memory_limit or 0
    return _record(
        "memory",
        "MemoryError",
        f"{label(job)}: it used {used / 2**20:.0f} MiB; its limit is {limit / 2**20:.0f} MiB, so it was killed.",
        where,
        "Work on less at a time, or raise the node's memory limit.",
    )


def on_breach(job: Job, what: str) -> ErrorRecord:
    """The error of a job whose process sent what is no message of ours."""
    return _record(
        "output",
        "ProtocolError",
        f"{label(job)}: its process broke the connection to the platform: {what}",
        "",
        "The code must leave alone the descriptors that it did not open.",
    )


def on_unfit_input(job: Job, what: str) -> ErrorRecord:
    """The error of a job whose inputs cannot be sent."""
    hint = "Inputs are JSON: no NaN, no bytes, and large values as items."
    return _record("exception", "TypeError", f"{label(job)}: its inputs cannot be handed over: {what}", "", hint)


def on_hopeless(job: Job, what: str) -> ErrorRecord:
    """The error of a job for which no process can be had."""
    hint = "Look at the platform's own log."
    return _record("exit", "NoProcess", f"{label(job)}: no process could be started for it: {what}", "", hint)


def signal_name(number: int) -> str:
    """`SIGSEGV` for 11; `signal 77` for what has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def node_stack(tail: Iterable[str]) -> str:
    """The stacks that faulthandler wrote."""
    lines = [line for line in tail if _STACK.match(line)]
    return "\n".join(lines) + "\n" if lines else ""


def _record(cause: Cause, kind: str, message: str, stack: str, hint: str) -> ErrorRecord:
    record: ErrorRecord = {"cause": cause, "type": kind, "message": message, "traceback": stack}
    if hint:
        record["hint"] = hint
    return record
