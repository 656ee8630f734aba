"""What there is to store, in plain words: kinds of documents, what of them has a column, what is found by it.

The law: nobody needs SQLAlchemy to read this. What a start and the work itself do is said in text made from these names
(see `statements`); `schema` makes tables of them, for all that is asked in SQLAlchemy's words, and for migrations.

Changing anything here takes a new revision under `migrations/versions`, its name at the end of `REVISIONS`, and
`python -m mock_server.store.creation`, which writes down what an empty database is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs

from mock_server.store.base import Document, Kind

#: Every schema there has been, oldest first; a database that bears another name was made by a newer platform.
REVISIONS = ("0001", "0002", "0003")
HEAD = REVISIONS[-1]
#: The table with one row, which bears the name of the database's schema.
VERSION = "alembic_version"


@attrs.frozen
class Promoted:
    """A wire key with a column of its own.

    `source`: where its value comes from, if it is not simply `doc[key]`; such a column serves `where`, not filters.
    """

    key: str
    type: type = str
    source: Callable[[Document], Any] | None = None

    @property
    def column(self) -> str:
        return re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), self.key).removeprefix("_")

    def read(self, doc: Document) -> Any:
        return doc.get(self.key) if self.source is None else self.source(doc)


@attrs.frozen
class Shape:
    """What is promoted for a kind, which keys are unique together, and which are looked up together."""

    promoted: tuple[Promoted, ...]
    unique: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()


def _first_project(doc: Document) -> Any:
    projects = doc.get("projects")
    return projects[0] if isinstance(projects, list) and projects else None


def _operation(key: str, *names: str) -> Callable[[Document], Any]:
    """What a trigger starts: under its own key, or in `spec.operation`, where the wire has it."""

    def read(doc: Document) -> Any:
        if key in doc:
            return doc[key]
        spec = doc.get("spec")
        operation = spec.get("operation") if isinstance(spec, dict) else None
        if not isinstance(operation, dict) or (names[0] == "id" and operation.get("type") != "pipeline"):
            return None
        return operation.get(names[0])

    return read


def _texts(*keys: str) -> tuple[Promoted, ...]:
    return tuple(Promoted(key) for key in keys)


ALWAYS = _texts("id", "createdAt", "updatedAt")
_HIDDEN = Promoted("hidden", bool)

SHAPES: dict[Kind, Shape] = {
    Kind.PROJECT: Shape(_texts("name"), indexes=(("name",),)),
    Kind.DATASET: Shape(
        (Promoted("projectId", source=_first_project), *_texts("name"), _HIDDEN), indexes=(("projectId", "name"),)
    ),
    Kind.ITEM: Shape(
        (*_texts("datasetId", "projectId", "filename", "dir", "name", "type", "_blob"), _HIDDEN),
        unique=("datasetId", "filename"),
        indexes=(("datasetId", "id"), ("_blob",)),
    ),
    Kind.ANNOTATION: Shape(_texts("itemId", "datasetId"), indexes=(("itemId",), ("datasetId", "id"))),
    Kind.RECIPE: Shape(()),
    Kind.ONTOLOGY: Shape(()),
    Kind.PIPELINE: Shape(_texts("projectId", "name", "status"), indexes=(("projectId", "name"), ("name",))),
    Kind.REVISION: Shape((*_texts("pipelineId"), Promoted("number", int)), indexes=(("pipelineId", "number"),)),
    Kind.PACKAGE: Shape(_texts("projectId", "name"), indexes=(("projectId", "name"), ("name",))),
    Kind.SERVICE: Shape(
        _texts("projectId", "packageId", "name", "pipelineId"), unique=("name",), indexes=(("pipelineId",),)
    ),
    Kind.COMMAND: Shape(_texts("type", "status"), indexes=(("status",),)),
    Kind.TRIGGER: Shape(
        (
            *_texts("projectId"),
            Promoted("pipelineId", source=_operation("pipelineId", "id")),
            Promoted("serviceId", source=_operation("serviceId", "serviceId")),
        ),
        indexes=(("projectId",), ("pipelineId",), ("serviceId",)),
    ),
    Kind.USER: Shape(()),
    Kind.SETTING: Shape(()),
    Kind.DEPLOYMENT: Shape(_texts("name", "projectId"), unique=("name",)),
    Kind.FILE: Shape(_texts("purpose", "_blob"), indexes=(("_blob",),)),
    Kind.RESPONSE: Shape(_texts("status", "runId"), indexes=(("runId",),)),
    Kind.WORKER: Shape(_texts("name", "status")),
    Kind.ACTION: Shape((*_texts("runId", "name"), Promoted("index", int)), indexes=(("runId", "index"),)),
    Kind.CHECKPOINT: Shape(_texts("runId", "actionName"), indexes=(("runId", "id"),)),
}


#: For each kind its promoted fields by wire key.
PROMOTED: dict[Kind, dict[str, Promoted]] = {
    kind: {each.key: each for each in (*ALWAYS, *shape.promoted)} for kind, shape in SHAPES.items()
}


def columns_of(kind: Kind) -> tuple[str, ...]:
    """The columns of the kind's table, in their order."""
    return (*(each.column for each in PROMOTED[kind].values()), "body", "private")


def paths_of(kind: Kind) -> dict[str, str]:
    """What a query's context, and a null `projectId`, mean in documents of the kind."""
    fields = [key for key, each in PROMOTED[kind].items() if each.source is None]
    found: dict[str, str] = {key: key for key in ("datasetId", "projectId") if key in fields}
    return found | {"projectId": "projects"} if kind is Kind.DATASET else found
