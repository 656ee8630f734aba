"""/projects and their members. As the field's SDK has it, creation is a form and a lookup by name gives a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from dtlpipe.errors import BadRequest
from mock_server.api.dataloop import render, validation
from mock_server.api.guard import caller

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_ROLES = ("owner", "engineer", "annotator", "annotationManager", "developer")


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of projects and their members."""
    projects = platform.projects

    @api.post("/projects")
    def create_project() -> Any:
        body = validation.fields()  # the field's SDK sends a form here
        return render.project(projects.create(validation.text(body, "name"), caller().email))

    @api.get("/projects")
    def list_projects() -> Any:
        return [render.project(each) for each in projects.list()]

    @api.get("/projects/<project_id>")
    def get_project(project_id: str) -> Any:
        return render.project(projects.get(project_id))

    @api.get("/projects/<path:name>/name")
    def get_project_by_name(name: str) -> Any:
        return [render.project(projects.get_by_name(name))]

    @api.patch("/projects/<project_id>")
    def update_project(project_id: str) -> Any:
        return render.project(projects.update(project_id, validation.json_object()))

    @api.delete("/projects/<project_id>")
    def delete_project(project_id: str) -> Any:
        projects.delete(project_id)
        return {"id": project_id}

    @api.get("/projects/<project_id>/members")
    def list_members(project_id: str) -> Any:
        return projects.members(project_id)

    @api.post("/projects/<project_id>/members/<email>")
    @api.patch("/projects/<project_id>/members/<email>")
    def set_member(project_id: str, email: str) -> Any:
        role = validation.json_object(empty=True).get("role", "engineer")
        if role not in _ROLES:
            raise BadRequest(f"role: {role!r:.80} is none of {', '.join(_ROLES)}")
        return projects.set_member(project_id, email, role, known=request.method == "PATCH")

    @api.delete("/projects/<project_id>/members/<email>")
    def remove_member(project_id: str, email: str) -> Any:
        return projects.set_member(project_id, email, None)
