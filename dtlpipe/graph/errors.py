"""Errors of the engine, under the names that users of Haystack know.

DtlpipeError
+-- PipelineError                        the graph or its use is wrong
|   +-- PipelineConnectError             a connection cannot be made
|   +-- PipelineValidationError          a component, a name or a set of inputs does not fit the graph (a ValueError)
|   +-- PipelineMaxComponentRuns         a component would run more often than it may
|   +-- PipelineTransitionError          a value cannot pass from one node to the next
|   +-- PipelineDrawingError             a picture cannot be made
|   +-- PipelineUnmarshalError           a text is no pipeline
|   +-- RunStateError                    the state machine was told something impossible
|       +-- TaskNotReady                 take() of a node that cannot run now
|       +-- TaskNotOutstanding           complete() or fail() of a task that is not handed out
|       +-- SnapshotMismatch             restore() of data that another plan or version wrote
+-- PipelineRuntimeError                 a component failed while it ran
|   +-- PipelineComponentsBlockedError   no component can run at all
+-- BreakpointException                  a run reached its breakpoint
+-- PipelineInvalidPipelineSnapshotError a run cannot be resumed from this snapshot
+-- ComponentError                       a class breaks the protocol of components
+-- SerializationError                   an object cannot be written as data
+-- DeserializationError                 data cannot be read, or names what may not be imported
+-- ComponentDeserializationError        a component cannot be made from its data
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any, Self

from dtlpipe.errors import DtlpipeError

if TYPE_CHECKING:
    from dtlpipe.graph.breakpoints import Breakpoint, PipelineSnapshot

__all__ = [
    "BreakpointException",
    "ComponentDeserializationError",
    "ComponentError",
    "DeserializationError",
    "PipelineComponentsBlockedError",
    "PipelineConnectError",
    "PipelineDrawingError",
    "PipelineError",
    "PipelineInvalidPipelineSnapshotError",
    "PipelineMaxComponentRuns",
    "PipelineRuntimeError",
    "PipelineTransitionError",
    "PipelineUnmarshalError",
    "PipelineValidationError",
    "RunStateError",
    "SerializationError",
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
    """A component is about to run more often than it may, which mostly means an endless loop."""


class PipelineTransitionError(PipelineError):
    """What a node produced cannot pass to the next one, such as a list that is too long to be spread.

    Args:
        source: the name of the node that produced it.
        target: the node that was to receive it.
        message: what is wrong with it.
    """

    def __init__(self, source: str, target: str, message: str) -> None:
        super().__init__(message)
        self.source = source
        self.target = target


class PipelineDrawingError(PipelineError):
    """A picture of the pipeline cannot be made or written."""


class PipelineUnmarshalError(PipelineError):
    """A text cannot be read as a pipeline."""


class RunStateError(PipelineError):
    """The run's state machine was told something that cannot have happened; its state is unchanged."""


class TaskNotReady(RunStateError):
    """`RunState.take` was asked for a task that cannot be handed out now."""


class TaskNotOutstanding(RunStateError):
    """A completion or failure names a task that is not handed out: unknown, already closed, or an older visit."""


class SnapshotMismatch(RunStateError):
    """The snapshot belongs to another plan or to another version of the format."""


