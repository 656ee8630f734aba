"""Services: packages in their running form, which can be called.

Longer than 400 lines because each verb says what it takes, gives and raises.
"""

from __future__ import annotations

import builtins
import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.model import service as nouns
from dtlpipe.model.enums import FiltersResource
from dtlpipe.model.filters import Filters
from dtlpipe.model.package import Package
from dtlpipe.model.struct import Struct
from dtlpipe.resources.entity import Entity, required
from dtlpipe.resources.inputs import Inputs
from dtlpipe.resources.logs import LogLine, log_lines
from dtlpipe.sansio.effects import Flow, Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, fetched, operation, streaming
from dtlpipe.sansio.pages import Pages, listing, query_pages

if TYPE_CHECKING:
    from dtlpipe.resources.batches import BatchRun
    from dtlpipe.resources.commands import Command
    from dtlpipe.resources.executions import Execution, Executions
    from dtlpipe.resources.triggers import Triggers


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Service(Entity[Colour], nouns.Service):  # type: ignore[misc]  # entities are hashed by id
    """A service. `execute` calls it once, `execute_batch` once for each item of a query."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Service
    _package: Package | None = attrs.field(default=None, alias="package", metadata={"local": True})

    @property
    def executions(self) -> Executions[Colour]:
        """Its calls."""
        from dtlpipe.resources.executions import Executions

        return Executions(session=self._session, service=self)

    @property
    def triggers(self) -> Triggers[Colour]:
        """What calls it by itself."""
        from dtlpipe.resources.triggers import Triggers

        return Triggers(session=self._session, project_id=self.project_id, service_id=self.id)

    @property
    def known_package(self) -> Package | None:
        """Its package, if it was fetched already."""
        return self._package

    @fetched
    def package(self) -> Op[Package]:
        """The package that it runs. Raises NotFound if it names none."""
        if self._package is None:
            if not self.package_id:
                raise NotFound(f"service {self.name!r} names no package")
            response: Response = yield Request("GET", f"/packages/{quote(self.package_id, safe='')}")
            self._package = Package.from_wire(response.json())
        return self._package

    def _address(self) -> str:
        return f"/services/{quote(self.id, safe='')}"

    @operation
    def refresh(self) -> Op[Service[Colour]]:
        """Takes over what the platform knows now; changes that were not sent are lost."""
        response: Response = yield Request("GET", self._address())
        return self._absorb(response.json())

    @operation
    def update(self, force: bool = False) -> Op[Service[Colour]]:  # noqa: FBT001, FBT002 - the field's own signature
        """Sends what was changed here since the platform last answered; does nothing if nothing was.

        Args:
            force: also while it is busy.
        """
        changed = self._changes()
        if changed:
            params = {"force": "true"} if force else None
            response: Response = yield Request("PATCH", self._address(), json=changed, params=params)
            self._absorb(response.json())
        return self

    @operation
    def delete(self, force: bool = False) -> Op[bool]:  # noqa: FBT001, FBT002 - the field's own signature
        """Deletes it. Raises Conflict if an installed pipeline runs on it, unless `force`."""
        yield Request("DELETE", self._address(), params={"force": "true"} if force else None)
        return True

    @operation
    def pause(self, force: bool = False) -> Op[Service[Colour]]:  # noqa: FBT001, FBT002 - the field's own signature
        """It takes no more calls until `resume`; with `force`, those that run are ended."""
        yield Request("POST", f"{self._address()}/stop", params={"force": "true"} if force else None, idempotent=True)
        return (yield from self.refresh.op(self))

    @operation
    def resume(self) -> Op[Service[Colour]]:
        """It takes calls again."""
        yield Request("POST", f"{self._address()}/resume", idempotent=True)
        return (yield from self.refresh.op(self))

    @operation
    def status(self) -> Op[dict[str, Any]]:
        """Whether it takes calls, and how it does, as the platform tells it."""
        response: Response = yield Request("GET", f"{self._address()}/status")
        return dict(response.json())

    @operation
    def restart(self) -> Op[Service[Colour]]:
        """Has its code loaded anew."""
        yield Request("POST", f"{self._address()}/restart", idempotent=True)
        return (yield from self.refresh.op(self))

    @operation
    def revisions(self) -> Op[list[nouns.Service]]:
        """What it was, the newest first."""
        response: Response = yield Request("GET", f"{self._address()}/revisions")
        return [nouns.Service.from_wire(each) for each in response.json()]

    @operation
    def execute(
        self,
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
        """Calls a function of it; with `sync`, waits until that is over. Arguments as `service.executions.create`."""
        executions = self.executions
        return (
            yield from executions.create.op(
                executions,
                self.id,
                execution_input,
                function_name,
                resource,
                item_id,
                dataset_id,
                annotation_id,
                project_id,
                sync=sync,
                timeout=timeout,
                priority=priority,
            )
        )

    @operation
    def execute_batch(
        self,
        filters: Filters | Mapping[str, Any] | None = None,
        function_name: str | None = None,
        execution_inputs: Inputs | None = None,
        wait: bool = True,  # noqa: FBT001, FBT002 - the field's own signature
        *,
        priority: int | None = None,
    ) -> Op[BatchRun[Colour]]:
        """Calls a function of it once for each item of a query. Arguments as `service.executions.create_batch`."""
        executions = self.executions
        return (
            yield from executions.create_batch.op(
                executions, self.id, filters, function_name, execution_inputs, wait, priority=priority
            )
        )

    @operation
    def rerun_batch(self, filters: Filters, wait: bool = True) -> Op[Command[Colour]]:  # noqa: FBT001, FBT002 - as the field's
        """Makes all its calls that match again, as `service.executions.rerun_batch()`."""
        executions = self.executions
        return (yield from executions.rerun_batch.op(executions, filters, self.id, wait))

    @streaming
    def log(
        self,
        size: int | None = None,
        checkpoint: Mapping[str, Any] | None = None,
        start: str | None = None,
        end: str | None = None,
        follow: bool = False,  # noqa: FBT001, FBT002 - the field's own signature
        text: str | None = None,
        execution_id: str | None = None,
        function_name: str | None = None,
        *,
        log_level: str = "DEBUG",
        system: bool = False,
    ) -> Flow[LogLine]:
        """What was written in it, line by line, oldest first.

        Args:
            size: lines of one answer of the platform.
            checkpoint: goes on from there; as an answer of the platform gave it.
            start: ISO-8601; no lines from before.
            end: ISO-8601; no lines from after.
            follow: goes on with what is written from now on.
            text: only lines that contain it.
            execution_id: only lines of this execution, and with `follow` until it is over.
            function_name: only lines of this function.
            log_level: only lines of this level and above.
            system: also the platform's own lines.
        """
        body = {
            "direction": "asc",
            "system": system,
            "logLevel": log_level,
            "serviceId": self.id,
            "projectId": self.project_id,
            "size": size,
            "checkpoint": checkpoint,
            "start": start,
            "end": end,
            "text": text,
            "executionId": [execution_id] if execution_id else None,
            "functionName": function_name,
        }
        said = {key: value for key, value in body.items() if value is not None}
        yield from log_lines(said, follow=follow, until_done=execution_id is not None)


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Services(Bound[Colour]):
    """The services of a project, or of all."""

    project_id: str | None = None

    def _service(self, data: Mapping[str, Any]) -> Service[Colour]:
        return Service.from_wire(data, session=self._session)

    def _pages(self, filters: Filters | None) -> Pages[Service[Colour], Colour]:
        query = Filters(resource=FiltersResource.SERVICE) if filters is None else copy.deepcopy(filters)
        if self.project_id and not query.has_field("projectId"):
            query.add("projectId", self.project_id)
        return query_pages(self._session, "/query/faas", query, self._service)

    @operation
    def get(self, service_name: str | None = None, service_id: str | None = None) -> Op[Service[Colour]]:
        """The service of that id or name.

        Raises:
            NotFound: there is none, or more than one of that name.
            BadRequest: neither was given, as with `node.namespace.service_name` before the pipeline is installed.
        """
        if service_id is not None:
            response: Response = yield Request("GET", f"/services/{quote(service_id, safe='')}")
            return self._service(response.json())
        name = required(
            service_name, "service_name or service_id (a node has a service once its pipeline is installed)"
        )
        pages = self._pages(Filters("name", name, resource=FiltersResource.SERVICE))
        yield from pages.fetch()
        if pages.items_count != 1:
            raise NotFound(
                f"there are {pages.items_count} services called {name!r}",
                hint="get it by service_id"
                if pages.items_count
                else "a node's service is made when its pipeline is installed",
            )
        return pages.items[0]

    @listing
    def list(self, filters: Filters | None = None) -> Pages[Service[Colour], Colour]:
        """The services that match."""
        return self._pages(filters)

    @operation
    def update(self, service: Service[Colour], force: bool = False) -> Op[Service[Colour]]:  # noqa: FBT001, FBT002
        """Sends a service's changes, as `service.update()`."""
        return (yield from service.update.op(service, force))

    @operation
    def delete(
        self,
        service_name: str | None = None,
        service_id: str | None = None,
        force: bool = False,  # noqa: FBT001, FBT002 - the field's own signature
    ) -> Op[bool]:
        """Deletes the service of that id or name."""
        service = yield from self.get.op(self, service_name, service_id)
        return (yield from service.delete.op(service, force))

    @operation
    def pause(
        self,
        service_name: str | None = None,
        service_id: str | None = None,
        force: bool = False,  # noqa: FBT001, FBT002 - the field's own signature
    ) -> Op[Service[Colour]]:
        """Pauses the service of that id or name."""
        service = yield from self.get.op(self, service_name, service_id)
        return (yield from service.pause.op(service, force))

    @operation
    def resume(self, service_name: str | None = None, service_id: str | None = None) -> Op[Service[Colour]]:
        """Resumes the service of that id or name."""
        service = yield from self.get.op(self, service_name, service_id)
        return (yield from service.resume.op(service))

    @operation
    def restart(self, service_name: str | None = None, service_id: str | None = None) -> Op[Service[Colour]]:
        """Has the code of the service of that id or name loaded anew."""
        service = yield from self.get.op(self, service_name, service_id)
        return (yield from service.restart.op(service))

    @operation
    def revisions(
        self, service_name: str | None = None, service_id: str | None = None
    ) -> Op[builtins.list[nouns.Service]]:
        """What the service of that id or name was, the newest first."""
        service = yield from self.get.op(self, service_name, service_id)
        return (yield from service.revisions.op(service))

    @operation
    def deploy(
        self,
        service_name: str | None = None,
        package: Package | None = None,
        func: Callable[..., Any] | None = None,
        module_name: str | None = None,
        init_input: Mapping[str, Any] | None = None,
        runtime: Mapping[str, Any] | None = None,
        project_id: str | None = None,
        *,
        execution_timeout: float | None = None,
        max_attempts: int | None = None,
        on_reset: str | None = None,
    ) -> Op[Service[Colour]]:
        """Makes a service of a package, or brings the one of that name to the package's present revision.

        Args:
            service_name: unique on the platform; by default the package's, or the function's.
            package: what it runs.
            func: instead of a package: a function, which is pushed as one.
            module_name: of the package's modules; by default the first.
            init_input: what its class is made with.
            runtime: `{"concurrency": 4, ...}`.
            project_id: by default this project.
            execution_timeout: seconds that a call may take.
            max_attempts: how often a call is tried.
            on_reset: `rerun` or `failed`: what becomes of a call whose process died.

        Raises:
            BadRequest: without a package or a function, or without a project.
            CodeNotShippable: a function that its source alone would not do for.
        """
        project = required(project_id or self.project_id, "project_id, or use project.services")
        if package is None:
            from dtlpipe.resources.packages import Packages

            packages: Packages[Colour] = Packages(session=self._session, project_id=project)
            if func is None:
                raise BadRequest("there is nothing to deploy", hint="give package or func")
            name = service_name or str(getattr(func, "__name__", "function")).replace("_", "-")
            package = yield from packages.push.op(packages, name, func)
        name = service_name or package.name
        first = next((each.name for each in package.modules), None)
        body = {
            "name": name,
            "projectId": project,
            "packageId": package.id,
            "packageRevision": package.version,
            "moduleName": module_name or first,
            "initParams": None if init_input is None else dict(init_input),
            "runtime": None if runtime is None else dict(runtime),
            "executionTimeout": execution_timeout,
            "maxAttempts": max_attempts,
            "onReset": on_reset,
        }
        said = {key: value for key, value in body.items() if value is not None}
        pages = self._pages(Filters("name", name, resource=FiltersResource.SERVICE))
        yield from pages.fetch()
        if pages.items:
            found = pages.items[0]
            response: Response = yield Request("PATCH", f"/services/{quote(found.id, safe='')}", json=said)
            return found._absorb(response.json())  # noqa: SLF001 - as its own `update` does
        response = yield Request("POST", "/services", json=said, once=True)
        return self._service(response.json())

    @operation
    def rerun_batch(
        self,
        filters: Filters,
        service_id: str | None = None,
        wait: bool = True,  # noqa: FBT001, FBT002 - the field's own signature
    ) -> Op[Command[Colour]]:
        """Makes all calls again that match, of the service of that id if one is named."""
        from dtlpipe.resources.executions import Executions

        executions: Executions[Colour] = Executions(session=self._session, project_id=self.project_id)
        return (yield from executions.rerun_batch.op(executions, filters, service_id, wait))

    @operation
    def status(self, service_name: str | None = None, service_id: str | None = None) -> Op[dict[str, Any]]:
        """How the service of that id or name does."""
        service = yield from self.get.op(self, service_name, service_id)
        return (yield from service.status.op(service))

    @operation
    def execute(
        self,
        service: Service[Colour] | None = None,
        service_id: str | None = None,
        service_name: str | None = None,
        execution_input: Inputs | None = None,
        function_name: str | None = None,
        project_id: str | None = None,
        *,
        sync: bool = False,
        timeout: float | None = None,
    ) -> Op[Execution[Colour]]:
        """Calls a function of a service, as `service.execute()`."""
        found = service or (yield from self.get.op(self, service_name, service_id))
        return (
            yield from found.execute.op(
                found, execution_input, function_name, project_id=project_id, sync=sync, timeout=timeout
            )
        )

    @operation
    def execute_batch(
        self,
        service: Service[Colour],
        filters: Filters | Mapping[str, Any] | None = None,
        function_name: str | None = None,
        execution_inputs: Inputs | None = None,
        wait: bool = True,  # noqa: FBT001, FBT002 - the field's own signature
    ) -> Op[BatchRun[Colour]]:
        """Calls a function of a service once for each item of a query, as `service.execute_batch()`."""
        return (yield from service.execute_batch.op(service, filters, function_name, execution_inputs, wait))

    @streaming
    def log(
        self,
        service: Service[Colour],
        size: int | None = None,
        checkpoint: Mapping[str, Any] | None = None,
        start: str | None = None,
        end: str | None = None,
        follow: bool = False,  # noqa: FBT001, FBT002 - the field's own signature
        text: str | None = None,
        execution_id: str | None = None,
        function_name: str | None = None,
        *,
        log_level: str = "DEBUG",
        system: bool = False,
    ) -> Flow[LogLine]:
        """What was written in a service, as `service.log()`."""
        more = (size, checkpoint, start, end, follow, text, execution_id, function_name)
        yield from service.log.op(service, *more, log_level=log_level, system=system)
