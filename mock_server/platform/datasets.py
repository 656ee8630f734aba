"""Datasets: folders of items, with the recipes that say which labels their items may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict, Forbidden
from dtlpipe.model.enums import TriggerAction as Action
from dtlpipe.model.enums import TriggerResource
from mock_server.platform.documents import merged, name, now, object_at, require
from mock_server.platform.recipes import Recipes, new_ontology, new_recipe
from mock_server.store.base import Document, Kind, Page, Query, Reads, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_CHANGEABLE = ("readonly", "expirationOptions", "indexDriver", "accessLevel", "description", "tags")
_TYPES: dict[str, tuple[type, str]] = {
    "readonly": (bool, "true or false"),
    "createDefaultRecipe": (bool, "true or false"),
    "expirationOptions": (dict, "an object"),
    "indexDriver": (str, "a text"),
    "accessLevel": (str, "a text"),
    "description": (str, "a text"),
    "tags": (list, "a list"),
}
_CHUNK = 500  # documents deleted in one transaction, so that the writer is soon free for others


class Datasets:
    """The verbs of datasets. A document is the wire's dataset, without its urls and counts."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store
        self.recipes = Recipes(platform)

    def create(self, body: Mapping[str, Any], creator: str) -> Document:
        """A dataset of the project `body["projects"][0]`, with a recipe if `createDefaultRecipe` is true.

        Raises NotFound for the project, Conflict if the name is taken in it.
        """
        projects = body.get("projects")
        if not isinstance(projects, list) or not projects or not all(isinstance(each, str) for each in projects):
            raise BadRequest("", errors=[{"path": ["projects"], "message": "a list with the project's id is needed"}])
        if len(projects) > 1:
            raise BadRequest("", errors=[{"path": ["projects", 1], "message": "a dataset belongs to one project"}])
        _check(body)
        project_id = projects[0]
        dataset = self.new(name(body.get("name"), "dataset"), project_id, creator)
        dataset |= {key: body[key] for key in _CHANGEABLE if body.get(key) is not None}
        recipe: Document | None = None
        ontology: Document | None = None
        if body.get("createDefaultRecipe"):
            ontology = new_ontology({"title": f"{dataset['name']} ontology", "projectIds": [project_id]}, creator)
            recipe = new_recipe(
                {
                    "title": f"{dataset['name']} recipe",
                    "projectIds": [project_id],
                    "ontologyIds": [ontology["id"]],
                },
                creator,
            )
            dataset["metadata"]["system"]["recipes"] = [recipe["id"]]

        def intent(tx: Tx) -> None:
            require(tx, Kind.PROJECT, project_id)
            _check_free(tx, project_id, dataset["name"])
            if ontology is not None and recipe is not None:
                tx.insert(Kind.ONTOLOGY, ontology)
                tx.insert(Kind.RECIPE, recipe)
            tx.insert(Kind.DATASET, dataset)
            self._tell(tx, dataset, Action.CREATED)

        self._platform.write(intent)
        return dataset

    def new(self, dataset_name: str, project_id: str, creator: str, *, hidden: bool = False) -> Document:
        """A dataset that is in no store yet. A hidden one is found by those who ask for the system's own space."""
        at = now()
        return {
            "id": new_id(),
            "name": dataset_name,
            "projects": [project_id],
            "metadata": {"system": {"recipes": []}},
            "creator": creator,
            "createdAt": at,
            "updatedAt": at,
            "hidden": hidden,
            "readonly": False,
            "readableType": "",
            "accessLevel": "private",
            "driver": "local",
            "indexDriver": "v1",
            "isSyncing": False,
            "annotated": 0,
        }

    def get(self, dataset_id: str) -> Document:
        """Raises NotFound."""
        return require(self._store, Kind.DATASET, dataset_id)

    def query(self, query: Query) -> Page:
        """The page of matches; hidden ones only with `systemSpace`."""
        return self._store.find(Kind.DATASET, query, where=None if query.get("systemSpace") else {"hidden": False})

    def binaries(self, project_id: str) -> Document:
        """The project's hidden dataset for code. Raises NotFound for the project."""
        require(self._store, Kind.PROJECT, project_id)
        where = {"projectId": project_id, "name": "Binaries", "hidden": True}
        return self._store.find(Kind.DATASET, {"pageSize": 1}, where=where).items[0]

    def counts(self, dataset_id: str) -> dict[str, int]:
        """How many files (`itemsCount`) and annotations (`annotationsCount`) it has."""
        files = {"datasetId": dataset_id, "type": "file", "hidden": False}
        return {
            "itemsCount": self._store.count(Kind.ITEM, files),
            "annotationsCount": self._store.count(Kind.ANNOTATION, {"datasetId": dataset_id}),
        }

    def update(self, dataset_id: str, patch: Mapping[str, Any], *, system: bool = False) -> Document:
        """Takes over what a client may change; `metadata.system` only with `system`. Raises NotFound, Conflict."""
        changes = {key: patch[key] for key in _CHANGEABLE if key in patch}
        _check(changes)
        if changes.get("readonly", False) is None:
            raise BadRequest("", errors=[{"path": ["readonly"], "message": "true or false is needed here"}])
        if patch.get("name") is not None:
            changes["name"] = name(patch["name"], "dataset")
        metadata = dict(object_at(patch, "metadata"))
        if not system:
            metadata.pop("system", None)

        def intent(tx: Tx) -> Document:
            document = require(tx, Kind.DATASET, dataset_id)
            if changes.get("name", document["name"]) != document["name"]:
                if document.get("hidden"):
                    raise _kept(document)
                _check_free(tx, document["projects"][0], changes["name"])
            document = {**document, **changes, "updatedAt": now()}
            document["metadata"] = merged(document["metadata"], metadata)
            tx.put(Kind.DATASET, document)
            self._tell(tx, document, Action.UPDATED)
            return document

        return self._platform.write(intent)

    def delete(self, dataset_id: str, *, hidden: bool = False) -> None:
        """Its items first, then the dataset: cut short, it can be done again.

        Raises NotFound, and Forbidden for the hidden one of a project, unless that is asked for.
        """
        found = self.get(dataset_id)
        if found.get("hidden") and not hidden:
            raise _kept(found)
        mine = {"datasetId": dataset_id}

        def some(tx: Tx) -> bool:
            dataset = tx.get(Kind.DATASET, dataset_id)
            for kind, resource in ((Kind.ANNOTATION, TriggerResource.ANNOTATION), (Kind.ITEM, TriggerResource.ITEM)):
                found = tx.find(kind, {"pageSize": _CHUNK}, where=mine).items
                for each in found:
                    tx.delete(kind, each["id"])
                if found:
                    if dataset is not None:
                        self._platform.firing.tell(tx, resource, dataset, found, Action.DELETED)
                    return True
            if dataset is not None:
                tx.delete(Kind.DATASET, dataset_id)
                self._tell(tx, dataset, Action.DELETED)
            return False

        while self._platform.write(some):
            pass

    def _tell(self, tx: Tx, dataset: Document, action: Action) -> None:
        self._platform.firing.tell(tx, TriggerResource.DATASET, dataset, [dataset], action)

    def tree(self, dataset_id: str) -> Document:
        """Its folders as `{"value": <folder's item>, "children": [...]}`, from the root down."""
        self.get(dataset_id)
        root: Document = {"value": {"id": "", "name": "", "dir": "", "filename": "/", "metadata": {}}, "children": []}
        nodes = {"/": root}
        where = {"datasetId": dataset_id, "type": "dir"}
        found = sorted(self._store.iterate(Kind.ITEM, where=where), key=lambda each: str(each["filename"]))
        for item in found:
            node: Document = {"value": item, "children": []}
            nodes[item["filename"]] = node
            nodes.get(item["dir"], root)["children"].append(node)
        return root


def _check(body: Mapping[str, Any]) -> None:
    for key, (kind, wanted) in _TYPES.items():
        if not isinstance(body.get(key), (kind, type(None))):
            raise BadRequest("", errors=[{"path": [key], "message": f"{wanted} is needed here"}])


def writable(reads: Reads, dataset_id: str) -> Document:
    """The dataset, if its items may be changed. Raises NotFound, Forbidden."""
    dataset = require(reads, Kind.DATASET, dataset_id)
    if dataset.get("readonly"):
        raise Forbidden(f"dataset {dataset['name']!r} is read-only", hint="PATCH /datasets/<id>/unlock opens it")
    return dataset


def _kept(dataset: Mapping[str, Any]) -> Forbidden:
    return Forbidden(f"dataset {dataset['name']!r} keeps the code of its project, and goes with it")


def _check_free(tx: Tx, project_id: str, dataset_name: str) -> None:
    if tx.find(Kind.DATASET, {"pageSize": 1}, where={"projectId": project_id, "name": dataset_name}).items:
        raise Conflict(
            f"there is a dataset named {dataset_name!r} in this project already",
            hint="get it by its name, or choose another",
        )
