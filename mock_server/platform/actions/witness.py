"""What the worker's own steps mean for a run of actions.

The worker tells of each event that it records, and of what executions report, within the transaction in which it does.
So the state of an action, its checkpoint and the lines about it are there if and only if the step is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mock_server.executors.base import Failed
from mock_server.platform import lifecycle
from mock_server.platform.actions import checkpoints, logs
from mock_server.platform.actions.progress import PLATFORM, ActionRun, is_ours, merge
from mock_server.platform.actions.records import moment, save
from mock_server.store.base import Document, ExecutionRow, Kind, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: How often an action is begun again whose process was killed: that is no fault that it could have raised.
CRASHES = 3

_UUID = 36  # characters; ids of the other vocabularies' runs have 24


class Witness:
    """Called on the store's writer thread alone."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def recorded(
        self, tx: Tx, run_id: str | None, execution_id: str | None, kind: str, body: Mapping[str, Any]
    ) -> None:
        """An event was recorded, and what it tells of is in the rows already."""
        if run_id is None or len(run_id) != _UUID or (run := _ours(tx, run_id)) is None:
            return
        at = moment()
        execution = tx.get_execution(execution_id) if execution_id is not None else None
        if execution is not None:
            self._of_execution(tx, run, execution, kind, body, at)
        elif kind == "run.ended":
            self._run_ended(run)
        elif kind == "run.started":
            run.details["driver"] = PLATFORM
            run.details |= {"error": None, "result": None}
        save(tx, run, at)

    def _of_execution(
        self, tx: Tx, run: ActionRun, execution: ExecutionRow, kind: str, body: Mapping[str, Any], at: datetime
    ) -> None:
        index = _index(execution)
        entry = run.entries[index]
        run.details |= {"current_action": entry["name"], "current_action_index": index}
        name = entry["name"]
        if kind == "execution.started":
            entry["message"] = None
            merge(entry, {"status": "running", "progress": 0.0}, at, run.details)
            again = f" (attempt {execution.attempt})" if execution.attempt > 1 else ""
            logs.note(tx, run.row.id, execution.id, "INFO", f"Starting action {name!r}{again}")
        elif kind == "execution.retried":
            error = body.get("error") or {}
            entry |= {"status": "pending", "progress": 0.0, "message": _text(error)}
            logs.note(
                tx, run.row.id, execution.id, "WARNING", f"Action {name!r} failed and is tried again: {_text(error)}"
            )
        elif kind == "execution.ended" and execution.status == lifecycle.SUCCESS:
            merge(entry, {"status": "completed", "progress": 1.0}, at, run.details)
            tx.insert(Kind.CHECKPOINT, _checkpoint(run, execution, index))
            within = run.details.get("within", {}).pop(str(index), None)
            if within is not None:
                tx.delete(Kind.CHECKPOINT, within)
            logs.note(tx, run.row.id, execution.id, "INFO", f"Completed action {name!r}")
        elif kind == "execution.ended":
            error = execution.error or {}
            merge(entry, {"status": "failed", "error": _text(error)}, at, run.details)
            said = error.get("traceback") or _text(error)
            logs.note(tx, run.row.id, execution.id, "ERROR", f"Action {name!r} failed: {_text(error)}\n{said}".rstrip())

    @staticmethod
    def _run_ended(run: ActionRun) -> None:
        outputs = run.details.pop("last_result", None)
        if run.row.status == lifecycle.SUCCESS:
            run.details["result"] = outputs
        elif run.row.error is not None:
            run.details["error"] = _text(run.row.error)

    def progressed(self, tx: Tx, execution: ExecutionRow, told: Any) -> None:
        """An action told how far it is: `progress`, `progress_category`, `message`, `metrics`, or a `checkpoint`."""
        run_id = execution.run_id
        if run_id is None or len(run_id) != _UUID or not isinstance(told, Mapping):
            return
        run = _ours(tx, run_id)
        if run is None or not isinstance(told.get("action"), Mapping):
            return
        at, index = moment(), _index(execution)
        news = told["action"]
        entry = run.entries[index]
        checkpoint = news.get("checkpoint")
        if isinstance(checkpoint, Mapping):
            kept = {
                "action_name": entry["name"],
                "action_index": index,
                "status": "running",
                "params_snapshot": execution.input.get("params"),
                "result": checkpoint.get("result"),
                "artifacts_path": checkpoint.get("artifacts_path"),
            }
            self._keep_within(tx, run, index, checkpoints.new(run_id, kept))
        merge(entry, _known(news), at, run.details)
        save(tx, run, at)

    @staticmethod
    def _keep_within(tx: Tx, run: ActionRun, index: int, made: Document) -> None:
        """The newest checkpoint within an action takes the place of the one before it."""
        within: dict[str, str] = run.details.setdefault("within", {})
        made["id"] = within.setdefault(str(index), made["id"])
        tx.put(Kind.CHECKPOINT, made)

    def forgives(self, tx: Tx, execution: ExecutionRow, report: Failed) -> bool:
        """Whether an execution that failed so is to be begun again as if it had not been tried.

        The process of an action was killed: the action goes on from its last checkpoint, a few times.
        """
        run_id, error = execution.run_id, report.error
        if error.get("cause") != "signal" or run_id is None or len(run_id) != _UUID:
            return False
        run = _ours(tx, run_id)
        if run is None:
            return False
        index = _index(execution)
        crashes: dict[str, int] = run.details.setdefault("crashes", {})
        count = crashes[str(index)] = crashes.get(str(index), 0) + 1
        if count > CRASHES:
            return False
        name = run.entries[index]["name"]
        message = f"Action {name!r} is begun again, its process having ended: {_text(error)}"
        logs.note(tx, run_id, execution.id, "WARNING", message)
        run.entries[index] |= {"status": "pending", "message": _text(error)}
        save(tx, run, moment())
        return True


def _ours(tx: Tx, run_id: str) -> ActionRun | None:
    row = tx.get_run(run_id)
    return ActionRun(row, row.extra or {}) if row is not None and is_ours(row) else None


def _index(execution: ExecutionRow) -> int:
    """The place of the action that the execution's node stands for."""
    return int((execution.node_id or "").rpartition("-")[2])


def _checkpoint(run: ActionRun, execution: ExecutionRow, index: int) -> dict[str, Any]:
    outputs = execution.output if isinstance(execution.output, dict) else {}
    result = outputs.get("result")
    run.details["last_result"] = result
    return checkpoints.new(
        run.row.id,
        {
            "action_name": run.entries[index]["name"],
            "action_index": index,
            "status": "completed",
            "params_snapshot": outputs.get("params"),
            "result": result,
            "artifacts_path": outputs.get("artifacts_path"),
        },
    )


def _known(news: Mapping[str, Any]) -> dict[str, Any]:
    """What of a report from node code is what it should be: such code may send anything."""
    found: dict[str, Any] = {}
    progress = news.get("progress")
    if isinstance(progress, int | float) and not isinstance(progress, bool) and 0 <= progress <= 1:
        found["progress"] = float(progress)
    for key in ("progress_category", "message"):
        if isinstance(news.get(key), str):
            found[key] = news[key]
    if isinstance(news.get("metrics"), dict):
        found["metrics"] = news["metrics"]
    total = news.get("total")
    if isinstance(total, int | float) and not isinstance(total, bool):
        found["total"] = total
    return found


def _text(error: Mapping[str, Any]) -> str:
    return f"{error.get('type')}: {error.get('message')}"
