"""/annotations, and those of an item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from mock_server.api.dataloop import render, validation
from mock_server.api.guard import caller

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of annotations."""
    annotations = platform.items.annotations

    @api.get("/items/<item_id>/annotations")
    def list_annotations(item_id: str) -> Any:
        return [render.annotation(each) for each in annotations.of_item(item_id)]

    @api.post("/items/<item_id>/annotations")
    def create_annotations(item_id: str) -> Any:
        value = validation.json_value()
        bodies = value if isinstance(value, list) else [value]
        made = [render.annotation(each) for each in annotations.create(item_id, bodies, caller().email)]
        return made if isinstance(value, list) else made[0]

    @api.get("/annotations/<annotation_id>")
    def get_annotation(annotation_id: str) -> Any:
        return render.annotation(annotations.get(annotation_id))

    @api.put("/annotations/<annotation_id>")
    @api.patch("/annotations/<annotation_id>")
    def update_annotation(annotation_id: str) -> Any:
        return render.annotation(annotations.update(annotation_id, validation.json_object(), caller().email))

    @api.delete("/annotations/<annotation_id>")
    def delete_annotation(annotation_id: str) -> Any:
        annotations.delete(annotation_id)
        return {"id": annotation_id}
