"""Runs that run again: which of a run's executions count, and which are replaced by new ones.

Theory: to run a run again is to take back a part of its history and to let the engine go on from the rest. What is kept
is *closed*: an execution is kept only together with all that led to it. So the engine can replay it as if what was
taken back had been slow, and hands out just what is missing, with the inputs that the kept executions gave.

| method                    | is taken back, besides what did not succeed             |
| ------------------------- | ------------------------------------------------------- |
| startFromBeginning        | everything                                              |
| startFromNodes            | the executions of these nodes and of all that follow    |
| startFromFailedExecutions | nothing                                                 |

Executions that were taken back stay where they are and can be read. A run's *passes* tell which they are: a document of
its own, as runs that run again are few. Replaced executions have their successors from the same transaction on, so a
run in which no visit of a node occurs twice has no passes, and none are looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import attrs

from dtlpipe.errors import BadRequest, Conflict
from dtlpipe.graph.plan import Plan
from dtlpipe.model.enums import CycleRerunMethod
from mock_server.platform import lifecycle
from mock_server.platform.actions.progress import driven_elsewhere
from mock_server.store.base import Document, ExecutionRow, Kind, Reads, RunRow

BEGINNING = CycleRerunMethod.START_FROM_BEGINNING.value
NODES = CycleRerunMethod.START_FROM_NODES.value
FAILED = CycleRerunMethod.START_FROM_FAILED_EXECUTIONS.value
METHODS = (BEGINNING, NODES, FAILED)
_PAGE = 500


@attrs.frozen
class Order:
    """How runs are to run again; `nodes` are the ids to start from, with that method."""

    method: str
    nodes: tuple[str, ...] = ()

    @classmethod
    def read(cls, method: str | None, nodes: Collection[str] | None) -> Self:
        """What a client asks for. Without a method: from the nodes that it names, or else from the beginning.

        Raises BadRequest for a method that there is not, and for nodes without their method, or that without nodes.
        """
        method = method or (NODES if nodes else BEGINNING)
        if method not in METHODS:
            raise BadRequest(f"there is no way {method!r} to run again", hint=f"one of {', '.join(METHODS)}")
        if method == NODES and not nodes:
            raise BadRequest(f"{NODES}: from which? startNodeIds is empty", hint="give the ids of the nodes")
        if method != NODES and nodes:
            raise BadRequest(f"startNodeIds goes with {NODES}, not with {method}", hint=f"ask for {NODES}")
        return cls(method, tuple(dict.fromkeys(nodes or ())))

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The order that `to_wire` wrote."""
        return cls(options["method"], tuple(options["startNodeIds"]))

    def to_wire(self) -> Document:
        """The order as a command shows it, under `cycleOptions`."""
        return {"method": self.method, "startNodeIds": list(self.nodes)}

    def applies(self, rows: Iterable[ExecutionRow]) -> bool:
        """Whether there is something to run again, where these are the executions that count."""
        if self.method == FAILED:
            return any(row.status != lifecycle.SUCCESS for row in rows)
        return self.method == BEGINNING or any(row.node_id in self.nodes for row in rows)


def refuse_open(run: RunRow) -> None:
    """Raises Conflict unless the run is over, and so can be run again, and the platform is who runs it."""
    if driven_elsewhere(run):
        raise Conflict(
            f"execution {run.id!r} is driven by reports and cannot be run again by this platform",
            hint="begin a new run of its pipeline, or resume it there where runs of actions are begun",
        )
    if not lifecycle.may_rerun(run.status):
        raise Conflict(
            f"execution {run.id!r} is {run.status} and cannot be run again before it is over",
            hint="wait for it, or terminate it; of many, filter those that are over by their status",
        )


def kept(rows: Iterable[ExecutionRow], plan: Plan, order: Order) -> list[ExecutionRow]:
    """Those of the executions that count which still do when the order is carried out, in the order of their ends."""
    if order.method == BEGINNING:
        return []
    gone = set(order.nodes).union(*(plan.descendants(each) for each in order.nodes if each in plan.index))
    found = [row for row in rows if row.status == lifecycle.SUCCESS and row.node_id not in gone]
    return sorted(found, key=lambda row: row.seq or 0)


# --- what is written down --------------------------------------------------


def key(run_id: str) -> str:
    """The id of the document that has a run's passes."""
    return f"passes:{run_id}"


def repeated(rows: Sequence[ExecutionRow]) -> bool:
    """Whether some visit of a node is there twice, so that the run must have passes."""
    return len({(row.node_id, row.visit) for row in rows}) < len(rows)


def current(rows: list[ExecutionRow], look: Callable[[str], Document | None]) -> list[ExecutionRow]:
    """The executions that count, of all that a run has had; `look` finds a document by its id."""
    return not_replaced(rows, look(key(rows[0].run_id or ""))) if repeated(rows) else rows


def not_replaced(rows: list[ExecutionRow], passes: Mapping[str, Any] | None) -> list[ExecutionRow]:
    """The executions that no pass has replaced."""
    if passes is None:
        return rows
    replaced = {each for one in passes["passes"] for each in one["replaced"]}
    return [row for row in rows if row.id not in replaced]


def replaced_of(reads: Reads, pipeline_id: str, since: datetime | None) -> list[ExecutionRow]:
    """The executions of a pipeline's runs that passes have replaced, of those that were made since then."""
    found: list[ExecutionRow] = []
    noted = {"id": {"$gte": key(""), "$lt": key("~")}}
    number, more = 0, True
    while more:
        page = reads.find(Kind.SETTING, {"filter": noted, "pageSize": _PAGE, "page": number})
        gone = {each["id"].removeprefix(key("")): each for each in page.items}
        ours = [id for id in gone if (run := reads.get_run(id)) is not None and run.pipeline_id == pipeline_id]
        for id, rows in (reads.executions_of(ours) if ours else {}).items():
            counting = {row.id for row in not_replaced(rows, gone[id])}
            found += (row for row in rows if row.id not in counting and (since is None or row.created_at >= since))
        number, more = number + 1, page.has_next
    return found


def with_pass(
    passes: Mapping[str, Any] | None,
    run_id: str,
    order: Order,
    command: Mapping[str, Any],
    at: str,
    replaced: Sequence[str],
) -> Document:
    """The document with one more pass: `{"at", "method", "startNodeIds", "commandId", "creator", "replaced"}`."""
    one = {
        "at": at,
        **order.to_wire(),
        "commandId": command["id"],
        "creator": command["creator"],
        "replaced": list(replaced),
    }
    earlier: Mapping[str, Any] = passes or {"createdAt": at, "passes": []}
    return {
        "id": key(run_id),
        "createdAt": earlier["createdAt"],
        "updatedAt": at,
        "passes": [*earlier["passes"], one],
    }
