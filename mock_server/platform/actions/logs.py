"""Lines that actions wrote, or that were told of them.

A line belongs to its run and to an execution; one that was told from outside has none, and in its place the name of
the action (`told:<name>`).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mock_server.platform.actions.progress import ActionRun, aware, naive
from mock_server.platform.actions.records import moment, read_run, whole
from mock_server.platform.intents import earlier_answer
from mock_server.platform.paging import idempotency
from mock_server.store.base import Document, LogLine, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_TOLD = "told:"
_CHUNK = 2000
#: Names of logging's as the surface has them.
_LEVELS = {"warn": "warning", "fatal": "critical"}


class Logs:
    """The verbs. What they return is what the surface shows."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def append(
        self,
        run_id: str,
        entries: Sequence[Mapping[str, Any]],
        *,
        creator: str,
        idempotency_key: str | None = None,
    ) -> list[Document]:
        """Adds lines: `message`, `level`, `action_name`, `timestamp`. Raises NotFound."""
        answer: Document = {}  # filled with the numbers of the lines before it is written
        request = idempotency(idempotency_key, creator, ["logs", run_id, [dict(each) for each in entries]], answer)

        def intent(tx: Tx) -> list[Document]:
            run = read_run(tx, run_id)
            at = moment()
            lines = [
                LogLine(
                    execution_id=None if each.get("action_name") is None else f"{_TOLD}{each['action_name']}",
                    run_id=run_id,
                    service_id=None,
                    at=whole(aware(each.get("timestamp"))) or at,
                    level=each["level"],
                    message=each["message"],
                    stream="log",
                )
                for each in entries
            ]
            if any(each.get("timestamp") for each in entries) and not run.details.get("backdated"):
                run.details["backdated"] = True
                tx.set_run(run_id, extra=run.details)
            ids = tx.append_logs(lines)
            answer["ids"] = ids
            earlier = earlier_answer(tx, request)
            if earlier is not None:
                raise _Repeated(earlier["ids"])
            tx.after_commit(lambda: self._platform.hub.notify(f"logs:{run_id}"))
            return [_shown(line, number, _told(line)) for line, number in zip(lines, ids, strict=True)]

        try:
            return self._store.write(intent)
        except _Repeated as repeated:  # and so the lines were not written again
            numbers = set(repeated.ids)
            first = min(numbers, default=1) - 1
            lines = self._store.logs(run_id=run_id, after_id=first, limit=max(numbers, default=0) - first)
            return [_shown(each, each.id or 0, _told(each)) for each in lines if each.id in numbers]

    def list(
        self,
        run_id: str,
        *,
        action_name: str | None = None,
        level: str | None = None,
        since: datetime | None = None,
        limit: int = 1000,
    ) -> list[Document]:
        """Lines by their time; `level` is met exactly, `since` is not included. Raises NotFound."""
        run = read_run(self._store, run_id)
        names = self._names(run)
        wanted: list[str] | None = None
        if action_name is not None:
            same = run.names_of(action_name)
            wanted = [f"{_TOLD}{each}" for each in same] + [id for id, name in names.items() if name in same]
        found: list[tuple[LogLine, int]] = []
        after = 0
        ordered = not run.details.get("backdated")
        while True:
            lines = self._store.logs(
                run_id=run_id, execution_ids=wanted, level=level, since=since, after_id=after, limit=_CHUNK
            )
            for each in lines:
                after = each.id or 0
                if (level is None or _level(each) == level) and (since is None or each.at > since):
                    found.append((each, after))
            if len(lines) < _CHUNK or (ordered and len(found) >= limit):
                break
        found.sort(key=lambda each: each[0].at)
        return [_shown(line, number, _told(line) or names.get(line.execution_id or "")) for line, number in found][
            :limit
        ]

    def _names(self, run: ActionRun) -> dict[str, str]:
        """Names of actions by the executions that wrote."""
        rows = self._store.executions_of([run.row.id])[run.row.id]
        return {row.id: row.function_name for row in rows}


class _Repeated(Exception):
    """The request was made before; `ids` are the lines that it wrote then."""

    def __init__(self, ids: Iterable[int]) -> None:
        super().__init__()
        self.ids = list(ids)


def note(tx: Tx, run_id: str, execution_id: str | None, level: str, message: str) -> None:
    """A line that the platform itself adds to an action's log."""
    line = LogLine(
        execution_id=execution_id,
        run_id=run_id,
        service_id=None,
        at=moment(),
        level=level,
        message=message,
        stream="system",
    )
    tx.append_logs([line])


def _told(line: LogLine) -> str | None:
    by = line.execution_id
    return by.removeprefix(_TOLD) if by is not None and by.startswith(_TOLD) else None


def _level(line: LogLine) -> str:
    name = line.level.lower()
    return _LEVELS.get(name, name)


def _shown(line: LogLine, number: int, action_name: str | None) -> Document:
    digest = hashlib.blake2b(f"{line.run_id}:{number}".encode(), digest_size=16).digest()
    return {
        "id": str(uuid.UUID(bytes=digest, version=4)),
        "run_id": line.run_id,
        "action_name": action_name,
        "level": _level(line),
        "message": line.message,
        "timestamp": naive(line.at),
    }
