"""/recipes and /ontologies, as far as datasets need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from dtlpipe.errors import BadRequest
from mock_server.api.dataloop import paging, render, validation
from mock_server.api.guard import caller
from mock_server.platform import views
from mock_server.store.base import Document, Kind

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of recipes and ontologies."""
    recipes = platform.datasets.recipes

    def shown(kind: Kind, document: Document) -> Any:
        return (views.recipe if kind is Kind.RECIPE else views.ontology)(document, render.base())

    for kind, path in ((Kind.RECIPE, "recipes"), (Kind.ONTOLOGY, "ontologies")):
        _register_common(api, platform, kind, path, shown)

    @api.post("/recipes")
    def create_recipe() -> Any:
        return shown(Kind.RECIPE, recipes.create_recipe(validation.json_object(), caller().email))

    @api.post("/ontologies")
    def create_ontology() -> Any:
        return shown(Kind.ONTOLOGY, recipes.create_ontology(validation.json_object(), caller().email))

    @api.post("/recipes/<id>/clone")
    def clone_recipe(id: str) -> Any:
        body = validation.json_object(empty=True)
        copy = recipes.clone_recipe(id, caller().email, shallow=validation.truth(body, "shallow"))
        return shown(Kind.RECIPE, copy)

    _register_labels(api, platform, shown)


def _register_labels(api: Blueprint, platform: Platform, shown: Any) -> None:
    """The labels and attributes of ontologies."""
    recipes = platform.datasets.recipes

    @api.patch("/ontologies/<id>/attributes")
    def set_attributes(id: str) -> Any:
        items = validation.json_object().get("items")
        if not isinstance(items, list):
            raise BadRequest("", errors=[{"path": ["items"], "message": "a list of attributes is needed here"}])
        return shown(Kind.ONTOLOGY, recipes.set_attributes(id, items))

    @api.delete("/ontologies/<id>/attributes")
    def remove_attributes(id: str) -> Any:
        keys = validation.json_object(empty=True).get("keys")
        if not isinstance(keys, list):
            raise BadRequest("", errors=[{"path": ["keys"], "message": "a list of keys is needed here"}])
        return shown(Kind.ONTOLOGY, recipes.remove_attributes(id, keys))

    @api.patch("/ontologies/<id>/addLabels")
    @api.patch("/ontologies/<id>/labels")
    def set_labels(id: str) -> Any:
        body = validation.json_object()
        labels = body.get("labelsNode")
        if not isinstance(labels, list):
            raise BadRequest("", errors=[{"path": ["labelsNode"], "message": "a list of labels is needed here"}])
        return shown(Kind.ONTOLOGY, recipes.set_labels(id, labels, upsert=validation.truth(body, "upsert")))

    @api.delete("/ontologies/<id>/labels")
    def remove_labels(id: str) -> Any:
        body = validation.json_object(empty=True)
        tags = body.get("labelNames", body.get("labels"))
        if not isinstance(tags, list):
            raise BadRequest("", errors=[{"path": ["labelNames"], "message": "a list of tags is needed here"}])
        return shown(Kind.ONTOLOGY, recipes.remove_labels(id, tags))


def _register_common(api: Blueprint, platform: Platform, kind: Kind, path: str, shown: Any) -> None:
    recipes = platform.datasets.recipes

    def get(id: str) -> Any:
        return shown(kind, recipes.get(kind, id))

    def list_all() -> Any:
        projects, ids = (request.args.get(key, "").split(",") for key in ("projects", "ids"))
        found = recipes.list(kind, [each for each in projects if each], [each for each in ids if each])
        size = max(1, validation.whole("pageSize", 1000))
        start = validation.whole("pageOffset", 0) * size
        answer = paging.whole(shown(kind, each) for each in found[start : start + size])
        more = {"totalItemsCount": len(found), "totalPagesCount": -(-len(found) // size)}
        return {**answer, **more, "hasNextPage": start + size < len(found)}

    def update(id: str) -> Any:
        return shown(kind, recipes.update(kind, id, validation.json_object()))

    def delete(id: str) -> Any:
        recipes.delete(kind, id)
        return {"id": id}

    api.add_url_rule(f"/{path}", f"list_{path}", list_all, methods=["GET"])
    for view, methods in ((get, ["GET"]), (update, ["PATCH", "PUT"]), (delete, ["DELETE"])):
        api.add_url_rule(f"/{path}/<id>", f"{view.__name__}_{path}", view, methods=methods)
