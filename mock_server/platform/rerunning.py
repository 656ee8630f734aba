"""Running runs again: which ones a query means, whether all of them can, and the command that stands for it.

Law: all or none. A run that is not over, or a node that there is not, refuses the whole order before anything is noted.
Runs in which there is nothing to run again (nothing failed, the nodes were not reached) stay as they are; the command
tells how many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.model.enums import CommandStatus
from mock_server.platform import commands, lifecycle, passes
from mock_server.platform.documents import require
from mock_server.platform.intents import Submission
from mock_server.platform.paging import idempotency
from mock_server.platform.pipelines import refuse_idle
from mock_server.store.base import Document, Kind, RunRow, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: The most runs that one order may begin again.
LIMIT = 100_000
#: Seconds that the answer waits for the runs to begin: with few of them, nobody then has to poll.
AT_ONCE = 2.0
_PAGE = 1000


def rerun(
    platform: Platform,
    pipeline_id: str,
    *,
    query: Mapping[str, Any],
    order: passes.Order,
    creator: str,
    idempotency_key: str | None = None,
) -> Document:
    """Has the runs of a query begin again, each under its own id; gives the command, which is over when all did.

    Raises NotFound for an unknown pipeline or node, Conflict for a run that is not over, and BadRequest for a pipeline
    that is not installed, and if none of the runs has been at the nodes.
    """
    pipeline = platform.pipelines.get(pipeline_id)
    matches = list(_matching(platform, pipeline_id, query))
    only_tests = bool(matches) and all(run.test_mode for run in matches)
    refuse_idle(pipeline, test_mode=only_tests)
    for run in matches:
        passes.refuse_open(run)
    _refuse_unknown(platform, pipeline, order.nodes, matches)
    wanted = tuple(_where_it_applies(platform, order, matches))
    if matches and not wanted and order.method == passes.NODES:
        names = ", ".join(order.nodes)
        raise BadRequest(
            f"no execution that was asked for has been at node {names}: it has no inputs to start from",
            hint=f"start from a node before it, or from the beginning ({passes.BEGINNING})",
        )
    command = platform.commands.made(
        commands.RERUN,
        creator,
        {
            "pipelineId": pipeline_id,
            "cycleOptions": order.to_wire(),
            "cycles": len(wanted),
            "unchanged": len(matches) - len(wanted),
            "begun": 0,
        },
        status=CommandStatus.IN_PROGRESS if wanted else CommandStatus.SUCCESS,
        progress=0 if wanted else 100,
    )
    submission = Submission(
        reruns=wanted,
        command=command,
        idempotency=idempotency(
            idempotency_key, creator, [pipeline_id, order.to_wire(), query.get("filter")], {"id": command["id"]}
        ),
        check=partial(_check_takes_runs, pipeline_id, only_tests),
    )
    earlier = platform.submit(submission)
    return platform.commands.get((earlier or command)["id"], wait=AT_ONCE)


def _matching(platform: Platform, pipeline_id: str, query: Mapping[str, Any]) -> Iterator[RunRow]:
    """All runs of the pipeline that a query finds, the oldest first; what it says of pages is passed over."""
    resource = query.get("resource")
    if resource not in (None, "pipelineState"):
        raise BadRequest(f"resource: {resource!r} cannot be run again", hint="pipelineState can")
    asked = {"filter": query.get("filter") or {}, "sort": {"id": "ascending"}, "pageSize": _PAGE}
    page, total = 0, 1
    while page * _PAGE < total:
        rows, total = platform.store.find_runs({**asked, "page": page}, where={"pipelineId": pipeline_id})
        if total > LIMIT:
            raise BadRequest(f"the query has more than {LIMIT} executions", hint="run them again in several parts")
        yield from rows
        page += 1


def _refuse_unknown(
    platform: Platform, pipeline: Mapping[str, Any], nodes: Sequence[str], matches: Sequence[RunRow]
) -> None:
    """Raises NotFound for a node that none of the runs knows. Runs of older revisions may know others than we do."""
    if not nodes:
        return
    revisions = platform.store.get_many(Kind.REVISION, {run.revision_id for run in matches})
    known = {each["id"]: each["name"] for one in (pipeline, *revisions.values()) for each in one.get("nodes") or ()}
    for node in nodes:
        if node not in known:
            names = ", ".join(f"{name!r} ({id})" for id, name in known.items())
            raise NotFound(f"pipeline {pipeline['name']!r} has no node {node!r}", node=node, hint=f"its nodes: {names}")


def _where_it_applies(platform: Platform, order: passes.Order, matches: Sequence[RunRow]) -> Iterator[str]:
    """The ids of the runs in which there is something to run again."""
    if order.method == passes.BEGINNING:
        yield from (run.id for run in matches)
        return
    asked = [run.id for run in matches if order.method == passes.NODES or run.status != lifecycle.SUCCESS]
    store = platform.store
    for start in range(0, len(asked), _PAGE):
        for run_id, rows in store.executions_of(asked[start : start + _PAGE]).items():
            if order.applies(passes.current(rows, lambda id: store.get(Kind.SETTING, id))):
                yield run_id


def _check_takes_runs(pipeline_id: str, test_mode: bool, tx: Tx) -> None:  # noqa: FBT001 - made by partial
    """Asked in the transaction that notes the runs: since they were looked at, the pipeline may have been deleted."""
    refuse_idle(require(tx, Kind.PIPELINE, pipeline_id), test_mode=test_mode)
