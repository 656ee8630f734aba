"""Tasks that people make: items of a dataset, and whose they are to look at. Pipelines make their own: see `tasks`.

Law: what is answered with a command is done by then, in one transaction. An item is in a task once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict
from dtlpipe.model.enums import TriggerAction, TriggerResource
from mock_server.platform import json_text
from mock_server.platform.assignments import Share, deal, shares
from mock_server.platform.documents import merged, now, object_at, require
from mock_server.platform.documents import name as checked_name
from mock_server.platform.links import shown
from mock_server.platform.tasks import DEFAULT_ACTIONS, ENTRY, TASK, below, entries, refer, required, unrefer
from mock_server.platform.tasks import shown as shown_task
from mock_server.store.base import Document, Kind, Reads, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: What `update` changes; whatever else clients send of a task is passed over.
_CHANGED = ("dueDate", "priority", "taskOwner", "recipeId", "description")
_ALL = 1000


class TaskMaking:
    """The verbs of those who plan such work."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def create(self, body: Mapping[str, Any], creator: str) -> Document:
        """A task of what a query finds in a dataset; the answer is a command that is done.

        With `checkIfExist`, a query for tasks, it is the first task that there is, if there is one. Raises BadRequest
        for what is no task, NotFound for its dataset or project.
        """
        earlier = self._earlier(body)
        if earlier is not None:
            return earlier
        name = checked_name(body.get("name"), "task")
        dataset = require(self._store, Kind.DATASET, str(body.get("datasetId")))
        project_id = str(body.get("projectId") or dataset["projects"][0])
        require(self._store, Kind.PROJECT, project_id)
        items = self._found(dataset["id"], body)
        people = shares(body.get("workload"))
        at, task_id = now(), new_id()
        task = {
            "id": TASK + task_id,
            "name": name,
            "projectId": project_id,
            "datasetId": dataset["id"],
            "recipeId": body.get("recipeId"),
            "taskOwner": body.get("taskOwner") or creator,
            "creator": creator,
            "dueDate": body.get("dueDate"),
            "priority": body.get("priority"),
            "description": body.get("description"),
            "query": body.get("query"),
            "assignmentIds": [],
            "availableActions": _actions(body),
            "spec": dict(object_at(body, "spec")) or {"type": "annotation"},
            "metadata": merged({"system": {}}, object_at(body, "metadata")),
            "createdAt": at,
            "updatedAt": at,
        }

        def intent(tx: Tx) -> Document:
            self._put_in(tx, task, items, people)
            news = [shown_task(tx, required(tx, task_id))]
            self._platform.firing.tell(tx, TriggerResource.TASK, dataset, news, TriggerAction.CREATED)
            spec = {"createTaskPayload": dict(body), "createdTaskId": task_id}
            return self._done(tx, "CreateTask", creator, spec)

        return shown(self._platform, "commands", self._platform.write(intent))

    def update(self, task_id: str, body: Mapping[str, Any]) -> Document:
        """Changes what may be changed of a task. Raises NotFound, BadRequest."""
        changes = {key: body[key] for key in _CHANGED if body.get(key) is not None}
        if body.get("name") is not None:
            changes["name"] = checked_name(body["name"], "task")
        if body.get("availableActions"):
            changes["availableActions"] = _actions(body)
        user = object_at(object_at(body, "metadata"), "user")

        def intent(tx: Tx) -> Document:
            task = required(tx, task_id)
            metadata = {**task["metadata"], **({"user": dict(user)} if user else {})}
            doc = {**task, **changes, "metadata": metadata, "updatedAt": now()}
            tx.put(Kind.SETTING, doc)
            return shown_task(tx, doc)

        return self._store.write(intent)

    def delete(self, task_id: str, creator: str) -> Document:
        """The answer is a command that is done. Raises NotFound, and Conflict while pipelines wait for its items."""

        def intent(tx: Tx) -> Document:
            task = required(tx, task_id)
            for entry in _every(tx, task_id):
                if _is_waited_for(entry):
                    raise Conflict(
                        f"pipelines wait for items of task {task['name']!r}",
                        hint="set their status, or end the executions that wait",
                    )
                tx.delete(Kind.SETTING, entry["id"])
                unrefer(tx, _item_of(entry), task_id, entry.get("assignmentId"))
            for id in task["assignmentIds"]:
                self._platform.assignments.drop(tx, id)
            tx.delete(Kind.SETTING, task["id"])
            return self._done(tx, "DeleteTask", creator, {"deleteTaskId": task_id})

        return shown(self._platform, "commands", self._platform.write(intent))

    def add_items(self, task_id: str, body: Mapping[str, Any], creator: str) -> Document:
        """Puts what a query finds into a task; the answer is a command that is done. Raises NotFound, BadRequest."""
        task = required(self._store, task_id)
        items = self._found(str(task["datasetId"]), body)
        people = shares(body.get("workload"))

        def intent(tx: Tx) -> Document:
            self._put_in(tx, required(tx, task_id), items, people)
            return self._done(tx, "AddToTask", creator, {"addToTaskPayload": dict(body), "taskId": task_id})

        return shown(self._platform, "commands", self._platform.write(intent))

    def remove_items(self, task_id: str, body: Mapping[str, Any], creator: str) -> Document:
        """Takes what a query finds out of a task, but for items that have a status or that a pipeline waits for.

        The answer is a command that is done, and says how many there were. Raises NotFound, BadRequest.
        """
        task = required(self._store, task_id)
        items = self._found(str(task["datasetId"]), body)

        def intent(tx: Tx) -> Document:
            required(tx, task_id)
            gone = total = 0
            for item_id in items:
                for entry in entries(tx, task_id, item_id):
                    total += 1
                    if entry["status"] is None and not _is_waited_for(entry):
                        tx.delete(Kind.SETTING, entry["id"])
                        unrefer(tx, item_id, task_id, entry.get("assignmentId"))
                        gone += 1
            spec = {"removeFromTaskId": task_id, "removeItemsCount": gone, "totalItemsCount": total}
            return self._done(tx, "RemoveFromTask", creator, spec)

        return shown(self._platform, "commands", self._platform.write(intent))

    def _put_in(self, tx: Tx, task: Document, items: Sequence[str], people: Sequence[Share]) -> None:
        """Puts the items that are not in it into the task, and deals them out."""
        task_id = task["id"].removeprefix(TASK)
        new = [each for each in items if next(entries(tx, task_id, each), None) is None]
        made = self._platform.assignments.opened(tx, task, [each.assignee for each in people])
        tx.put(Kind.SETTING, {**task, "assignmentIds": [*dict.fromkeys([*task["assignmentIds"], *made.values()])]})
        at = now()
        for item_id, assignee in deal(new, people):
            assignment = made.get(assignee or "")
            entry = {
                "id": f"{ENTRY}{task_id}:{item_id}:",
                "executionId": None,
                "assignmentId": assignment,
                "status": None,
                "createdAt": at,
                "updatedAt": at,
            }
            tx.insert(Kind.SETTING, entry)
            refer(tx, item_id, task_id, None, assignment)

    def _found(self, dataset_id: str, body: Mapping[str, Any]) -> list[str]:
        """Ids of the items that the body's query finds, up to its limit. Raises NotFound, BadRequest."""
        require(self._store, Kind.DATASET, dataset_id)
        query, limit = _query(body.get("query"), "query"), body.get("limit")
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise BadRequest("", errors=[{"path": ["limit"], "message": "a whole number from 1 up is needed here"}])
        asked = {key: query[key] for key in ("filter", "join") if query.get(key)}
        found = self._store.iterate(Kind.ITEM, asked, where={"datasetId": dataset_id})
        ids = [each["id"] for each in found if each["type"] == "file"]
        return ids if limit is None else ids[:limit]

    def _earlier(self, body: Mapping[str, Any]) -> Document | None:
        wanted = body.get("checkIfExist")
        if wanted is None:
            return None
        query = _query(wanted.get("query") if isinstance(wanted, Mapping) else None, "checkIfExist.query")
        found = self._platform.tasks.query(query).items
        return found[0] if found else None

    def _done(self, tx: Tx, type: str, creator: str, spec: Mapping[str, Any]) -> Document:
        command = self._platform.commands.made(type, creator, spec)
        tx.insert(Kind.COMMAND, command)
        return command


