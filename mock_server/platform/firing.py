"""Firing: what happens to resources, or what time it is, begins what triggers ask for.

Law: an event and what it begins are one transaction. Whoever changes a resource says so here, within its own change;
runs and calls begin in it, and so does the ledger's note of them. A kill leaves all of it or nothing, and what was
never begun cannot be begun later by somebody who was late.

A trigger that asks for what cannot be (a service that is paused, or gone) begins nothing, and never refuses the change
that it listens to: it is logged, and an event `trigger.failed` says why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from dtlpipe.errors import BadRequest, Conflict, NotFound
from dtlpipe.model import times
from dtlpipe.model.enums import TriggerAction as Action
from dtlpipe.model.enums import TriggerExecutionMode, TriggerResource
from dtlpipe.model.query import compile_query
from mock_server.platform import json_text, ledger, lifecycle, views
from mock_server.platform.documents import require
from mock_server.platform.intents import Submission
from mock_server.platform.pipelines import INSTALLED, TERMINATING, revise
from mock_server.runners.entities import DELETED, normalised
from mock_server.store.base import Document, ExecutionRow, Kind, RunRow, Tx
from mock_server.store.codec import dumps
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

log = logging.getLogger(__name__)

#: Projects whose triggers are kept in memory.
PROJECTS = 1000
_ALL = 1000

T = TypeVar("T")
_silenced: ContextVar[bool] = ContextVar("silenced", default=False)


@attrs.frozen
class Cause:
    """What sets a trigger off: a resource as a reference, of a port type; for a schedule neither."""

    type: str | None = None
    value: Any = None

    def inputs(self, ports: Sequence[tuple[str, str | None]], given: Mapping[str, Any]) -> dict[str, Any]:
        """What begins with it is given: the trigger's own input, and the resource for the port of its type."""
        types = dict(ports)
        found = {name: normalised(types.get(name), value) for name, value in given.items()}
        if self.type is None:
            return found
        name = next((name for name, type in ports if type == self.type), None)
        many = next((name for name, type in ports if type == f"{self.type}[]"), None)
        if name is None and many is not None:
            return found | {many: [self.value]}
        return found | {name or self.type.lower(): self.value}


