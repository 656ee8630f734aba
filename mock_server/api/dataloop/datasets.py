"""/datasets, and the queries over what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from dtlpipe.errors import BadRequest
from mock_server.api.dataloop import paging, render, validation
from mock_server.api.guard import caller

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.store.base import Document


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of datasets."""
    datasets = platform.datasets

    def shown(document: Document) -> dict[str, Any]:
        return render.dataset(platform, document)

    @api.post("/datasets")
    def create_dataset() -> Any:
        return shown(datasets.create(validation.json_object(), caller().email))

    @api.post("/datasets/query")
    def query_datasets() -> Any:
        query = validation.query()
        validation.truth(query, "systemSpace")
        return paging.cursor(datasets.query(query), shown)

    @api.get("/datasets/<dataset_id>")
    def get_dataset(dataset_id: str) -> Any:
        return shown(datasets.get(dataset_id))

    @api.patch("/datasets/<dataset_id>")
    def update_dataset(dataset_id: str) -> Any:
        body = validation.json_object()
        return shown(datasets.update(dataset_id, body, system=validation.flag("system")))

    @api.delete("/datasets/<dataset_id>")
    def delete_dataset(dataset_id: str) -> Any:
        datasets.delete(dataset_id)
        return {"id": dataset_id}

    @api.patch("/datasets/<dataset_id>/unlock")
    def unlock_dataset(dataset_id: str) -> Any:
        return shown(datasets.update(dataset_id, {"readonly": False}))

    @api.get("/datasets/<dataset_id>/directoryTree")
    def directory_tree(dataset_id: str) -> Any:
        return datasets.tree(dataset_id)

    @api.post("/datasets/<dataset_id>/query")
    def query_dataset(dataset_id: str) -> Any:
        return _query_within(platform, dataset_id, validation.query())


def _query_within(platform: Platform, dataset_id: str, body: dict[str, Any]) -> Any:
    """Looks for items or annotations; with `update` or `delete`, changes the items that it finds."""
    resource = body.get("resource", "items")
    if resource == "annotations":
        return paging.cursor(platform.items.annotations.query(dataset_id, body), render.annotation)
    if resource != "items":
        raise BadRequest(f"resource: a dataset has 'items' and 'annotations', not {resource!r}")
    if "update" in body:
        return _update_items(platform, dataset_id, body)
    if body.get("delete") not in (None, False):
        if body["delete"] is not True:
            raise BadRequest("delete: true is needed here, or nothing")
        return {"deleted": platform.items.delete_all(dataset_id, body)}
    return paging.cursor(platform.items.query(dataset_id, body), render.item)


def _update_items(platform: Platform, dataset_id: str, body: dict[str, Any]) -> Any:
    patch = body["update"]
    if not isinstance(patch, dict):
        raise BadRequest('update: an object such as {"metadata": {"user": {...}}} is needed here')
    system = validation.truth(body, "systemSpace")
    return {"updated": platform.items.update_all(dataset_id, body, patch, caller().email, system=system)}
