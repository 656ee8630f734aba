"""Executions: single runs of a function, those of a pipeline's nodes and the calls of services.

Longer than 400 lines because each verb says what it takes, gives and raises.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.model import execution as nouns
from dtlpipe.model.enums import ExecutionStatus, FiltersResource
from dtlpipe.model.filters import Filters
from dtlpipe.model.struct import Struct
from dtlpipe.resources.entity import required
from dtlpipe.resources.failures import failure
from dtlpipe.resources.inputs import Inputs, batch_query, input_data
from dtlpipe.resources.live import Live
from dtlpipe.resources.logs import LogLine, log_lines
from dtlpipe.sansio.effects import Flow, Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, operation, streaming
from dtlpipe.sansio.pages import Pages, listing, query_pages
from dtlpipe.sansio.waiting import wait_over

if TYPE_CHECKING:
    from dtlpipe.resources.batches import BatchRun
    from dtlpipe.resources.commands import Command
    from dtlpipe.resources.services import Service

OVER = frozenset(each.value for each in ExecutionStatus if each.is_terminal)
OPEN = tuple(sorted(each.value for each in ExecutionStatus if not each.is_terminal))

#: What the field's SDK calls the states that it reports; they are sent as the states that there are.
_REPORTED = {"inProgress": "in-progress", "completed": "success"}


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Execution(Live[Colour], nouns.Execution):  # type: ignore[misc]  # entities are hashed by id
    """One run of a function. `status` is the present one on sync handles; `output` is there once it succeeded."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Execution
    _service: Service[Colour] | None = attrs.field(default=None, alias="service", metadata={"local": True})

    def _address(self) -> str:
        return f"/executions/{quote(self.id, safe='')}"

    def _is_over(self) -> bool:
        return self.latest_status.get("status") in OVER

    @property
    def status(self) -> ExecutionStatus | str | None:
        """Its state, a member of `ExecutionStatus` that equals its text."""
        self._look_again()
        return self.known_status

    @property
    def known_status(self) -> ExecutionStatus | str | None:
        """Its state as of the last look; nobody is asked."""
        status = self.latest_status.get("status")
        return ExecutionStatus._value2member_map_.get(status, status)  # type: ignore[return-value]

    def __repr__(self) -> str:
        return f"Execution(id={self.id!r}, function_name={self.function_name!r}, status={self.known_status!r})"

    @property
    def pipeline_id(self) -> str | None:
        """The pipeline, if it is a node's."""
        return (self.pipeline or {}).get("id")

    @property
    def node_id(self) -> str | None:
        """The node, if it is a node's."""
        return (self.pipeline or {}).get("nodeId")

    @property
    def pipeline_execution_id(self) -> str | None:
        """The run, if it is a node's."""
        return (self.pipeline or {}).get("executionId")

    def get_latest_status(self) -> dict[str, Any]:
        """`{"timestamp", "status", "percentComplete", "message", "error", "output"}`."""
        return self.latest_status

    def in_progress(self) -> bool:
        """Whether it is not over."""
        return self.status not in OVER

    @operation
    def refresh(self) -> Op[Execution[Colour]]:
        """Takes over the present state."""
        return (yield from self._refreshed())

    @operation
    def wait(
        self, timeout: float | None = None, interval: float | None = None, *, raise_on_failure: bool = False
    ) -> Op[Execution[Colour]]:
        """Waits until it is over, and gives it back refreshed.

        Args:
            timeout: seconds; None waits for ever.
            interval: the first pause between looks, in seconds, on platforms that do not hold requests.
            raise_on_failure: raises RunFailed if it ended without success.

        Raises:
            WaitTimeout: it is not over yet; it goes on.
        """
        data = yield from wait_over(
            "call",
            self.id,
            Request("GET", self._address()),
            lambda data: (data.get("latestStatus") or {}).get("status") in OVER,
            timeout=timeout,
            interval=interval or 0.1,
            what=f"execution {self.id}",
        )
        self._absorb(data)
        yield from self.just_seen()
        if raise_on_failure:
            self.raise_for_status()
        return self

    def raise_for_status(self) -> None:
        """Raises RunFailed, with the function's own traceback, if it is over and did not succeed."""
        status = self.latest_status.get("status")
        if status in OVER and status != ExecutionStatus.SUCCESS:
            raise failure(f"execution {self.id} of {self.function_name!r}", str(status), self.latest_status, self)

    @streaming
    def logs(self, follow: bool = False, log_level: str = "DEBUG") -> Flow[LogLine]:  # noqa: FBT001, FBT002 - as the field's
        """What it wrote, line by line; with `follow`, until it is over."""
        body = {
            "direction": "asc",
            "system": False,
            "logLevel": log_level,
            "serviceId": self.service_id,
            "executionId": [self.id],
            "projectId": self.project_id,
        }
        yield from log_lines(body, follow=follow, until_done=True)
        if follow:  # it ended, and who followed it will ask how
            yield from self._refreshed()

    @operation
    def terminate(self) -> Op[Execution[Colour]]:
        """Ends it, and the code that runs for it. Raises Conflict if it was over already."""
        response: Response = yield Request("POST", f"{self._address()}/terminate", idempotent=True)
        data = response.json()
        return self._absorb(data) if _is_execution(data) else (yield from self._refreshed())

    @operation
    def rerun(self) -> Op[Execution[Colour]]:
        """Calls the function again with the same input; gives the new execution."""
        response: Response = yield Request("POST", f"{self._address()}/rerun", once=True)
        return Execution.from_wire(response.json(), session=self._session, service=self._service)

    @operation
    def increment(self) -> Op[int]:
        """Counts one more attempt; gives their number."""
        response: Response = yield Request("POST", f"{self._address()}/attempts", once=True)
        return int(response.json())

    @operation
    def update(self) -> Op[Execution[Colour]]:
        """Sends what was changed here, such as `to_terminate`."""
        changed = self._changes()
        if changed:
            response: Response = yield Request("PATCH", self._address(), json=changed)
            self._absorb(response.json())
        return self

    @operation
    def progress_update(
        self,
        status: ExecutionStatus | str | None = None,
        percent_complete: float | None = None,
        message: str | None = None,
        output: Any = None,
        service_version: str | None = None,
    ) -> Op[Execution[Colour]]:
        """Reports how far it is: for code that runs elsewhere on its behalf."""
        body = {
            "status": _REPORTED.get(str(status), status) if status is not None else None,
            "percentComplete": percent_complete,
            "message": message,
            "output": output,
            "serviceVersion": service_version,
        }
        said = {key: value for key, value in body.items() if value is not None}
        response: Response = yield Request("POST", f"{self._address()}/progress", json=said, idempotent=True)
        data = response.json()
        return self._absorb(data) if _is_execution(data) else (yield from self._refreshed())


