"""Models: what is known of them, and the service that runs one. How it is run is a runner's business, or its package's.

Law: whether a model is being trained is asked of the execution that trains it, so that no kill leaves it half way. What
runs a model is an execution like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict
from mock_server.platform import lifecycle, services
from mock_server.platform.definitions import refuse_types
from mock_server.platform.documents import merged, now, object_at, require
from mock_server.platform.documents import name as checked_name
from mock_server.platform.links import shown
from mock_server.platform.listing import page_of
from mock_server.platform.packages import DEFAULT_MODULE, package_document, project_of
from mock_server.platform.service_config import config_errors, overlaid
from mock_server.platform.shelves import Shelf
from mock_server.runners import registered
from mock_server.runners.packaged import functions_of
from mock_server.store.base import Document, Kind, Query, Reads, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

SHELF = Shelf("model")
#: What can be asked of a model, and how functions for it may be called.
FUNCTIONS: Mapping[str, Sequence[str]] = {
    "predict": ("predict", "predict_items"),
    "train": ("train", "train_model"),
    "evaluate": ("evaluate", "evaluate_model"),
    "embed": ("embed", "embed_items"),
}
_INPUTS = [
    {"name": "items", "type": "Item[]"},
    {"name": "dataset", "type": "Dataset"},
    {"name": "query", "type": "Json"},
]
_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("description", "datasetId", "inputType", "outputType", "version", "scope", "moduleName"), str),
    **dict.fromkeys(("status", "packageId"), str),
    **dict.fromkeys(("labels", "tags", "artifacts"), list),
    **dict.fromkeys(("configuration", "metadata", "app"), dict),
}
_WORDS: Mapping[type, str] = {str: "a text", list: "a list", dict: "an object"}


class Models:
    """The verbs of models."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def get(self, model_id: str) -> Document:
        """Raises NotFound."""
        return self._shown(SHELF.get(self._store, model_id))

    def query(self, query: Query) -> Document:
        """A page of models. Raises BadRequest for a query that is none."""
        page = page_of((self._shown(each) for each in SHELF.every(self._store)), query, page_size=1000)
        return {
            "items": page.items,
            "totalItemsCount": page.total,
            "totalPagesCount": page.pages,
            "hasNextPage": page.has_next,
        }

    def create(self, body: Mapping[str, Any], creator: str) -> Document:
        """Raises BadRequest for what is no model, NotFound for its project or package, Conflict for a taken name."""
        _check(body)
        name, project = checked_name(body.get("name"), "model"), project_of(self._platform, body)
        if body.get("packageId"):
            require(self._store, Kind.PACKAGE, body["packageId"])
        doc = SHELF.new({**_fresh(name, project, creator), **_settable(body)}, creator)
        doc["metadata"] = merged({"system": {}}, object_at(body, "metadata"))
        self._insert(doc)
        return self._shown(doc)

    def clone(self, model_id: str, body: Mapping[str, Any], creator: str) -> Document:
        """Another model that is as this one but for what is said. Raises as `create`."""
        _check(body)
        source = SHELF.get(self._store, model_id)
        name = checked_name(body.get("name"), "model")
        project_id = body.get("projectId") or source["projectId"]
        project = require(self._store, Kind.PROJECT, str(project_id))
        doc = SHELF.new({**source, **_fresh(name, project, creator), **_settable(source), **_settable(body)}, creator)
        doc |= {"status": body.get("status") or "created", "metadata": _cloned(source, body)}
        self._insert(doc)
        return self._shown(doc)

    def update(self, model_id: str, body: Mapping[str, Any], editor: str, *, system: bool = False) -> Document:
        """Changes what may be changed; of its metadata, what is the platform's only with `system`. Raises NotFound."""
        _check(body)
        metadata = object_at(body, "metadata")
        wanted = metadata if system else {key: value for key, value in metadata.items() if key != "system"}
        name = None if body.get("name") is None else checked_name(body["name"], "model")

        def intent(tx: Tx) -> Document:
            found = SHELF.get(tx, model_id)
            doc = {
                **found,
                **_settable(body),
                "metadata": merged(found["metadata"], wanted),
                "name": name or found["name"],
            }
            if doc["name"] != found["name"]:
                _refuse_taken(tx, doc)
            SHELF.put(tx, {**doc, "updatedAt": now(), "updatedBy": editor})
            return doc

        return self._shown(self._store.write(intent))

    def delete(self, model_id: str) -> None:
        """With the service that runs it. Raises NotFound."""

        def intent(tx: Tx) -> None:
            model = SHELF.get(tx, model_id)
            service = tx.get(Kind.SERVICE, _noted(model).get("serviceId") or "")
            if service is not None:
                services.remove(tx, service["id"])
                if (service.get("metadata") or {}).get("ml", {}).get("ownPackage"):
                    tx.delete(Kind.PACKAGE, service["packageId"])
            SHELF.delete(tx, model_id)

        self._store.write(intent)

    # --- running ------------------------------------------------------------------------------------------------------

    def deploy(self, model_id: str, body: Mapping[str, Any], creator: str) -> Document:
        """The service that runs it from now on. Raises NotFound, and BadRequest if nothing here can run it."""
        service = self._service(model_id, body, creator)

        def intent(tx: Tx) -> None:
            model = SHELF.get(tx, model_id)
            metadata = merged(model["metadata"], {"system": {"deploy": {"services": [service["id"]]}}})
            SHELF.put(tx, {**model, "metadata": metadata, "status": "deployed", "updatedAt": now()})

        self._store.write(intent)
        return self._platform.services.get(service["id"])

    def run(self, model_id: str, what: str, body: Mapping[str, Any], creator: str) -> Document:
        """Begins to `predict`, `train`, `evaluate` or `embed`: the execution. Raises as `deploy`, and for its input."""
        given = object_at(body, "input")
        service = self._service(model_id, object_at(body, "config") or body, creator)
        function = self._function(service, what)
        inputs = {
            "items": given.get("itemIds"),
            "dataset": given.get("datasetId"),
            "query": given.get("datasetQuery"),
        }
        if what == "train":
            inputs["dataset"] = SHELF.get(self._store, model_id).get("datasetId")
        said = {key: value for key, value in inputs.items() if value is not None}
        execution = self._platform.executions.start(service["id"], inputs=said, function_name=function, creator=creator)
        if what == "train":
            self._note(model_id, {"trainExecutionId": execution["id"]}, status="training")
        return execution

    def _function(self, service: Mapping[str, Any], what: str) -> str:
        package = self._store.get(Kind.PACKAGE, service.get("packageId") or "") or {}
        known = [str(each.get("name")) for _, each in functions_of(package, service.get("moduleName"))]
        found = next((name for name in FUNCTIONS[what] if name in known), None)
        if found is None:
            raise BadRequest(
                f"nothing here can {what} with service {service['name']!r}",
                hint=f"its functions: {', '.join(known) or 'none'}; its module may have {FUNCTIONS[what][0]!r}",
            )
        return found

    def _service(self, model_id: str, body: Mapping[str, Any], creator: str) -> Document:
        """The service of the model, made when it is first needed."""
        config = object_at(body, "serviceConfig")
        refuse_types("this is not a service", config_errors(config))

        def intent(tx: Tx) -> Document:
            model = SHELF.get(tx, model_id)
            known = tx.get(Kind.SERVICE, _noted(model).get("serviceId") or "")
            if known is not None:
                return known
            package = tx.get(Kind.PACKAGE, model.get("packageId") or "")
            own = package is None
            if package is None:
                if not registered.is_brought(registered.node_of(model, "predict")):
                    raise BadRequest(
                        f"nothing here can run model {model['name']!r}",
                        hint="bring a runner for 'ml' (entry points of dtlpipe.runners), or give it a package",
                    )
                package = _own_package(model, creator)
                tx.insert(Kind.PACKAGE, package)
            service = services.service_document(_service_name(model), package, creator)
            service |= {
                **overlaid(service, config),
                "projectId": model["projectId"],
                "moduleName": model.get("moduleName") or _module_of(package),
                "metadata": {"ml": {"modelId": model_id, "modelName": model["name"], "ownPackage": own}},
            }
            services.refuse_taken(tx, service)
            tx.insert(Kind.SERVICE, service)
            _keep(tx, model, {"serviceId": service["id"]})
            return service

        return self._store.write(intent)

    def _note(self, model_id: str, said: Mapping[str, Any], **changes: Any) -> None:
        self._store.write(lambda tx: _keep(tx, SHELF.get(tx, model_id), said, **changes))

    def _insert(self, doc: Document) -> None:
        def intent(tx: Tx) -> None:
            _refuse_taken(tx, doc)
            SHELF.put(tx, doc)

        self._store.write(intent)

    def _shown(self, model: Document) -> Document:
        return shown(self._platform, "ml/models", {**model, "status": self._status(model)})

    def _status(self, model: Mapping[str, Any]) -> str:
        """That of its training, as long as nothing else was said since."""
        training = _noted(model).get("trainExecutionId")
        row = self._store.get_execution(training) if training and model["status"] == "training" else None
        if row is None or not lifecycle.is_final(row.status):
            return str(model["status"])
        return "trained" if row.status == lifecycle.SUCCESS else "failed"


