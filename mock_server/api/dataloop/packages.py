"""/packages, and /piper-misc/naming, which says whether a name may be taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from dtlpipe.errors import NotFound
from mock_server.api.dataloop import validation
from mock_server.api.guard import caller
from mock_server.platform.packages import check_name

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_NAMED = {"packages": "package", "services": "service", "triggers": "trigger"}


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of packages; queries for them go to /query/faas."""
    packages = platform.packages

    @api.post("/packages")
    def create_package() -> Any:
        return packages.create(validation.json_object(), caller().email)

    @api.get("/packages/<package_id>")
    def get_package(package_id: str) -> Any:
        return packages.get(package_id)

    @api.patch("/packages/<package_id>")
    def update_package(package_id: str) -> Any:
        return packages.update(package_id, validation.json_object())

    @api.delete("/packages/<package_id>")
    def delete_package(package_id: str) -> Any:
        packages.delete(package_id)
        return {"id": package_id}

    @api.get("/packages/<package_id>/revisions")
    def package_revisions(package_id: str) -> Any:
        return packages.revisions(package_id)

    @api.get("/piper-misc/naming/<collection>/<path:name>")
    def check_naming(collection: str, name: str) -> Any:
        if collection not in _NAMED:
            raise NotFound(f"there are no names of {collection!r}", hint=f"there are those of {', '.join(_NAMED)}")
        check_name(name, _NAMED[collection])
        return {"name": name, "valid": True}
