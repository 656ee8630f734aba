"""Runs: one pass each through a pipeline, from its root or from one node, alone or as a batch over a query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict, NotFound
from dtlpipe.model import times
from mock_server.platform import counting, ledger, lifecycle, passes, rerunning
from mock_server.platform.actions.progress import driven_elsewhere, is_ours, told_of_nodes
from mock_server.platform.documents import require
from mock_server.platform.execution_views import partial_execution
from mock_server.platform.inputs import checked
from mock_server.platform.intents import Submission
from mock_server.platform.paging import idempotency, page
from mock_server.platform.passing import merge_counts
from mock_server.platform.pipelines import INSTALLED, refuse_idle
from mock_server.platform.wanted import ANY, Wanted
from mock_server.runners.entities import normalised
from mock_server.runners.policies import RunTerms
from mock_server.store.base import Document, ExecutionRow, Kind, RunRow, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: The most runs that one batch may begin.
BATCH_LIMIT = 100_000
#: Pipelines of which it is known from where their runs begin.
KNOWN = 256


class Runs:
    """Pipeline executions; on the wire they are called cycles."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._known: dict[tuple[str, str | None], tuple[int, tuple[Document, Document]]] = {}

    # --- beginning ----------------------------------------------------------------------------------------------------

    def start(
        self,
        pipeline_id: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        node_id: str | None = None,
        test_mode: bool = False,
        wanted: Wanted = ANY,
        creator: str,
        idempotency_key: str | None = None,
        wait: float = 0.0,
    ) -> Document:
        """Begins one run; it is accepted for good when this returns, at once or, within `wait` seconds, with its end.

        Raises NotFound for an unknown pipeline, node or entity, BadRequest for a pipeline that is not installed or an
        input of the wrong type, Conflict for an idempotency key that was used for another request.
        """
        submission = self.prepared(
            pipeline_id,
            inputs=inputs,
            node_id=node_id,
            test_mode=test_mode,
            wanted=wanted,
            creator=creator,
            idempotency_key=idempotency_key,
        )
        row = submission.runs[0]
        if wait <= 0:
            earlier = self._platform.submit(submission)
            return self.get(pipeline_id, (earlier or {"id": row.id})["id"])
        platform = self._platform
        with platform.attendance.attending(row.id) as attended:
            earlier = platform.submit(submission)
            if earlier is not None:
                return self.get(pipeline_id, earlier["id"], wait=wait)
            platform.hub.wait(row.id, lambda: attended.over or not attended.whole, bool, wait)
            if attended.over and attended.row is not None:
                return self._render([attended.row], {row.id: attended.executions})[0]
        return self.get(pipeline_id, row.id, wait=0.0 if attended.whole else wait)

    def prepared(
        self,
        pipeline_id: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        node_id: str | None = None,
        test_mode: bool = False,
        wanted: Wanted = ANY,
        creator: str,
        idempotency_key: str | None = None,
    ) -> Submission:
        """What begins one run once it is submitted. Raises as `start`."""
        revision, node = self._lately_ready(pipeline_id, node_id, test_mode=test_mode)
        given = checked(self._platform.store, _ports(node), inputs, f"node {node['name']!r}")
        row = self._row(revision, creator, given, node_id, self._told(wanted), test_mode=test_mode)
        fingerprint = [pipeline_id, node_id, given, test_mode, *wanted.content()]
        request = idempotency(idempotency_key, creator, fingerprint, {"id": row.id})
        check = partial(_check_takes_runs, pipeline_id, test_mode)
        return Submission(runs=(row,), idempotency=request, check=check)

    def start_batch(
        self,
        pipeline_id: str,
        *,
        query: Mapping[str, Any],
        args: Mapping[str, Any] | None = None,
        node_id: str | None = None,
        wanted: Wanted = ANY,
        creator: str,
        idempotency_key: str | None = None,
    ) -> Document:
        """Begins one run for each item of a query, all in one transaction; the answer is a command that is done."""
        revision, node = self._ready(pipeline_id, node_id, test_mode=False)
        ports = list(_ports(node))
        items = self._platform.batch_items(query, limit=BATCH_LIMIT)
        port = next((name for name, type in ports if type == "Item"), "item")
        rest = checked(self._platform.store, ports, args, f"node {node['name']!r}")
        command = self._platform.commands.made(
            "pipelineExecuteBatch",
            creator,
            {"pipelineId": pipeline_id, "inputs": [{port: normalised("Item", item["id"]), **rest} for item in items]},
        )
        told = self._told(wanted)
        rows = tuple(
            self._row(revision, creator, given, node_id, told, batch_id=command["id"])
            for given in command["spec"]["inputs"]
        )
        fingerprint = [pipeline_id, node_id, dict(query), rest, *wanted.content()]
        request = idempotency(idempotency_key, creator, fingerprint, {"id": command["id"]})
        check = partial(_check_takes_runs, pipeline_id, False)
        earlier = self._platform.submit(Submission(runs=rows, command=command, idempotency=request, check=check))
        return self._platform.commands.get((earlier or command)["id"])

    def _lately_ready(self, pipeline_id: str, node_id: str | None, *, test_mode: bool) -> tuple[Document, Document]:
        """As `_ready`, of what was found before if no pipeline has changed since; a test's may not be installed."""
        if test_mode:
            return self._ready(pipeline_id, node_id, test_mode=test_mode)
        version, key = self._platform.store.version(Kind.PIPELINE), (pipeline_id, node_id)
        known = self._known.get(key)
        if known is not None and known[0] == version:
            return known[1]
        found = self._ready(pipeline_id, node_id, test_mode=test_mode)
        if len(self._known) >= KNOWN:
            self._known = {}
        self._known[key] = version, found
        return found

    def _ready(self, pipeline_id: str, node_id: str | None, *, test_mode: bool) -> tuple[Document, Document]:
        """The revision to run and the node to start from."""
        pipeline = require(self._platform.store, Kind.PIPELINE, pipeline_id, private=True)
        refuse_idle(pipeline, test_mode=test_mode)
        revision = self._platform.pipelines.revision(pipeline)
        nodes = {each["id"]: each for each in revision.get("nodes") or ()}
        root = next((each["nodeId"] for each in revision.get("startNodes") or () if each.get("type") == "root"), None)
        start = node_id or root
        if start is None or (node_id is None and start not in nodes):
            raise BadRequest(
                f"pipeline {pipeline['name']!r} has no root node", hint="set one: pipeline.set_start_node(node)"
            )
        if start not in nodes:
            known = ", ".join(f"{each['name']!r} ({each['id']})" for each in nodes.values())
            raise NotFound(
                f"pipeline {pipeline['name']!r} has no node {start!r}", node=start, hint=f"its nodes: {known}"
            )
        return revision, nodes[start]

    def _told(self, wanted: Wanted) -> Wanted:
        """What is wanted, with the run whose node asks for it, if one does."""
        if wanted.parent is None:
            return wanted
        parent = self._platform.store.get_execution(wanted.parent)
        known = parent is not None and not lifecycle.is_final(parent.status)
        return wanted.of_run(parent.run_id if parent is not None and known else None)

    def _row(
        self,
        revision: Document,
        creator: str,
        inputs: dict[str, Any],
        node_id: str | None,
        wanted: Wanted,
        *,
        test_mode: bool = False,
        batch_id: str | None = None,
    ) -> RunRow:
        now = times.now()
        row = RunRow(
            id=new_id(),
            pipeline_id=revision["pipelineId"],
            project_id=revision.get("projectId") or "",
            revision_id=revision["id"],
            status=lifecycle.PENDING,
            creator=creator,
            created_at=now,
            updated_at=now,
            batch_id=batch_id,
            start_node=node_id,
            test_mode=test_mode,
            inputs=inputs,
            priority=wanted.priority,
            extra=wanted.terms().within(None),
        )
        self._platform.actions.taking.adopt(row, revision)
        return row

    # --- looking ------------------------------------------------------------------------------------------------------

    def get(self, pipeline_id: str, run_id: str, *, wait: float = 0.0) -> Document:
        """One run, at once or, within `wait` seconds, as soon as it is over. Raises NotFound."""
        row = self._platform.hub.wait(
            run_id, lambda: self._find(pipeline_id, run_id), lambda found: lifecycle.is_final(found.status), wait
        )
        return self._render([row])[0]

    def is_over(self, pipeline_id: str, run_id: str) -> bool:
        """Whether the run is; what those ask who wait for it, as the whole of it is for its end. Raises NotFound."""
        return lifecycle.is_final(self._find(pipeline_id, run_id).status)

    def _find(self, pipeline_id: str, run_id: str) -> RunRow:
        row = self._platform.store.get_run(run_id)
        if row is None or row.pipeline_id != pipeline_id:
            raise NotFound(f"pipeline {pipeline_id!r} has no execution {run_id!r}")
        return row

    def query(self, body: Mapping[str, Any]) -> Document:
        """A page of runs, newest first unless sorted otherwise."""
        rows, total = self._platform.store.find_runs(body)
        return page(self._render(rows), total, body, default_size=100)

    def _render(self, rows: Sequence[RunRow], known: Mapping[str, list[ExecutionRow]] | None = None) -> list[Document]:
        """`known` are their executions, if they need not be read."""
        store = self._platform.store
        executions = store.executions_of([row.id for row in rows]) if known is None else known
        again = {passes.key(row.id) for row in rows if passes.repeated(executions[row.id])}
        revisions = store.get_many(Kind.REVISION, {row.revision_id for row in rows})
        notes = store.get_many(Kind.SETTING, again) if again else {}
        base, began = self._platform.api_url, ledger.triggers_of(store, rows)
        shown = []
        for row in rows:
            note = notes.get(passes.key(row.id))
            counting = passes.not_replaced(executions[row.id], note)
            more = {"triggerId": began.get(row.id), "reruns": note["passes"] if note else []}
            shown.append(cycle(row, counting, revisions.get(row.revision_id, {}), base) | more)
        return shown

    # --- ending -------------------------------------------------------------------------------------------------------

    def terminate(self, pipeline_id: str, run_id: str, creator: str) -> Document:
        """Ends a run and the node code that runs for it. Raises Conflict if it was over already."""
        if not self._end(self._find(pipeline_id, run_id), f"terminated by {creator}"):
            raise Conflict(f"execution {run_id!r} is over already")
        return self.get(pipeline_id, run_id)

    def pause(self, pipeline_id: str, run_id: str, *, paused: bool = True) -> Document:
        """Starts nothing of a run any more, or again; what runs goes on. Raises Conflict if the run is over."""
        row = self._find(pipeline_id, run_id)
        if not self._platform.work.pause_run(run_id, paused=paused).result():
            if driven_elsewhere(row) and not lifecycle.is_final(row.status):
                raise Conflict(f"execution {run_id!r} is not run by this platform: whoever reports of it can pause it")
            raise Conflict(f"execution {run_id!r} is over already")
        return self.get(pipeline_id, run_id)

    def stop_open(self, pipeline_id: str, reason: str = "the pipeline was stopped") -> int:
        """Ends all open runs of a pipeline; says how many there were."""
        found = [row for row in self._platform.store.open_runs() if row.pipeline_id == pipeline_id]
        futures = [self._platform.work.cancel_run(row.id, reason) for row in found if not is_ours(row)]
        ended = sum(self._end(row, reason) for row in found if is_ours(row))
        return ended + sum(future.result() for future in futures)

    def _end(self, row: RunRow, reason: str) -> bool:
        """Whether it was open. Of what is driven by reports, or waits to be, the worker knows nothing."""
        if is_ours(row):
            return self._platform.actions.runs.end(row.id, reason)
        return self._platform.work.cancel_run(row.id, reason).result()

    def rerun(
        self,
        pipeline_id: str,
        *,
        query: Mapping[str, Any],
        method: str | None = None,
        nodes: Sequence[str] | None = None,
        creator: str,
        idempotency_key: str | None = None,
    ) -> Document:
        """Has the runs of a query begin again, each under its own id; see `rerunning`."""
        order = passes.Order.read(method, nodes)
        return rerunning.rerun(
            self._platform, pipeline_id, query=query, order=order, creator=creator, idempotency_key=idempotency_key
        )

    def reset_statistics(self, pipeline_id: str) -> None:
        """Counts from now on; the runs themselves stay."""
        now = times.to_wire(times.now())
        document = {"id": _reset_key(pipeline_id), "createdAt": now, "updatedAt": now}
        self._platform.store.write(lambda tx: tx.put(Kind.SETTING, document))

    # --- counting -----------------------------------------------------------------------------------------------------

    def statistics(self, pipeline_id: str) -> Document:
        """Numbers of runs and of node executions by status, in exactly the keys that clients unpack.

        Executions that a rerun has replaced are not among them.
        The averages are those of the latest thousand of either: seconds for each, and how many a day.
        """
        self._platform.pipelines.get(pipeline_id)
        store = self._platform.store
        reset = store.get(Kind.SETTING, _reset_key(pipeline_id))
        return counting.statistics(store, pipeline_id, times.from_wire(reset["updatedAt"]) if reset else None)


