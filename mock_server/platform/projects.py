"""Projects: the outermost folder of everything. A project has a hidden dataset for code, `Binaries`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict, NotFound
from mock_server.platform import apps, triggers
from mock_server.platform.documents import merged, name, now, object_at, require
from mock_server.store.base import Document, Kind, Query, Tx
from mock_server.store.ids import new_uuid

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

BINARIES = "Binaries"
_ALL = 1000


def project_document(project_id: str, project_name: str, creator: str) -> Document:
    """A new one, which is not stored yet."""
    at = now()
    return {
        "id": project_id,
        "name": project_name,
        "creator": creator,
        "org": {"id": "local", "name": "local"},
        "contributors": [],
        "createdAt": at,
        "updatedAt": at,
        "role": "owner",
        "account": {"id": "local", "name": "local"},
        "isBlocked": False,
        "archived": False,
        "featureConstraints": [],
        "systemProject": False,
    }


class Projects:
    """The verbs of projects. A document is the wire's project, without its urls."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def create(self, project_name: str, creator: str) -> Document:
        """A project, with its hidden dataset. Raises Conflict if the name is taken."""
        document = project_document(new_uuid(), name(project_name, "project"), creator)
        binaries = self._platform.datasets.new(BINARIES, document["id"], creator, hidden=True)

        def intent(tx: Tx) -> None:
            _check_free(tx, document["name"])
            tx.insert(Kind.PROJECT, document)
            tx.insert(Kind.DATASET, binaries)

        self._store.write(intent)
        if self._platform.scheduler is not None:
            self._platform.scheduler.rouse()
        return document

    def get(self, project_id: str) -> Document:
        """Raises NotFound."""
        return require(self._store, Kind.PROJECT, project_id)

    def get_by_name(self, project_name: str) -> Document:
        """Raises NotFound."""
        found = self._store.find(Kind.PROJECT, {"pageSize": 1}, where={"name": project_name}).items
        if not found:
            raise NotFound(f"there is no project named {project_name!r}", hint="dl.projects.create(...) makes one")
        return found[0]

    def update(self, project_id: str, patch: Mapping[str, Any]) -> Document:
        """Takes over the patch's `name`, `featureConstraints`, `archived`, `metadata`. Raises Conflict, NotFound."""
        changes = {key: patch[key] for key in ("name", "featureConstraints", "archived") if patch.get(key) is not None}
        metadata = object_at(patch, "metadata")
        if "name" in changes:
            changes["name"] = name(changes["name"], "project")

        def intent(tx: Tx) -> Document:
            document = require(tx, Kind.PROJECT, project_id)
            if changes.get("name", document["name"]) != document["name"]:
                _check_free(tx, changes["name"])
            document = {**document, **changes, "updatedAt": now()}
            if metadata:
                document["metadata"] = merged(document.get("metadata") or {}, metadata)
            tx.put(Kind.PROJECT, document)
            return document

        return self._store.write(intent)

    def delete(self, project_id: str) -> None:
        """Everything in it first, then the project: cut short, it can be done again. Raises NotFound."""
        platform = self._platform
        self.get(project_id)
        mine = {"projectId": project_id}
        for pipeline in platform.store.iterate(Kind.PIPELINE, where=mine):
            platform.pipelines.delete(pipeline["id"])
        for service in platform.store.iterate(Kind.SERVICE, where=mine):
            platform.services.delete(service["id"], force=True)
        for dataset in platform.store.iterate(Kind.DATASET, where=mine):
            platform.datasets.delete(dataset["id"], hidden=True)

        def intent(tx: Tx) -> bool:
            for each in tx.find(Kind.TRIGGER, {"pageSize": _ALL}, where=mine).items:
                triggers.drop(tx, each)
            for each in tx.find(Kind.PACKAGE, {"pageSize": _ALL}, where=mine).items:
                tx.delete(Kind.PACKAGE, each["id"])
            apps.SHELF.clear(tx, **mine)
            rest = (Kind.TRIGGER, Kind.PACKAGE, Kind.DATASET, Kind.PIPELINE, Kind.SERVICE)
            if any(tx.find(kind, {"pageSize": 1}, where=mine).items for kind in rest):
                return False
            return tx.delete(Kind.PROJECT, project_id) or True

        if not self._store.write(intent):
            self.delete(project_id)  # more of it came meanwhile

    def members(self, project_id: str) -> list[dict[str, Any]]:
        """Its creator as owner, and who was added since."""
        project = self.get(project_id)
        creator = project["creator"]
        owner = {"id": creator, "email": creator, "username": creator, "role": "owner", "type": "user"}
        return [owner, *(each for each in project.get("contributors", ()) if each.get("email") != creator)]

    def set_member(self, project_id: str, email: str, role: str | None, *, known: bool = False) -> list[dict[str, Any]]:
        """Gives the member the role; None takes the member out. Returns all members.

        Raises NotFound for the project, and for a member that is to be `known` or taken out and is none; BadRequest
        for the owner, whose role is not up for change.
        """
        email = name(email, "member")
        member = {"id": email, "email": email, "username": email, "role": role, "type": "user"}

        def intent(tx: Tx) -> None:
            document = require(tx, Kind.PROJECT, project_id)
            if email == document["creator"]:
                raise BadRequest(f"{email!r} owns the project, and stays its owner")
            others = [each for each in document.get("contributors", ()) if each.get("email") != email]
            if (known or role is None) and len(others) == len(document.get("contributors", ())):
                raise NotFound(f"{email!r} is no member of project {document['name']!r}")
            document["contributors"] = others if role is None else [*others, member]
            document["updatedAt"] = now()
            tx.put(Kind.PROJECT, document)

        self._store.write(intent)
        return self.members(project_id)

    def list(self, query: Query | None = None) -> list[Document]:
        """All of them, oldest first."""
        return [*self._store.iterate(Kind.PROJECT, query or {})]


def _check_free(tx: Tx, project_name: str) -> None:
    if tx.find(Kind.PROJECT, {"pageSize": 1}, where={"name": project_name}).items:
        raise Conflict(
            f"there is a project named {project_name!r} already", hint="get it by its name, or choose another"
        )
