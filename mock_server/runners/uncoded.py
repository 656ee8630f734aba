"""Jobs of nodes to which no code travels: what arrived, by port, and where the outputs go.

Law: one builder for all of them, so that each says only what its own context is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mock_server.executors.base import Argument, Code, Job

if TYPE_CHECKING:
    from mock_server.runners.blueprint import NodeSpec
    from mock_server.store.base import ExecutionRow


def job_of(row: ExecutionRow, spec: NodeSpec, **context: Any) -> Job:
    """The job of such a node's execution; its context also says which run, pipeline and attempt it is."""
    types = {port.name: port.type for port in spec.inputs}
    return Job(
        execution_id=row.id,
        fence=row.fence,
        code=Code(hash=spec.type, function_name=row.function_name),
        arguments=tuple(Argument(name, types.get(name), value) for name, value in row.input.items()),
        outputs=tuple((port.name, port.type) for port in spec.outputs),
        node=spec.name,
        context={"run_id": row.run_id, "pipeline_id": row.pipeline_id, "attempt": row.attempt, **context},
    )
