"""Triggers: what starts a pipeline or calls a service by itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model.enums import TriggerType
from dtlpipe.model.filters import Filters
from dtlpipe.model.struct import Struct, encode, field


@attrs.define(slots=False, kw_only=True)
class Trigger(Struct):
    """An event trigger's `spec` is `{"filter", "resource", "actions", "executionMode", "input", "operation"}`.

    A cron trigger's is `{"cron", "startAt", "endAt", "input", "operation"}`; its expression is of UTC. The operation is
    what it starts: `{"type": "pipeline", "id", "nodeId"}` or `{"type": "function", "serviceId", "functionName"}`.
    Properties read and write the spec.
    """

    id: str = field("")
    name: str = field("")
    type: TriggerType = field(TriggerType.EVENT)
    active: bool = field(default=True)
    project_id: str | None = field(None)
    spec: dict[str, Any] = field(factory=dict)
    scope: str | None = field(None)
    is_global: bool | None = field(None, wire="global")
    creator: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    url: str | None = field(None)

    @property
    def operation(self) -> dict[str, Any]:
        return dict(self.spec.get("operation") or {})

    @property
    def pipeline_id(self) -> str | None:
        return self.operation.get("id")

    @property
    def node_id(self) -> str | None:
        """Where in its pipeline it starts."""
        return self.operation.get("nodeId")

    @property
    def service_id(self) -> str | None:
        return self.operation.get("serviceId")

    @property
    def function_name(self) -> str | None:
        return self.operation.get("functionName")

    @property
    def input(self) -> dict[str, Any]:
        """What it gives along, by name."""
        return dict(self.spec.get("input") or {})

    @input.setter  # noqa: A003 - the field's own name
    def input(self, values: Mapping[str, Any]) -> None:
        self.spec["input"] = encode(dict(values))

    @property
    def filters(self) -> dict[str, Any]:
        """The query that a resource must match; empty for every one."""
        found = self.spec.get("filter")
        query = json.loads(found) if isinstance(found, str) and found else found
        return dict(query or {})

    @filters.setter
    def filters(self, filters: Filters | Mapping[str, Any] | None) -> None:
        self.spec["filter"] = query_of(filters)

    @property
    def resource(self) -> str | None:
        """What its events are about: `Item`, `Annotation`, `Dataset`."""
        return self.spec.get("resource")

    @resource.setter
    def resource(self, resource: str) -> None:
        self.spec["resource"] = encode(resource)

    @property
    def actions(self) -> list[str]:
        """What must have happened to it: any of `Created`, `Updated`, `Deleted`, `Clone`."""
        return list(self.spec.get("actions") or ())

    @actions.setter
    def actions(self, actions: str | Iterable[str]) -> None:
        self.spec["actions"] = actions_of(actions)

    @property
    def execution_mode(self) -> str | None:
        """`Once` for each resource, or `Always`."""
        return self.spec.get("executionMode")

    @execution_mode.setter
    def execution_mode(self, mode: str) -> None:
        self.spec["executionMode"] = encode(mode)

    @property
    def cron(self) -> str | None:
        return self.spec.get("cron")

    @cron.setter
    def cron(self, cron: str) -> None:
        self.spec["cron"] = cron

    @property
    def start_at(self) -> str | None:
        """ISO-8601; no hour before it counts."""
        return self.spec.get("startAt")

    @start_at.setter
    def start_at(self, moment: str | datetime | None) -> None:
        self.spec["startAt"] = encode(moment)

    @property
    def end_at(self) -> str | None:
        """ISO-8601; no hour after it counts."""
        return self.spec.get("endAt")

    @end_at.setter
    def end_at(self, moment: str | datetime | None) -> None:
        self.spec["endAt"] = encode(moment)


def query_of(filters: Filters | Mapping[str, Any] | None) -> dict[str, Any]:
    """Filters, or a query, as a query; `{}` for none."""
    if filters is None:
        return {}
    return dict(filters.query() if isinstance(filters, Filters) else encode(dict(filters)))


def actions_of(actions: str | Iterable[str] | None) -> list[str]:
    """One action or several, as a list; `Created` if none is named."""
    given = [actions] if isinstance(actions, str) else list(actions or ())
    return [encode(each) for each in given] or ["Created"]
