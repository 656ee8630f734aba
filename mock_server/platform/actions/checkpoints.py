"""Checkpoints: what was kept after an action (or within one), and from where a run can go on."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import NotFound
from dtlpipe.model import times
from mock_server.platform.actions.progress import ActionRun, check_index, naive
from mock_server.platform.actions.records import clock, read_run
from mock_server.platform.intents import earlier_answer
from mock_server.platform.paging import idempotency
from mock_server.store.base import Document, Kind, Reads, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

NO_CHECKPOINTS, NO_CHECKPOINT = "No checkpoints found", "Checkpoint not found"


class Checkpoints:
    """The verbs. What they return is what the surface shows."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def create(
        self, run_id: str, told: Mapping[str, Any], *, creator: str, idempotency_key: str | None = None
    ) -> Document:
        """Keeps one that was told: `action_name`, `action_index`, `status`, and what belongs to it. Raises NotFound."""
        document = new(run_id, told)
        request = idempotency(idempotency_key, creator, ["checkpoint", run_id, dict(told)], {"id": document["id"]})

        def intent(tx: Tx) -> Document:
            check_index(read_run(tx, run_id), told["action_index"], "action_index")
            earlier = earlier_answer(tx, request)
            if earlier is not None:
                return tx.get(Kind.CHECKPOINT, earlier["id"]) or document
            tx.insert(Kind.CHECKPOINT, document)
            return document

        return shown(self._store.write(intent))

    def list(self, run_id: str) -> list[Document]:
        """All of a run, by the place of their action. Raises NotFound."""
        read_run(self._store, run_id)
        return [shown(each) for each in of_run(self._store, run_id)]

    def latest(self, run_id: str) -> Document:
        """That of the last action that has one; of several, the newest. Raises NotFound."""
        read_run(self._store, run_id)
        found = of_run(self._store, run_id)
        if not found:
            raise NotFound(NO_CHECKPOINTS)
        return shown(found[-1])

    def by_action(self, run_id: str, name: str) -> Document:
        """The newest of an action, by its name or that of its class. Raises NotFound."""
        names = read_run(self._store, run_id).names_of(name)
        found = [each for each in of_run(self._store, run_id) if each["actionName"] in names]
        if not found:
            raise NotFound(NO_CHECKPOINT)
        return shown(found[-1])


def new(run_id: str, told: Mapping[str, Any]) -> Document:
    """A checkpoint that is to be inserted."""
    at = times.to_wire(clock.tick())
    return {
        "id": str(uuid.uuid4()),
        "runId": run_id,
        "actionName": told["action_name"],
        "actionIndex": told["action_index"],
        "status": told.get("status") or "completed",
        "paramsSnapshot": told.get("params_snapshot"),
        "result": told.get("result"),
        "artifactsPath": told.get("artifacts_path"),
        "createdAt": at,
        "updatedAt": at,
    }


def of_run(reads: Reads, run_id: str) -> list[Document]:
    """All of a run: by the place of their action, of one action the oldest first."""
    found: list[Document] = []
    page = 0
    while True:
        some = reads.find(Kind.CHECKPOINT, {"page": page, "pageSize": 1000}, where={"runId": run_id})
        found += some.items
        if not some.has_next:
            return sorted(found, key=lambda each: (each["actionIndex"], each["createdAt"]))
        page += 1


def prefix(run: ActionRun, found: Sequence[Document]) -> list[Document]:
    """The newest completed checkpoint of each action, from the first on, up to the first that has none."""
    newest = {each["actionIndex"]: each for each in found if each["status"] == "completed"}
    kept: list[Document] = []
    for index in range(len(run.entries)):
        if index not in newest:
            break
        kept.append(newest[index])
    return kept


def params_after(kept: Sequence[Document], first: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the next action is given: the last snapshot, or without one what the results add up to."""
    params = dict(first or {})
    for each in kept:
        if each["paramsSnapshot"] is not None:
            params = dict(each["paramsSnapshot"])
        elif isinstance(each["result"], dict):
            params |= each["result"]
    return params


def delete_of_run(tx: Tx, run_id: str) -> None:
    """All of a run."""
    while found := tx.find(Kind.CHECKPOINT, {"pageSize": 1000}, where={"runId": run_id}).items:
        for each in found:
            tx.delete(Kind.CHECKPOINT, each["id"])


def shown(document: Mapping[str, Any]) -> Document:
    """A checkpoint as the surface shows it."""
    return {
        "id": document["id"],
        "run_id": document["runId"],
        "action_name": document["actionName"],
        "action_index": document["actionIndex"],
        "status": document["status"],
        "params_snapshot": document["paramsSnapshot"],
        "result": document["result"],
        "artifacts_path": document["artifactsPath"],
        "created_at": naive(times.from_wire(document["createdAt"])),
    }
