"""Why a run did not succeed: what failed first, what that kept from running, and how to see it happen again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from dtlpipe.model.enums import ExecutionStatus
from dtlpipe.resources.executions import OVER
from dtlpipe.resources.failures import reason_of
from dtlpipe.sansio.effects import Op

if TYPE_CHECKING:
    from dtlpipe.resources.pipeline_executions import PipelineExecution


@attrs.frozen
class Failure:
    """One execution that did not succeed.

    Attributes:
        node: its name.
        execution_id: its execution.
        status: failed, terminated, ...
        reason: why, in one line.
        traceback: the node code's own, or None.
        inputs: what it was given, as JSON data.
        reproduce: a line that runs this node's code here with the inputs it had.
    """

    node: str
    execution_id: str
    status: str
    reason: str
    traceback: str | None = attrs.field(repr=False)
    inputs: Mapping[str, Any]
    reproduce: str


@attrs.frozen
class Explanation:
    """Why a run did not succeed; `str()` of it is for people.

    Attributes:
        run_id: the run.
        status: how it stands.
        causes: what failed by itself, the first first; the first of them is the root cause.
        consequences: what was ended because of that.
        not_reached: the names of the nodes that never ran.
        reason: why, if it was no node's fault, as where a list cannot be spread.
    """

    run_id: str
    status: str
    causes: tuple[Failure, ...]
    consequences: tuple[Failure, ...]
    not_reached: tuple[str, ...]
    reason: str | None = None

    @property
    def cause(self) -> Failure | None:
        """The root cause; None if nothing failed."""
        return self.causes[0] if self.causes else None

    def __str__(self) -> str:
        lines = [f"run {self.run_id}: {self.status}"]
        if self.reason and not self.causes:
            lines.append(self.reason)
        for each in self.causes:
            lines += [f"node {each.node!r} failed: {each.reason}", f"  inputs: {dict(each.inputs)}"]
            lines += [f"  {line}" for line in (each.traceback or "").splitlines()]
            lines.append(f"  to see it here: {each.reproduce}")
        lines += [f"because of that, node {each.node!r} was ended: {each.reason}" for each in self.consequences]
        if self.not_reached and (self.causes or self.reason):
            lines.append(f"never reached: {', '.join(self.not_reached)}")
        return "\n".join(lines)


def explanation(run: PipelineExecution[Any]) -> Op[Explanation]:
    """The operation that asks for the executions which did not succeed, and orders them."""
    found: list[tuple[bool, datetime | None, Failure]] = []
    for node in run.nodes:
        for execution in run.node_executions(node.id):
            if execution.known_status == ExecutionStatus.SUCCESS:
                continue  # of a list that was spread there may be a thousand
            yield from execution.refresh.op(execution)
            status = str(execution.known_status)
            if status in OVER and status != ExecutionStatus.SUCCESS:
                latest = execution.latest_status
                error = latest.get("error") if isinstance(latest.get("error"), Mapping) else {}
                failure = Failure(
                    node=node.name,
                    execution_id=execution.id,
                    status=status,
                    reason=reason_of(latest) or status,
                    traceback=(error or {}).get("traceback") or None,
                    inputs=execution.input or {},
                    reproduce=f"dl.run_node({node.name!r}, from_run={run.id!r})",
                )
                ended_by_others = (error or {}).get("cause") == "canceled" or status != ExecutionStatus.FAILED
                found.append((ended_by_others, execution.updated_at, failure))
    found.sort(key=lambda each: (each[1] is None, each[1]))
    return Explanation(
        run_id=run.id,
        status=str(run.known_status),
        causes=tuple(failure for later, _, failure in found if not later),
        consequences=tuple(failure for later, _, failure in found if later),
        not_reached=tuple(node.name for node in run.nodes if not run.executions.get(node.id)),
        reason=(run.error or {}).get("message"),
    )
