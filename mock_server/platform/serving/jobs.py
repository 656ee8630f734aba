"""Jobs: calls of a deployment that nobody waits for, as runs of the platform's own queue.

Law: a job is a run of a pipeline of one node, in the same table as every other run: accepted for good when `submit`
returns, begun again after a kill, ended by a cancel however deep it is in its work. Its node loads the deployment in a
worker's process of its own, so that a job that hangs or crashes takes no request with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from dtlpipe.errors import Conflict, NotFound, UnprocessableEntity
from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.platform.intents import Submission
from mock_server.platform.paging import idempotency
from mock_server.platform.serving import callbacks, notes
from mock_server.platform.serving.job_pipelines import DURABLE, PROJECT_ID, SURFACE, pipeline_id, provided
from mock_server.platform.serving.notes import Notes
from mock_server.platform.serving.shown import RUN_STATUS, is_over, response_id, shown
from mock_server.platform.wanted import Wanted
from mock_server.runners.policies import RunTerms
from mock_server.store.base import Document, ExecutionRow, Kind, RunRow, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_DEATHS = ("SIGKILL", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTERM", "ProcessExit", "ProcessLost")
#: How many attempts there are, is counted in the note: see `executions`.
_DURABLE_POLICY = {
    "maxAttempts": 1_000_000,
    "initialInterval": 0.0,
    "retryOn": ["DurableRetry", "DurableSuspended", *_DEATHS],
}


@attrs.frozen(kw_only=True)
class Order:
    """What holds for a job beside its parameters.

    Attributes:
        kind: "run" calls run_api, "response" run_response, "durable" run_durable.
        priority: the highest goes first.
        retry: a retry policy, `{"maxAttempts", "initialInterval", "backoffCoefficient", "retryOn", ...}`.
        timeout: seconds that it may run.
        run_at: it does not begin before.
        callback: a URL that is told of its end; `secret` signs what is told, one is made up if there is none.
        ttl: seconds for which it is kept once it is over.
        keep_last: how many jobs of its pipeline that are over are kept when it ends, the latest.
    """

    kind: str = "run"
    priority: int = 0
    retry: Mapping[str, Any] | None = None
    timeout: float | None = None
    run_at: datetime | None = None
    callback: str | None = None
    secret: str | None = attrs.field(default=None, repr=False)
    ttl: float | None = None
    keep_last: int | None = None
    resubmitted_from: str | None = None

    def config(self) -> dict[str, Any]:
        """As the configuration of a service."""
        retry = self.retry or (_DURABLE_POLICY if self.kind == DURABLE else None)
        found: dict[str, Any] = {"retryPolicy": dict(retry)} if retry else {}
        return found | ({"executionTimeout": self.timeout} if self.timeout is not None else {})

    def note(self) -> Document | None:
        """What is noted of the job; None if nothing is."""
        found: Document = {"durable": {"state": {}, "progress": [], "sequence": 0}} if self.kind == DURABLE else {}
        if self.run_at is not None and self.run_at > times.now():
            found["continueAt"] = times.to_wire(self.run_at)
        if self.callback is not None:
            secret = self.secret or secrets.token_urlsafe(32)
            found["callback"] = {"url": self.callback, "delivery": new_id(), "attempts": 0, "_secret": secret}
        for name, value in (("ttl", self.ttl), ("keepLast", self.keep_last)):
            if value is not None:
                found[name] = value
        return found or None


class Jobs:
    """The verbs. What they return is what the surface shows. `look_at` is told of jobs that need a look, and when."""

    def __init__(self, platform: Platform, look_at: Callable[[str, datetime | None], None]) -> None:
        self._platform = platform
        self._look_at = look_at
        self.notes = Notes(platform)

    def submit(
        self,
        name: str,
        params: Mapping[str, Any],
        *,
        creator: str,
        order: Order | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Document, bool]:
        """Accept a job; it, and whether it is the one that the same key was given before.

        The secret of its callback is in the answer this once, as `callback.secret`. Raises NotFound, Conflict for a key
        that was used for another job, UnprocessableEntity for a callback to where nothing is called.
        """
        order = order or Order()
        if order.callback is not None:
            callbacks.checked(order.callback, self._platform.settings)
        if self.is_named(name):
            return self._submit_named(name, params, creator=creator, order=order, key=idempotency_key)
        pipeline = provided(self._platform, name, order.kind, order.config(), creator)
        at, id = times.now(), new_id()
        note = order.note()
        job = {"name": name, "kind": order.kind, "params": dict(params), "response_id": response_id(id)}
        row = RunRow(
            id=id,
            pipeline_id=pipeline["id"],
            project_id=PROJECT_ID,
            revision_id=pipeline["_revisionId"],
            status=lifecycle.PENDING,
            creator=creator,
            created_at=at,
            updated_at=at,
            inputs={"job": job},
            surface=SURFACE,
            extra={"deployment": name, "kind": order.kind, **_said(order)},
            priority=order.priority,
        )
        content = ["serving job", name, order.kind, dict(params), _said(order)]
        request = idempotency(idempotency_key and f"{name}:{idempotency_key}", creator, content, {"id": row.id})
        return self._submitted(name, Submission(runs=(row,), idempotency=request), note)

    def is_named(self, name: str) -> bool:
        """Whether that is no deployment but a pipeline of the platform's. Raises NotFound if it is neither."""
        serving = self._platform.serving
        if name in serving.deployments.names():
            return False
        serving.named.find(name)
        return True

    def _submit_named(
        self, name: str, params: Mapping[str, Any], *, creator: str, order: Order, key: str | None
    ) -> tuple[Document, bool]:
        """A job of a pipeline of the platform's: a run of it, with a note. Attempts are those of its nodes."""
        wanted = Wanted(order.priority, order.timeout, retry=order.retry)
        named = self._platform.serving.named
        return self._submitted(
            name, named.prepared(name, params, creator=creator, wanted=wanted, key=key), order.note()
        )

    def _submitted(self, name: str, submission: Submission, note: Document | None) -> tuple[Document, bool]:
        row, check = submission.runs[0], submission.check
        row.paused = bool(note and note.get("continueAt"))

        def put_note(tx: Tx) -> None:
            if check is not None:
                check(tx)
            if note is not None:
                tx.insert(Kind.CHECKPOINT, notes.new(row.id, name, note))

        earlier = self._platform.submit(attrs.evolve(submission, check=put_note))
        found = self.get(name, (earlier or {"id": row.id})["id"])
        if earlier is None and note is not None:
            self._look_at(row.id, None)
            if "callback" in note:
                found["callback"]["secret"] = note["callback"]["_secret"]
        return found, earlier is not None

    def resubmit(self, name: str, job_id: str, *, creator: str) -> Document:
        """A new job like this one, which is over. Raises NotFound, Conflict for one that is not over."""
        row = self._find(name, job_id)
        if not lifecycle.is_final(row.status):
            raise Conflict(f"job {job_id!r} is not over yet")
        if not row.surface:
            terms = RunTerms.of(row.extra)
            order = Order(priority=row.priority, retry=terms.retry, timeout=terms.timeout)
            return self.submit(name, row.inputs, creator=creator, order=order)[0]
        said = (row.extra or {}).get("order") or {}
        order = Order(**said, kind=(row.extra or {}).get("kind", "run"), priority=row.priority, resubmitted_from=job_id)
        return self.submit(name, row.inputs["job"]["params"], creator=creator, order=order)[0]

    def get(self, name: str, job_id: str, *, wait: float = 0.0) -> Document:
        """One job, at once or, within `wait` seconds, as soon as it is over. Raises NotFound."""
        row = self._platform.hub.wait(
            job_id, lambda: self._find(name, job_id), lambda found: lifecycle.is_final(found.status), wait
        )
        return self._shown(row, self._platform.store.executions_of([row.id])[row.id], name)

    def list(
        self,
        name: str | None = None,
        *,
        status: str | None = None,
        kind: str | None = None,
        limit: int = 50,
        page: int = 0,
        oldest_first: bool = False,
    ) -> tuple[list[Document], int]:
        """Jobs of a deployment or of all, newest first, and how many there are."""
        where: dict[str, Any] = {"surface": SURFACE}
        if name is not None and self.is_named(name):
            where = {"pipelineId": [self._platform.serving.named.find(name)["id"]]}
        elif name is not None:
            kinds = ("run", DURABLE) if kind is None else (kind,)
            where["pipelineId"] = [pipeline_id(name, each) for each in kinds]
        if status is not None:
            asked = "running" if status == "waiting" else status
            if asked not in RUN_STATUS:
                raise UnprocessableEntity(f"status: {status!r} is none of {', '.join(RUN_STATUS)}")
            where["status"] = RUN_STATUS[asked]
        query: dict[str, Any] = {"pageSize": limit, "page": page}
        if oldest_first:
            query["sort"] = {"id": "ascending"}
        rows, total = self._platform.store.find_runs(query, where=where)
        executions = self._platform.store.executions_of([row.id for row in rows])
        found = [self._shown(row, executions[row.id], name) for row in rows]
        if status in ("running", "waiting"):
            found = [each for each in found if each["status"] == status]
        return found, total

    def cancel(self, name: str, job_id: str, *, reason: str, grace: float = 0.0) -> Document:
        """End it, queued or running; nothing happens if it is over. Raises NotFound.

        A durable execution that runs is told first, and has `grace` seconds to end by itself.
        """
        row = self._find(name, job_id)
        if lifecycle.is_final(row.status):
            return self.get(name, job_id)
        running = row.status == lifecycle.RUNNING and not row.paused
        if not (running and grace > 0 and self._told_to_end(job_id, grace)):
            self._platform.work.cancel_run(job_id, reason).result()
        return self.get(name, job_id)

    def _told_to_end(self, job_id: str, grace: float) -> bool:
        at = times.now()

        def note_it(note: Document) -> bool:
            if "durable" not in note:
                return False
            note.setdefault("cancelRequestedAt", times.to_wire(at))
            note.setdefault("cancelGrace", grace)
            return True

        told = bool(self.notes.change(job_id, note_it))
        if told:
            self._look_at(job_id, None)
        return told

    def _shown(self, row: RunRow, executions: Sequence[ExecutionRow], name: str | None) -> Document:
        found = shown(row, executions, self.notes.get(row.id))
        if row.surface != SURFACE:
            done = row.status == lifecycle.SUCCESS
            result = self._platform.serving.named.result(row, executions) if done else None
            found |= {"pipeline": name, "params": row.inputs, "result": result}
        return found

    def _find(self, name: str, job_id: str) -> RunRow:
        row = self._platform.store.get_run(job_id)
        of_name = (pipeline_id(name), pipeline_id(name, DURABLE))
        ours = row is not None and row.surface == SURFACE and row.pipeline_id in of_name
        if row is None or not (ours or self._platform.serving.named.is_run_of(row, name)):
            raise NotFound(f"Pipeline '{name}' has no job '{job_id}'")
        return row


def _said(order: Order) -> dict[str, Any]:
    """What a job that is submitted again needs to know of its order."""
    names = ("retry", "timeout", "callback", "ttl", "keep_last")
    said = {name: getattr(order, name) for name in names if getattr(order, name) is not None}
    found: dict[str, Any] = {"order": said} if said else {}
    return found | ({"resubmittedFrom": order.resubmitted_from} if order.resubmitted_from is not None else {})


__all__ = ["Jobs", "Order", "is_over"]
