"""What tests do with either SDK, where the two differ in how it is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FINAL = ("success", "failed", "terminated", "aborted", "canceled")


def every(listing: Any) -> list[Any]:
    """The entities of a listing: dtlpy's iterate pages, dtlpipe's entities."""
    found = []
    for each in listing:
        found.extend(each if isinstance(each, list) else [each])
    return found


def port(dl: Any, name: str, kind: str, **options: Any) -> Any:
    """A port; `kind` is a name of `dl.PackageInputType`."""
    return dl.PipelineNodeIO(input_type=getattr(dl.PackageInputType, kind), name=name, display_name=name, **options)


def code(
    dl: Any,
    project: Any,
    method: Callable[..., Any],
    inputs: dict[str, str] | list[Any] | None = None,
    outputs: dict[str, str] | list[Any] | None = None,
    **options: Any,
) -> Any:
    """A code node called as its function is. Ports are given as `{"name": "KIND"}` or as ports."""
    named = {
        side: [port(dl, name, kind) for name, kind in given.items()] if isinstance(given, dict) else given
        for side, given in (("inputs", inputs), ("outputs", outputs))
        if given is not None
    }
    name = options.pop("name", method.__name__)
    return dl.CodeNode(name=name, method=method, project_id=project.id, project_name=project.name, **named, **options)


def installed(pipeline: Any) -> Any:
    """The pipeline, sent and installed: dtlpy's verbs answer new objects."""
    return pipeline.update().install()


def pipeline_of(project: Any, root: Any, *connections: tuple[Any, ...], name: str = "pipe") -> Any:
    """An installed pipeline of a root and `(source, target, source_port, target_port)`; ports may be left out."""
    pipeline = project.pipelines.create(name=name)
    pipeline.nodes.add(root)
    for source, target, *ports in connections:
        chosen = dict(zip(("source_port", "target_port"), ports, strict=False))
        source.connect(target, **chosen)
    return installed(pipeline)


def over(pipeline: Any, execution: Any) -> Any:
    """The run as it ended. The platform holds dtlpy's second look until there is news."""
    for _ in range(20):
        found = pipeline.pipeline_executions.get(pipeline_execution_id=execution.id)
        if found.status in FINAL:
            return found
        if hasattr(found, "refresh"):
            return found.wait(timeout=60)
    raise AssertionError(f"the run did not end: {found.status}")


def ran(pipeline: Any, node: Any = None, **inputs: Any) -> Any:
    """A run with these inputs, as it ended."""
    options = {} if node is None else {"node_id": node.node_id}
    return over(pipeline, pipeline.execute(execution_input=inputs, **options))


def counts(run: Any) -> dict[str, int]:
    """How often each node ran."""
    names = {node.node_id if hasattr(node, "node_id") else node.id: node.name for node in run.nodes}
    return {names[id]: len(executions) for id, executions in run.executions.items()}


def states(run: Any) -> dict[str, str]:
    """The status of each node, by name."""
    return {node.name: str(getattr(node.status, "value", node.status)) for node in run.nodes}


def parts(run: Any, name: str) -> list[dict[str, Any]]:
    """A node's executions in the run, as it shows them."""
    for node in run.nodes:
        if node.name == name:
            found: list[dict[str, Any]] = run.executions.get(getattr(node, "node_id", None) or node.id, [])
            return found
    raise AssertionError(f"the run has no node {name}")


def output(dl: Any, run: Any, name: str) -> Any:
    """What a node gave, as its execution tells it."""
    (part,) = parts(run, name)
    return dl.executions.get(execution_id=part["_id"]).output


def same(item):
    """Node code that lets an item through."""
    return item
