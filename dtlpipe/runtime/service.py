"""What node code sees of the machinery: `dl.BaseServiceRunner`, `dl.Progress`, `dl.Context`.

Law: the names and attributes are those that Dataloop gives a function (its `progress` and `context` parameters, the
base class of a `ServiceRunner`), and nothing here talks to the platform by itself: progress goes out through the
callable that the worker hands in, and what context can look up it looks up through the SDK, on first use.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

ProgressSink = Callable[[dict[str, Any]], None]


class BaseServiceRunner:
    """Base class of a service's runner: one instance lives in a worker and runs many executions."""

    _terminated = threading.Event()
    _reset_wanted = False
    _service_entity: Any = None
    _context: Context | None = None

    def do_reset(self) -> None:
        """Ask for a fresh process, and so a fresh runner, after this execution."""
        self._reset_wanted = True

    def kill_event(self) -> None:
        """Raise InterruptedError if this execution is to end: for loops in other threads than the main one."""
        if BaseServiceRunner._terminated.is_set():
            raise InterruptedError("The execution was asked to end.")

    @staticmethod
    def ping(progress: Progress) -> str:
        """Answer "pong": tells that the runner can be loaded and called."""
        progress.logger.debug("received ping")
        return "pong"

    @property
    def service_entity(self) -> Any:
        """The service that this runner serves.

        Raises:
            LookupError: the runner is not run by a service.
        """
        if self._service_entity is None and self._context is not None:
            self._service_entity = self._context.service
        if self._service_entity is None:
            raise LookupError("This runner has no service: the code is run by a pipeline node without one.")
        return self._service_entity

    @service_entity.setter
    def service_entity(self, value: Any) -> None:
        self._service_entity = value


class Progress:
    """Lets a function say how far it is, and which action its node's output port is to take."""

    def __init__(self, send: ProgressSink | None = None, logger: logging.Logger | None = None) -> None:
        self._send = send
        self.logger = logger or logging.getLogger("dtlpipe.node")
        self.action: str | None = None

    def update(
        self,
        status: str | None = None,
        progress: float | None = None,
        message: str | None = None,
        output: Any = None,
        duration: float | None = None,
        action: str | None = None,
    ) -> None:
        """Report progress.

        Args:
            status: a word of yours, shown beside the execution.
            progress: percent done, 0 to 100.
            message: a sentence for people.
            output: JSON to show as output before the execution ends.
            duration: seconds, if you measure them yourself.
            action: which of the output port's actions fires; the last one given counts.

        Raises:
            TypeError: `progress` is no number, or a text is no str.
            ValueError: `output` is no JSON.
        """
        for name, value in (("status", status), ("message", message), ("action", action)):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"progress.update({name}=...) takes a str, not {type(value).__name__}.")
        if progress is not None and (isinstance(progress, bool) or not isinstance(progress, int | float)):
            raise TypeError(f"progress.update(progress=...) takes percent as a number, not {type(progress).__name__}.")
        if action is not None:
            self.action = action
        if self._send is not None:
            said = {"status": status, "progress": progress, "message": message, "output": output}
            said |= {"duration": duration, "action": action}
            self._send({name: value for name, value in said.items() if value is not None})


class ItemStatusEvent:
    """The change of an item's status that set off an execution."""

    def __init__(self, data: Mapping[str, Any] | None) -> None:
        data = data or {}
        status = data.get("status") or {}
        self.pipeline_id = data.get("pipelineId")
        self.node_id = data.get("nodeId")
        self.action = data.get("action")
        self.task_id = status.get("taskId")
        self.assignment_id = status.get("assignmentId")
        self.status = status.get("status")
        self.creator = status.get("creator")
        self.timestamp = status.get("timestamp")


class EventContext:
    """The event that set off an execution: what happened, to which resource, by whom."""

    def __init__(self, data: Mapping[str, Any] | None) -> None:
        data = data or {}
        self.resource = data.get("resource")
        self.source = data.get("source")
        self.action = data.get("action")
        self.resource_id = data.get("resourceId")
        self.user_id = data.get("userId")
        self.dataset_id = data.get("datasetId")
        self.project_id = data.get("projectId")
        self.body = data.get("body")
        self.item_status_event = ItemStatusEvent(data.get("itemStatusEvent"))

    @property
    def command_data(self) -> Any:
        """What a command says of itself, if a command set this off."""
        return self.body.get("commandData") if self.body else None

    @property
    def command_id(self) -> str | None:
        """That command's id."""
        return (self.command_data or {}).get("commandId")