def _fresh(name: str, project: Mapping[str, Any], creator: str) -> Document:
    return {
        "name": name,
        "projectId": project["id"],
        "context": {"project": project["id"], "org": (project.get("org") or {}).get("id"), "creator": creator},
        "packageId": None,
        "moduleName": None,
        "datasetId": None,
        "labels": [],
        "tags": [],
        "artifacts": [],
        "configuration": {},
        "description": "",
        "scope": "project",
        "version": "1.0.0",
        "inputType": None,
        "outputType": None,
        "app": None,
        "status": "created",
        "statusLogs": [],
        "updatedBy": creator,
    }


def _check(body: Mapping[str, Any]) -> None:
    for key, kind in _TYPES.items():
        value = body.get(key)
        if value is not None and not isinstance(value, kind):
            raise BadRequest("", errors=[{"path": [key], "message": f"{_WORDS[kind]} is needed here"}])


def _settable(body: Mapping[str, Any]) -> Document:
    return {key: body[key] for key in _TYPES if key != "metadata" and body.get(key) is not None}


def _cloned(source: Mapping[str, Any], body: Mapping[str, Any]) -> Document:
    system = {key: value for key, value in source["metadata"].get("system", {}).items() if key not in ("deploy", "ml")}
    return merged({**source["metadata"], "system": system}, object_at(body, "metadata"))


