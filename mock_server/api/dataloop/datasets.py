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

    _register_bulk(api, platform)


def _register_bulk(api: Blueprint, platform: Platform) -> None:
    """What touches many items at once."""
    bulk = platform.bulk

    @api.post("/datasets/<dataset_id>/clone")
    def clone_dataset(dataset_id: str) -> Any:
        return bulk.clone(dataset_id, validation.json_object(), caller().email)

    @api.post("/datasets/merge")
    def merge_datasets() -> Any:
        return bulk.merge(validation.json_object(), caller().email)

    @api.post("/datasets/<dataset_id>/sync")
    def sync_dataset(dataset_id: str) -> Any:
        validation.json_object(empty=True)
        return bulk.sync(dataset_id, caller().email)

    @api.post("/datasets/<dataset_id>/export")
    def export_dataset(dataset_id: str) -> Any:
        return bulk.export(dataset_id, validation.json_object(empty=True), caller().email)

    @api.post("/datasets/<dataset_id>/split")
    def split_dataset(dataset_id: str) -> Any:
        platform.datasets.get(dataset_id)
        body = validation.json_object()
        shares, query = validation.member(body, "MLSplitList"), validation.member(body, "itemsQuery")
        return bulk.split(dataset_id, _filter_of(query), shares, caller().email)

    @api.post("/datasets/<dataset_id>/items/bulk-update-metadata")
    def tag_items(dataset_id: str) -> Any:
        platform.datasets.get(dataset_id)
        body = validation.json_object()
        wanted, query = validation.member(body, "updateQuery"), validation.member(body, "query")
        return bulk.tag(dataset_id, _filter_of(query), _update_of(wanted), caller().email)

    @api.put("/datasets/<dataset_id>/items/<folder_id>")
    def move_items(dataset_id: str, folder_id: str) -> Any:
        platform.datasets.get(dataset_id)
        return bulk.move_into(dataset_id, folder_id, validation.json_list(), caller().email)


def _filter_of(query: dict[str, Any]) -> dict[str, Any]:
    """The filter of a query within a body, for all its pages."""
    return {name: query[name] for name in ("filter", "join") if query.get(name)}


def _update_of(body: dict[str, Any]) -> dict[str, Any]:
    patch = body.get("update")
    if not isinstance(patch, dict):
        raise BadRequest('update: an object such as {"metadata": {"user": {...}}} is needed here')
    return patch


def _query_within(platform: Platform, dataset_id: str, body: dict[str, Any]) -> Any:
    """Looks for items or annotations; with `update` or `delete`, changes the items that it finds."""
    resource = body.get("resource", "items")
    if body.get("delete") not in (None, False, True):
        raise BadRequest("delete: true is needed here, or nothing")
    if resource == "annotations":
        if body.get("delete"):
            return {"deleted": platform.bulk.delete_annotations(dataset_id, body)}
        if "update" in body:
            changes = _update_of(body)
            return {"updated": platform.bulk.update_annotations(dataset_id, body, changes, caller().email)}
        return paging.cursor(platform.items.annotations.query(dataset_id, body), render.annotation)
    if resource != "items":
        raise BadRequest(f"resource: a dataset has 'items' and 'annotations', not {resource!r}")
    if "update" in body:
        return _update_items(platform, dataset_id, body)
    if body.get("delete"):
        return {"deleted": platform.items.delete_all(dataset_id, body)}
    return paging.cursor(platform.items.query(dataset_id, body), render.item)


def _update_items(platform: Platform, dataset_id: str, body: dict[str, Any]) -> Any:
    patch = _update_of(body)
    system = validation.truth(body, "systemSpace")
    return {"updated": platform.items.update_all(dataset_id, body, patch, caller().email, system=system)}