def _check_takes_runs(pipeline_id: str, test_mode: bool, tx: Tx) -> None:  # noqa: FBT001 - made by partial
    """Asked in the transaction that begins runs: since they were checked, the pipeline may have been deleted."""
    if tx.field(Kind.PIPELINE, pipeline_id, "status") != INSTALLED:
        refuse_idle(require(tx, Kind.PIPELINE, pipeline_id), test_mode=test_mode)


def _reset_key(pipeline_id: str) -> str:
    return f"statistics:{pipeline_id}"


def _ports(node: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    return ((each.get("name") or each["portId"], each.get("type")) for each in node.get("inputs") or ())


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return round((end - start).total_seconds(), 3) if start and end else None


def cycle(row: RunRow, executions: list[ExecutionRow], revision: Mapping[str, Any], base: str) -> Document:
    """A run as the wire shows it. A node that the run did not reach is `pending`.

    A run that is to begin again shows the executions that it has, and no end.
    """
    terms = RunTerms.of(row.extra)
    told = told_of_nodes(row)
    ended_at, error = (None, None) if row.status == lifecycle.RERUN else (row.ended_at, row.error)
    by_node: dict[str, list[ExecutionRow]] = defaultdict(list)
    for each in executions:
        if each.node_id is not None:
            by_node[each.node_id].append(each)
    nodes = []
    for node in revision.get("nodes") or ():
        rows = by_node.get(node["id"], [])
        nodes.append(
            {
                "id": node["id"],
                "name": node["name"],
                "type": node.get("type"),
                "namespace": node.get("namespace"),
                "projectId": node.get("projectId"),
                "metadata": {},
                "status": lifecycle.node_status([each.status for each in rows])
                if rows
                else told.get(node["id"], lifecycle.PENDING),
                "attempts": sum(each.attempt for each in rows),
                "createdAt": times.to_wire(rows[0].created_at if rows else row.created_at),
                "updatedAt": times.to_wire(rows[-1].updated_at if rows else row.created_at),
                "duration": _seconds(rows[0].started_at, rows[-1].ended_at) if rows else None,
            }
        )
    return {
        "id": row.id,
        "pipelineId": row.pipeline_id,
        "projectId": row.project_id,
        "revisionId": row.revision_id,
        "pipelineVersionNumber": revision.get("number"),
        "status": row.status,
        "creator": row.creator,
        "createdAt": times.to_wire(row.created_at),
        "updatedAt": times.to_wire(row.updated_at),
        "startedAt": times.to_wire(row.started_at) if row.started_at else None,
        "endedAt": times.to_wire(ended_at) if ended_at else None,
        "duration": _seconds(row.started_at, ended_at),
        "maxAttempts": max((each.max_attempts for each in executions), default=1),
        "nodes": nodes,
        "executions": {node: [partial_execution(each) for each in rows] for node, rows in by_node.items()},
        "mergeCount": merge_counts(revision, by_node),
        "inputs": row.inputs,
        "startNodeId": row.start_node,
        "batchId": row.batch_id,
        "testMode": row.test_mode,
        "priority": row.priority,
        "paused": row.paused,
        "timeout": terms.timeout,
        "deadlineAt": times.to_wire(terms.deadline_at) if terms.deadline_at else None,
        "parentExecutionId": terms.parent_execution,
        "error": error,
        "transitionErrors": row.transition_errors or [],
        "url": f"{base}/pipelines/{row.pipeline_id}/executions/{row.id}",
    }
