"""Tasks: items that people look at. A task node of a pipeline has one; each of its executions gives it an item.

People make tasks of their own, too: `task_making`.

Law: what people have said of an item is on disk before the execution that waits for it goes on, and the execution then
reads it there. So neither a kill nor a second answer makes it go on twice.

A task is `{"id", "name", "projectId", "datasetId", "recipeId", "taskOwner", "availableActions", "metadata", ...}`. In
which tasks an item is, and what was said of it, stands in its `metadata.system.refs`, where the field's SDK looks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.model.enums import TriggerAction, TriggerResource
from mock_server.executors.base import Outcome
from mock_server.platform import lifecycle
from mock_server.platform.documents import now, require
from mock_server.platform.listing import page_of
from mock_server.runners.entities import reference_id
from mock_server.runners.own import passed_on
from mock_server.store.base import Document, Kind, Page, Query, Reads, Tx

if TYPE_CHECKING:
    from mock_server.executors.base import Job
    from mock_server.platform.platform import Platform

#: Tasks, and their items: documents under such ids. Those of one item come together.
TASK, ENTRY = "task:", "task-item:"
#: What clients say of items, as actions of ports.
ACTIONS = {"completed": "complete", "approved": "approve", "discarded": "discard"}
DEFAULT_ACTIONS = ("complete", "discard")
TASKS_PAGE = 500


class Tasks:
    """The verbs of tasks."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def get(self, task_id: str) -> Document:
        """Raises NotFound."""
        return shown(self._store, required(self._store, task_id))

    def query(self, query: Query) -> Page:
        """A page of tasks. Raises BadRequest for a query that is none."""
        return page_of((shown(self._store, each) for each in self._every()), query, page_size=TASKS_PAGE)

    def _every(self) -> Iterator[Document]:
        number, more = 0, True
        while more:
            asked = {"filter": below(TASK), "pageSize": 1000, "page": number, "sort": {"id": "ascending"}}
            page = self._store.find(Kind.SETTING, asked)
            yield from page.items
            number, more = number + 1, page.has_next

    # --- what nodes ask -----------------------------------------------------------------------------------------------

    def ask(self, job: Job) -> Outcome | None:
        """Gives the item of a node's execution to its task; the outcome, if somebody has set its status already.

        Raises BadRequest, naming the node, if what arrived is no item, and NotFound if the item is gone.
        """
        value = next((each.value for each in job.arguments), None)
        item_id = reference_id("Item", value)
        if item_id is None:
            kind = type(value).__name__
            raise BadRequest(f"node {job.node!r} gives items to people, and got {kind} {value!r:.80}", node=job.node)

        def intent(tx: Tx) -> Document:
            task, at = _task_of(job), now()
            if tx.get(Kind.SETTING, task["id"]) is None:
                tx.insert(Kind.SETTING, task)
            task_id = task["id"].removeprefix(TASK)
            key = f"{ENTRY}{task_id}:{item_id}:{job.execution_id}"
            entry = tx.get(Kind.SETTING, key)
            if entry is None:
                entry = {"id": key, "executionId": job.execution_id, "status": None, "createdAt": at, "updatedAt": at}
                tx.insert(Kind.SETTING, entry)
                refer(tx, item_id, task_id, None)
            return entry

        entry = self._platform.write(intent)
        return None if entry["status"] is None else Outcome(passed_on(job), entry["status"])

    # --- what people do -----------------------------------------------------------------------------------------------

    def set_status(
        self, task_id: str, item_ids: Sequence[str], status: str, user: str, *, clear: bool = False
    ) -> dict[str, str | None]:
        """What is said of items of a task, and the executions that wait for it go on. The items that were in it.

        Raises NotFound for the task, or if none of the items is in it, and BadRequest for a status that it does not
        have. An item whose execution has gone on keeps its new status, and nothing else follows from it.
        """
        task = required(self._store, task_id)
        action = _action(task, status)

        def intent(tx: Tx) -> dict[str, str | None]:
            found: dict[str, str | None] = {}
            for item_id in dict.fromkeys(item_ids):
                assignment = None
                for entry in entries(tx, task_id, item_id):
                    said = None if clear else action
                    found[item_id] = said
                    assignment = entry.get("assignmentId")
                    at = now()
                    tx.put(Kind.SETTING, {**entry, "status": said, "setBy": user, "setAt": at, "updatedAt": at})
                    row = tx.get_execution(entry["executionId"] or "")
                    if not clear and row is not None and row.status == lifecycle.RUNNING:
                        self._platform.work.look_again(tx, row.id, row.fence)
                if item_id in found:
                    refer(tx, item_id, task_id, found[item_id], assignment)
                    self._tell(tx, item_id)
            return found

        found = self._platform.write(intent)
        if item_ids and not found:
            raise NotFound(
                f"none of the items is in task {task['name']!r}", hint="task.get_items() lists those that are"
            )
        return found

    def _tell(self, tx: Tx, item_id: str) -> None:
        """What triggers hear of: people have said something of an item."""
        item = require(tx, Kind.ITEM, item_id)
        dataset = tx.get(Kind.DATASET, item["datasetId"])
        if dataset is not None:
            self._platform.firing.tell(tx, TriggerResource.ITEM_STATUS, dataset, [item], TriggerAction.STATUS_CHANGED)


