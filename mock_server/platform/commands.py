"""Commands: work that the platform does on its own time, as clients watch it.

Law: a command ends once. Work that is done by the time of the answer gets a command that is over already: nobody has to
poll for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import Conflict, NotFound
from dtlpipe.model.enums import CommandStatus
from mock_server.platform.documents import now, require
from mock_server.platform.lifecycle import CREATED, FAILED, RUNNING, SUCCESS, TERMINATED, is_final
from mock_server.platform.links import shown
from mock_server.store.base import Document, Kind, Store, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: The type of the commands that have runs begin again; see `passes`.
RERUN = "pipelineRerun"

#: The type of the commands that begin a run for each item of a query; see `batches`.
PIPELINE_BATCH = "pipelineExecuteBatch"

#: Commands that one list shows.
LISTED = 1000

_OVER = frozenset(each.value for each in CommandStatus if each.is_terminal)


def is_over(command: Mapping[str, Any]) -> bool:
    """Whether the command's status is final."""
    return command["status"] in _OVER


def is_settled(command: Mapping[str, Any]) -> bool:
    """Whether the command is over, and what a batch began is too."""
    return is_over(command) and all(is_final(status) for status in command["spec"].get("counts") or ())


def _calls(store: Store, batch_id: str) -> dict[str, int]:
    counts = {
        each: store.find_executions({"pageSize": 1}, where={"batchId": batch_id, "status": each})[1]
        for each in (CREATED, RUNNING, SUCCESS, FAILED, TERMINATED)
    }
    return {status: count for status, count in counts.items() if count}


#: What counts the members of a batch by status, by the type of the command that stands for it.
BATCHES: dict[str, Callable[[Store, str], dict[str, int]]] = {
    PIPELINE_BATCH: lambda store, batch_id: store.run_counts(batch_id=batch_id),
    "serviceExecuteBatch": _calls,
    "serviceRerunBatch": _calls,
}


class Commands:
    """What was asked for and may take its time."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def made(
        self,
        type: str,
        creator: str,
        spec: Mapping[str, Any],
        *,
        status: CommandStatus = CommandStatus.SUCCESS,
        progress: float = 100,
    ) -> Document:
        """A new command, not stored yet: it goes into the transaction that does its work. It is over, by default."""
        at = now()
        return {
            "id": new_id(),
            "type": type,
            "status": status.value,
            "progress": progress,
            "spec": dict(spec),
            "error": None,
            "creator": creator,
            "createdAt": at,
            "updatedAt": at,
        }

    def get(self, command_id: str, *, wait: float = 0.0) -> Document:
        """One command, at once or, within `wait` seconds, as soon as it is over. Raises NotFound."""
        found = self._platform.hub.wait(command_id, lambda: self._find(command_id), is_over, wait)
        return shown(self._platform, "commands", found)

    def _find(self, command_id: str) -> Document:
        command = require(self._platform.store, Kind.COMMAND, command_id)
        if command["type"] in BATCHES:
            counts = BATCHES[command["type"]](self._platform.store, command_id)
            return {**command, "spec": {**command["spec"], "counts": counts}}
        return command

    def list(self) -> list[Document]:
        """The latest commands, the newest first."""
        page = self._platform.store.find(Kind.COMMAND, {"sort": {"id": "descending"}, "pageSize": LISTED})
        return [shown(self._platform, "commands", each) for each in page.items]

    def advance(
        self,
        command_id: str,
        *,
        status: CommandStatus | None = None,
        progress: float | None = None,
        spec: Mapping[str, Any] | None = None,
        error: Any = None,
    ) -> Document:
        """Notes how far the work is, and wakes who waits. Raises NotFound, and Conflict if the command is over."""
        changes = {
            "status": None if status is None else status.value,
            "progress": progress,
            "spec": None if spec is None else dict(spec),
            "error": error,
        }

        def intent(tx: Tx) -> Document:
            current = require(tx, Kind.COMMAND, command_id)
            if is_over(current):
                raise Conflict(f"command {command_id!r} is over already: {current['status']}")
            said = {key: value for key, value in changes.items() if value is not None}
            doc = {**current, **said, "updatedAt": now()}
            tx.put(Kind.COMMAND, doc)
            tx.after_commit(lambda: self._platform.hub.notify(command_id))
            return doc

        return shown(self._platform, "commands", self._platform.store.write(intent))

    def abort(self, command_id: str) -> Document:
        """Ends a command that is not over. Raises NotFound, and Conflict for one that is over."""
        return self.advance(command_id, status=CommandStatus.ABORTED)

    def abort_if_open(self, command_id: str) -> None:
        """Ends a command, unless it is over, or not there."""
        with suppress(NotFound, Conflict):
            self.abort(command_id)
