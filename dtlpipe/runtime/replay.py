"""One node's code in this process, with the inputs that a run gave it: under a debugger, if one likes.

The code is that of the pipeline as it is now, taken from its source; nothing is unpickled. What it does to the
platform it really does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.runtime.binding import require
from dtlpipe.runtime.entities import Entities
from dtlpipe.runtime.loading import load
from dtlpipe.runtime.service import Progress
from dtlpipe.runtime.worker import call_node, give

if TYPE_CHECKING:
    from dtlpipe.client.clients import Client
    from dtlpipe.model.pipeline import PipelineNode
    from dtlpipe.resources.pipeline_executions import PipelineExecution
    from dtlpipe.sansio.operation import Sync


def run_node(
    node: str,
    from_run: PipelineExecution[Sync] | str,
    *,
    inputs: Mapping[str, Any] | None = None,
    client: Client | None = None,
) -> Any:
    """Runs a node's code here and returns what it returns.

    Args:
        node: its name or id.
        from_run: the run, or its id, whose last execution of the node had the inputs.
        inputs: JSON data, by name, to use instead of those recorded.
        client: of the platform that has the run; by default the default client.

    Raises:
        NotFound: there is no such run or node, or the run did not reach it.
        BadRequest: the node has no source: a function of a service, say.
    """

    def asked() -> Client:
        if client is not None:
            return client
        from dtlpipe.client.default import default_client

        return default_client()

    run = asked().pipeline_executions.get(from_run) if isinstance(from_run, str) else from_run.refresh()
    part = run.node(node)
    executions = run.node_executions(part.id)
    if not executions:
        raise NotFound(f"run {run.id} did not reach node {part.name!r}", hint="give inputs= and another run")
    execution = executions[-1].refresh()
    definition = next(each for each in run.pipeline.nodes if each.node_id == part.id)
    title = f"Node {part.name!r}"
    loaded = load(_code(definition), title)
    given = {**(execution.input or {}), **(inputs or {})}
    types = {port.name: str(port.input_type) for port in definition.inputs or ()}
    entities = Entities(asked)
    values = {
        name: entities.hydrate({"name": name, "type": types.get(name), "value": value}, title)
        for name, value in given.items()
        if loaded.signature.takes(name)
    }
    give(loaded, values, {"node_name": part.name, "pipeline_execution_id": run.id}, Progress())
    require(loaded.signature, values, title, _code(definition)["function_name"])
    return call_node(loaded, values)


def _code(node: PipelineNode) -> dict[str, Any]:
    package = (node.config or {}).get("package") or {}
    source = package.get("code") or package.get("source")
    if not source:
        raise BadRequest(f"node {node.name!r} carries no source", hint="run a code node, or call the function itself")
    return {
        "hash": package.get("hash") or f"{node.node_id}",
        "function_name": node.namespace.function_name or "run",
        "source": source,
        "pickle": None,
        "python": None,
        "class_name": package.get("className") or "ServiceRunner",
        "name": package.get("name"),
        "init_inputs": package.get("initParams") or {},
    }
