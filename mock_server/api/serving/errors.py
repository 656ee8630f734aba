"""Errors as hayhooks' clients read them: `detail` alone, a text or FastAPI's list of what is wrong where."""

from __future__ import annotations

from typing import Any

from dtlpipe.errors import PlatformException

_VERBS = frozenset({"run", "batch", "jobs", "job", "chat", "run-durable", "executions", "schedules", "dead-letters"})
_ROOTS = frozenset(
    {
        "status",
        "deploy_files",
        "deploy-yaml",
        "undeploy",
        "draw",
        "docs",
        "redoc",
        "openapi.json",
        "traces",
        "deployments",
        "jobs",
    }
)
_TEXTS = {404: "Not Found", 405: "Method Not Allowed"}


def owns(path: str) -> bool:
    """Whether a path is of this vocabulary."""
    parts = path.strip("/").split("/")
    return parts[0] in _ROOTS or (len(parts) > 1 and parts[1] in _VERBS and parts[0] not in ("api", "v1", "synapse"))


def body(error: PlatformException, _request_id: str) -> dict[str, Any]:
    """The JSON of an error."""
    if error.message.startswith("there is nothing at ") or " does not take " in error.message:
        return {"detail": _TEXTS.get(error.status, error.message)}
    details = getattr(error, "details", None)
    if details:
        return {"detail": details}
    found: dict[str, Any] = {"detail": error.message}
    detail = getattr(error, "detail", None)
    if isinstance(detail, dict):
        found |= {"file": detail.get("file"), "line": detail.get("line")}
    return found
