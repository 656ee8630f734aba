"""How a failed execution tells its story: an error record with a cause, a message and the traceback of the node's code.

Law: the record is plain text. Exceptions of node code never leave the worker as objects, and our own frames, which
would only hide theirs, are cut off the top of the traceback.
"""

from __future__ import annotations

import os
import traceback
from types import TracebackType
from typing import Any, Final

MESSAGE_LIMIT: Final = 16 * 1024
TRACEBACK_LIMIT: Final = 128 * 1024
_HERE: Final = os.path.dirname(os.path.abspath(__file__)) + os.sep  # noqa: PTH100, PTH120 - compared with co_filename


class NodeFailure(Exception):
    """The execution cannot go on, and this package knows why.

    Attributes:
        cause: as in the report: "code", "output", "exception"...
        kind: what the record gives as the error's type; the cause's own name when there is an exception behind it.
        hint: what to do next.
    """

    def __init__(self, cause: str, message: str, *, kind: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.cause = cause
        self.kind = kind
        self.hint = hint


def describe(error: BaseException, *, memory_limit: int | None = None) -> dict[str, Any]:
    """The error record of whatever ended an execution."""
    if isinstance(error, NodeFailure):
        origin = error.__cause__
        kind = error.kind or (type(origin).__name__ if origin is not None else "NodeError")
        record = _record(error.cause, kind, str(error), _text(origin) if origin is not None else "")
        if error.hint:
            record["hint"] = error.hint
        return record
    kind, message, text = type(error).__name__, _message(error), _text(error)
    if isinstance(error, MemoryError):
        allowed = f" of {size(memory_limit)}" if memory_limit is not None else ""
        record = _record("memory", kind, f"The code asked for more memory than its limit{allowed} allows.", text)
        record["hint"] = "Work on less at a time, or raise the node's memory limit."
        return record
    if isinstance(error, SystemExit):
        return _record("exit", kind, f"The code ended itself with sys.exit({error.code!r}).", text)
    return _record("exception", kind, message, text)


def size(count: int) -> str:
    """`count` bytes for people: "512 MiB"."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.4g} {unit}"
        amount /= 1024
    return f"{amount:.4g} GiB"


def _record(cause: str, kind: str, message: str, text: str) -> dict[str, Any]:
    return {
        "cause": cause,
        "type": kind,
        "message": _clip(message, MESSAGE_LIMIT),
        "traceback": _clip(text, TRACEBACK_LIMIT),
    }


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - node code's __str__ may itself be what is broken
        return f"<{type(error).__name__} whose text cannot be made>"


def _text(error: BaseException) -> str:
    """The traceback as text: chained causes and notes included, frames of this package cut off the top."""
    frames = traceback.TracebackException(type(error), error, _node_frames(error.__traceback__), compact=True)
    return "".join(frames.format())


def _node_frames(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_HERE):
        frames = frames.tb_next
    return frames


def _clip(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
