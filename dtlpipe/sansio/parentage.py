"""Whose node code this process runs, if any: what begins work names it, so that the work can be ended with it."""

from __future__ import annotations

#: The header in which the execution is named.
HEADER = "x-dtlpipe-execution"

_current: str | None = None


def run_for(execution_id: str | None) -> None:
    """This process runs node code of that execution from now on; a worker process runs one at a time."""
    global _current  # noqa: PLW0603 - threads that node code starts run for it, too
    _current = execution_id


def headers() -> dict[str, str]:
    """What a request that changes something says of it."""
    return {} if _current is None else {HEADER: _current}
