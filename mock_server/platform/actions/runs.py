"""Runs of action pipelines: begun, reported on, changed, resumed, deleted.

A new run is `pending`. If the code of all its actions is at hand, the platform takes it up (see `taking`); else it
waits: for its code to be registered, or for the first report, which makes whoever sends it the driver.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from dtlpipe.errors import Conflict, NotFound, UnprocessableEntity
from mock_server.platform import lifecycle
from mock_server.platform.actions import checkpoints
from mock_server.platform.actions.progress import (
    EXTERNAL,
    PLATFORM,
    STATUSES,
    SURFACE,
    ActionRun,
    aware,
    check_index,
    fresh_details,
    in_common,
    node_id,
    set_details,
)
from mock_server.platform.actions.records import (
    DELETED,
    NO_PIPELINE,
    clock,
    moment,
    read_pipeline,
    read_run,
    save,
    tell,
    window,
)
from mock_server.platform.actions.taking import may_begin
from mock_server.platform.intents import earlier_answer
from mock_server.platform.paging import idempotency
from mock_server.platform.pipelines import INSTALLED, TERMINATING
from mock_server.store.base import Document, Event, Kind, RunRow, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

log = logging.getLogger("dtlpipe.platform")

T = TypeVar("T")


class ActionRuns:
    """The verbs. What they return is what the surface shows."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    # --- beginning ----------------------------------------------------------------------------------------------------

    def create(
        self,
        pipeline_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        work_dir: str | None = None,
        execute: bool | None = None,
        creator: str,
        idempotency_key: str | None = None,
    ) -> Document:
        """A new run, which is pending. `execute` says that the platform shall run it, or shall not.

        Raises NotFound, and UnprocessableEntity for a run that shall be executed and whose code is not at hand.
        """
        pipeline = read_pipeline(self._store, pipeline_id, private=True)
        run = self._new(pipeline, params, work_dir, creator, execute=execute)
        content = ["action run", pipeline_id, params, work_dir, execute]
        return self._accept(run, pipeline, creator, content, idempotency_key)

    def resume(
        self,
        run_id: str,
        *,
        pipeline_id: str | None = None,
        params: Mapping[str, Any] | None = None,
        policy: str = "snapshot",
        work_dir: str | None = None,
        execute: bool | None = None,
        creator: str,
        idempotency_key: str | None = None,
    ) -> Document:
        """A new run that goes on after the last action of which the old one has a completed checkpoint, all before too.

        It takes those checkpoints over, so that it can be resumed itself, and names the old run (`resumed_from`).
        With the policy `snapshot` the parameters are those of the last checkpoint; `merge` lays `params` over them.
        Another pipeline may go on with it, as far as their actions are the same.
        Raises NotFound, and Conflict for a run that is not over.
        """
        old = read_run(self._store, run_id)
        if _is_at_work(old):
            raise Conflict(f"Run {run_id} is still running: cancel it, or wait for its end, before it is resumed")
        pipeline = read_pipeline(self._store, pipeline_id or old.row.pipeline_id, private=True)
        kept = checkpoints.prefix(old, checkpoints.of_run(self._store, run_id))
        kept = kept[: in_common(old, [each["name"] for each in pipeline["actions"]])]
        given = checkpoints.params_after(kept, old.details["params"])
        if policy == "merge":
            given |= params or {}
        run = self._new(pipeline, given, work_dir or old.details["work_dir"], creator, execute=execute)
        run.details["resumed_from"] = run_id
        at = moment()
        for index in range(len(kept)):
            run.entries[index] |= {"status": "skipped", "progress": 1.0}
        if kept and len(kept) == len(run.entries):
            run.details["result"] = kept[-1]["result"]
            run.move("completed", at)
        elif kept:
            run.row.start_node = node_id(len(kept))
            run.details["current_action_index"] = len(kept)
        content = ["resumed action run", run_id, pipeline_id, params, policy, work_dir, execute]
        return self._accept(run, pipeline, creator, content, idempotency_key, kept)

    def _new(
        self,
        pipeline: Document,
        params: Mapping[str, Any] | None,
        work_dir: str | None,
        creator: str,
        *,
        execute: bool | None,
    ) -> ActionRun:
        at = clock.tick()
        details = fresh_details(pipeline["actions"])
        details |= {"params": None if params is None else dict(params), "work_dir": work_dir, "execute": execute}
        row = RunRow(
            id=str(uuid.uuid4()),
            pipeline_id=pipeline["id"],
            project_id=pipeline["projectId"],
            revision_id=pipeline.get("_revisionId") or "",
            status=lifecycle.PENDING,
            creator=creator,
            created_at=at,
            updated_at=at,
            inputs={"params": dict(params or {})},
            surface=SURFACE,
            extra=details,
        )
        return ActionRun(row, details)

    def _accept(
        self,
        run: ActionRun,
        pipeline: Document,
        creator: str,
        content: Any,
        idempotency_key: str | None,
        kept: list[Document] | None = None,
    ) -> Document:
        missing = self._platform.actions.roots.unresolved(pipeline["actions"])
        if run.details["execute"] and (missing or not pipeline["actions"]):
            named = ", ".join(repr(pipeline["actions"][index]["entrypoint"]) for index in missing) or "no action"
            raise UnprocessableEntity(
                f"Run cannot be executed here: no registered code has {named}",
                hint="register the folder that it is in: dtlpipe runs worker --code FOLDER",
            )
        request = idempotency(idempotency_key, creator, content, {"id": run.row.id})

        def intent(tx: Tx) -> str:
            earlier = earlier_answer(tx, request)
            if earlier is not None:
                return str(earlier["id"])
            current = read_pipeline(tx, run.row.pipeline_id, private=True)
            if current["status"] == TERMINATING:
                raise NotFound(NO_PIPELINE)
            if current["status"] != INSTALLED:  # where pipelines can be paused
                raise Conflict(f"Pipeline {current['id']} is paused: install it before it is run")
            run.row.revision_id = current.get("_revisionId") or run.row.revision_id
            if current["actions"] != pipeline["actions"]:
                raise Conflict(f"Pipeline {current['id']} was changed meanwhile: begin the run again")
            tell(tx, run, run.row.created_at)
            tx.insert_runs([run.row])
            for each in kept or ():
                copied = {"action_name": each["actionName"], "action_index": each["actionIndex"]}
                copied |= {"params_snapshot": each["paramsSnapshot"], "result": each["result"]}
                copied["artifacts_path"] = each["artifactsPath"]
                tx.insert(Kind.CHECKPOINT, checkpoints.new(run.row.id, copied))
            return run.row.id

        begins = not missing and may_begin(run)
        with self._platform.tracing.accepting([run.row] if begins else ()):
            run.details = run.row.extra or {}
            run_id = self._store.write(intent)
        if run_id != run.row.id:
            self._platform.tracing.drop([run.row.id], "it was a repetition")
        shown = run.shown() if run_id == run.row.id else self.get(run_id)
        if run_id == run.row.id and begins:
            self._platform.actions.taking.soon(run_id)
        return shown

    # --- looking ------------------------------------------------------------------------------------------------------

    def get(self, run_id: str) -> Document:
        """Raises NotFound."""
        return read_run(self._store, run_id).shown()

    def progress(self, run_id: str) -> Document:
        """How far it is. Raises NotFound."""
        return read_run(self._store, run_id).snapshot()

    def list(self, *, status: str | None, pipeline_id: str | None, skip: int, limit: int) -> Sequence[Document]:
        """The newest first."""
        where: Document = {"surface": SURFACE}
        if status is not None:
            where["status"] = STATUSES[status]
        if pipeline_id is not None:
            where["pipelineId"] = pipeline_id

        def fetch(query: Document) -> tuple[list[RunRow], int]:
            return self._store.find_runs({**query, "sort": {"createdAt": "descending"}}, where=where)

        return [ActionRun(row, row.extra or {}).shown() for row in window(fetch, skip, limit)]

    def list_of(self, pipeline_id: str, *, skip: int, limit: int) -> Sequence[Document]:
        """Those of one pipeline. Raises NotFound."""
        read_pipeline(self._store, pipeline_id)
        return self.list(status=None, pipeline_id=pipeline_id, skip=skip, limit=limit)

    def events(self, run_id: str, after: int, limit: int = 1000) -> Sequence[Event]:
        """What happened to it, in order. Raises NotFound."""
        read_run(self._store, run_id)
        return self._store.events(run_id, after, limit)

    def ids_of(self, pipeline_id: str) -> Sequence[str]:
        """Of all runs of actions of a pipeline."""
        found: Sequence[str] = []
        page, total = 0, 1
        while page * 1000 < total:
            rows, total = self._store.find_runs(
                {"page": page, "pageSize": 1000, "sort": {"id": "ascending"}},
                where={"pipelineId": pipeline_id, "surface": SURFACE},
            )
            found = [*found, *(row.id for row in rows)]
            page += 1
        return found

    # --- changing -----------------------------------------------------------------------------------------------------

    def report(self, run_id: str, told: Mapping[str, Any]) -> Document:
        """Takes over a report; see `ActionRun.report`. Raises NotFound, Conflict, UnprocessableEntity."""
        return self._once_at_rest(run_id, "cancelled by a report", self._reporting(run_id, told))

    def report_soon(
        self,
        run_id: str,
        told: Mapping[str, Any],
        done: Callable[[Document], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """As `report`, of what does not cancel, for who does not wait: both are called on the writer's thread."""
        report = self._reporting(run_id, told)

        def intent(tx: Tx) -> None:
            shown = report(tx)
            if shown is None:
                raise RuntimeError("a report that cancels has to be waited for")
            tx.after_commit(lambda: done(shown))

        self._store.tell(intent, failed)

    def _reporting(self, run_id: str, told: Mapping[str, Any]) -> Callable[[Tx], Document | None]:
        def intent(tx: Tx) -> Document | None:
            run, at = read_run(tx, run_id), moment()
            if told.get("status") == "cancelled" and _is_at_work(run):
                return None
            index = told.get("current_action_index")
            if index is None:
                progress = told.get("action_progress") or {}
                index = run.index_of(told.get("current_action") or progress.get("name"))
            else:
                check_index(run, index, "current_action_index")
            if told.get("action_progress") is not None:
                check_index(run, run.details["current_action_index"] if index is None else index, "action_progress")
            if not run.over and (told.get("status") or told.get("action_progress")):
                run.take_driver(EXTERNAL)
            run.report(told, at, index=index)
            self._save(tx, run, at)
            return run.shown()

        return intent

    def update(self, run_id: str, changes: Mapping[str, Any], *, strict: bool = False) -> Document:
        """Sets what is given. Raises NotFound, Conflict."""

        def intent(tx: Tx) -> Document | None:
            run, at = read_run(tx, run_id), moment()
            word = changes.get("status")
            if word == "cancelled" and _is_at_work(run):
                return None
            run.check_move(word, strict=strict)
            if run.over and word not in (None, run.word):
                log.warning("run %s was %s and is set to %s from outside", run_id, run.word, word)
            if word is not None and not run.over:
                run.take_driver(EXTERNAL)
            set_details(run, changes)
            if changes.get("error") is not None:
                run.fail_with(changes["error"])
            if word is not None:
                run.move(word, at)
            for key, column in (("started_at", "started_at"), ("completed_at", "ended_at")):
                if changes.get(key) is not None:
                    run.set(**{column: aware(changes[key])})
            self._save(tx, run, at)
            return run.shown()

        return self._once_at_rest(run_id, "cancelled", intent)

    def cancel(self, run_id: str, reason: str | None = None) -> Document:
        """Ends a run and the work that is done for it. Raises NotFound, and Conflict if it is over otherwise."""
        run = read_run(self._store, run_id)
        if run.over and run.word != "cancelled":
            raise Conflict(f"Run {run_id} is {run.word} already: it cannot be cancelled")
        changes = {"status": "cancelled", **({"error": reason} if reason else {})}
        return self.update(run_id, changes, strict=True)

    def end(self, run_id: str, reason: str) -> bool:
        """Ends a run, whoever drives it, and the work that is done for it; whether it was open. Raises NotFound."""
        ended = self._platform.work.cancel_run(run_id, reason).result()

        def intent(tx: Tx) -> bool | None:
            run, at = read_run(tx, run_id), moment()
            if run.over or _is_at_work(run):
                return False if run.over else None
            run.take_driver(EXTERNAL)
            run.set(error={"type": "Canceled", "message": reason, "traceback": "", "cause": "canceled"})
            run.move("cancelled", at)
            self._save(tx, run, at)
            return True

        return ended or self._once_at_rest(run_id, reason, intent)

    def delete(self, run_id: str) -> None:
        """With its checkpoints and logs; what runs is ended. Raises NotFound."""

        def intent(tx: Tx) -> bool | None:
            if _is_at_work(read_run(tx, run_id)):
                return None
            checkpoints.delete_of_run(tx, run_id)
            tx.delete_run(run_id)
            tx.append_event(run_id, None, DELETED, {})
            tx.after_commit(lambda: self._platform.hub.notify(run_id))
            return True

        self._once_at_rest(run_id, "deleted", intent)

    def _once_at_rest(self, run_id: str, reason: str, intent: Callable[[Tx], T | None]) -> T:
        """What the intent gives, once it gives anything: None says that the platform's work is to be ended first.

        The run may have been taken up right before.
        """
        while (found := self._store.write(intent)) is None:
            self._platform.work.cancel_run(run_id, reason).result()
        return found

    def _save(self, tx: Tx, run: ActionRun, at: datetime) -> None:
        """As `save`; who waits for the run's end hears of it."""
        save(tx, run, at)
        tx.after_commit(lambda: self._platform.hub.notify(run.row.id))


def _is_at_work(run: ActionRun) -> bool:
    """Whether the platform's worker has it."""
    return run.details["driver"] == PLATFORM and not run.over
