"""Pipeline executions: the runs of pipelines, with their nodes, outputs, logs and failures.

Longer than 400 lines because each verb says what it takes, gives and raises.
"""

from __future__ import annotations

import builtins
import copy
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import BadRequest, NotFound, PlatformException
from dtlpipe.model import execution as nouns
from dtlpipe.model.enums import CycleRerunMethod, ExecutionStatus, FiltersResource
from dtlpipe.model.execution import PipelineExecutionNode
from dtlpipe.model.filters import Filters
from dtlpipe.model.pipeline import Pipeline as Definition
from dtlpipe.model.pipeline import PipelineNode
from dtlpipe.model.struct import Struct
from dtlpipe.resources.completing import completed
from dtlpipe.resources.entity import required
from dtlpipe.resources.executions import OVER, Execution
from dtlpipe.resources.explaining import Explanation, explanation
from dtlpipe.resources.failures import failure
from dtlpipe.resources.inputs import Inputs, batch_query, input_data
from dtlpipe.resources.live import Live
from dtlpipe.resources.logs import LogLine, log_lines
from dtlpipe.resources.progress import OnProgress
from dtlpipe.resources.refusals import acting
from dtlpipe.sansio.effects import Flow, Gather, Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, fetched, operation, streaming
from dtlpipe.sansio.pages import Pages, listing, query_pages
from dtlpipe.sansio.waiting import HOLD, wait_over

