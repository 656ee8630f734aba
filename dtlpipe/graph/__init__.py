"""The engine: graphs of nodes, and the pure state machine that says which node runs next.

Law: the standard library, attrs and `dtlpipe.errors`, nothing else. No module in here calls the network, reads a clock,
makes an id, starts a thread or logs; asyncio is imported by the asynchronous driver when it is called.

    graph -> plan -> schedule (inbox, readiness) -> drive

Names are imported when they are first used, so importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtlpipe.graph.drive import run as run
    from dtlpipe.graph.drive import run_async as run_async
    from dtlpipe.graph.drive import steps as steps
    from dtlpipe.graph.drive import steps_async as steps_async
    from dtlpipe.graph.errors import PipelineComponentsBlockedError as PipelineComponentsBlockedError
    from dtlpipe.graph.errors import PipelineConnectError as PipelineConnectError
    from dtlpipe.graph.errors import PipelineError as PipelineError
    from dtlpipe.graph.errors import PipelineMaxComponentRuns as PipelineMaxComponentRuns
    from dtlpipe.graph.errors import PipelineRuntimeError as PipelineRuntimeError
    from dtlpipe.graph.errors import PipelineValidationError as PipelineValidationError
    from dtlpipe.graph.errors import RunStateError as RunStateError
    from dtlpipe.graph.errors import SnapshotMismatch as SnapshotMismatch
    from dtlpipe.graph.errors import TaskNotOutstanding as TaskNotOutstanding
    from dtlpipe.graph.errors import TaskNotReady as TaskNotReady
    from dtlpipe.graph.graph import Edge as Edge
    from dtlpipe.graph.graph import Graph as Graph
    from dtlpipe.graph.graph import Node as Node
    from dtlpipe.graph.plan import Plan as Plan
    from dtlpipe.graph.plan import freeze as freeze
    from dtlpipe.graph.schedule import RunState as RunState
    from dtlpipe.graph.schedule import Task as Task
    from dtlpipe.graph.sockets import NO_DEFAULT as NO_DEFAULT
    from dtlpipe.graph.sockets import NO_OUTPUT as NO_OUTPUT
    from dtlpipe.graph.sockets import InputSocket as InputSocket
    from dtlpipe.graph.sockets import OutputSocket as OutputSocket
    from dtlpipe.graph.sockets import SocketKind as SocketKind

_HOME = {
    name: f"dtlpipe.graph.{module}"
    for module, names in {
        "drive": ("run", "run_async", "steps", "steps_async"),
        "errors": (
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
        ),
        "graph": ("Edge", "Graph", "Node"),
        "plan": ("Plan", "freeze"),
        "schedule": ("RunState", "Task"),
        "sockets": ("NO_DEFAULT", "NO_OUTPUT", "InputSocket", "OutputSocket", "SocketKind"),
    }.items()
    for name in names
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
