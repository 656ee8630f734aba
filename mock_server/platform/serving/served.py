"""One deployment as the platform has it, and as it is shown."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

import attrs

from dtlpipe.errors import Unavailable, UnprocessableEntity
from mock_server.executors.hosts import Host
from mock_server.store.base import Document


class LoadRefused(UnprocessableEntity):
    """A wrapper that cannot be served; `file` and `line` say where."""

    def __init__(self, detail: Mapping[str, Any]) -> None:
        message = str(detail.get("message") or "the wrapper cannot be loaded")
        super().__init__(message)
        self.detail = dict(detail)


class Retired(Unavailable):
    """What was found a moment ago has been replaced or undeployed meanwhile: find it again."""


@attrs.define(eq=False)
class Deployment:
    """One that is served. `host` is its process, if there is one now; `error` why there is none.

    One that is `retired` is given no process any more: it is another one that is served now, or none.
    """

    document: Document
    files: dict[str, bytes] = attrs.field(repr=False)
    host: Host | None = None
    error: dict[str, Any] | None = None
    description: dict[str, Any] | None = None
    lock: threading.Lock = attrs.field(factory=threading.Lock, repr=False)
    failed_at: float = 0.0
    crashes: int = 0
    retired: bool = False

    @property
    def name(self) -> str:
        return str(self.document["name"])


#: What is told of a wrapper that offers it, in this order.
CAPABILITIES: Final = ("run_api", "chat_completion", "responses", "file_upload", "mcp_eligible", "a2a_eligible")


def shown(
    document: Mapping[str, Any], description: Mapping[str, Any] | None, error: Mapping[str, Any] | None
) -> Document:
    """What is told of one, as hayhooks' clients read it."""
    known = description or {}
    offered = {**known.get("capabilities", {}), **({"mcp_eligible": False} if document.get("skipMcp") else {})}
    durable = bool(offered.get("durable"))
    return {
        "name": document["name"],
        "type": known.get("type", "unknown"),
        "execution_mode": "durable" if durable else "request-bound",
        "state": "Degraded" if error is not None else "Healthy" if durable else "Loaded",
        "description": document.get("description") or known.get("description") or "",
        "capabilities": [each for each in CAPABILITIES if offered.get(each)],
        "revision": known.get("revision") or document.get("revision"),
        "health": {"healthy": error is None, "counts": {}},
        "worker_scope": "platform",
        "store_scope": "platform",
        "execution_enumeration": True,
        "source": document.get("source"),
        "error": dict(error) if error is not None else None,
        "created_at": document.get("createdAt"),
        "updated_at": document.get("updatedAt"),
    }