class Context:
    """Where an execution runs: ids at once, entities (`pipeline`, `node`, `service`...) when asked for."""

    def __init__(
        self,
        ids: Mapping[str, Any] | None = None,
        *,
        progress: Progress | None = None,
        logger: logging.Logger | None = None,
        sdk: Any = None,
    ) -> None:
        ids = dict(ids or {})
        self.pipeline_id: str | None = ids.get("pipeline_id")
        self.node_id: str | None = ids.get("node_id")
        self.pipeline_execution_id: str | None = ids.get("pipeline_execution_id")
        self.execution_id: str | None = ids.get("execution_id")
        #: The same for every attempt at this node of this run: for calls of others that must not be made twice.
        self.idempotency_key: str | None = ids.get("idempotency_key")
        self.service_id: str | None = ids.get("service_id")
        self.package_id: str | None = ids.get("package_id")
        self.project_id: str | None = ids.get("project_id")
        self.trigger_id: str | None = ids.get("trigger_id")
        self.execution_dict: dict[str, Any] = ids.get("execution") or {
            "id": self.execution_id,
            "serviceId": self.service_id,
            "pipeline": {"id": self.pipeline_id, "nodeId": self.node_id, "executionId": self.pipeline_execution_id},
        }
        self.event = EventContext(ids.get("event"))
        self.progress = progress or Progress()
        self.logger = logger or logging.getLogger("dtlpipe.node")
        self._ids = ids
        self._sdk = sdk
        self._found: dict[str, Any] = {}

    @property
    def sdk(self) -> Any:
        """The SDK that the entities below are fetched with."""
        if self._sdk is None:
            import dtlpipe

            self._sdk = dtlpipe
        return self._sdk

    def _fetch(self, repository: str, **ids: str | None) -> Any:
        if any(value is None for value in ids.values()):
            return None
        if repository not in self._found:
            self._found[repository] = getattr(self.sdk, repository).get(**ids)
        return self._found[repository]

    @property
    def project(self) -> Any:
        """The project, or None."""
        return self._fetch("projects", project_id=self.project_id)

    @property
    def package(self) -> Any:
        """The package of the service, or None."""
        return self._fetch("packages", package_id=self.package_id)

    @property
    def service(self) -> Any:
        """The service that runs this function, or None."""
        return self._fetch("services", service_id=self.service_id)

    @property
    def execution(self) -> Any:
        """The execution itself, or None."""
        return self._fetch("executions", execution_id=self.execution_id)

    @property
    def pipeline(self) -> Any:
        """The pipeline, or None outside one."""
        return self._fetch("pipelines", pipeline_id=self.pipeline_id)

    @property
    def node(self) -> Any:
        """The pipeline's node that this execution runs, or None outside a pipeline."""
        pipeline = self.pipeline
        if pipeline is None:
            return None
        return next((node for node in pipeline.nodes if node.node_id == self.node_id), None)

    @property
    def pipeline_execution(self) -> Any:
        """The pass through the pipeline that this execution is part of, or None outside one."""
        if self.pipeline_id is None:
            return None
        return self._fetch(
            "pipeline_executions", pipeline_execution_id=self.pipeline_execution_id, pipeline_id=self.pipeline_id
        )

    @property
    def task_id(self) -> str | None:
        """The task behind the item status that set this off, or None."""
        return self._ids.get("task_id") or self.event.item_status_event.task_id

    @property
    def task(self) -> Any:
        """That task, or None."""
        return self._fetch("tasks", task_id=self.task_id)

    @property
    def assignment_id(self) -> str | None:
        """The assignment behind the item status that set this off, or None."""
        return self._ids.get("assignment_id") or self.event.item_status_event.assignment_id

    @property
    def assignment(self) -> Any:
        """That assignment, or None."""
        return self._fetch("assignments", assignment_id=self.assignment_id)

    @property
    def item_status(self) -> str | None:
        """The status that an item was given, if that set this off."""
        return self._ids.get("item_status") or self.event.item_status_event.status

    @property
    def item_status_creator(self) -> str | None:
        """Who gave that status."""
        return self._ids.get("item_status_creator") or self.event.item_status_event.creator

    @property
    def item_status_operation(self) -> str | None:
        """What was done with that status."""
        return self._ids.get("item_status_operation") or self.event.item_status_event.action

    @property
    def command_id(self) -> str | None:
        """The command that set this off, or None."""
        return self.event.command_id

    @property
    def command_data(self) -> Any:
        """What that command says of itself, or None."""
        return self.event.command_data
