"""Several runs, each as soon as it is over.

All that are open are asked for in one request, so that a hundred runs cost what one does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import WaitTimeout
from dtlpipe.model.enums import FiltersOperations, FiltersResource
from dtlpipe.model.filters import Filters
from dtlpipe.resources.executions import OVER
from dtlpipe.sansio.effects import Emit, Flow, Now, Sleep
from dtlpipe.sansio.pages import query_pages

if TYPE_CHECKING:
    from dtlpipe.resources.pipeline_executions import PipelineExecution, PipelineExecutions

#: Seconds between looks: the first, and the longest.
SOON, LATE = 0.05, 2.0
#: Runs asked for at once.
MANY = 500


def completed(
    repository: PipelineExecutions[Any], runs: Iterable[PipelineExecution[Any]], timeout: float | None
) -> Flow[PipelineExecution[Any]]:
    """Emits each run, refreshed, when it is over. Raises WaitTimeout if some are not within `timeout` seconds."""
    waiting = {each.id: each for each in runs}
    began: float = yield Now()
    pause = SOON
    while waiting:
        over = []
        ids = list(waiting)
        for start in range(0, len(ids), MANY):
            filters = Filters(resource=FiltersResource.PIPELINE_EXECUTION)
            filters.add("id", ids[start : start + MANY], operator=FiltersOperations.IN)
            filters.add("status", sorted(OVER), operator=FiltersOperations.IN)
            filters.sort_by("updatedAt")
            pages = query_pages(repository._session, "/pipelines/query", filters, repository._run)  # noqa: SLF001
            over += yield from pages.collect()
        for each in over:
            run = waiting.pop(each.id, None)
            if run is not None:
                yield Emit((yield from run.refresh.op(run)))
        now: float = yield Now()
        if waiting and timeout is not None and now - began >= timeout:
            raise WaitTimeout(f"{len(waiting)} runs were not done within {timeout:g} s; they go on")
        if waiting:
            pause = SOON if over else min(pause * 1.5, LATE)
            yield Sleep(pause if timeout is None else min(pause, began + timeout - now))
