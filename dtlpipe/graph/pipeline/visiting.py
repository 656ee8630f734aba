"""One visit of a component: what is around the call, whoever makes it.

Law: nothing here decides what runs, or knows of a run's state. What a component raises leaves as a
`PipelineRuntimeError` that names it, except for what such errors and breakpoints already say.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, NoReturn

from dtlpipe.graph.calls import InvalidOutput
from dtlpipe.graph.errors import BreakpointException, PipelineRuntimeError
from dtlpipe.graph.pipeline.compiling import Compiled
from dtlpipe.graph.task import Task
from dtlpipe.graph.tracing import Span, Tracer

__all__ = [
    "checked",
    "component_span",
    "logger",
    "pipeline_span",
    "raise_failure",
    "visit",
    "visit_watched",
    "warn_of_undeclared",
]

logger = logging.getLogger("dtlpipe.graph.pipeline")
"""The logger of all runs. It says at INFO which component runs."""


def checked(compiled: Compiled, task: Task, outputs: Any) -> Mapping[str, Any]:
    """Return what a component returned, if it is a mapping; warn of outputs that it never declared.

    Raises:
        InvalidOutput: it is no mapping.
    """
    declared = compiled.declared[task.index]
    if not isinstance(outputs, Mapping):
        raise InvalidOutput(task.node, outputs)
    if declared and not outputs.keys() <= declared:
        warn_of_undeclared(compiled, task.node, [key for key in outputs if key not in declared])
    return outputs


def raise_failure(compiled: Compiled, task: Task, error: Exception) -> NoReturn:
    """Raise what leaves the pipeline for what a component raised.

    Raises:
        PipelineRuntimeError: names the component. If the error is one already, or a breakpoint's, it stays as it is.
    """
    if isinstance(error, (PipelineRuntimeError, BreakpointException)):
        raise error
    kind = compiled.types[task.index]
    if isinstance(error, InvalidOutput):
        raise PipelineRuntimeError.from_invalid_output(task.node, kind, error.output) from None
    raise PipelineRuntimeError.from_exception(task.node, kind, error) from error


def warn_of_undeclared(compiled: Compiled, name: str, keys: Sequence[str]) -> None:
    """Warn of outputs that a component returned and never declared."""
    node = compiled.plan.index[name]
    logger.warning(
        "Component '%s' (type: %s) returned output keys %s that are not declared in its output types. No component "
        "receives them; they only are among the pipeline's outputs. Declare them, or rename them to one of %s.",
        name,
        compiled.types[node].__name__,
        set(keys),
        sorted(compiled.declared[node]),
    )


def visit(compiled: Compiled, task: Task, inputs: dict[str, Any]) -> Mapping[str, Any]:
    """Run a component on this thread and return its outputs.

    Args:
        compiled: the pipeline.
        task: the visit.
        inputs: copies of its inputs, for the component.

    Raises:
        PipelineRuntimeError: the component failed.
    """
    logger.info("Running component %s", task.node)
    try:
        return checked(compiled, task, compiled.instances[task.index].run(**inputs))
    except Exception as error:  # noqa: BLE001 - components raise anything
        raise_failure(compiled, task, error)


def visit_watched(
    compiled: Compiled, tracer: Tracer, parent: Span, task: Task, inputs: dict[str, Any]
) -> Mapping[str, Any]:
    """Do so within a span. The tracer sees the task's own inputs; what it does to them reaches no component."""
    with component_span(tracer, compiled, task, parent) as span:
        span.set_content_tag("haystack.component.input", task.inputs)
        outputs = visit(compiled, task, inputs)
        span.set_tag("haystack.component.visits", task.visit + 1)
        span.set_content_tag("haystack.component.output", outputs)
        return outputs


def pipeline_span(
    tracer: Tracer, data: Mapping[str, Any], metadata: Mapping[str, Any], limit: int, mode: str
) -> AbstractContextManager[Span]:
    """Open the span of a pipeline's run. `mode`: "sync" or "async"."""
    return _Opened(
        tracer.trace(
            "haystack.pipeline.run",
            tags={
                "haystack.pipeline.input_data": data,
                "haystack.pipeline.metadata": metadata,
                "haystack.pipeline.max_runs_per_component": limit,
                "haystack.pipeline.execution_mode": mode,
            },
        )
    )


def component_span(tracer: Tracer, compiled: Compiled, task: Task, parent: Span) -> AbstractContextManager[Span]:
    """Open the span of one visit."""
    instance, kind = compiled.instances[task.index], compiled.types[task.index]
    made = tracer.trace(
        "haystack.component.run",
        tags={
            "haystack.component.name": task.node,
            "haystack.component.type": kind.__name__,
            "haystack.component.fully_qualified_type": f"{kind.__module__}.{kind.__name__}",
            "haystack.component.input_types": {name: type(value).__name__ for name, value in task.inputs.items()},
            "haystack.component.input_spec": {
                name: {"type": _type_name(socket.type), "senders": socket.senders}
                for name, socket in _sockets(instance.__haystack_input__).items()
            },
            "haystack.component.output_spec": {
                name: {"type": _type_name(socket.type), "receivers": socket.receivers}
                for name, socket in _sockets(instance.__haystack_output__).items()
            },
        },
        parent_span=parent,
    )
    return _Opened(made)


class _Opened(AbstractContextManager[Span]):
    """A tracer's span that keeps no error for itself: a run that has failed fails, whoever watches it."""

    def __init__(self, manager: AbstractContextManager[Span]) -> None:
        self._manager = manager

    def __enter__(self) -> Span:
        return self._manager.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._manager.__exit__(kind, error, trace)


def _sockets(sockets: Any) -> dict[str, Any]:
    found: dict[str, Any] = sockets._sockets_dict  # noqa: SLF001 - the protocol's own attribute
    return found


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if type(annotation) is type else str(annotation)
