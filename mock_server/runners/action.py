"""Action nodes: an action of a pipeline of actions, run in a process like any node code.

The job's code is one line that hands over to the part of the SDK that knows what an action is; where the action's own
code is (in folders, or shipped with its definition) is among the arguments.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from mock_server.executors.base import Argument, Code, Job
from mock_server.store.base import Kind

if TYPE_CHECKING:
    from mock_server.runners.blueprint import NodeSpec
    from mock_server.runners.code import Setting
    from mock_server.store.base import Document, ExecutionRow, Reads

#: Under such ids the folders with the code of actions are registered.
ROOT_PREFIX = "code-root:"

_SOURCE = "from dtlpipe.runs.acting import act as run\n"
_HASH = hashlib.sha256(_SOURCE.encode()).hexdigest()


def roots_in(reads: Reads) -> list[Document]:
    """The registered folders, the oldest first."""
    found = reads.find(Kind.SETTING, {"filter": {"id": f"{ROOT_PREFIX}**"}, "pageSize": 1000}).items
    return sorted(found, key=lambda each: (each["createdAt"], each["id"]))


def node_job(setting: Setting, row: ExecutionRow, spec: NodeSpec) -> Job:
    """The job of one action."""
    definition = dict((spec.document.get("config") or {}).get("action") or {})
    run = setting.store.get_run(row.run_id or "")
    details: dict[str, Any] = (run.extra if run is not None else None) or {}
    action = {
        "name": spec.name,
        "index": definition.get("index", 0),
        "entrypoint": definition.get("entrypoint"),
        "code": definition.get("code"),
        "roots": [each["path"] for each in roots_in(setting.store)],
        "run_id": row.run_id,
        "pipeline_id": row.pipeline_id,
        "work_dir": details.get("work_dir"),
        "attempt": row.attempt,
        "checkpoint": _within(setting, row, spec.name),
    }
    params = row.input.get("params")
    return Job(
        execution_id=row.id,
        fence=row.fence,
        code=Code(hash=_HASH, function_name="run", source=_SOURCE, name=spec.name),
        arguments=(
            Argument("params", None, params if isinstance(params, dict) else {}),
            Argument("action", None, action),
        ),
        outputs=tuple((port.name, port.type) for port in spec.outputs),
        node=spec.name,
        context={"pipeline_id": row.pipeline_id, "pipeline_execution_id": row.run_id, "node_id": row.node_id},
        timeout=spec.timeout or setting.timeout,
        memory_limit=spec.memory_limit or setting.memory_limit,
        log_level="DEBUG",
    )


def _within(setting: Setting, row: ExecutionRow, name: str) -> Document | None:
    """The newest checkpoint that an earlier try of this action made on its way."""
    where = {"runId": row.run_id, "actionName": name}
    found = setting.store.find(Kind.CHECKPOINT, {"pageSize": 1000}, where=where).items
    on_the_way = [each for each in found if each["status"] == "running"]
    if not on_the_way:
        return None
    newest = max(on_the_way, key=lambda each: each["createdAt"])
    return {"result": newest["result"], "artifacts_path": newest["artifactsPath"], "created_at": newest["createdAt"]}
