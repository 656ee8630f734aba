"""Pipelines: definitions that are edited here, sent whole, installed and run.

Longer than 400 lines because a pipeline and the collection of pipelines answer to the same verbs, in the field's way.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import BadRequest, ConfigurationError, NotFound
from dtlpipe.model import pipeline as nouns
from dtlpipe.model.enums import FiltersResource, PipelineResumeOption
from dtlpipe.model.filters import Filters
from dtlpipe.model.pipeline import Nodes, PipelineNode
from dtlpipe.model.pipeline_settings import PipelineSettings
from dtlpipe.model.struct import Struct, wire_fields
from dtlpipe.resources.entity import Entity, required
from dtlpipe.resources.inputs import Inputs
from dtlpipe.resources.layout import lay_out
from dtlpipe.resources.pipeline_executions import PipelineExecutions
from dtlpipe.resources.pipeline_stats import PipelineStats
from dtlpipe.resources.progress import OnProgress
from dtlpipe.resources.refusals import acting
from dtlpipe.sansio.effects import Blocking, Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, fetched, operation
from dtlpipe.sansio.pages import Pages, listing, query_pages

if TYPE_CHECKING:
    from dtlpipe.resources.batches import BatchRun
    from dtlpipe.resources.pipeline_executions import PipelineExecution
    from dtlpipe.resources.projects import Project
    from dtlpipe.resources.revisions import Revisions
    from dtlpipe.resources.triggers import Triggers


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Pipeline(Entity[Colour], nouns.Pipeline):  # type: ignore[misc]  # entities are hashed by id
    """A pipeline. Edit it (`nodes.add`, `node.connect`, ...), `update()`, `install()`, `execute()`.

    What the platform answers is taken over in place, also into the nodes: a node that was added stays the same object.
    """

    NOUN: ClassVar[type[Struct] | None] = nouns.Pipeline
    _project: Project[Colour] | None = attrs.field(default=None, alias="project", metadata={"local": True})

    def _address(self) -> str:
        return f"/pipelines/{quote(self.id, safe='')}"

    def _absorb(self, data: Mapping[str, Any]) -> Pipeline[Colour]:
        known = {node.node_id: node for node in self.nodes}
        super()._absorb(data)
        self.nodes = Nodes([_merged(known.get(node.node_id), node) for node in self.nodes], self)
        return self

    @property
    def pipeline_executions(self) -> PipelineExecutions[Colour]:
        """Its runs."""
        return PipelineExecutions(session=self._session, pipeline=self)

    @property
    def triggers(self) -> Triggers[Colour]:
        """What starts it by itself, once it is installed."""
        from dtlpipe.resources.triggers import Triggers

        return Triggers(session=self._session, pipeline=self)

    @property
    def revisions(self) -> Revisions[Colour]:
        """What was installed when; `revisions.diff()`, `revisions.rollback(number)`."""
        from dtlpipe.resources.revisions import Revisions

        return Revisions(session=self._session, pipeline=self)

    @fetched
    def project(self) -> Op[Project[Colour]]:
        """The project that it is in."""
        if self._project is None:
            from dtlpipe.resources.projects import Projects

            projects: Projects[Colour] = Projects(session=self._session)
            self._project = yield from projects.get.op(projects, project_id=self.project_id)
        return self._project

    def update_variables_values(self, **values: Any) -> None:
        """Sets values of variables by name; `update()` sends them. Raises NotFound for a variable that there is not."""
        known = {each.name: each for each in self.variables}
        for name, value in values.items():
            if name not in known:
                raise NotFound(
                    f"pipeline {self.name!r} has no variable {name!r}",
                    hint=f"its variables: {', '.join(known) or 'none'}",
                )
            known[name].value = value

    @operation
    def refresh(self) -> Op[Pipeline[Colour]]:
        """Takes over what the platform knows now; changes that were not sent are lost."""
        response: Response = yield Request("GET", self._address())
        return self._absorb(response.json())

    @operation
    def update(self) -> Op[Pipeline[Colour]]:
        """Sends it, if it was changed here since the platform last answered. Nodes without a place get one.

        Raises:
            PipelineError: the platform refuses, with all it has against it; also a BadRequest. Names node and port.
        """
        lay_out(self)
        for node in self.nodes:
            node.project_id = node.project_id or self.project_id
        changed = self._changes()
        if not changed:
            return self
        body = self.to_wire()
        if "settings" in changed:
            yield from acting(Request("PATCH", self._address(), json={"settings": body.get("settings")}))
        if "variables" in changed:
            variables = {"variables": body.get("variables", [])}
            yield from acting(Request("PATCH", f"{self._address()}/variables", json=variables))
        response = yield from acting(Request("PATCH", self._address(), json=body))
        return self._absorb(response.json())

    @operation
    def update_settings(self, settings: Mapping[str, Any] | PipelineSettings) -> Op[Pipeline[Colour]]:
        """Sends settings alone."""
        response = yield from acting(Request("PATCH", self._address(), json={"settings": _said(settings)}))
        return self._absorb(response.json())

    @property
    def platform_url(self) -> str:
        """Where people see it. Raises ConfigurationError if the platform has no web console that is known here."""
        console = self._session.settings.console_url
        if not console:
            raise ConfigurationError(
                f"{self._session.settings.url} has no web console that is known here",
                hint="dl.add_environment(..., url='https://console...')",
            )
        return f"{console.rstrip('/')}/projects/{self.project_id}/pipelines/{self.id}"

    @operation
    def open_in_web(self) -> Op[None]:
        """Shows it in a browser. Raises ConfigurationError as `platform_url` does."""
        import webbrowser

        yield Blocking(webbrowser.open, self.platform_url)

    @operation
    def delete(self) -> Op[bool]:
        """Deletes it, with its services and runs. Raises PipelineNotFound if it is not there."""
        yield from acting(Request("DELETE", self._address()))
        return True

    @operation
    def install(self, resume_option: PipelineResumeOption | str | None = None) -> Op[Pipeline[Colour]]:
        """Makes it executable; changes that were not sent yet are sent first. Takes over what the platform made.

        Args:
            resume_option: what becomes of runs that are open: a `PipelineResumeOption`.

        Raises:
            PipelineError: it cannot run as it is; names node and port, and says what to do.
        """
        yield from self.update.op(self)
        body = {"resumeOption": str(resume_option)} if resume_option is not None else {}
        response = yield from acting(Request("POST", f"{self._address()}/install", json=body, idempotent=True))
        return self._absorb(response.json())

    @operation
    def pause(self, keep_triggers_active: bool | None = None) -> Op[Pipeline[Colour]]:  # noqa: FBT001 - the field's signature
        """Makes it editable again: it takes no more runs until it is installed again.

        Args:
            keep_triggers_active: whether events still begin runs, which wait for the next install.
        """
        body = {} if keep_triggers_active is None else {"keepTriggersActive": keep_triggers_active}
        yield from acting(Request("POST", f"{self._address()}/uninstall", json=body, idempotent=True))
        response: Response = yield Request("GET", self._address())
        state = response.json()
        return self._absorb({key: state[key] for key in ("status", "updatedAt", "updatedBy") if key in state})

    @operation
    def reset(self, stop_if_running: bool = False) -> Op[bool]:  # noqa: FBT001, FBT002 - the field's own signature
        """Sets its counters to zero.

        Args:
            stop_if_running: pauses it first; an installed pipeline is refused otherwise.
        """
        if stop_if_running and self.installed:
            yield from self.pause.op(self)
        yield from acting(Request("POST", f"{self._address()}/reset", idempotent=True))
        return True

    @operation
    def stats(self) -> Op[PipelineStats]:
        """Numbers of its runs and of its nodes' executions, by state."""
        response: Response = yield Request("GET", f"{self._address()}/statistics")
        return PipelineStats.from_wire(response.json())

    @operation
    def validate(self) -> Op[Any]:
        """What the platform thinks of it as it is here: `{"valid", "errors": [...], "warnings": [...]}` on ours."""
        lay_out(self)
        response: Response = yield Request("POST", "/pipelines/validate", json=self.to_wire(), idempotent=True)
        return response.json()

    @operation
    def execute(
        self,
        execution_input: Inputs | None = None,
        node_id: str | None = None,
        *,
        priority: int | None = None,
        run_timeout: float | None = None,
        hold: float | None = None,
    ) -> Op[PipelineExecution[Colour]]:
        """Begins a run. It is accepted when this returns, and goes on by itself: `execution.wait()`.

        Args:
            execution_input: values by parameter name, `{'item': item}`, or `FunctionIO`s; entities go as their ids.
            node_id: where to start; by default at the root.
            priority: of what waits, the highest goes first; 0 by default.
            run_timeout: seconds after which the run has failed, whatever it is at; by default, the pipeline's
                `settings['runTimeout']`, if it has one.
            hold: seconds, at most 20, for which the platform may wait for the run to be over before it answers: a
                short run is begun and waited for in one request. Other platforms answer at once, as without it.

        Raises:
            PipelineError: the platform refuses: the pipeline is not installed, an input is of the wrong type, ...
        """
        runs = self.pipeline_executions
        begun = runs.create.op(
            runs, self.id, execution_input, node_id, priority=priority, run_timeout=run_timeout, hold=hold
        )
        return (yield from begun)

    @operation
    def test(self, execution_input: Inputs | None = None) -> Op[PipelineExecution[Colour]]:
        """Begins a run in test mode, which needs no install."""
        runs = self.pipeline_executions
        return (yield from runs.create.op(runs, self.id, execution_input, None, test_mode=True))

    @operation
    def execute_batch(
        self,
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
        """Begins a run for each item of a query.

        Args:
            filters: which items, `dl.Filters(field='dir', values='/a', context={'datasets': [dataset.id]})`.
            execution_inputs: further inputs, the same for all.
            wait: until all runs are accepted; `batch.wait()` waits until they are over.
            node_id: where to start; by default at the root.
            priority: of each of the runs, as for `execute`.
            run_timeout: of each of the runs, as for `execute`.
            progress: whether to show a bar while very many runs are begun; by default on a terminal.
            on_progress: is told how many runs are begun, and how many there will be.

        Raises:
            BadRequest: without filters.
            PipelineError: the platform refuses.
        """
        runs = self.pipeline_executions
        more = (filters, execution_inputs, wait, node_id)
        told: dict[str, Any] = {"progress": progress, "on_progress": on_progress}
        begun = runs.create_batch.op(runs, self.id, *more, priority=priority, run_timeout=run_timeout, **told)
        return (yield from begun)


def _said(settings: Mapping[str, Any] | PipelineSettings) -> dict[str, Any]:
    return settings.to_wire() if isinstance(settings, PipelineSettings) else dict(settings)


def _merged(known: PipelineNode | None, told: PipelineNode) -> PipelineNode:
    """The node that the user holds, if there is one, with what the platform says of it."""
    if known is None:
        return told
    ports = {each.port_id: each for each in (*known.inputs, *known.outputs)}
    for side in (told.inputs, told.outputs):
        for place, each in enumerate(side):
            if each.port_id in ports:
                _take_over(ports[each.port_id], each)
                side[place] = ports[each.port_id]
    _take_over(known, told)
    return known


def _take_over(known: Struct, told: Struct) -> None:
    for each in wire_fields(known.NOUN or type(known)):
        setattr(known, each.name, getattr(told, each.name))
    known.extra = told.extra


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Pipelines(Bound[Colour]):
    """The pipelines of a project, or of all."""

    project: Project[Colour] | None = None
    project_id: str | None = None

    def _pipeline(self, data: Mapping[str, Any]) -> Pipeline[Colour]:
        return Pipeline.from_wire(data, session=self._session, project=self.project)

    def _pages(self, filters: Filters | None, project_id: str | None = None) -> Pages[Pipeline[Colour], Colour]:
        query = Filters(resource=FiltersResource.PIPELINE) if filters is None else copy.deepcopy(filters)
        wanted = project_id or self.project_id
        if wanted and not query.has_field("projectId"):
            query.add("projectId", wanted)
        return query_pages(self._session, "/pipelines/query", query, self._pipeline)

    def _found(
        self, pipeline: Pipeline[Colour] | None, pipeline_id: str | None, pipeline_name: str | None
    ) -> Op[Pipeline[Colour]]:
        return pipeline or (yield from self.get.op(self, pipeline_name, pipeline_id))

    @operation
    def create(
        self,
        name: str | None = None,
        project_id: str | None = None,
        pipeline_json: Mapping[str, Any] | None = None,
    ) -> Op[Pipeline[Colour]]:
        """Creates a pipeline, empty or from JSON data.

        Raises:
            BadRequest: it has no name, or no project.
            PipelineError: the platform refuses.
        """
        body = {"nodes": [], "connections": [], "startNodes": [], "variables": [], **(pipeline_json or {})}
        body["name"] = required(name or body.get("name"), "a name")
        body["projectId"] = project_id or body.get("projectId") or self.project_id
        if not body["projectId"]:
            raise BadRequest(
                "a pipeline is created in a project", hint="project.pipelines.create(...), or give project_id"
            )
        response = yield from acting(Request("POST", "/pipelines", json=body, once=True))
        return self._pipeline(response.json())

    @operation
    def get(self, pipeline_name: str | None = None, pipeline_id: str | None = None) -> Op[Pipeline[Colour]]:
        """The pipeline of that id or name.

        Raises:
            NotFound: there is none.
            BadRequest: there is more than one of that name.
        """
        if pipeline_id is not None:
            response: Response = yield Request("GET", f"/pipelines/{quote(pipeline_id, safe='')}")
            return self._pipeline(response.json())
        name = required(pipeline_name, "pipeline_name or pipeline_id")
        pages = self._pages(Filters("name", name, resource=FiltersResource.PIPELINE))
        yield from pages.fetch()
        if pages.items_count == 0:
            raise NotFound(f"there is no pipeline called {name!r}")
        if pages.items_count > 1:
            raise BadRequest(f"there are {pages.items_count} pipelines called {name!r}", hint="get it by pipeline_id")
        return pages.items[0]

    @listing
    def list(self, filters: Filters | None = None, project_id: str | None = None) -> Pages[Pipeline[Colour], Colour]:
        """The pipelines that match."""
        return self._pages(filters, project_id)

    @operation
    def update(self, pipeline: Pipeline[Colour]) -> Op[Pipeline[Colour]]:
        """Sends a pipeline's changes, as `pipeline.update()`."""
        return (yield from pipeline.update.op(pipeline))

    @operation
    def update_settings(
        self, pipeline: Pipeline[Colour], settings: Mapping[str, Any] | PipelineSettings
    ) -> Op[Pipeline[Colour]]:
        """Sends settings alone."""
        return (yield from pipeline.update_settings.op(pipeline, settings))

    @operation
    def delete(
        self,
        pipeline: Pipeline[Colour] | None = None,
        pipeline_name: str | None = None,
        pipeline_id: str | None = None,
    ) -> Op[bool]:
        """Deletes a pipeline. Raises NotFound if it is not there."""
        found = yield from self._found(pipeline, pipeline_id, pipeline_name)
        return (yield from found.delete.op(found))

    @operation
    def open_in_web(
        self,
        pipeline: Pipeline[Colour] | None = None,
        pipeline_id: str | None = None,
        pipeline_name: str | None = None,
    ) -> Op[None]:
        """Shows a pipeline in a browser, as `pipeline.open_in_web()`."""
        found = yield from self._found(pipeline, pipeline_id, pipeline_name)
        yield from found.open_in_web.op(found)

    @operation
    def install(
        self, pipeline: Pipeline[Colour], resume_option: PipelineResumeOption | str | None = None
    ) -> Op[Pipeline[Colour]]:
        """Makes a pipeline executable, as `pipeline.install()`."""
        return (yield from pipeline.install.op(pipeline, resume_option))

    @operation
    def pause(
        self,
        pipeline: Pipeline[Colour],
        keep_triggers_active: bool | None = None,  # noqa: FBT001 - the field's own signature
    ) -> Op[Pipeline[Colour]]:
        """Makes a pipeline editable again, as `pipeline.pause()`."""
        return (yield from pipeline.pause.op(pipeline, keep_triggers_active))

    @operation
    def reset(
        self,
        pipeline: Pipeline[Colour] | None = None,
        pipeline_id: str | None = None,
        pipeline_name: str | None = None,
        stop_if_running: bool = False,  # noqa: FBT001, FBT002 - the field's own signature
    ) -> Op[bool]:
        """Sets a pipeline's counters to zero, as `pipeline.reset()`."""
        found = yield from self._found(pipeline, pipeline_id, pipeline_name)
        return (yield from found.reset.op(found, stop_if_running))

    @operation
    def stats(
        self,
        pipeline: Pipeline[Colour] | None = None,
        pipeline_id: str | None = None,
        pipeline_name: str | None = None,
    ) -> Op[PipelineStats]:
        """How a pipeline did so far, as `pipeline.stats()`."""
        found = yield from self._found(pipeline, pipeline_id, pipeline_name)
        return (yield from found.stats.op(found))

    @operation
    def validate(self, pipeline_json: Mapping[str, Any]) -> Op[Any]:
        """What the platform thinks of a definition."""
        response: Response = yield Request("POST", "/pipelines/validate", json=dict(pipeline_json), idempotent=True)
        return response.json()

    @operation
    def execute(
        self,
        pipeline: Pipeline[Colour] | None = None,
        pipeline_id: str | None = None,
        pipeline_name: str | None = None,
        execution_input: Inputs | None = None,
        node_id: str | None = None,
    ) -> Op[PipelineExecution[Colour]]:
        """Begins a run, as `pipeline.execute()`."""
        found = yield from self._found(pipeline, pipeline_id, pipeline_name)
        return (yield from found.execute.op(found, execution_input, node_id))

    @operation
    def test(
        self,
        pipeline: Pipeline[Colour] | None = None,
        pipeline_id: str | None = None,
        execution_input: Inputs | None = None,
    ) -> Op[PipelineExecution[Colour]]:
        """Begins a run in test mode, as `pipeline.test()`."""
        found = yield from self._found(pipeline, pipeline_id, None)
        return (yield from found.test.op(found, execution_input))
