"""The OpenAPI document of what is served, and a page that shows it without anything from elsewhere."""

from __future__ import annotations

import html
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mock_server.platform.serving.deployments import Deployments

_FIXED = (
    ("get", "/status", "status_all", "Status of all pipelines"),
    ("get", "/status/{pipeline_name}", "status_pipeline", "Status of one pipeline"),
    ("post", "/deploy_files", "pipeline_deploy", "Deploy a pipeline from files"),
    ("post", "/deploy-yaml", "yaml_pipeline_deploy", "Deploy a pipeline from a YAML definition"),
    ("post", "/undeploy/{pipeline_name}", "pipeline_undeploy", "Undeploy a pipeline"),
    ("get", "/v1/models", "openai_models", "List models"),
    ("post", "/v1/chat/completions", "openai_chat_completions", "Chat completions"),
    ("post", "/v1/responses", "openai_responses", "Responses"),
    ("post", "/v1/files", "openai_files", "Upload a file"),
)
_UNFIT = {
    "description": "Validation Error",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}},
}


def document(deployments: Deployments) -> dict[str, Any]:
    """The document. A pipeline that has not loaded yet is shown without its parameters."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {
        "ValidationError": {
            "title": "ValidationError",
            "type": "object",
            "required": ["loc", "msg", "type"],
            "properties": {
                "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
                "msg": {"type": "string"},
                "type": {"type": "string"},
            },
        },
        "HTTPValidationError": {
            "title": "HTTPValidationError",
            "type": "object",
            "properties": {"detail": {"type": "array", "items": {"$ref": "#/components/schemas/ValidationError"}}},
        },
    }
    for method, path, id, summary in _FIXED:
        operation: dict[str, Any] = {"operationId": id, "summary": summary, "responses": {"200": {"description": "OK"}}}
        if "{pipeline_name}" in path:
            operation["parameters"] = [
                {"name": "pipeline_name", "in": "path", "required": True, "schema": {"type": "string"}}
            ]
        paths.setdefault(path, {})[method] = operation
    for name in deployments.names():
        described = deployments.find(name).description or {}
        run = described.get("run")
        if run:
            paths[f"/{name}/run"] = {"post": _operation(name, described, run, schemas)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "dtlpipe", "version": _version()},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(name: str, described: dict[str, Any], run: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    schemas[f"{name}RunRequest"] = _moved(run["request"], schemas)
    kind = "multipart/form-data" if run["uploads"] else "application/json"
    if run["response"] is not None:
        schemas[f"{name}RunResponse"] = _moved(run["response"], schemas)
        answer = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}RunResponse"}}}
    else:
        answer = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "tags": ["pipelines"],
        "summary": f"{name} Run",
        "description": described.get("description") or "",
        "operationId": f"{name}_run_{name}_run_post",
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"$ref": f"#/components/schemas/{name}RunRequest"}}},
        },
        "responses": {"200": {"description": "Successful Response", "content": answer}, "422": _UNFIT},
    }


def _moved(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """The schema with its definitions among the document's."""
    found = dict(schema)
    for name, each in found.pop("$defs", {}).items():
        schemas[name] = _pointed(each)
    return _pointed(found)


def _pointed(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: each.replace("#/$defs/", "#/components/schemas/")
            if key == "$ref" and isinstance(each, str)
            else _pointed(each)
            for key, each in value.items()
        }
    return [_pointed(each) for each in value] if isinstance(value, list) else value


def page(deployments: Deployments) -> str:
    """The document for people."""
    rows = []
    for path, operations in document(deployments)["paths"].items():
        for method, operation in operations.items():
            said = html.escape(operation.get("description") or operation.get("summary") or "")
            rows.append(f"<tr><td>{method.upper()}</td><td><code>{html.escape(path)}</code></td><td>{said}</td></tr>")
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Served pipelines</title>"
        "<style>body{font:15px/1.5 system-ui;margin:2rem auto;max-width:60rem}td{padding:.2rem .8rem .2rem 0}</style>"
        "<h1>Served pipelines</h1><p>The document: <a href=openapi.json>openapi.json</a></p>"
        f"<table>{''.join(rows)}</table></html>"
    )


def _version() -> str:
    try:
        return version("dtlpipe")
    except PackageNotFoundError:
        return "unknown"
