"""Assignments: whose the items of a task are to look at. Each is one person's share of one task.

Law: an item's entry in its task says which assignment it is in, and so does the item itself, where the field's SDK
looks. Who deals items out deals them in order, by the shares that were asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from dtlpipe.errors import BadRequest, NotFound
from mock_server.platform.documents import merged, object_at
from mock_server.platform.documents import name as checked_name
from mock_server.platform.links import shown
from mock_server.platform.listing import page_of
from mock_server.platform.shelves import Shelf
from mock_server.platform.tasks import ENTRY, below, refer, required
from mock_server.store.base import Document, Kind, Page, Query, Reads, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

SHELF = Shelf("assignment")


@attrs.frozen
class Share:
    """A person, and how much of the work is theirs; loads count against each other."""

    assignee: str
    load: float


def shares(workload: Any) -> tuple[Share, ...]:
    """What a workload `[{"assigneeId", "load"}]` says. Raises BadRequest for one that is none."""
    if workload is None:
        return ()
    if not isinstance(workload, list):
        raise BadRequest("", errors=[{"path": ["workload"], "message": "a list of people and loads is needed here"}])
    found = []
    for index, each in enumerate(workload):
        person = each.get("assigneeId") if isinstance(each, Mapping) else None
        load = each.get("load", 1) if isinstance(each, Mapping) else None
        if not isinstance(person, str) or not person:
            raise BadRequest(
                "", errors=[{"path": ["workload", index, "assigneeId"], "message": "a text is needed here"}]
            )
        if not isinstance(load, int | float) or isinstance(load, bool) or not 0 <= load < 1e9:
            raise BadRequest("", errors=[{"path": ["workload", index, "load"], "message": "a number is needed here"}])
        found.append(Share(person, float(load)))
    return tuple(found)


def deal(items: Sequence[str], people: Sequence[Share]) -> Iterator[tuple[str, str | None]]:
    """Each item with whose it is: everybody gets a run of them, as long as their load wants it. None without people."""
    total = sum(each.load for each in people)
    if not people:
        yield from ((item, None) for item in items)
        return
    bounds, so_far = [], 0.0
    for each in people:
        so_far += each.load / total if total else 1 / len(people)
        bounds.append(round(so_far * len(items)))
    bounds[-1] = len(items)
    start = 0
    for each, end in zip(people, bounds, strict=True):
        yield from ((item, each.assignee) for item in items[start:end])
        start = max(start, end)


class Assignments:
    """The verbs of assignments."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def get(self, assignment_id: str) -> Document:
        """Raises NotFound."""
        return _counted(self._store, SHELF.get(self._store, assignment_id))

    def query(self, query: Query) -> Page:
        """A page of assignments. Raises BadRequest for a query that is none."""
        return page_of((_counted(self._store, each) for each in SHELF.every(self._store)), query, page_size=500)

    def update(self, assignment_id: str, body: Mapping[str, Any]) -> Document:
        """Changes its name, and its metadata. Raises NotFound, BadRequest."""
        user = object_at(object_at(body, "metadata"), "user")
        name = None if body.get("name") is None else checked_name(body["name"], "assignment")

        def intent(tx: Tx) -> Document:
            found = SHELF.get(tx, assignment_id)
            metadata = merged(found["metadata"], {"user": user} if user else {})
            doc = {**found, "name": name or found["name"], "metadata": metadata}
            SHELF.put(tx, doc)
            return _counted(tx, doc)

        return self._store.write(intent)

    def reassign(self, assignment_id: str, body: Mapping[str, Any], creator: str) -> Document:
        """Gives what is left of it to somebody else; the answer is a command that is done and names their assignment.

        Raises NotFound, BadRequest.
        """
        SHELF.get(self._store, assignment_id)
        person = body.get("annotator")
        if not isinstance(person, str) or not person:
            raise BadRequest("", errors=[{"path": ["annotator"], "message": "whose it is to be is needed here"}])
        return self._given(assignment_id, (Share(person, 1.0),), creator, "ReassignAssignment", {"annotator": person})

    def redistribute(self, assignment_id: str, body: Mapping[str, Any], creator: str) -> Document:
        """Deals what is left of it to several; the answer is a command that is done. Raises NotFound, BadRequest."""
        SHELF.get(self._store, assignment_id)
        people = shares(body.get("workload"))
        if not people:
            raise BadRequest("", errors=[{"path": ["workload"], "message": "somebody to do it is needed here"}])
        spec = {"workload": body["workload"]}
        return self._given(assignment_id, people, creator, "RedistributeAssignment", spec)

    def set_status(self, assignment_id: str, item_id: str, status: str, user: str, *, clear: bool = False) -> Document:
        """What is said of one item of it, as `Tasks.set_status` has it. Raises NotFound, BadRequest."""
        task_id = SHELF.get(self._store, assignment_id)["taskId"]
        if not any(entry["assignmentId"] == assignment_id for entry in _entries(self._store, task_id, item_id)):
            raise NotFound(f"item {item_id!r} is not in assignment {assignment_id!r}")
        said = self._platform.tasks.set_status(task_id, [item_id], status, user, clear=clear)
        return {"id": item_id, "status": said[item_id]}

    # --- within changes -----------------------------------------------------------------------------------------------

    def opened(self, tx: Tx, task: Mapping[str, Any], people: Sequence[str]) -> dict[str, str]:
        """Assignments of a task by person, made for those who have none of it yet."""
        task_id = task["id"].partition(":")[2]
        known = {each["annotator"]: each["id"] for each in SHELF.every(tx, taskId=task_id)} if people else {}
        for person in dict.fromkeys(people):
            if person not in known:
                doc = SHELF.new(_assignment(task, task_id, person), str(task["creator"]))
                SHELF.put(tx, doc)
                known[person] = doc["id"]
        return {person: known[person] for person in people}

    def drop(self, tx: Tx, assignment_id: str) -> None:
        """Forgets it."""
        SHELF.delete(tx, assignment_id)

    def _given(
        self, assignment_id: str, people: Sequence[Share], creator: str, type: str, spec: Mapping[str, Any]
    ) -> Document:
        def intent(tx: Tx) -> Document:
            own = SHELF.get(tx, assignment_id)
            task = required(tx, own["taskId"])
            made = self.opened(tx, task, [each.assignee for each in people])
            moved = {key: entry for key, entry in _of(tx, own) if entry["status"] is None}
            for key, person in deal([*moved], people):
                theirs = made[person or ""]
                tx.put(Kind.SETTING, {**moved[key], "assignmentId": theirs})
                refer(tx, key.split(":")[2], own["taskId"], None, theirs, instead=assignment_id)
            ids = [*dict.fromkeys([*task["assignmentIds"], *made.values()])]
            if assignment_id not in made.values() and not any(_of(tx, own)):
                self.drop(tx, assignment_id)
                ids.remove(assignment_id)
            tx.put(Kind.SETTING, {**task, "assignmentIds": ids})
            known = {
                "taskId": own["taskId"],
                "fromAssignment": assignment_id,
                "toAssignment": next(iter(made.values())),
            }
            command = self._platform.commands.made(type, creator, {**known, **spec, "assignmentIds": [*made.values()]})
            tx.insert(Kind.COMMAND, command)
            return command

        return shown(self._platform, "commands", self._platform.write(intent))