if TYPE_CHECKING:
    from dtlpipe.model.happening import Happening
    from dtlpipe.resources.batches import BatchRun
    from dtlpipe.resources.commands import Command
    from dtlpipe.resources.pipelines import Pipeline


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class PipelineExecution(Live[Colour], nouns.PipelineExecution):  # type: ignore[misc]  # entities are hashed by id
    """One run of a pipeline.

    `status` is the present one on sync handles and equals both a member of `dl.ExecutionStatus` and its text;
    `nodes` and `executions` are as of the last look.
    """

    NOUN: ClassVar[type[Struct] | None] = nouns.PipelineExecution
    _pipeline: Pipeline[Colour] | None = attrs.field(default=None, alias="pipeline", metadata={"local": True})

    @property
    def status(self) -> ExecutionStatus:
        """Its state."""
        self._look_again()
        return self.known_status

    @status.setter
    def status(self, status: ExecutionStatus) -> None:
        self.__dict__["status"] = status

    @property
    def known_status(self) -> ExecutionStatus:
        """Its state as of the last look; nobody is asked."""
        known: ExecutionStatus = self.__dict__["status"]
        return known

    def _address(self) -> str:
        return f"/pipelines/{quote(self.pipeline_id, safe='')}/executions/{quote(self.id, safe='')}"

    def _is_over(self) -> bool:
        return self.known_status in OVER

    @fetched
    def pipeline(self) -> Op[Pipeline[Colour]]:
        """The pipeline that it is a run of, as that is now."""
        return (yield from self._its_pipeline())

    def _its_pipeline(self) -> Op[Pipeline[Colour]]:
        if self._pipeline is None:
            from dtlpipe.resources.pipelines import Pipelines

            pipelines: Pipelines[Colour] = Pipelines(session=self._session)
            self._pipeline = yield from pipelines.get.op(pipelines, pipeline_id=self.pipeline_id)
        return self._pipeline

    @property
    def reruns(self) -> list[dict[str, Any]]:
        """How it was run again, in order: `at`, `method`, `startNodeIds`, and `replaced`, the ids of executions."""
        return list(self.extra.get("reruns") or ())

    def in_progress(self) -> bool:
        """Whether it is not over."""
        return self.status not in OVER

    @operation
    def refresh(self) -> Op[PipelineExecution[Colour]]:
        """Takes over the present state."""
        return (yield from self._refreshed())

    @operation
    def wait(
        self, timeout: float | None = None, interval: float | None = None, *, raise_on_failure: bool = False
    ) -> Op[PipelineExecution[Colour]]:
        """Waits until it is over, and gives it back refreshed.

        Args:
            timeout: seconds; None waits for ever.
            interval: the first pause between looks, in seconds, on platforms that do not hold requests.
            raise_on_failure: raises RunFailed if it ended without success.

        Raises:
            WaitTimeout: it is not over yet; it goes on, and may be waited for again.
            RunFailed: with `raise_on_failure`: names the node, and has its traceback.
        """
        data = yield from wait_over(
            "run",
            self.id,
            Request("GET", self._address()),
            lambda data: data.get("status") in OVER,
            timeout=timeout,
            interval=interval or 0.1,
            what=f"run {self.id}",
        )
        self._absorb(data)
        yield from self.just_seen()
        if raise_on_failure:
            yield from self.raise_for_status.op(self)
        return self

    # -- its nodes ----------------------------------------------------------------------------------------------------

    def node(self, node: PipelineNode | str) -> PipelineExecutionNode:
        """A node's part in it, by the node, its name or its id. Raises NotFound, listing the names there are."""
        wanted = node.node_id if isinstance(node, PipelineNode) else node
        for each in self.nodes:
            if wanted in (each.id, each.name):
                return each
        known = ", ".join(repr(each.name) for each in self.nodes) or "none"
        raise NotFound(f"run {self.id} has no node {wanted!r}", hint=f"its nodes: {known}")

    def node_executions(self, node: PipelineNode | str) -> list[Execution[Colour]]:
        """The executions of a node in this run, oldest first; none if the run did not reach it."""
        node_id = self.node(node).id
        return [self._of_node(node_id, each) for each in self.executions.get(node_id) or ()]

    def _of_node(self, node_id: str, partial: Mapping[str, Any]) -> Execution[Colour]:
        data = {key: value for key, value in partial.items() if key not in ("_id", "status", "nodeId", "visit")}
        data.setdefault("id", partial.get("_id"))
        data.setdefault("latestStatus", {"status": partial.get("status")})
        data.setdefault("pipeline", {"id": self.pipeline_id, "nodeId": node_id, "executionId": self.id})
        return Execution.from_wire(data, session=self._session)

    @operation
    def outputs(self) -> Op[dict[str, Any]]:
        """What its end nodes gave, by node name: JSON data, entities as references.

        A node that ran several times gives a list. Nodes that the run did not reach, or that failed, are left out.
        """
        ends = end_nodes((yield from self._its_pipeline()))
        found: dict[str, Any] = {}
        for node in self.nodes:
            done = [each for each in self._partials(node.id) if _status_of(each) == ExecutionStatus.SUCCESS]
            if node.id in ends and done:
                values = yield from self._outputs_of(node.id, done)
                found[node.name] = values if len(values) > 1 else values[0]
        return found

    def _partials(self, node_id: str) -> list[dict[str, Any]]:
        return self.executions.get(node_id) or []

    def _outputs_of(self, node_id: str, partials: list[dict[str, Any]]) -> Op[list[Any]]:
        """Some platforms show outputs in the run itself, on others each execution is asked for."""
        if all("output" in each for each in partials):
            return [each["output"] for each in partials]
        several = [self._of_node(node_id, each) for each in partials]
        answers: list[Any] = yield Gather(each.refresh.op(each) for each in several)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return [each.output for each in several]

    # -- when it fails ------------------------------------------------------------------------------------------------

    @property
    def failed_node(self) -> PipelineExecutionNode | None:
        """The node that is to blame, or None."""
        blamed = (self.error or {}).get("nodeId")
        failed = [each for each in self.nodes if each.status in OVER and each.status != ExecutionStatus.SUCCESS]
        return next((each for each in self.nodes if each.id == blamed), failed[0] if failed else None)

    @operation
    def raise_for_status(self) -> Op[None]:
        """Raises RunFailed if it ended without success: names the node, and has the node code's own traceback."""
        status = str(self.known_status)
        if status not in OVER or status == ExecutionStatus.SUCCESS:
            return
        node = self.failed_node
        latest = yield from self.blamed()
        raise failure(f"run {self.id}", status, latest, self, node.name if node is not None else None)

    def blamed(self) -> Op[Mapping[str, Any]]:
        """The operation that finds the status to blame, `{"error": ...}`.

        Platforms that do not say with the run why it failed are asked for the node's execution.
        """
        node = self.failed_node
        if self.error:
            return {"error": self.error}
        failed = [] if node is None else [each for each in self._partials(node.id) if _status_of(each) in OVER]
        if node is not None and failed:
            execution = self._of_node(node.id, failed[-1])
            if not (execution.latest_status.get("error") or execution.latest_status.get("message")):
                yield from execution.refresh.op(execution)
            return execution.latest_status
        for each in self.transition_errors or ():
            text = each.get("displayMessage") or each.get("message") or each.get("error")
            ends = f"between {each.get('sourceNodeName')!r} and {each.get('targetNodeName')!r}"
            return {"error": {"message": f"{ends}: {text}", "node": each.get("targetNodeName")}}
        return {}

    @operation
    def explain(self) -> Op[Explanation]:
        """Why it did not succeed: the root cause first, what that ended after, and a line to see it happen here."""
        yield from self._refreshed()
        return (yield from explanation(self))

    # -- verbs --------------------------------------------------------------------------------------------------------

    @streaming
    def logs(self, follow: bool = False, log_level: str = "DEBUG") -> Flow[LogLine]:  # noqa: FBT001, FBT002 - as the field's
        """What its nodes wrote, line by line, oldest first; with `follow`, until it is over."""
        body = {"direction": "asc", "system": False, "logLevel": log_level, "projectId": self.project_id}
        try:
            yield from log_lines({**body, "serviceId": None, "pipelineExecutionId": self.id}, follow=follow)
        except PlatformException as error:
            if error.status not in (400, 404, 422):
                raise
            yield from self._logs_of_services(body, follow=follow)
        if follow:  # it ended, and who followed it will ask how
            yield from self._refreshed()

    @streaming
    def events(self, after: int | None = None) -> Flow[Happening]:
        """What happens in it, from its beginning to its end, as it happens; or after the event of that number."""
        from dtlpipe.resources.events import Events

        events: Events[Colour] = Events(session=self._session)
        yield from events.follow.op(events, run_id=self.id, after=after)

    def _logs_of_services(self, body: Mapping[str, Any], *, follow: bool) -> Flow[LogLine]:
        """For platforms that know logs by service and execution alone."""
        yield from self._refreshed()
        for node in self.nodes:
            for each in self.node_executions(node.id):
                if not each.service_id:
                    yield from each.refresh.op(each)
                asked = {**body, "serviceId": each.service_id, "executionId": [each.id]}
                yield from log_lines(asked, follow=follow, until_done=True)

    @operation
    def terminate(self) -> Op[PipelineExecution[Colour]]:
        """Ends it, and the node code that runs for it. Raises PipelineConflict if it was over already."""
        response = yield from acting(Request("POST", f"{self._address()}/terminate", idempotent=True))
        return self._absorb(response.json())

    @operation
    def pause(self) -> Op[PipelineExecution[Colour]]:
        """Has nothing of it started any more; what runs goes on. Raises PipelineConflict if it is over."""
        response = yield from acting(Request("POST", f"{self._address()}/pause", idempotent=True))
        return self._absorb(response.json())

    @operation
    def resume(self) -> Op[PipelineExecution[Colour]]:
        """Has it go on after `pause()`. Raises PipelineConflict if it is over."""
        response = yield from acting(Request("POST", f"{self._address()}/resume", idempotent=True))
        return self._absorb(response.json())

    @operation
    def rerun(
        self,
        method: CycleRerunMethod | str | None = None,
        start_nodes_ids: builtins.list[str] | None = None,
        wait: bool = True,  # noqa: FBT001, FBT002 - the field's own signature
    ) -> Op[PipelineExecution[Colour]]:
        """Runs it again, under its own id: from the beginning, from nodes, or from what failed.

        Args:
            method: a `CycleRerunMethod`; by default, from the given nodes, or else from the beginning.
            start_nodes_ids: with START_FROM_NODES, the nodes.
            wait: until the platform has begun; `execution.wait()` waits for the end.

        Raises:
            PipelineConflict: it is not over.
        """
        runs: PipelineExecutions[Colour] = PipelineExecutions(session=self._session, pipeline=self._pipeline)
        query = Filters("id", self.id, resource=FiltersResource.PIPELINE_EXECUTION)
        yield from runs.rerun.op(runs, method, start_nodes_ids, query, wait, self.pipeline_id)
        return (yield from self._refreshed())