class Firing:
    """See the module. Everything here is called within a change that was made by `Platform.write`."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._known: dict[str, tuple[str | None, list[Document]]] = {}
        self._silent = False  # on the writer's thread, within a change

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Of what is changed within it, by this thread, triggers hear nothing."""
        token = _silenced.set(True)
        try:
            yield
        finally:
            _silenced.reset(token)

    def heard(self, intent: Callable[[Tx], T]) -> Callable[[Tx], T]:
        """The change, of which triggers hear unless it was made in silence."""
        if not _silenced.get():
            return intent

        def unheard(tx: Tx) -> T:
            self._silent = True
            try:
                return intent(tx)
            finally:
                self._silent = False

        return unheard

    def forget(self) -> None:
        """Triggers are read again."""
        self._known.clear()

    # --- events -------------------------------------------------------------------------------------------------------

    def tell(
        self, tx: Tx, resource: TriggerResource, dataset: Document, documents: Sequence[Document], *actions: Action
    ) -> None:
        """These resources of the dataset were changed so; `documents` as they are now, or were before they went.

        Folders, and all that is in a project's hidden dataset, are nobody's news.
        """
        if dataset.get("hidden") or self._silent:
            return
        if resource is TriggerResource.ITEM:
            documents = [each for each in documents if each["type"] == "file"]
        if not documents:
            return
        for trigger in self._listening(tx, dataset["projects"][0], resource, actions):
            once = (trigger["spec"].get("executionMode") or "Once") == TriggerExecutionMode.ONCE
            matches = _predicate(dumps(trigger["spec"].get("filter") or {}))
            for document in documents:
                if once and ledger.has_fired(tx, trigger["id"], document["id"]):
                    continue
                if not matches(self._shown(resource, document)):
                    continue
                fired = self._fire(tx, trigger, _cause(resource, document, gone=Action.DELETED in actions))
                if fired and once:
                    ledger.note_once(tx, trigger["id"], document["id"])

    def _listening(
        self, tx: Tx, project_id: str, resource: TriggerResource, actions: Sequence[Action]
    ) -> Iterator[Document]:
        mark = ledger.mark_of(tx, project_id)
        known = self._known.get(project_id)
        if known is None or known[0] != mark:  # to search for them costs many times what it takes to ask for the mark
            found = [each for each in _of_project(tx, project_id) if each["active"] and each["type"] == "Event"]
            if len(self._known) >= PROJECTS:
                self._known.clear()
            self._known[project_id] = known = (mark, found)
        for trigger in known[1]:
            spec = trigger["spec"]
            if (spec.get("resource") or TriggerResource.ITEM) == resource and not {*actions}.isdisjoint(
                spec.get("actions") or [Action.CREATED]
            ):
                yield trigger

    def _shown(self, resource: TriggerResource, document: Document) -> Document:
        url = self._platform.url
        if resource in (TriggerResource.ITEM, TriggerResource.ITEM_STATUS):
            return views.item(document, url)
        if resource is TriggerResource.TASK:
            return document
        if resource is TriggerResource.ANNOTATION:
            return views.annotation(document, url)
        return views.dataset(document, url, {})

    # --- schedules ----------------------------------------------------------------------------------------------------

    def strike(self, tx: Tx, trigger: Document) -> None:
        """The hour of a cron trigger has come."""
        self._fire(tx, trigger, Cause())

    # --- what begins --------------------------------------------------------------------------------------------------

    def _fire(self, tx: Tx, trigger: Document, cause: Cause) -> bool:
        """Whether something was begun, or will be."""
        try:
            if trigger["spec"]["operation"]["type"] == "pipeline":
                return self._run(tx, trigger, cause)
            return self._call(tx, trigger, cause)
        except (BadRequest, Conflict, NotFound) as error:  # anything else is not about what the trigger asks for
            log.warning("trigger %s (%s) began nothing: %s", trigger["name"], trigger["id"], error)
            tx.append_event(None, None, "trigger.failed", {"triggerId": trigger["id"], "message": str(error)})
            return False

    def _run(self, tx: Tx, trigger: Document, cause: Cause) -> bool:
        operation = trigger["spec"]["operation"]
        pipeline = require(tx, Kind.PIPELINE, operation["id"], private=True)
        if pipeline["status"] == TERMINATING:
            return False
        given = trigger["spec"].get("input") or {}
        held = {"triggerId": trigger["id"], "nodeId": operation["nodeId"], "given": given, **attrs.asdict(cause)}
        if pipeline["status"] == INSTALLED:
            self._begin_runs(tx, pipeline, [held])
        else:  # a schedule that goes on meanwhile is owed one run, not one for each hour of the pause
            ledger.hold(tx, pipeline["id"], held, key=None if cause.type else trigger["id"])
        return True

    def _begin_runs(self, tx: Tx, pipeline: Document, firings: Sequence[Document]) -> None:
        revised = revise(tx, pipeline)
        if revised is not pipeline:
            tx.put(Kind.PIPELINE, revised)
        nodes = {each["id"]: each for each in revised["nodes"]}
        now = times.now()
        rows = []
        for each in firings:
            node = nodes.get(each["nodeId"])
            if node is None:  # the pipeline was edited while this waited
                message = f"pipeline {pipeline['name']!r} has no node {each['nodeId']!r} any more"
                tx.append_event(None, None, "trigger.failed", {"triggerId": each["triggerId"], "message": message})
                continue
            ports = [(port["name"], port.get("type")) for port in node["inputs"]]
            row = RunRow(
                id=new_id(),
                pipeline_id=pipeline["id"],
                project_id=pipeline["projectId"] or "",
                revision_id=revised["_revisionId"],
                status=lifecycle.PENDING,
                creator=ledger.PIPELINE_BOT,
                created_at=now,
                updated_at=now,
                start_node=node["id"],
                inputs=Cause(each["type"], each["value"]).inputs(ports, each["given"]),
            )
            rows.append((row, each["triggerId"]))
        if rows:
            self._begin(tx, Submission(runs=tuple(row for row, _ in rows)))
            for row, trigger_id in rows:
                ledger.note_begun(tx, trigger_id, row.id)

    def _call(self, tx: Tx, trigger: Document, cause: Cause) -> bool:
        operation = trigger["spec"]["operation"]
        if operation["type"] != "function":
            return False
        given = trigger["spec"].get("input") or {}
        row: ExecutionRow = self._platform.executions.row(
            operation.get("serviceId") or "",
            operation.get("functionName"),
            lambda ports: cause.inputs(ports, given),
            ledger.SERVICE_BOT,
            reads=tx,
        )
        self._begin(tx, Submission(calls=(row,)))
        ledger.note_begun(tx, trigger["id"], row.id)
        return True

    def _begin(self, tx: Tx, submission: Submission) -> None:
        self._platform.work.begin(tx, submission)

    # --- what waits for an install ------------------------------------------------------------------------------------

    def release(self, tx: Tx, pipeline: Document) -> None:
        """Begins what waited for the pipeline, which is installed."""
        held = ledger.take_held(tx, pipeline["id"])
        if held:
            self._begin_runs(tx, pipeline, held)


def _of_project(tx: Tx, project_id: str) -> Iterator[Document]:
    page = tx.find(Kind.TRIGGER, {"pageSize": _ALL}, where={"projectId": project_id})
    yield from page.items
    for number in range(1, page.pages):
        yield from tx.find(Kind.TRIGGER, {"pageSize": _ALL, "page": number}, where={"projectId": project_id}).items


def _cause(resource: TriggerResource, document: Document, *, gone: bool) -> Cause:
    """A resource that is gone travels whole, as nothing can be looked up any more. A status is news of its item."""
    type = (TriggerResource.ITEM if resource is TriggerResource.ITEM_STATUS else resource).value
    value = normalised(type, {f"{type.lower()}_id": document["id"]})
    return Cause(type, {**value, DELETED: document} if gone else value)


@lru_cache(maxsize=256)
def _predicate(filter: str | bytes) -> Callable[[Mapping[str, Any]], bool]:
    """A trigger's filter, given as JSON of what the trigger has: a query, or the JSON text of one."""
    query = json_text.parse(filter)
    if isinstance(query, str):
        query = json_text.parse(query) if query else {}
    return compile_query(query or {})