def _assignment(task: Mapping[str, Any], task_id: str, person: str) -> Document:
    return {
        "name": f"{task['name']} ({person})",
        "annotator": person,
        "projectId": task["projectId"],
        "datasetId": task["datasetId"],
        "taskId": task_id,
        "metadata": {"system": {"taskId": task_id, "datasetId": task["datasetId"]}},
    }


def _entries(reads: Reads, task_id: str, item_id: str) -> list[Document]:
    found = {"filter": below(f"{ENTRY}{task_id}:{item_id}:"), "pageSize": 1000}
    return [{"assignmentId": None, **each} for each in reads.find(Kind.SETTING, found).items]


def _of(reads: Reads, assignment: Mapping[str, Any]) -> Iterator[tuple[str, Document]]:
    """The entries of an assignment, by their ids."""
    number, more = 0, True
    mine = {"$and": [below(f"{ENTRY}{assignment['taskId']}:"), {"assignmentId": assignment["id"]}]}
    found: list[Document] = []
    while more:
        page = reads.find(Kind.SETTING, {"filter": mine, "pageSize": 1000, "page": number, "sort": {"id": "ascending"}})
        found += page.items
        number, more = number + 1, page.has_next
    for each in found:
        yield each["id"], each


def _counted(reads: Reads, assignment: Document) -> Document:
    """With the numbers of its items."""
    mine = {"$and": [below(f"{ENTRY}{assignment['taskId']}:"), {"assignmentId": assignment["id"]}]}
    total = reads.find(Kind.SETTING, {"filter": mine, "pageSize": 1}).total
    left = reads.find(Kind.SETTING, {"filter": {"$and": [mine, {"status": None}]}, "pageSize": 1}).total
    status = "completed" if total and not left else "inProgress" if left < total else "open"
    return {**assignment, "totalItems": total, "status": status}
