"""What the platform's log looks like: text for people, or a JSON object a line for machines; secrets in neither.

Law: whatever is logged goes through `redacted`, so that a token or a password that got into a message, by whatever way,
does not get out of the process.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from dtlpipe.model import times

Format = Literal["text", "json"]

#: What is known of the work that a thread is at: requestId, runId and the like.
fields: ContextVar[Mapping[str, Any]] = ContextVar("fields", default={})  # noqa: B039 - a Mapping, which nobody changes

_GONE = "[redacted]"
_SECRETS = (
    re.compile(r"(?i)(?P<keep>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(r"(?P<keep>)\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),
    re.compile(
        r"(?i)(?P<keep>[\"']?\b[\w-]*(?:password|passwd|pwd|secret|api[_-]?key|authorization|(?:id|access|refresh)?_?token)"
        r"[\"']?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s,;&}\])]+)"
    ),
    re.compile(r"(?P<keep>://[^/\s:@]*:)[^/\s@]+(?=@)"),
)
#: What every record has; anything beside these was given as `extra`.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def redacted(text: str) -> str:
    """The text without what looks like a token, a password or another secret."""
    for secret in _SECRETS:
        text = secret.sub(lambda found: found["keep"] + _GONE, text)
    return text


class Text(logging.Formatter):
    """One line, and a traceback if there is one; what is known of the work goes behind the message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's
        known = " ".join(f"{key}={value}" for key, value in _known(record).items())
        return super().formatMessage(record) + (f" [{known}]" if known else "")

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class Json(logging.Formatter):
    """An object a line: `at`, `level`, `logger`, `message`, what is known of the work, and `error`, a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        found: dict[str, Any] = {
            "at": times.to_wire(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **{key: redacted(value) if isinstance(value, str) else value for key, value in _known(record).items()},
        }
        if record.exc_info:
            found["error"] = redacted(self.formatException(record.exc_info))
        if record.stack_info:
            found["stack"] = redacted(self.formatStack(record.stack_info))
        return json.dumps(found, default=lambda value: redacted(str(value)))


def _known(record: logging.LogRecord) -> dict[str, Any]:
    given = {key: value for key, value in vars(record).items() if key not in _USUAL}
    return {**fields.get(), **given}


def configure(format: Format, level: str, stream: TextIO | None = None) -> None:
    """Has the process log so, to stderr unless there is another stream. For programs; a library leaves this alone."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Json() if format == "json" else Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