def _noted(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the platform notes of it: which service runs it, which execution trains it."""
    noted = (model["metadata"].get("system") or {}).get("ml")
    return noted if isinstance(noted, Mapping) else {}


def _keep(tx: Tx, model: Document, said: Mapping[str, Any], **changes: Any) -> None:
    metadata = merged(model["metadata"], {"system": {"ml": dict(said)}})
    SHELF.put(tx, {**model, **changes, "metadata": metadata, "updatedAt": now()})


def _refuse_taken(reads: Reads, doc: Mapping[str, Any]) -> None:
    same = SHELF.every(reads, projectId=doc["projectId"], name=doc["name"])
    if any(each["id"] != doc["id"] for each in same):
        raise Conflict(f"there is a model {doc['name']!r} in this project already", hint="choose a name that is free")


def _own_package(model: Mapping[str, Any], creator: str) -> Document:
    functions = [{"name": each, "input": _INPUTS, "output": []} for each in FUNCTIONS]
    module = {"name": DEFAULT_MODULE, "className": None, "entryPoint": None, "initInputs": [], "functions": functions}
    return {**package_document(_service_name(model), model["projectId"], creator), "modules": [module]}


def _module_of(package: Mapping[str, Any]) -> str:
    modules = package.get("modules") or ()
    return str(modules[0].get("name") or DEFAULT_MODULE) if modules else DEFAULT_MODULE


def _service_name(model: Mapping[str, Any]) -> str:
    """One that no other model's service has."""
    slug = re.sub("[^a-z0-9]+", "-", str(model["name"]).lower()).strip("-")[:20].strip("-") or "model"
    return f"{slug}-{str(model['id'])[-8:]}-{new_id()[-4:]}"
