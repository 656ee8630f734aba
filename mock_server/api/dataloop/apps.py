"""/app-registry and /apps: packages as the registry has them, and what is installed of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from mock_server.api.dataloop import validation
from mock_server.api.guard import caller

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of DPKs and apps."""
    _register_dpks(api, platform)
    _register_apps(api, platform)


def _register_dpks(api: Blueprint, platform: Platform) -> None:
    dpks = platform.dpks

    @api.post("/app-registry")
    def publish_dpk() -> Any:
        return dpks.publish(validation.json_object(), caller().email)

    @api.post("/app-registry/query")
    def query_dpks() -> Any:
        return dpks.query(validation.query())

    @api.get("/app-registry/<dpk_id>")
    def get_dpk(dpk_id: str) -> Any:
        return dpks.get(dpk_id)

    @api.patch("/app-registry/<dpk_id>")
    def update_dpk(dpk_id: str) -> Any:
        found = dpks.update(dpk_id, validation.json_object())
        return {"message": f"DPK {found['name']} was updated", "dpk": found}

    @api.delete("/app-registry/<dpk_id>")
    def delete_dpk(dpk_id: str) -> Any:
        dpks.delete(dpk_id)
        return {"id": dpk_id}

    @api.post("/app-registry/<dpk_id>/revisions")
    def query_dpk_versions(dpk_id: str) -> Any:
        return dpks.query_versions(dpk_id, validation.query())

    @api.get("/app-registry/<dpk_id>/revisions/<version>")
    def get_dpk_version(dpk_id: str, version: str) -> Any:
        return dpks.version(dpk_id, version)

    @api.get("/app-registry/<dpk_id>/previews")
    def get_dpk_previews(dpk_id: str) -> Any:
        return dpks.get(dpk_id).get("previews") or {}


def _register_apps(api: Blueprint, platform: Platform) -> None:
    apps = platform.apps

    @api.post("/apps")
    def install_app() -> Any:
        return apps.install(validation.json_object(), caller().email)

    @api.post("/apps/query")
    def query_apps() -> Any:
        return apps.query(validation.query())

    @api.get("/apps/<app_id>")
    def get_app(app_id: str) -> Any:
        return apps.get(app_id)

    @api.put("/apps/<app_id>")
    @api.patch("/apps/<app_id>")
    def update_app(app_id: str) -> Any:
        return apps.update(app_id, validation.json_object())

    @api.delete("/apps/<app_id>")
    def uninstall_app(app_id: str) -> Any:
        apps.uninstall(app_id)
        return {"id": app_id}

    @api.post("/apps/<app_id>/activate")
    def resume_app(app_id: str) -> Any:
        validation.json_object(empty=True)
        return apps.set_active(app_id, active=True)

    @api.post("/apps/<app_id>/deactivate")
    def pause_app(app_id: str) -> Any:
        validation.json_object(empty=True)
        return apps.set_active(app_id, active=False)
