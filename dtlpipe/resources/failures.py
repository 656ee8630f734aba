"""What a status on the wire says of a failure: as an error, and as one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dtlpipe.errors import RunFailed


def failure(what: str, status: str, latest: Mapping[str, Any], execution: Any, node: str | None = None) -> RunFailed:
    """The error for something that ended without success; `latest` is a status as the wire has it."""
    error = latest.get("error")
    detail: Mapping[str, Any] = error if isinstance(error, Mapping) else {"message": error}
    node = node or detail.get("node")
    return RunFailed(
        f"{what} {status}{f' in node {node!r}' if node else ''}: {reason_of(latest)}",
        node=node,
        remote_traceback=detail.get("traceback") or detail.get("stack"),
        hint=detail.get("hint"),
        execution=execution,
    )


def reason_of(latest: Mapping[str, Any]) -> str:
    """Why something failed, in one line: "ValueError: no faces"."""
    error = latest.get("error")
    detail: Mapping[str, Any] = error if isinstance(error, Mapping) else {"message": error}
    reason = str(detail.get("message") or latest.get("message") or "the platform gave no reason")
    kind = detail.get("type")
    return f"{kind}: {reason}" if kind and detail.get("cause", "exception") == "exception" else reason
