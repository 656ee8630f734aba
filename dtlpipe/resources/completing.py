"""Several runs, each as soon as it is over.

By the stream of ends, where there is one; elsewhere all that are open are asked for in one request now and then. Either
way a thousand runs cost little more than one does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import WaitTimeout
from dtlpipe.model.enums import FiltersOperations, FiltersResource
from dtlpipe.model.filters import Filters
from dtlpipe.resources.executions import OVER
from dtlpipe.sansio.effects import Emit, Flow, Join, Now, Op, Sleep, Told
from dtlpipe.sansio.pages import query_pages

if TYPE_CHECKING:
    from dtlpipe.resources.pipeline_executions import PipelineExecution, PipelineExecutions

#: Seconds between looks: the first, and the longest.
SOON, LATE = 0.05, 2.0
#: Runs asked for at once.
MANY = 500

Runs = dict[str, "PipelineExecution[Any]"]


def completed(
    repository: PipelineExecutions[Any], runs: Iterable[PipelineExecution[Any]], timeout: float | None
) -> Flow[PipelineExecution[Any]]:
    """Emits each run, refreshed, when it is over.

    Raises WaitTimeout if some are not within `timeout` seconds, NotFound for one that is not there (any more).
    """
    waiting: Runs = {each.id: each for each in runs}
    began: float = yield Now()
    ends_at = None if timeout is None else began + timeout
    if waiting:
        yield from _told(waiting, ends_at)
    pause = SOON
    while waiting:
        over = yield from _looked_for(repository, list(waiting))
        for each in over:
            yield Emit((yield from _ended(waiting, str(each["id"]), each)))
        now: float = yield Now()
        if waiting and ends_at is not None and now >= ends_at:
            raise WaitTimeout(f"{len(waiting)} runs were not done within {timeout:g} s; they go on")
        if waiting:
            pause = SOON if over else min(pause * 1.5, LATE)
            yield Sleep(pause if ends_at is None else min(pause, ends_at - now))


def _told(waiting: Runs, ends_at: float | None) -> Flow[PipelineExecution[Any]]:
    """As long as there is a stream, and time."""
    seat = yield Join("run", tuple(waiting), always=True)
    while seat.live and waiting:
        now: float = yield Now()
        told = yield Told(seat, None if ends_at is None else max(ends_at - now, 0.0))
        if not told:
            return
        for id, data in sorted(told.items(), key=_when):
            if id in waiting:
                yield Emit((yield from _ended(waiting, id, data)))


def _when(told: tuple[str, Mapping[str, Any] | None]) -> str:
    return str((told[1] or {}).get("updatedAt") or "")


def _ended(waiting: Runs, id: str, data: Mapping[str, Any] | None) -> Op[PipelineExecution[Any]]:
    run = waiting.pop(id)
    if data is None:
        return (yield from run.refresh.op(run))
    run._absorb(data)  # noqa: SLF001 - as `refresh` does, with what is known already
    return (yield from run.just_seen())


def _looked_for(repository: PipelineExecutions[Any], ids: list[str]) -> Op[list[Mapping[str, Any]]]:
    """Those of them that are over, in the order in which they ended."""
    over: list[Mapping[str, Any]] = []
    for start in range(0, len(ids), MANY):
        filters = Filters(resource=FiltersResource.PIPELINE_EXECUTION)
        filters.add("id", ids[start : start + MANY], operator=FiltersOperations.IN)
        filters.add("status", sorted(OVER), operator=FiltersOperations.IN)
        filters.sort_by("updatedAt")
        pages = query_pages(repository._session, "/pipelines/query", filters, _same)  # noqa: SLF001
        over += yield from pages.collect()
    return over


def _same(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return data
