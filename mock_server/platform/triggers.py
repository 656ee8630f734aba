"""Triggers: what is to start a service or a pipeline, and when.

Law: a pipeline's triggers follow its start nodes. They are made at install, put to rest at pause, and an edit of one is
an edit of its start node, so that the next install says the same. This module keeps the documents; `firing` acts on
them. A cron trigger's private `_until` is up to when its hours were seen to; without it, they begin to count anew.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, NotFound
from mock_server.platform import ledger
from mock_server.platform.documents import name, now, require
from mock_server.platform.graph_rules import trigger_fault
from mock_server.platform.links import shown, shown_page
from mock_server.platform.packages import project_of
from mock_server.store.base import Document, Kind, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

OPERATIONS = ("function", "webhook", "rabbitmq", "pipeline")
_OPERATION_IDS = ("id", "serviceId", "functionName", "nodeId")
_FIXED = frozenset({"id", "url", "creator", "createdAt", "updatedAt", "projectId", "type"})


class Triggers:
    """What waits for events and for hours."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def get(self, trigger_id: str) -> Document:
        """Raises NotFound."""
        return shown(self._platform, "triggers", require(self._platform.store, Kind.TRIGGER, trigger_id))

    def query(self, body: Mapping[str, Any]) -> Document:
        """A page of triggers."""
        return shown_page(self._platform, "triggers", self._platform.store.find(Kind.TRIGGER, body))

    def create(self, body: Mapping[str, Any], creator: str) -> Document:
        """A trigger for a function of a service. Raises BadRequest, NotFound for its project or service."""
        trigger_name = name(body.get("name"), "trigger")
        project = project_of(self._platform, body)
        _check(body)
        operation = body["spec"]["operation"]
        if operation["type"] != "function":
            raise BadRequest(
                f"a trigger cannot be created for a {operation['type']} here",
                hint="a pipeline's triggers are made by its install: node.add_trigger(...), pipeline.install()",
            )
        service = self._platform.store.get(Kind.SERVICE, operation.get("serviceId") or "")
        if service is None:
            raise NotFound(f"there is no service {operation.get('serviceId')!r} for trigger {trigger_name!r} to start")
        known = [each.get("name") for each in self._platform.services.functions(service)]
        wanted = operation.get("functionName")
        only = wanted == "run" and len(known) == 1  # as calls have it: the field's SDK says `run` if nobody says more
        if wanted is not None and known and wanted not in known and not only:
            raise NotFound(
                f"service {service['name']!r} has no function {operation['functionName']!r} for a trigger to call",
                hint=f"its functions: {', '.join(map(repr, known))}",
            )
        doc = trigger_document(trigger_name, project["id"], body, creator)

        def intent(tx: Tx) -> None:
            keep(tx, doc)
            tx.after_commit(self._platform.schedules_changed)

        self._platform.store.write(intent)
        return shown(self._platform, "triggers", doc)

    def update(self, trigger_id: str, body: Mapping[str, Any]) -> Document:
        """The trigger with the fields given. Raises NotFound, and BadRequest for what cannot be one."""
        changes = {key: value for key, value in body.items() if key not in _FIXED and not key.startswith("_")}
        if "name" in changes:
            changes["name"] = name(changes["name"], "trigger")

        def intent(tx: Tx) -> Document:
            current = require(tx, Kind.TRIGGER, trigger_id)
            doc = {**current, **changes, "updatedAt": now()}
            if isinstance(changes.get("spec"), Mapping):
                operation = current["spec"]["operation"]  # what it starts is not up for change
                doc["spec"] = {**current["spec"], **changes["spec"], "operation": operation}
            _check(doc)
            if doc["spec"] != current["spec"] or not current["active"]:
                doc["_until"] = None
            keep(tx, doc)
            _mirror(tx, doc, _start_trigger(doc))
            tx.after_commit(self._platform.schedules_changed)
            return doc

        return shown(self._platform, "triggers", self._platform.store.write(intent))

    def clone(self, trigger_id: str, body: Mapping[str, Any], creator: str) -> Document:
        """A second trigger of the same, `name`d otherwise if that is said. Raises NotFound, BadRequest.

        One that starts a pipeline is none of its start nodes': the next install knows nothing of it, and leaves it.
        """
        source = require(self._platform.store, Kind.TRIGGER, trigger_id)
        project = project_of(self._platform, body if body.get("projectId") else source)
        given = body.get("name")
        copy_name = name(f"{source['name']}-copy" if given is None else given, "trigger")
        kept = {key: value for key, value in source.items() if key != "startNodeId"}
        doc = trigger_document(copy_name, project["id"], kept, creator)

        def intent(tx: Tx) -> None:
            keep(tx, doc)
            tx.after_commit(self._platform.schedules_changed)

        self._platform.store.write(intent)
        return shown(self._platform, "triggers", doc)

    def delete(self, trigger_id: str) -> None:
        """Raises NotFound."""

        def intent(tx: Tx) -> None:
            current = require(tx, Kind.TRIGGER, trigger_id)
            drop(tx, current)
            _mirror(tx, current, None)

        self._platform.store.write(intent)