def _query(value: Any, path: str) -> dict[str, Any]:
    """A query, sent as an object or as the text of one."""
    if isinstance(value, str):
        try:
            value = json_text.parse(value)
        except ValueError as error:
            raise BadRequest(f"{path}: this is not JSON that can be taken: {error}") from None
    if not isinstance(value, dict):
        raise BadRequest("", errors=[{"path": [path], "message": "a query is needed here"}])
    return value


def _actions(body: Mapping[str, Any]) -> list[Document]:
    given = body.get("availableActions")
    if given is None:
        return [{"id": each, "action": each, "displayName": each} for each in DEFAULT_ACTIONS]
    if not isinstance(given, list) or not given:
        raise BadRequest("", errors=[{"path": ["availableActions"], "message": "a list of actions is needed here"}])
    found = []
    for index, each in enumerate(given):
        action = each.get("action") or each.get("id") if isinstance(each, Mapping) else None
        if not isinstance(action, str) or not action:
            path = ["availableActions", index, "action"]
            raise BadRequest("", errors=[{"path": path, "message": "a text is needed here"}])
        found.append({"displayName": action, **each, "id": action, "action": action})
    return found


def _every(reads: Reads, task_id: str) -> list[Document]:
    """All items of a task."""
    number, found = 0, []
    while True:
        asked = {"filter": below(f"{ENTRY}{task_id}:"), "pageSize": _ALL, "page": number, "sort": {"id": "ascending"}}
        page = reads.find(Kind.SETTING, asked)
        found += page.items
        if not page.has_next:
            return found
        number += 1


def _item_of(entry: Mapping[str, Any]) -> str:
    return str(entry["id"]).split(":")[2]


def _is_waited_for(entry: Mapping[str, Any]) -> bool:
    return entry["status"] is None and bool(entry["executionId"])