def _status_of(partial: Mapping[str, Any]) -> Any:
    return (partial.get("latestStatus") or {}).get("status") or partial.get("status")


def end_nodes(pipeline: Definition) -> set[str]:
    """The ids of the nodes that nothing follows."""
    return {each.node_id for each in pipeline.nodes} - {each.source.node_id for each in pipeline.connections}


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class PipelineExecutions(Bound[Colour]):
    """The runs of a pipeline, or of all."""

    pipeline: Pipeline[Colour] | None = None

    def _run(self, data: Mapping[str, Any]) -> PipelineExecution[Colour]:
        return PipelineExecution.from_wire(data, session=self._session, pipeline=self.pipeline)

    def _pipeline_id(self, pipeline_id: str | None) -> str:
        return required(pipeline_id or (self.pipeline.id if self.pipeline is not None else None), "pipeline_id")

    def _named(self, pipeline_execution_id: str, pipeline_id: str | None) -> PipelineExecution[Colour]:
        wanted = required(pipeline_execution_id, "pipeline_execution_id")
        return self._run({"id": wanted, "pipelineId": self._pipeline_id(pipeline_id)})

    @operation
    def get(self, pipeline_execution_id: str, pipeline_id: str | None = None) -> Op[PipelineExecution[Colour]]:
        """The run of that id, whichever pipeline's it is if none is named. Raises NotFound."""
        if pipeline_id or self.pipeline is not None:
            run = self._named(pipeline_execution_id, pipeline_id)
        else:
            run = yield from self._of_any_pipeline(required(pipeline_execution_id, "pipeline_execution_id"))
        return (yield from run.refresh.op(run))

    def _of_any_pipeline(self, wanted: str) -> Op[PipelineExecution[Colour]]:
        query = Filters("id", wanted, resource=FiltersResource.PIPELINE_EXECUTION).prepare()
        response = yield Request("POST", "/pipelines/query", json=query, idempotent=True)
        found = response.json()["items"]
        if not found:
            raise NotFound(f"there is no execution {wanted!r}", hint="list() shows those there are")
        return self._run(found[0])

    @listing
    def list(self, filters: Filters | None = None) -> Pages[PipelineExecution[Colour], Colour]:
        """The runs that match, those of this pipeline; the newest first, unless the filters sort otherwise."""
        query = Filters(resource=FiltersResource.PIPELINE_EXECUTION) if filters is None else copy.deepcopy(filters)
        if query.resource is not FiltersResource.PIPELINE_EXECUTION:
            raise BadRequest(
                f"these filters are for {query.resource.value}",
                hint="dl.Filters(..., resource=dl.FiltersResource.PIPELINE_EXECUTION)",
            )
        if self.pipeline is not None and not query.has_field("pipelineId"):
            query.add("pipelineId", self.pipeline.id)
        return query_pages(self._session, "/pipelines/query", query, self._run)

    @operation
    def wait(
        self,
        pipeline_execution_id: str | None = None,
        timeout: float | None = None,
        interval: float | None = None,
        pipeline_id: str | None = None,
        *,
        raise_on_failure: bool = False,
        pipeline_execution: PipelineExecution[Colour] | None = None,
    ) -> Op[PipelineExecution[Colour]]:
        """Waits until a run is over, as `execution.wait()`."""
        run = pipeline_execution
        if run is None:
            named = required(pipeline_execution_id, "pipeline_execution_id or pipeline_execution")
            run = self._named(named, pipeline_id)
        return (yield from run.wait.op(run, timeout, interval, raise_on_failure=raise_on_failure))

    @streaming
    def as_completed(
        self, runs: Iterable[PipelineExecution[Colour]], timeout: float | None = None
    ) -> Flow[PipelineExecution[Colour]]:
        """Each of the runs, refreshed, as soon as it is over; all that are open cost one request.

        Raises:
            WaitTimeout: some were not over within `timeout` seconds; they go on.
        """
        yield from completed(self, runs, timeout)

    @operation
    def create(
        self,
        pipeline_id: str | None = None,
        execution_input: Inputs | None = None,
        node_id: str | None = None,
        test_mode: bool | None = None,  # noqa: FBT001 - the field's own signature
        *,
        priority: int | None = None,
        run_timeout: float | None = None,
        hold: float | None = None,
    ) -> Op[PipelineExecution[Colour]]:
        """Begins a run, as `pipeline.execute()`.

        Raises:
            PipelineError: the platform refuses: it is also a BadRequest or a NotFound, and names node and port.
        """
        options = {
            "input": input_data(execution_input),
            "nodeId": node_id,
            "testMode": test_mode,
            "priority": priority,
            "timeout": run_timeout,
        }
        said = {key: value for key, value in options.items() if value is not None}
        address = f"/pipelines/{quote(self._pipeline_id(pipeline_id), safe='')}/execute"
        params = None if hold is None else {"wait": round(min(hold, HOLD), 3)}
        request = Request("POST", address, params=params, json={"pipeline": said}, once=True)
        response: Response = yield from acting(request)
        return (yield from self._run(response.json()).just_seen())

    @operation
    def create_batch(
        self,
        pipeline_id: str | None = None,
        filters: Filters | Mapping[str, Any] | None = None,
        execution_inputs: Inputs | None = None,
        wait: bool = True,  # noqa: FBT001, FBT002 - the field's own signature
        node_id: str | None = None,
        *,
        priority: int | None = None,
        run_timeout: float | None = None,
        progress: bool | None = None,
        on_progress: OnProgress | None = None,
    ) -> Op[BatchRun[Colour]]:
        """Begins a run for each item of a query, as `pipeline.execute_batch()`.

        Raises:
            BadRequest: without filters.
            PipelineError: the platform refuses.
        """
        from dtlpipe.resources.batches import BatchRun

        wanted = self._pipeline_id(pipeline_id)
        body: dict[str, Any] = {"batch": {"query": batch_query(filters), "args": input_data(execution_inputs) or {}}}
        more = {"nodeId": node_id, "priority": priority, "timeout": run_timeout}
        body |= {key: value for key, value in more.items() if value is not None}
        address = f"/pipelines/{quote(wanted, safe='')}/execute"
        response: Response = yield from acting(Request("POST", address, json=body, once=True))
        batch = BatchRun.begun(response.json(), session=self._session, pipeline_id=wanted, pipeline=self.pipeline)
        if wait:
            yield from batch.all_begun(progress, on_progress)
        return batch

    @operation
    def rerun(
        self,
        method: CycleRerunMethod | str | None = None,
        start_nodes_ids: builtins.list[str] | None = None,
        filters: Filters | None = None,
        wait: bool = True,  # noqa: FBT001, FBT002 - the field's own signature
        pipeline_id: str | None = None,
    ) -> Op[Command[Colour]]:
        """Runs those that match again, each under its own id. Arguments as `execution.rerun()`."""
        from dtlpipe.resources.commands import Command

        query = Filters(resource=FiltersResource.PIPELINE_EXECUTION) if filters is None else filters
        body = {
            "pipeline": {"method": method, "startNodeIds": start_nodes_ids},
            "batch": {"query": query.prepare()},
        }
        address = f"/pipelines/{quote(self._pipeline_id(pipeline_id), safe='')}/executions/rerun"
        response: Response = yield from acting(Request("POST", address, json=body, once=True))
        command = Command.from_wire(response.json(), session=self._session)
        return (yield from command.wait.op(command)) if wait else command