class PipelineRuntimeError(DtlpipeError):
    """A component failed while it ran; the cause is chained.

    Args:
        component_name: the component, or None if the failure belongs to no single one.
        component_type: its class, when there is one.
        message: what happened and what to do about it.
        pipeline_snapshot: the run as it was before the component, to be resumed once the cause is mended.
        pipeline_snapshot_file_path: where the snapshot was written, if it was.
    """

    def __init__(
        self,
        component_name: str | None,
        component_type: type | None,
        message: str,
        pipeline_snapshot: PipelineSnapshot | None = None,
        *,
        pipeline_snapshot_file_path: str | None = None,
    ) -> None:
        super().__init__(message)
        self.component_name = component_name
        self.component_type = component_type
        self.pipeline_snapshot = pipeline_snapshot
        self.pipeline_snapshot_file_path = pipeline_snapshot_file_path

    @classmethod
    def from_exception(cls, component_name: str, component_type: type, error: Exception) -> Self:
        """Return the error for what a component raised."""
        return cls(
            component_name,
            component_type,
            "The following component failed to run:\n"
            f"Component name: '{component_name}'\n"
            f"Component type: '{component_type.__name__}'\n"
            f"Error: {error} ({type(error).__name__})",
        )

    @classmethod
    def from_invalid_output(cls, component_name: str, component_type: type, output: Any) -> Self:
        """Return the error for a component that returned something other than a mapping."""
        remedy = "Return a dict of outputs by name, empty if there is nothing to pass on."
        if isinstance(output, CoroutineType):
            output.close()  # nobody will wait for it
            remedy = "Name the coroutine function 'run_async', and give the component a 'run' that is none."
        return cls(
            component_name,
            component_type,
            "The following component returned an invalid output:\n"
            f"Component name: '{component_name}'\n"
            f"Component type: '{component_type.__name__}'\n"
            f"Expected a dictionary, but got {type(output).__name__} instead. {remedy}",
        )


class PipelineComponentsBlockedError(PipelineRuntimeError):
    """The graph has components, but none of them can ever run with the inputs given."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            None,
            None,
            message
            or "Cannot run pipeline - all components are blocked. Give the inputs of its entry components, "
            "or connect the sockets that are waiting for a value.",
        )


class BreakpointException(DtlpipeError):
    """A run reached its breakpoint and stopped before the component ran.

    Attributes:
        component: the component that would have run next.
        pipeline_snapshot: the run at that moment; `Pipeline.run(pipeline_snapshot=...)` goes on from it.
        pipeline_snapshot_file_path: where the snapshot was written, if it was.

    Raises:
        ValueError: neither a snapshot nor a breakpoint is given.
    """

    def __init__(
        self,
        message: str,
        component: str | None = None,
        pipeline_snapshot: PipelineSnapshot | None = None,
        pipeline_snapshot_file_path: str | None = None,
        *,
        break_point: Breakpoint | None = None,
    ) -> None:
        super().__init__(message)
        self.component = component
        self.pipeline_snapshot = pipeline_snapshot
        self.pipeline_snapshot_file_path = pipeline_snapshot_file_path
        if break_point is None:
            if pipeline_snapshot is None:
                raise ValueError("Either pipeline_snapshot or break_point must be provided.")
            break_point = pipeline_snapshot.break_point
        self._break_point = break_point

    @classmethod
    def from_triggered_breakpoint(cls, break_point: Breakpoint) -> Self:
        """Return the error for a breakpoint whose component is due."""
        name, visit = break_point.component_name, break_point.visit_count
        return cls(f"Breaking at component {name} at visit count {visit}", name, break_point=break_point)

    @property
    def break_point(self) -> Breakpoint:
        """The breakpoint that was reached."""
        return self._break_point

    @property
    def inputs(self) -> dict[str, Any] | None:
        """What was waiting in the sockets, or None without a snapshot."""
        return self.pipeline_snapshot.pipeline_state.inputs if self.pipeline_snapshot is not None else None

    @property
    def results(self) -> dict[str, Any] | None:
        """What the pipeline had produced, or None without a snapshot."""
        return self.pipeline_snapshot.pipeline_state.pipeline_outputs if self.pipeline_snapshot is not None else None


class PipelineInvalidPipelineSnapshotError(DtlpipeError):
    """A run cannot be resumed from this snapshot: it is damaged, or belongs to another pipeline."""


class ComponentError(DtlpipeError):
    """A class or instance breaks the protocol of components."""


class SerializationError(DtlpipeError):
    """An object cannot be written as plain data."""


class DeserializationError(DtlpipeError):
    """Data cannot be read as what it should be, or names something that may not be imported."""


class ComponentDeserializationError(DtlpipeError):
    """A component cannot be made from its data."""
