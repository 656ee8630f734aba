"""/ml/models: what is known of models, and executions that run them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from mock_server.api.dataloop import validation
from mock_server.api.guard import caller
from mock_server.platform.models import FUNCTIONS

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of models."""
    models = platform.models

    @api.post("/ml/models")
    def create_model() -> Any:
        return models.create(validation.json_object(), caller().email)

    @api.post("/ml/models/query")
    def query_models() -> Any:
        return models.query(validation.query())

    @api.get("/ml/models/<model_id>")
    def get_model(model_id: str) -> Any:
        return models.get(model_id)

    @api.patch("/ml/models/<model_id>")
    def update_model(model_id: str) -> Any:
        body = validation.json_object()
        return models.update(model_id, body, caller().email, system=validation.flag("system"))

    @api.delete("/ml/models/<model_id>")
    def delete_model(model_id: str) -> Any:
        models.delete(model_id)
        return {"id": model_id}

    @api.post("/ml/models/<model_id>/clone")
    def clone_model(model_id: str) -> Any:
        return models.clone(model_id, validation.json_object(), caller().email)

    @api.post("/ml/models/<model_id>/deploy")
    def deploy_model(model_id: str) -> Any:
        return models.deploy(model_id, validation.json_object(empty=True), caller().email)

    for what in FUNCTIONS:
        _register_run(api, platform, what)


def _register_run(api: Blueprint, platform: Platform, what: str) -> None:
    def run(model_id: str) -> Any:
        return platform.models.run(model_id, what, validation.json_object(empty=True), caller().email)

    api.add_url_rule(f"/ml/models/<model_id>/{what}", f"{what}_model", run, methods=["POST"])
