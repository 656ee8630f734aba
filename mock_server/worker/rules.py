"""What was said of pipelines and services, as the core is told of it: how many at once, for how long, on which terms.

Law: what is kept here is what is stored. Whoever changes a pipeline or a service says so in the same change, and what
undoes the change makes the worker forget all of it, together with the core's memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import attrs

from mock_server.runners.policies import PLAIN, RunTerms, Terms
from mock_server.store.base import ExecutionRow, Kind, Reads, RunRow

#: Pipelines and services kept in memory, each.
KEPT = 1024


@attrs.frozen
class PipelineRules:
    """`most` runs of it go at once, each for `timeout` seconds at most; None: as many, as long as they like."""

    most: int | None = None
    timeout: float | None = None

    @classmethod
    def read(cls, pipeline: Mapping[str, Any]) -> PipelineRules:
        """Those in a pipeline's `settings`. Some clients send what is no number, which is passed over."""
        settings = pipeline.get("settings") or {}
        most, timeout = settings.get("maxConcurrentRuns"), settings.get("runTimeout")
        return cls(int(most) if _is_number(most) else None, float(timeout) if _is_number(timeout) else None)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


class Rules:
    """See the module."""

    def __init__(self) -> None:
        self._pipelines: dict[str, PipelineRules] = {}
        self._services: dict[str, Terms] = {}

    def forget(self) -> None:
        """What changes is read again."""
        self._pipelines.clear()
        self._services.clear()

    def changed(self, pipeline: Mapping[str, Any]) -> PipelineRules:
        """Takes over the rules of a pipeline as it is now."""
        self._pipelines[pipeline["id"]] = found = PipelineRules.read(pipeline)
        return found

    def service_changed(self, service_id: str) -> None:
        """Its terms are read again."""
        self._services.pop(service_id, None)

    def of_pipeline(self, reads: Reads, pipeline_id: str) -> PipelineRules:
        found = self._pipelines.get(pipeline_id)
        if found is None:
            if len(self._pipelines) >= KEPT:
                self._pipelines.clear()
            found = self.changed(reads.get(Kind.PIPELINE, pipeline_id) or {"id": pipeline_id})
        return found

    def of_service(self, reads: Reads, service_id: str) -> Terms:
        found = self._services.get(service_id)
        if found is None:
            if len(self._services) >= KEPT:
                self._services.clear()
            service = reads.get(Kind.SERVICE, service_id)
            found = PLAIN if service is None else Terms.read(service, service["name"])
            self._services[service_id] = found
        return found

    def of_calls(self, reads: Reads, calls: Iterable[ExecutionRow]) -> dict[str, Terms]:
        """The terms of the services that are called, by their ids."""
        ids = {call.service_id for call in calls if call.service_id is not None}
        return {id: self.of_service(reads, id) for id in ids}

    def hold_for(self, reads: Reads, run: RunRow) -> None:
        """Notes in a run that is to begin what its pipeline says of runs, unless something was said of this one."""
        timeout = self.of_pipeline(reads, run.pipeline_id).timeout
        if timeout is not None:
            terms = RunTerms.of(run.extra)
            if terms.timeout is None:
                run.extra = attrs.evolve(terms, timeout=timeout).within(run.extra)
