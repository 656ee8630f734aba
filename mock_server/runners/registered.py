"""Runners that others bring: for `ml` and `custom` nodes without code of their own.

A runner is a function of a `Visit` that gives the outputs by port. It is found under `type:function` or under the type
alone: registered by hand, or an entry point of the group `dtlpipe.runners` with that name. Runners are trusted: they
run in the platform's own threads, and nothing ends them. What ran at a kill runs again, with the same `execution_id`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import attrs

from mock_server.executors.base import Argument, Code, Job
from mock_server.runners.uncoded import job_of
from mock_server.store.base import Kind

if TYPE_CHECKING:
    from mock_server.runners.blueprint import NodeSpec
    from mock_server.runners.code import Setting
    from mock_server.store.base import ExecutionRow, Reads

GROUP = "dtlpipe.runners"
#: Types of nodes that a runner may be brought for.
TYPES = ("ml", "custom")
#: Under such ids models are kept.
MODEL_PREFIX = "model:"


@attrs.frozen
class Visit:
    """One execution of a node, or call of a model's service. `inputs` are by name, entities as references.

    `node` is the node's JSON (of a call, what such a node would say), `model` that of the model which it names.
    """

    execution_id: str
    attempt: int
    function_name: str
    inputs: Mapping[str, Any]
    node: Mapping[str, Any]
    run_id: str | None = None
    pipeline_id: str | None = None
    model: Mapping[str, Any] | None = None


Runner = Callable[[Visit], Mapping[str, Any]]

_by_hand: dict[str, Runner] = {}


def register(name: str, runner: Runner) -> Callable[[], None]:
    """Brings a runner for `ml`, `custom`, or one function of theirs (`ml:predict`); gives what takes it back.

    Raises ValueError for another type of node.
    """
    if name.partition(":")[0] not in TYPES:
        raise ValueError(f"there are runners for nodes of the types {', '.join(TYPES)}, not for {name!r}")
    _by_hand[name] = runner

    def take_back() -> None:
        if _by_hand.get(name) is runner:
            del _by_hand[name]

    return take_back


def find(node: Mapping[str, Any]) -> Runner | None:
    """The runner for a node, if one was brought."""
    kind, function = node.get("type"), (node.get("namespace") or {}).get("functionName")
    if kind not in TYPES:
        return None
    for name in (f"{kind}:{function}", str(kind)):
        runner = _by_hand.get(name) or _installed(name)
        if runner is not None:
            return runner
    return None


@cache
def _installed(name: str) -> Runner | None:
    for each in entry_points(group=GROUP, name=name):
        runner: Runner = each.load()
        return runner
    return None


def is_brought(node: Mapping[str, Any]) -> bool:
    """Whether somebody brought a runner for the node."""
    return find(node) is not None


def node_of(model: Mapping[str, Any], function: str) -> dict[str, Any]:
    """What a node would say that runs the model."""
    metadata = {"modelId": model["id"], "modelName": model["name"]}
    return {"name": model["name"], "type": "ml", "namespace": {"functionName": function}, "metadata": metadata}


def node_job(setting: Setting, row: ExecutionRow, spec: NodeSpec) -> Job:
    """The job of such a node's execution."""
    model = _model(setting.store, (spec.document.get("metadata") or {}).get("modelId"))
    return job_of(row, spec, type="registered", node=spec.document, model=model)


def call_job(setting: Setting, row: ExecutionRow, service: Mapping[str, Any]) -> Job | None:
    """The job of a call, if the service is that of a model for which somebody brought a runner."""
    ml = (service.get("metadata") or {}).get("ml")
    model = _model(setting.store, ml.get("modelId")) if isinstance(ml, Mapping) and ml.get("ownPackage") else None
    node = None if model is None else node_of(model, row.function_name)
    if node is None or find(node) is None:
        return None
    return Job(
        execution_id=row.id,
        fence=row.fence,
        code=Code(hash="ml", function_name=row.function_name),
        arguments=tuple(Argument(name, None, value) for name, value in row.input.items()),
        node=row.service_name,
        context={"type": "registered", "node": node, "model": model, "attempt": row.attempt},
    )


def _model(reads: Reads, id: Any) -> dict[str, Any] | None:
    found = reads.get(Kind.SETTING, f"{MODEL_PREFIX}{id}") if isinstance(id, str) and id else None
    return None if found is None else {**found, "id": id}


def run(job: Job) -> dict[str, Any]:
    """The outputs by port. Raises what the runner raises, and LookupError if it was taken back or left a port out."""
    node = job.context["node"]
    runner = find(node)
    if runner is None:
        raise LookupError(f"node {job.node!r}: the runner for its type {node.get('type')!r} is not there any more")
    inputs = {each.name: each.value for each in job.arguments}
    visit = Visit(
        job.execution_id,
        job.context["attempt"],
        job.code.function_name,
        inputs,
        node,
        job.context.get("run_id"),
        job.context.get("pipeline_id"),
        job.context.get("model"),
    )
    outputs = dict(runner(visit))
    missing = [name for name, _ in job.outputs if name not in outputs]
    if missing:
        raise LookupError(
            f"node {job.node!r}: its runner gave nothing for output {missing[0]!r}; give None if there is none"
        )
    return outputs