def _action(task: Mapping[str, Any], status: str) -> str:
    """The action of the task that a status is, by either of its words."""
    known = [each["action"] for each in task["availableActions"]]
    for word in (status, ACTIONS.get(status, status)):
        if word in known:
            return str(word)
    raise BadRequest(f"task {task['name']!r} has no status {status!r}", hint=f"its statuses: {', '.join(known)}")


def _task_of(job: Job) -> Document:
    """The one task of a pipeline's node."""
    metadata, pipeline_id, at = job.context["metadata"], job.context["pipeline_id"], now()
    actions = job.context["actions"] or DEFAULT_ACTIONS
    key = f"{pipeline_id}:{job.context['node_id']}"
    return {
        "id": TASK + hashlib.sha256(key.encode()).hexdigest()[:24],
        "name": job.node,
        "projectId": job.context["project_id"],
        "datasetId": metadata.get("datasetId"),
        "recipeId": metadata.get("recipeId"),
        "taskOwner": metadata.get("taskOwner"),
        "creator": job.context["creator"],
        "dueDate": metadata.get("dueDate"),
        "priority": metadata.get("priority"),
        "assignmentIds": [],
        "availableActions": [{"id": each, "action": each, "displayName": each} for each in dict.fromkeys(actions)],
        "spec": {"type": metadata.get("taskType") or "annotation"},
        "metadata": {"system": {"pipelineId": pipeline_id, "nodeId": job.context["node_id"]}},
        "pipelineId": pipeline_id,
        "createdAt": at,
        "updatedAt": at,
    }


def below(prefix: str) -> Document:
    """The predicate of ids that begin so; prefixes end with a colon."""
    return {"id": {"$gte": prefix, "$lt": f"{prefix[:-1]};"}}


def required(reads: Reads, task_id: str) -> Document:
    """The task as it is kept. Raises NotFound."""
    found = reads.get(Kind.SETTING, f"{TASK}{task_id}")
    if found is None:
        raise NotFound(f"there is no task {task_id!r}", hint="a task is made when the first item reaches its node")
    return found


def entries(tx: Tx, task_id: str, item_id: str) -> Iterator[Document]:
    """An item in a task: once for each execution that waits for it, or once if a person put it there."""
    found = {"filter": below(f"{ENTRY}{task_id}:{item_id}:"), "pageSize": 1000}
    yield from tx.find(Kind.SETTING, found).items


def refer(
    tx: Tx,
    item_id: str,
    task_id: str,
    status: str | None,
    assignment_id: str | None = None,
    *,
    instead: str | None = None,
) -> None:
    """Notes in the item that it is in the task, and in the assignment (`instead` of another). Raises NotFound."""
    said = {} if status is None else {"status": status}
    mine = [("task", task_id), *([("assignment", assignment_id)] if assignment_id else [])]
    own = [{"type": type, "id": id, "metadata": dict(said)} for type, id in mine]
    _replace(tx, require(tx, Kind.ITEM, item_id), {task_id, assignment_id, instead}, own)


def unrefer(tx: Tx, item_id: str, *ids: str | None) -> None:
    """Takes such notes out of the item, if it is still there."""
    item = tx.get(Kind.ITEM, item_id)
    if item is not None:
        _replace(tx, item, set(ids), [])


def _replace(tx: Tx, item: Document, ids: set[str | None], own: list[Document]) -> None:
    metadata = dict(item.get("metadata") or {})
    system = dict(metadata.get("system") or {})
    system["refs"] = [*(each for each in system.get("refs") or () if each.get("id") not in ids), *own]
    tx.put(Kind.ITEM, {**item, "metadata": {**metadata, "system": system}, "updatedAt": now()})


def shown(reads: Reads, task: Document) -> Document:
    """With the numbers of its items."""
    id = task["id"].removeprefix(TASK)
    entries = below(f"{ENTRY}{id}:")
    total = reads.find(Kind.SETTING, {"filter": entries, "pageSize": 1}).total
    left = reads.find(Kind.SETTING, {"filter": {"$and": [entries, {"status": None}]}, "pageSize": 1}).total
    done = 100 * (total - left) // total if total else 0
    status = "completed" if total and not left else "inProgress"
    return {**task, "id": id, "totalItems": total, "progress": done, "status": status}
