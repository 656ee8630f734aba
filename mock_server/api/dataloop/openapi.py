"""/openapi.json: what this vocabulary is, made of its routes and of the bodies that they check.

Law: nothing is written twice. A route that is there is in the document, with the parameters of its path; what a body
may be is what the border checks, and a route that checks its body elsewhere says no more than that it is an object.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, current_app
from pydantic import TypeAdapter
from werkzeug.routing import Rule

from dtlpipe.model.execution import Execution
from dtlpipe.model.package import Package
from dtlpipe.model.pipeline import Pipeline
from dtlpipe.model.service import Service
from dtlpipe.model.struct import partial
from dtlpipe.model.trigger import Trigger
from mock_server.api.dataloop.executing import ExecutePipeline, ExecuteService, RerunPipeline, RerunServices

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_PREFIX = "/api/v1"
_QUERY = {
    "type": "object",
    "properties": {
        "filter": {"type": "object"},
        "page": {"type": "integer", "minimum": 0},
        "pageSize": {"type": "integer", "minimum": 1, "maximum": 1000},
        "resource": {"type": "string"},
        "sort": {"type": "object", "additionalProperties": {"enum": ["ascending", "descending"]}},
        "context": {"type": "object"},
        "join": {"type": "object"},
    },
}
#: What bodies are, by the names of views; those of queries and of what is not named here go by their paths.
_BODIES: dict[str, Any] = {
    "execute_pipeline": ExecutePipeline,
    "execute_service": ExecuteService,
    "rerun": RerunPipeline,
    "rerun_batch": RerunServices,
    "create_pipeline": Pipeline,
    "update_pipeline": partial(Pipeline),
    "validate_pipeline": Pipeline,
    "create_package": Package,
    "update_package": partial(Package),
    "create_service": Service,
    "update_service": partial(Service),
    "create_trigger": Trigger,
    "update_trigger": partial(Trigger),
    "update_execution": partial(Execution),
}


def register(api: Blueprint, platform: Platform) -> None:  # noqa: ARG001 - as all modules with routes have it
    """Adds the one route."""

    @api.get("/openapi.json")
    def openapi() -> Any:
        return document(current_app.url_map.iter_rules())


def document(rules: Any) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these rules, as far as they are this vocabulary's."""
    paths: dict[str, dict[str, Any]] = {}
    names: set[str] = set()
    for rule in rules:
        if not rule.endpoint.startswith("dataloop.") or rule.endpoint.startswith("dataloop.no "):
            continue  # another vocabulary's, or what this platform does not have
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix(_PREFIX))
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            operation = _operation(rule, method)
            if operation["operationId"] in names:
                operation["operationId"] = f"{operation['operationId']}_{method.lower()}_{len(names)}"
            names.add(operation["operationId"])
            paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "The Dataloop API, as this platform serves it", "version": "1"},
        "servers": [{"url": _PREFIX}],
        "paths": dict(sorted(paths.items())),
    }


def _operation(rule: Rule, method: str) -> dict[str, Any]:
    name = rule.endpoint.partition(".")[2]
    found: dict[str, Any] = {
        "operationId": name,
        "parameters": [
            {"name": each, "in": "path", "required": True, "schema": _parameter(rule, each)}
            for each in sorted(rule.arguments)
        ],
        "responses": {"default": {"description": "JSON; of an error, an object with a `message`"}},
    }
    if method in ("POST", "PUT", "PATCH"):
        content = {"application/json": {"schema": _body(name, rule.rule)}}
        found["requestBody"] = {"required": False, "content": content}
    return found


def _parameter(rule: Rule, name: str) -> dict[str, Any]:
    return {"type": "integer"} if f"<int:{name}>" in rule.rule else {"type": "string", "minLength": 1}


def _body(name: str, path: str) -> dict[str, Any]:
    if path.endswith(("/query", "/query/faas")):
        return _QUERY
    kind = _BODIES.get(name)
    return {"type": "object"} if kind is None else _schema(kind)


@cache
def _schema(kind: Any) -> dict[str, Any]:
    """A body's own schema, without references to elsewhere in the document."""
    found = TypeAdapter(kind).json_schema()
    definitions = found.pop("$defs", {})

    def inlined(value: Any, depth: int = 0) -> Any:
        if isinstance(value, list):
            return [inlined(each, depth) for each in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            name = value["$ref"].rpartition("/")[2]
            return {} if depth > 6 else inlined(definitions[name], depth + 1)
        return {key: inlined(each, depth) for key, each in value.items()}

    result: dict[str, Any] = inlined(found)
    return result
