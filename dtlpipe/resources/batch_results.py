"""How the runs of a batch fared, read from what the platform says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from dtlpipe.model.enums import ExecutionStatus
from dtlpipe.resources.executions import OVER, Execution
from dtlpipe.resources.failures import reason_of
from dtlpipe.resources.pipeline_executions import PipelineExecution
from dtlpipe.sansio.effects import Op


@attrs.frozen
class BatchResult:
    """How one item fared.

    Attributes:
        item_id: the item, or None if the platform does not tell.
        status: of its run; None if the run is not there (any more).
        output: what the end node gave; a dict by node name if the pipeline has several; None unless it succeeded.
        error: why it failed, in one line; None if it did not.
        execution: the run itself.
    """

    item_id: str | None
    status: ExecutionStatus | str | None
    output: Any
    error: str | None
    execution: Any = attrs.field(repr=False)


def result_of(item_id: str | None, run: Any, *, several_ends: bool) -> Op[BatchResult]:
    """The operation that reads how a run fared; None is a run that is not there."""
    if run is None:
        return BatchResult(item_id, None, None, None, None)
    status = run.known_status
    output: Any = None
    error: str | None = None
    if status == ExecutionStatus.SUCCESS:
        output = run.output if isinstance(run, Execution) else (yield from run.outputs.op(run))
        if isinstance(run, PipelineExecution) and not several_ends:
            output = next(iter(output.values()), None)
    elif status in OVER:
        latest = run.latest_status if isinstance(run, Execution) else (yield from run.blamed())
        error = reason_of(latest)
    return BatchResult(item_id, status, output, error, run)


def counts_told(command: Mapping[str, Any]) -> dict[str, int] | None:
    """The numbers of runs by state, if the platform tells them with the command."""
    counts = (command.get("spec") or {}).get("counts")
    return {str(key): int(value) for key, value in counts.items()} if isinstance(counts, Mapping) else None


def is_over(data: Mapping[str, Any]) -> bool:
    """Whether there is nothing left to wait for: at a command that tells counts, or at a run."""
    counts = counts_told(data)
    if counts is not None:
        return all(status in OVER for status, count in counts.items() if count)
    return ((data.get("latestStatus") or {}).get("status") or data.get("status")) in OVER


def inputs_of(run: Any) -> Any:
    """What a run was given."""
    if isinstance(run, Execution):
        return run.input
    if "inputs" in run.extra:
        return run.extra["inputs"]
    return next((each.get("input") for several in run.executions.values() for each in several), None)


def item_of(value: Any) -> str | None:
    """The item in a run's input: `{"item": {"item_id": ...}}`, `{"item": id}`, or `id`."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return None
    if isinstance(value.get("item_id"), str):
        return str(value["item_id"])
    inner = value.get("item")
    if inner is not None:
        return item_of(inner)
    return next(
        (str(each["item_id"]) for each in value.values() if isinstance(each, Mapping) and "item_id" in each), None
    )
