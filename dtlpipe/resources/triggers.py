"""Triggers: made for services here and for pipelines by their start nodes, looked at and edited for both."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.model import trigger as nouns
from dtlpipe.model.enums import FiltersResource, TriggerExecutionMode, TriggerResource, TriggerType
from dtlpipe.model.filters import Filters
from dtlpipe.model.struct import Struct, encode
from dtlpipe.resources.entity import Entity, required
from dtlpipe.sansio.effects import Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, operation
from dtlpipe.sansio.pages import Pages, listing, query_pages

if TYPE_CHECKING:
    from dtlpipe.resources.pipelines import Pipeline


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Trigger(Entity[Colour], nouns.Trigger):  # type: ignore[misc]  # entities are hashed by id
    """A trigger. Edit it (`active`, `filters`, `cron`, ...) and `update()`: that takes effect at once."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Trigger

    def _address(self) -> str:
        return f"/triggers/{quote(self.id, safe='')}"

    @operation
    def refresh(self) -> Op[Trigger[Colour]]:
        """Takes over what the platform knows now; changes that were not sent are lost."""
        response: Response = yield Request("GET", self._address())
        return self._absorb(response.json())

    @operation
    def update(self) -> Op[Trigger[Colour]]:
        """Sends what was changed here since the platform last answered; does nothing if nothing was.

        An edit of a pipeline's trigger is one of its start node, too.

        Raises:
            BadRequest: there can be no such trigger; says what is wrong with it.
        """
        changed = self._changes()
        if changed:
            if "spec" in changed:  # the platform takes each key of it whole
                changed["spec"] = self.spec
            response: Response = yield Request("PATCH", self._address(), json=changed)
            self._absorb(response.json())
        return self

    @operation
    def delete(self) -> Op[bool]:
        """Deletes it; a pipeline's start node loses it, too."""
        yield Request("DELETE", self._address())
        return True


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Triggers(Bound[Colour]):
    """The triggers of a pipeline, a service, a project, or all."""

    project_id: str | None = None
    service_id: str | None = None
    pipeline: Pipeline[Colour] | None = None

    def _trigger(self, data: Mapping[str, Any]) -> Trigger[Colour]:
        return Trigger.from_wire(data, session=self._session)

    def _pages(self, filters: Filters | None) -> Pages[Trigger[Colour], Colour]:
        query = Filters(resource=FiltersResource.TRIGGER) if filters is None else copy.deepcopy(filters)
        if self.pipeline is not None:
            query.add("spec.operation.id", self.pipeline.id)
        elif self.service_id is not None:
            query.add("spec.operation.serviceId", self.service_id)
        elif self.project_id is not None and not query.has_field("projectId"):
            query.add("projectId", self.project_id)
        return query_pages(self._session, "/query/faas", query, self._trigger)

    @listing
    def list(self, filters: Filters | None = None) -> Pages[Trigger[Colour], Colour]:
        """The triggers that match."""
        return self._pages(filters)

    @operation
    def get(self, trigger_id: str | None = None, trigger_name: str | None = None) -> Op[Trigger[Colour]]:
        """The trigger of that id or name.

        Raises:
            NotFound: there is none, or more than one of that name.
        """
        if trigger_id is not None:
            response: Response = yield Request("GET", f"/triggers/{quote(trigger_id, safe='')}")
            return self._trigger(response.json())
        name = required(trigger_name, "trigger_id or trigger_name")
        pages = self._pages(Filters("name", name, resource=FiltersResource.TRIGGER))
        yield from pages.fetch()
        if pages.items_count != 1:
            raise NotFound(
                f"there are {pages.items_count} triggers called {name!r}",
                hint="get it by trigger_id"
                if pages.items_count
                else "a pipeline's triggers are made when it is installed",
            )
        return pages.items[0]

    @operation
    def create(
        self,
        service_id: str | None = None,
        trigger_type: str = TriggerType.EVENT,
        name: str | None = None,
        function_name: str = "run",
        project_id: str | None = None,
        active: bool = True,  # noqa: FBT001, FBT002 - the field's own signature
        filters: Filters | Mapping[str, Any] | None = None,
        resource: str = TriggerResource.ITEM,
        actions: str | Iterable[str] | None = None,
        execution_mode: str = TriggerExecutionMode.ONCE,
        start_at: str | datetime | None = None,
        end_at: str | datetime | None = None,
        inputs: Mapping[str, Any] | None = None,
        cron: str | None = None,
        pipeline: Pipeline[Colour] | None = None,
        pipeline_node_id: str | None = None,
    ) -> Op[Trigger[Colour] | bool]:
        """Lets events or a schedule call a function of a service, or start a pipeline.

        For a pipeline (or through `pipeline.triggers`) it is the same as `node.add_trigger(...)` and `update()`: the
        trigger itself is made when the pipeline is installed, and the answer is True.

        Args:
            service_id: whose function is called; by default that of the service through which this is called.
            trigger_type: `Event` or `Cron`.
            name: of the trigger.
            function_name: what is called.
            project_id: where events are listened to.
            active: whether it fires.
            filters: what a resource must match.
            resource: what events are about: `Item`, `Annotation` or `Dataset`.
            actions: what must have happened to it; `Created` by default.
            execution_mode: `Once` for each resource, or `Always`.
            start_at: no hour before it counts; ISO-8601.
            end_at: no hour after it counts; ISO-8601.
            inputs: what is given along, by name.
            cron: five fields, minute hour day month weekday, or six with seconds first; of UTC.
            pipeline: what is started.
            pipeline_node_id: where; by default at its root.

        Raises:
            BadRequest: there can be no such trigger, or nothing to start was named.
        """
        chosen = pipeline or (self.pipeline if service_id is None else None)
        if chosen is not None:
            node_id = pipeline_node_id or next(
                (each["nodeId"] for each in chosen.start_nodes if each.get("type") == "root"), None
            )
            node = chosen.nodes.get(node_id=required(node_id, "pipeline_node_id (the pipeline has no root node)"))
            node.add_trigger(trigger_type, filters, resource, nouns.actions_of(actions), execution_mode, cron)
            yield from chosen.update.op(chosen)
            return True
        called = required(service_id or self.service_id, "service_id or pipeline")
        if trigger_type == TriggerType.CRON:
            spec: dict[str, Any] = {"cron": cron, "startAt": encode(start_at), "endAt": encode(end_at)}
        elif trigger_type == TriggerType.EVENT:
            spec = {
                "filter": nouns.query_of(filters),
                "resource": encode(resource),
                "executionMode": encode(execution_mode),
                "actions": nouns.actions_of(actions),
            }
        else:
            raise BadRequest(f"there is no trigger of type {trigger_type!r}", hint="Event or Cron")
        spec["input"] = encode(dict(inputs or {}))
        spec["operation"] = {"type": "function", "serviceId": called, "functionName": function_name}
        body = {
            "type": encode(trigger_type),
            "active": active,
            "projectId": required(project_id or self.project_id, "project_id"),
            "name": name or "defaulttrigger",
            "spec": spec,
        }
        response: Response = yield Request("POST", "/triggers", json=body, once=True)
        return self._trigger(response.json())

    @operation
    def update(self, trigger: Trigger[Colour]) -> Op[Trigger[Colour]]:
        """Sends a trigger's changes, as `trigger.update()`."""
        return (yield from trigger.update.op(trigger))

    @operation
    def delete(self, trigger_id: str | None = None, trigger_name: str | None = None) -> Op[bool]:
        """Deletes the trigger of that id or name."""
        trigger = yield from self.get.op(self, trigger_id, trigger_name)
        return (yield from trigger.delete.op(trigger))

    @operation
    def clone(self, trigger_id: str, project_id: str | None = None, name: str | None = None) -> Op[Trigger[Colour]]:
        """A copy of a trigger, in this project or the one that is named; under its own name if none is given.

        Raises:
            NotFound: there is no such trigger.
            BadRequest: it is a pipeline's, which are made by its start nodes.
        """
        body = {"projectId": required(project_id or self.project_id, "project_id"), "name": name}
        said = {key: value for key, value in body.items() if value is not None}
        response: Response = yield Request(
            "POST", f"/triggers/{quote(trigger_id, safe='')}/clone", json=said, once=True
        )
        return self._trigger(response.json())