def drop(tx: Tx, trigger: Mapping[str, Any]) -> None:
    """Deletes a trigger, and what is noted for it alone."""
    ledger.mark_changed(tx, trigger.get("projectId"))
    tx.delete(Kind.TRIGGER, trigger["id"])
    ledger.forget_trigger(tx, trigger["id"])


def keep(tx: Tx, trigger: Document) -> None:
    """Writes a trigger, and that those of its project have changed."""
    ledger.mark_changed(tx, trigger.get("projectId"))
    tx.put(Kind.TRIGGER, trigger)


def _check(trigger: Mapping[str, Any]) -> None:
    fault = trigger_fault(trigger)
    spec = trigger.get("spec")
    operation = spec.get("operation") if isinstance(spec, Mapping) else None
    if fault is None and not (isinstance(operation, Mapping) and operation.get("type") in OPERATIONS):
        fault = f"its spec.operation.type is none of {', '.join(OPERATIONS)}"
    if fault is None and isinstance(operation, Mapping):
        wrong = [key for key in _OPERATION_IDS if not isinstance(operation.get(key), str | None)]
        fault = f"its spec.operation.{wrong[0]} is no text" if wrong else None
    if fault is None and not isinstance(trigger.get("active", True), bool):
        fault = "its 'active' is neither true nor false"
    if fault is not None:
        raise BadRequest(f"trigger {trigger.get('name')!r} is wrong: {fault}")


def trigger_document(
    trigger_name: str, project_id: str | None, body: Mapping[str, Any], creator: str, at: str | None = None
) -> Document:
    """A trigger with every key that clients read."""
    at = at or now()
    return {
        "scope": "project",
        "global": False,
        **{key: value for key, value in body.items() if not key.startswith("_")},
        "id": new_id(),
        "name": trigger_name,
        "projectId": project_id,
        "active": body.get("active", True),
        "spec": {"input": {}, **copy.deepcopy(dict(body["spec"]))},
        "creator": creator,
        "createdAt": at,
        "updatedAt": at,
    }


# --- of pipelines -----------------------------------------------------------------------------------------------------


def install(tx: Tx, pipeline: Mapping[str, Any], creator: str, at: str, *, wake: bool) -> None:
    """Makes the pipeline's triggers what its start nodes say. With `wake`, those that rest become active."""
    existing = {each["startNodeId"]: each for each in of_pipeline(tx, pipeline["id"]) if each.get("startNodeId")}
    for start in pipeline["startNodes"]:
        trigger = start.get("trigger")
        if not trigger:
            continue
        spec = {"input": {}, **(trigger.get("spec") or {}), "operation": _operation(pipeline, start)}
        known = existing.pop(start["id"], None)
        if known is None:
            body = {"type": trigger["type"], "spec": spec, "startNodeId": start["id"]}
            keep(tx, trigger_document(_name(pipeline, start), pipeline["projectId"], body, creator, at))
        elif (wake and not known["active"]) or known["spec"] != spec or known["type"] != trigger["type"]:
            active = wake or known["active"]
            changed = {"type": trigger["type"], "spec": spec, "active": active, "updatedAt": at, "_until": None}
            keep(tx, {**known, **changed})
    for left in existing.values():
        drop(tx, left)


def rest(tx: Tx, pipeline_id: str, at: str) -> None:
    """Puts the pipeline's triggers to rest."""
    for each in of_pipeline(tx, pipeline_id):
        if each["active"]:
            keep(tx, {**each, "active": False, "updatedAt": at})


def of_pipeline(tx: Tx, pipeline_id: str) -> list[Document]:
    """The pipeline's triggers."""
    return tx.find(Kind.TRIGGER, {"pageSize": 1000}, where={"pipelineId": pipeline_id}).items


def _operation(pipeline: Mapping[str, Any], start: Mapping[str, Any]) -> Document:
    return {"type": "pipeline", "id": pipeline["id"], "nodeId": start["nodeId"]}


def _name(pipeline: Mapping[str, Any], start: Mapping[str, Any]) -> str:
    node = next(each for each in pipeline["nodes"] if each["id"] == start["nodeId"])
    return f"{pipeline['name']}-{node['name']}"


def _start_trigger(trigger: Mapping[str, Any]) -> Document:
    """The trigger as a start node has it."""
    kept = {key: value for key, value in trigger["spec"].items() if key != "operation"}
    return {"type": trigger["type"], "spec": kept}


def _mirror(tx: Tx, trigger: Mapping[str, Any], said: Document | None) -> None:
    """Writes an edit of a pipeline's trigger into the start node that it came from."""
    operation = trigger["spec"]["operation"]
    pipeline = tx.get(Kind.PIPELINE, operation.get("id") or "") if operation["type"] == "pipeline" else None
    if pipeline is None:
        return
    starts = []
    for start in pipeline["startNodes"]:
        if start.get("id") != trigger.get("startNodeId"):
            starts.append(start)
        elif said is not None:
            starts.append({**start, "trigger": said})
        elif start.get("type") == "root":
            starts.append({key: value for key, value in start.items() if key != "trigger"})
    if starts != pipeline["startNodes"]:
        tx.put(Kind.PIPELINE, {**pipeline, "startNodes": starts, "updatedAt": now(), "_revisionId": None})
