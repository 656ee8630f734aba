"""Errors of the engine, under the names that users of Haystack know.

DtlpipeError
+-- PipelineError                        the graph or its use is wrong
|   +-- PipelineConnectError             a connection cannot be made
|   +-- PipelineValidationError          a node or a set of inputs does not fit the graph
|   +-- PipelineMaxComponentRuns         a node would run more often than it may
|   +-- RunStateError                    the state machine was told something impossible
|       +-- TaskNotReady                 take() of a node that cannot run now
|       +-- TaskNotOutstanding           complete() or fail() of a task that is not handed out
|       +-- SnapshotMismatch             restore() of data that another plan or version wrote
+-- PipelineRuntimeError                 a node failed while it ran
+-- PipelineComponentsBlockedError   no node can run at all
"""

from __future__ import annotations

from dtlpipe.errors import DtlpipeError

__all__ = [
    "PipelineComponentsBlockedError",
    "PipelineConnectError",
    "PipelineError",
    "PipelineMaxComponentRuns",
    "PipelineRuntimeError",
    "PipelineValidationError",
    "RunStateError",
    "SnapshotMismatch",
    "TaskNotOutstanding",
    "TaskNotReady",
]


class PipelineError(DtlpipeError):
    """The graph, or the way it is used, is wrong."""


class PipelineConnectError(PipelineError):
    """Two sockets cannot be connected."""


class PipelineValidationError(PipelineError, ValueError):
    """A node, a socket or an input does not fit the graph. A `ValueError` too, as Haystack's users expect."""


class PipelineMaxComponentRuns(PipelineError):
    """A node is about to run more often than `max_runs_per_node` allows, which mostly means an endless loop."""


class RunStateError(PipelineError):
    """The run's state machine was told something that cannot have happened; its state is unchanged."""


class TaskNotReady(RunStateError):
    """`RunState.take` was asked for a task that cannot be handed out now."""


class TaskNotOutstanding(RunStateError):
    """A completion or failure names a task that is not handed out: unknown, already closed, or an older visit."""


class SnapshotMismatch(RunStateError):
    """The snapshot belongs to another plan or to another version of the format."""


class PipelineRuntimeError(DtlpipeError):
    """A node failed while it ran; the cause is chained.

    Args:
        component_name: the node, or None if the failure belongs to no single node.
        component_type: the class that the node runs, when there is one.
        message: what happened and what to do about it.
    """

    def __init__(self, component_name: str | None, component_type: type | None, message: str) -> None:
        super().__init__(message)
        self.component_name = component_name
        self.component_type = component_type


class PipelineComponentsBlockedError(PipelineRuntimeError):
    """The graph has nodes, but none of them can ever run with the inputs given."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            None,
            None,
            message
            or "Cannot run the graph: every node is blocked. Give the inputs of its entry nodes, "
            "or connect the sockets that are waiting for a value.",
        )
