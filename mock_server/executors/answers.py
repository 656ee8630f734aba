"""What a worker may say, checked: from a frame to a typed answer.

Law: a worker runs foreign code and may send anything. Here its words become plain values of the right types, or a
`ProtocolError` that ends it. Results stay JSON; nothing is ever unpickled.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast, get_args

import attrs

from dtlpipe.runtime.protocol import ProtocolError, from_text
from mock_server.executors.base import Cause, ErrorRecord
from mock_server.executors.output import clean

_CAUSES: Final = frozenset(get_args(Cause))


@attrs.frozen
class Ready:
    """The worker waits for jobs."""

    pid: int


@attrs.frozen
class Need:
    """The worker no longer has the code that it was given by hash."""


@attrs.frozen
class Skipped:
    """The worker did not begin that job, as it was taken back."""

    number: int


@attrs.frozen
class Wrote:
    """Lines of output; `capped` if the worker drops what follows."""

    records: Any
    capped: bool


@attrs.frozen
class Pending:
    """A line that is flushed but unfinished."""

    record: Any


@attrs.frozen
class Progress:
    """What the function passed to `progress.update`."""

    said: dict[str, Any]


@attrs.frozen
class Done:
    """The function returned. `retire` says why the worker ends now, if it does; `took` are seconds, by its clock."""

    outputs: dict[str, Any]
    action: str | None
    retire: str | None
    took: float | None = None


@attrs.frozen
class Broke:
    """The job failed inside the worker."""

    error: ErrorRecord
    retire: str | None


@attrs.frozen
class Terminated:
    """Where the code was when it was asked to end."""

    traceback: str


Answer = Ready | Need | Skipped | Wrote | Pending | Progress | Done | Broke | Terminated


def read_answer(header: dict[str, Any], blob: bytes) -> Answer:  # noqa: PLR0911 - one return for each kind of answer
    """The answer in a frame.

    Raises:
        ProtocolError: it is none that a worker gives.
    """
    match header.get("kind"):
        case "log":
            return Wrote(header.get("records"), header.get("capped") is True)
        case "done":
            took = header.get("took")
            took = took if isinstance(took, float) and took >= 0 else None
            return Done(_outputs(blob), _text(header, "action"), _text(header, "retire"), took)
        case "failed":
            return Broke(_error(header.get("error")), _text(header, "retire"))
        case "progress":
            return Progress(_progress(header))
        case "pending":
            return Pending(header.get("record"))
        case "need":
            return Need()
        case "skipped" if isinstance(header.get("job"), int):
            return Skipped(header["job"])
        case "ready" if isinstance(header.get("pid"), int):
            return Ready(header["pid"])
        case "terminated":
            return Terminated(clean(_text(header, "traceback") or ""))
        case other:
            raise ProtocolError(f"a message of kind {other!r} is unknown.")


def _outputs(blob: bytes) -> dict[str, Any]:
    try:
        outputs = from_text(blob.decode())
        if b"\\ud" in blob or b"\\uD" in blob:  # a lone surrogate, maybe: that is no text, and no store would take it
            json.dumps(outputs, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a result is no JSON: {error}.") from error
    if not isinstance(outputs, dict):
        raise ProtocolError("a result is no JSON object.")
    return outputs


def _error(raw: Any) -> ErrorRecord:
    if not isinstance(raw, dict) or raw.get("cause") not in _CAUSES:
        raise ProtocolError("a failure without a known cause.")
    record: ErrorRecord = {
        "cause": cast("Cause", raw["cause"]),
        "type": clean(str(raw.get("type"))),
        "message": clean(str(raw.get("message"))),
        "traceback": clean(str(raw.get("traceback") or "")),
    }
    if raw.get("hint"):
        record["hint"] = clean(str(raw["hint"]))
    return record


def _progress(header: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name in ("status", "message", "action"):
        if (text := _text(header, name)) is not None:
            said[name] = clean(text)
    for name in ("progress", "duration"):
        if isinstance(number := header.get(name), int | float):
            said[name] = float(number)
    if "output" in header:
        said["output"] = header["output"]
    return said


def _text(header: dict[str, Any], name: str) -> str | None:
    value = header.get(name)
    return value if isinstance(value, str) else None