def _is_execution(data: Any) -> bool:
    return isinstance(data, Mapping) and bool(data.get("latestStatus"))


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Executions(Bound[Colour]):
    """The executions of a service, of a project, or of all."""

    service: Service[Colour] | None = None
    project_id: str | None = None

    def _execution(self, data: Mapping[str, Any]) -> Execution[Colour]:
        return Execution.from_wire(data, session=self._session, service=self.service)

    def _of(self, execution: Execution[Colour] | None, execution_id: str | None) -> Execution[Colour]:
        if execution is not None:
            return execution
        return self._execution({"id": required(execution_id, "execution or execution_id")})

    def _service_id(self, service_id: str | None) -> str:
        return required(service_id or (self.service.id if self.service is not None else None), "service_id")

    @operation
    def create(
        self,
        service_id: str | None = None,
        execution_input: Inputs | None = None,
        function_name: str | None = None,
        resource: str | None = None,
        item_id: str | None = None,
        dataset_id: str | None = None,
        annotation_id: str | None = None,
        project_id: str | None = None,
        *,
        sync: bool = False,
        timeout: float | None = None,
        priority: int | None = None,
    ) -> Op[Execution[Colour]]:
        """Calls a function of a service.

        Args:
            service_id: by default this service.
            execution_input: values by parameter name, `{'item': item}`.
            function_name: `run` by default; a platform takes the only function of a service that has one.
            resource: the entity type that `item_id`, ... stand for; by default found from which of them is given.
            item_id: instead of execution_input: an item, with its `dataset_id` if that is known.
            dataset_id: instead of execution_input: a dataset.
            annotation_id: instead of execution_input: an annotation.
            project_id: that it is counted for; by default the service's.
            sync: waits until it is over, for at most `timeout` seconds.
            timeout: seconds to wait with `sync`.
            priority: of what waits, the highest goes first; 0 by default.

        Raises:
            NotFound: there is no such service, function or entity.
            BadRequest: an input is of the wrong type; names it.
        """
        given = input_data(execution_input)
        if given is None:
            given = _entity_input(resource, item_id, dataset_id, annotation_id)
        project = project_id or self.project_id or (self.service.project_id if self.service is not None else None)
        body: dict[str, Any] = {"projectId": project, "functionName": function_name or "run"}
        body |= {key: value for key, value in (("input", given), ("priority", priority)) if value is not None}
        address = f"/executions/{quote(self._service_id(service_id), safe='')}"
        response: Response = yield Request("POST", address, json=body, once=True)
        execution = yield from self._execution(response.json()).just_seen()
        if sync:
            return (yield from execution.wait.op(execution, timeout))
        return execution

    @operation
    def create_batch(
        self,
        service_id: str | None = None,
        filters: Filters | Mapping[str, Any] | None = None,
        function_name: str | None = None,
        execution_inputs: Inputs | None = None,
        wait: bool = True,  # noqa: FBT001, FBT002 - the field's own signature
        *,
        priority: int | None = None,
    ) -> Op[BatchRun[Colour]]:
        """Calls a function of a service once for each item of a query.

        Args:
            service_id: by default this service.
            filters: which items.
            function_name: `run` by default.
            execution_inputs: further inputs, the same for all.
            wait: until all calls are accepted; `batch.wait()` waits until they are over.
            priority: of each of the calls, as for `create`.

        Raises:
            BadRequest: without filters, or for an input of the wrong type.
        """
        from dtlpipe.resources.batches import BatchRun

        service = self._service_id(service_id)
        body = {
            "batch": {"query": batch_query(filters), "args": input_data(execution_inputs) or {}},
            "functionName": function_name or "run",
        } | ({} if priority is None else {"priority": priority})
        response: Response = yield Request("POST", f"/executions/{quote(service, safe='')}", json=body, once=True)
        batch = BatchRun.begun(response.json(), session=self._session, service_id=service)
        if wait:
            yield from batch.command.wait.op(batch.command)
        return batch

    @operation
    def get(self, execution_id: str, sync: bool = False) -> Op[Execution[Colour]]:  # noqa: FBT001, FBT002 - as the field's
        """The execution of that id; with `sync`, once it is over. Raises NotFound."""
        execution = self._of(None, execution_id)
        if sync:
            return (yield from execution.wait.op(execution))
        return (yield from execution.refresh.op(execution))

    @listing
    def list(self, filters: Filters | None = None) -> Pages[Execution[Colour], Colour]:
        """Executions that match, those of this service or project, the newest first."""
        query = Filters(resource=FiltersResource.EXECUTION) if filters is None else copy.deepcopy(filters)
        if self.project_id and not query.has_field("projectId"):
            query.add("projectId", self.project_id)
        if self.service is not None and not query.has_field("serviceId"):
            query.add("serviceId", self.service.id)
        return query_pages(self._session, "/query/faas", query, self._execution)

    @operation
    def wait(
        self,
        execution_id: str | None = None,
        execution: Execution[Colour] | None = None,
        timeout: float | None = None,
        interval: float | None = None,
    ) -> Op[Execution[Colour]]:
        """Waits until an execution is over, as `execution.wait()`."""
        found = self._of(execution, execution_id)
        return (yield from found.wait.op(found, timeout, interval))

    @streaming
    def logs(
        self,
        execution_id: str,
        follow: bool = False,  # noqa: FBT001, FBT002 - the field's own signature
        log_level: str = "DEBUG",
    ) -> Flow[LogLine]:
        """What an execution wrote, as `execution.logs()`."""
        found = yield from self.get.op(self, execution_id)
        yield from found.logs.op(found, follow, log_level)

    @operation
    def terminate(
        self, execution: Execution[Colour] | None = None, execution_id: str | None = None
    ) -> Op[Execution[Colour]]:
        """Ends an execution. Raises Conflict if it was over already."""
        found = self._of(execution, execution_id)
        return (yield from found.terminate.op(found))

    @operation
    def rerun(self, execution: Execution[Colour], sync: bool = False) -> Op[Execution[Colour]]:  # noqa: FBT001, FBT002 - as the field's
        """Calls the function again with the same input; gives the new execution, with `sync` once it is over."""
        begun = yield from execution.rerun.op(execution)
        return (yield from begun.wait.op(begun)) if sync else begun

    @operation
    def rerun_batch(self, filters: Filters, service_id: str | None = None, wait: bool = True) -> Op[Command[Colour]]:  # noqa: FBT001, FBT002
        """Makes all calls that match again, of this service if there is one; with `wait`, until they are accepted."""
        from dtlpipe.resources.commands import Command

        query = copy.deepcopy(filters)
        service = service_id or (self.service.id if self.service is not None else None)
        if service is not None and not query.has_field("serviceId"):
            query.add("serviceId", service)
        asked = {"query": query.prepare()["filter"]}
        response: Response = yield Request("POST", "/executions/rerun", json=asked, once=True)
        command = Command.from_wire(response.json(), session=self._session)
        return (yield from command.wait.op(command)) if wait else command

    @operation
    def update(self, execution: Execution[Colour]) -> Op[Execution[Colour]]:
        """Sends what was changed here, as `execution.update()`."""
        return (yield from execution.update.op(execution))

    @operation
    def increment(self, execution: Execution[Colour]) -> Op[int]:
        """Counts one more attempt; gives their number."""
        return (yield from execution.increment.op(execution))

    @operation
    def progress_update(
        self,
        execution_id: str,
        status: ExecutionStatus | str | None = None,
        percent_complete: float | None = None,
        message: str | None = None,
        output: Any = None,
        service_version: str | None = None,
    ) -> Op[Execution[Colour]]:
        """Reports how far an execution is, as `execution.progress_update()`."""
        found = self._of(None, execution_id)
        return (yield from found.progress_update.op(found, status, percent_complete, message, output, service_version))


def _entity_input(
    resource: str | None, item_id: str | None, dataset_id: str | None, annotation_id: str | None
) -> dict[str, Any] | None:
    ids = {"annotation_id": annotation_id, "item_id": item_id, "dataset_id": dataset_id}
    given = {key: value for key, value in ids.items() if value is not None}
    if not given:
        return None
    name = (resource or next(iter(given)).removesuffix("_id")).lower()
    return {name: given}
