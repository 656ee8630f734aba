"""How a pipeline did so far: numbers of runs and of node executions by state."""

from __future__ import annotations

import attrs

from dtlpipe.model.struct import Struct, field


@attrs.define(slots=False, kw_only=True)
class StatusCount(Struct):
    """How many there are in a state."""

    status: str = field("")
    count: int = field(0)


@attrs.define(slots=False, kw_only=True)
class NodeCounters(Struct):
    """A node's executions by state."""

    node_id: str = field("")
    counters: list[StatusCount] = field(factory=list, wire="statusCount")

    def count(self, status: str) -> int:
        return _count(self.counters, status)


@attrs.define(slots=False, kw_only=True)
class Averages(Struct):
    """The platform's own: seconds for each execution, and how many there are a day."""

    avg_time_per_execution: float | None = field(None)
    avg_execution_per_day: float | None = field(None, wire="avgExecutionsPerDay")


@attrs.define(slots=False, kw_only=True)
class NodeAverages(Struct):
    """A node's averages."""

    node_id: str = field("")
    averages: Averages = field(factory=Averages, wire="executionStatistics")


@attrs.define(slots=False, kw_only=True)
class PipelineStats(Struct):
    """Counters since the last reset, and averages."""

    pipeline_counters: list[StatusCount] = field(factory=list, wire="pipelineExecutionCounters")
    node_counters: list[NodeCounters] = field(factory=list, wire="nodeExecutionsCounters")
    pipeline_averages: Averages = field(factory=Averages, wire="pipelineExecutionStatistics")
    node_averages: list[NodeAverages] = field(factory=list, wire="nodeExecutionStatistics")

    def count(self, status: str) -> int:
        """Runs in a state."""
        return _count(self.pipeline_counters, status)

    def node(self, node_id: str) -> NodeCounters:
        """A node's counters; empty ones for a node that never ran."""
        found = (each for each in self.node_counters if each.node_id == node_id)
        return next(found, NodeCounters(node_id=node_id))


def _count(counters: list[StatusCount], status: str) -> int:
    return sum(each.count for each in counters if each.status == status)
