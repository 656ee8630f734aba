"""Which runner an execution goes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest
from mock_server.runners import action, code, own, registered
from mock_server.runners.code import Setting
from mock_server.runners.entities import document

if TYPE_CHECKING:
    from mock_server.executors.base import Job
    from mock_server.runners.blueprint import NodeSpec
    from mock_server.store.base import ExecutionRow, Reads

_BY_TYPE = {
    "code": code.node_job,
    "function": code.node_job,
    "ml": code.node_job,
    "custom": code.node_job,
    "action": action.node_job,
    **dict.fromkeys(own.TYPES, own.node_job),
}


def is_inline(spec: NodeSpec | None, job: Job | None = None) -> bool:
    """Whether a job, of a node or of a call (no spec), runs in the platform itself, and needs no process."""
    if job is not None and job.context.get("type") == "registered":
        return True
    return spec is not None and (spec.type in own.TYPES or _is_registered(spec))


def _is_registered(spec: NodeSpec) -> bool:
    """Whether somebody brought a runner for it; code of its own, or of a service that it names, goes before that."""
    if spec.type not in registered.TYPES or (spec.document.get("config") or {}).get("package") or spec.service_name:
        return False
    return registered.find(spec.document) is not None


class Runners:
    """The registry: `prepare` finds the runner for an execution."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def prepare(self, row: ExecutionRow, spec: NodeSpec | None) -> Job:
        """The job for a node's execution, or for a call of a service (no spec).

        Raises BadRequest, naming the node, for a type that has no runner or for code that is not there.
        """
        if spec is None:
            return code.call_job(self._setting, row)
        if _is_registered(spec):
            return registered.node_job(self._setting, row, spec)
        runner = _BY_TYPE.get(spec.type)
        if runner is None:
            raise BadRequest(
                f"node {spec.name!r} is of type {spec.type!r}, which this platform cannot run",
                node=spec.name,
                hint=f"it runs {', '.join(sorted(_BY_TYPE))}",
            )
        return runner(self._setting, row, spec)

    def document(self, reads: Reads, type: str | None, value: Any) -> Mapping[str, Any]:
        """What a condition looks at when a value of this type passes."""
        return document(reads, type, value)
