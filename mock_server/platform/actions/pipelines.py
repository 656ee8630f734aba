"""Definitions of action pipelines: named actions in order, kept as a pipeline of nodes that hand the parameters on.

Node i takes `params` and gives them on, with its result laid over; so retries, timeouts, fences and what the other
vocabularies show come with the engine. All of them live in one project, which is made when it is first needed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dtlpipe.model import times
from mock_server.platform.actions import composition
from mock_server.platform.actions.composition import PROJECT_ID
from mock_server.platform.actions.progress import SURFACE, naive
from mock_server.platform.actions.records import clock, read_pipeline, window
from mock_server.platform.definitions import LISTS, completed
from mock_server.platform.documents import now
from mock_server.platform.intents import earlier_answer
from mock_server.platform.paging import idempotency
from mock_server.platform.pipelines import INSTALLED, TERMINATING, revise
from mock_server.platform.projects import project_document
from mock_server.store.base import Document, Kind, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

PROJECT_NAME = "Action pipelines"


class ActionPipelines:
    """The verbs. What they return is what the surface shows."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def create(
        self,
        name: str,
        actions: Sequence[Mapping[str, Any]],
        description: str | None,
        *,
        creator: str,
        idempotency_key: str | None = None,
    ) -> Document:
        """A new pipeline. Raises Conflict for an idempotency key that was used otherwise."""
        at = times.to_wire(clock.tick())
        pipeline_id = str(uuid.uuid4())
        pipeline = self._document({"id": pipeline_id, "createdAt": at}, name, actions, description, creator, at)
        content = ["action pipeline", name, [dict(each) for each in actions], description]
        request = idempotency(idempotency_key, creator, content, {"id": pipeline_id})

        def intent(tx: Tx) -> str:
            earlier = earlier_answer(tx, request)
            if earlier is not None:
                return str(earlier["id"])
            _provide_project(tx, creator)
            tx.insert(Kind.PIPELINE, revise(tx, pipeline))
            return pipeline_id

        return self.get(self._store.write(intent))

    def get(self, pipeline_id: str) -> Document:
        """Raises NotFound."""
        return shown(read_pipeline(self._store, pipeline_id))

    def list(self, skip: int, limit: int) -> list[Document]:
        """In the order in which they were made."""

        def fetch(query: Document) -> tuple[list[Document], int]:
            page = self._store.find(
                Kind.PIPELINE, {**query, "sort": {"createdAt": "ascending"}}, where={"projectId": PROJECT_ID}
            )
            return page.items, page.total

        return [shown(each) for each in window(fetch, skip, limit) if each.get("surface") == SURFACE]

    def update(self, pipeline_id: str, changes: Mapping[str, Any], *, editor: str) -> Document:
        """With `name`, `description` and `actions` as given; runs that have begun keep theirs. Raises NotFound."""

        def intent(tx: Tx) -> Document:
            known = read_pipeline(tx, pipeline_id, private=True)
            made = self._document(
                known,
                changes.get("name", known["name"]),
                changes.get("actions", known["actions"]),
                changes.get("description", known.get("description")),
                known["creator"],
                now(),
            )
            told = {key: value for key, value in known.items() if not key.startswith("_")}  # some in another vocabulary
            made = {**told, **made, "updatedBy": editor, "status": known["status"]}
            if made["actions"] == known["actions"]:  # and what else another vocabulary has said of them
                made |= {key: known[key] for key in (*LISTS, "_revisionId") if key in known}
            made = revise(tx, made)
            tx.put(Kind.PIPELINE, made)
            return made

        return shown(self._store.write(intent))

    @staticmethod
    def has(pipeline: Mapping[str, Any]) -> bool:
        """Whether the pipeline, which may be one of another vocabulary, is one of actions."""
        return pipeline.get("surface") == SURFACE

    def followed(self, pipeline: Document, doing: str) -> Document:
        """A pipeline as another vocabulary would have it: if it is one of actions, with those that its nodes are then.

        Raises BadRequest if they are none any more; `doing` is what failed in that case.
        """
        return composition.as_nodes_say(pipeline, doing) if self.has(pipeline) else pipeline

    def delete(self, pipeline_id: str) -> None:
        """With its runs, their checkpoints and logs; what runs is ended. Raises NotFound."""

        def close(tx: Tx) -> None:
            tx.put(Kind.PIPELINE, {**read_pipeline(tx, pipeline_id, private=True), "status": TERMINATING})

        def drop(tx: Tx) -> None:
            for each in tx.find(Kind.REVISION, {"pageSize": 1000}, where={"pipelineId": pipeline_id}).items:
                tx.delete(Kind.REVISION, each["id"])
            tx.delete(Kind.PIPELINE, pipeline_id)

        self._store.write(close)  # from here on nothing new begins
        self._platform.runs.stop_open(pipeline_id, "the pipeline was deleted")
        for run_id in self._platform.actions.runs.ids_of(pipeline_id):
            self._platform.actions.runs.delete(run_id)
        self._store.write(drop)

    def _document(
        self,
        known: Mapping[str, Any],
        name: str,
        actions: Sequence[Mapping[str, Any]],
        description: str | None,
        creator: str,
        at: str,
    ) -> Document:
        made: Document = {
            "id": known["id"],
            "name": name,
            "description": description,
            "surface": SURFACE,
            "actions": [dict(each) for each in actions],
            **composition.graph(actions),
            "projectId": PROJECT_ID,
            "orgId": "local",
            "compositionId": known.get("compositionId") or new_id(),
            "status": INSTALLED,
            "creator": creator,
            "createdAt": known["createdAt"],
            "updatedAt": at,
        }
        return completed(made)


def _provide_project(tx: Tx, creator: str) -> None:
    if tx.get(Kind.PROJECT, PROJECT_ID) is None:
        tx.insert(Kind.PROJECT, project_document(PROJECT_ID, PROJECT_NAME, creator))


def shown(document: Mapping[str, Any]) -> Document:
    """A pipeline as the surface shows it; code that came with an action is not repeated."""
    return {
        "name": document["name"],
        "description": document.get("description"),
        "actions": [
            {"description": None, **{key: value for key, value in each.items() if key != "code"}}
            for each in document["actions"]
        ],
        "id": document["id"],
        "created_at": naive(times.from_wire(document["createdAt"])),
        "updated_at": naive(times.from_wire(document["updatedAt"])),
    }
