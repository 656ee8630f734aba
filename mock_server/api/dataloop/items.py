"""/items: what is known of them. Their bytes come and go in `uploads` and `streams`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from dtlpipe.errors import BadRequest
from mock_server.api.dataloop import render, validation
from mock_server.api.guard import caller
from mock_server.platform.links import shown

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of items."""
    items = platform.items

    @api.get("/items/<item_id>")
    def get_item(item_id: str) -> Any:
        return render.item(items.get(item_id))

    @api.patch("/items/<item_id>")
    def update_item(item_id: str) -> Any:
        body = validation.json_object()
        return render.item(items.update(item_id, body, caller().email, system=validation.flag("system")))

    @api.delete("/items/<item_id>")
    def delete_item(item_id: str) -> Any:
        items.delete(item_id)
        return {"id": item_id}

    @api.delete("/datasets/<dataset_id>/items/<item_id>")
    def delete_item_of_dataset(dataset_id: str, item_id: str) -> Any:
        if items.get(item_id)["datasetId"] != dataset_id:
            raise BadRequest(f"item {item_id!r} is not in dataset {dataset_id!r}")
        items.delete(item_id)
        return {"id": item_id}

    @api.post("/items/<item_id>/clone")
    def clone_item(item_id: str) -> Any:
        body = validation.json_object()
        options = body.get("cloneDatasetParams") or {}
        path = body.get("remoteFileName")
        if not isinstance(options, dict):
            raise BadRequest("", errors=[{"path": ["cloneDatasetParams"], "message": "an object is needed here"}])
        if path is not None and not isinstance(path, str):
            raise BadRequest("", errors=[{"path": ["remoteFileName"], "message": "a text is needed here"}])
        command = items.clone(
            item_id,
            validation.text(body, "targetDatasetId"),
            caller().email,
            path=path,
            metadata=body.get("metadata"),
            with_metadata=validation.truth(options, "withMetadata", default=True),
            with_annotations=validation.truth(options, "withItemsAnnotations", default=True),
        )
        return shown(platform, "commands", command)
