"""Runs: one pass each through a pipeline, from its root or from one node, alone or as a batch over a query."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict, NotFound
from dtlpipe.model import times
from mock_server.platform import batches, counting, ledger, lifecycle, passes, rerunning
from mock_server.platform.actions.progress import driven_elsewhere, is_ours
from mock_server.platform.commands import PIPELINE_BATCH
from mock_server.platform.documents import require
from mock_server.platform.inputs import checked
from mock_server.platform.intents import Submission
from mock_server.platform.paging import idempotency, page
from mock_server.platform.pipelines import INSTALLED, refuse_idle
from mock_server.platform.run_views import cycle
from mock_server.platform.wanted import ANY, Wanted
from mock_server.runners.entities import KINDS, element, normalised
from mock_server.store.base import Document, ExecutionRow, Kind, RunRow, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mock_server.platform.attendance import Attended
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
        self.batches = batches.Batches(
            platform, self._rows, lambda pipeline_id, tx: _check_takes_runs(pipeline_id, False, tx)
        )

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
        attended = platform.attendance.attend(row.id)
        earlier = platform.submit(submission)
        if earlier is not None:
            return self.get(pipeline_id, earlier["id"], wait=wait)
        platform.hub.wait(row.id, lambda: attended.over or not attended.whole, bool, wait)
        if attended.over:
            return self.seen(attended)
        return self.get(pipeline_id, row.id, wait=0.0 if attended.whole else wait)

    def begin(self, submission: Submission) -> tuple[Attended, Future[Document | None]]:
        """Begins the one run of a submission, without waiting: what is seen of it, and what it comes to.

        The future gives None once the run is on disk, or the answer to an earlier request of the same key, and raises
        what `start` does.
        """
        attended = self._platform.attendance.attend(submission.runs[0].id)
        return attended, self._platform.work.submit(submission)

    def seen(self, attended: Attended) -> Document:
        """The run as it is in the rows that were attended: on the writer's thread, or once it is over."""
        row = attended.row
        assert row is not None  # noqa: S101 - it has begun
        return self._render([row], {row.id: attended.executions})[0]

    def is_at_hand(self, pipeline_id: str, node_id: str | None) -> bool:
        """Whether `prepared` would read nothing: the pipeline is known, and none of its inputs names an entity."""
        known = self._known.get((pipeline_id, node_id))
        return (
            known is not None
            and known[0] == self._platform.store.version(Kind.PIPELINE)
            and not any(element(type)[0] in KINDS for _name, type in _ports(known[1][1]))
        )

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
        """Begins one run for each item of a query, all in one transaction; the answer is a command that is done.

        Very many are begun in parts, and the command is done after the last of them; see `batches`.
        """
        revision, node = self._ready(pipeline_id, node_id, test_mode=False)
        ports = list(_ports(node))
        items = self._platform.batch_items(query, limit=BATCH_LIMIT)
        port = next((name for name, type in ports if type == "Item"), "item")
        rest = checked(self._platform.store, ports, args, f"node {node['name']!r}")
        command = self._platform.commands.made(
            PIPELINE_BATCH,
            creator,
            {"pipelineId": pipeline_id, "inputs": [{port: normalised("Item", item["id"]), **rest} for item in items]},
        )
        told, several = self._told(wanted), len(items) > batches.AT_ONCE
        rows: tuple[RunRow, ...] = ()
        if several:
            command = batches.ordered(command, revision["id"], node_id, told)
        else:
            rows = self._rows(revision, creator, command["spec"]["inputs"], node_id, told, command["id"])
        fingerprint = [pipeline_id, node_id, dict(query), rest, *wanted.content()]
        request = idempotency(idempotency_key, creator, fingerprint, {"id": command["id"]})
        check = partial(_check_takes_runs, pipeline_id, False)
        earlier = self._platform.submit(Submission(runs=rows, command=command, idempotency=request, check=check))
        if several and earlier is None:
            self.batches.go_on(command["id"])
        return self._platform.commands.get((earlier or command)["id"])

    def _rows(
        self,
        revision: Document,
        creator: str,
        inputs: Sequence[Mapping[str, Any]],
        node_id: str | None,
        wanted: Wanted,
        batch_id: str,
    ) -> tuple[RunRow, ...]:
        return tuple(self._row(revision, creator, dict(given), node_id, wanted, batch_id=batch_id) for given in inputs)

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
        scheduler = self._platform.scheduler
        if scheduler is not None and scheduler.is_open(pipeline_id, run_id):
            return False
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

    def terminate_many(
        self, pipeline_id: str, creator: str, *, ids: Collection[str] | None = None, batch_id: str | None = None
    ) -> int:
        """Ends those that are open of the named runs, or of a batch, of which no more is begun; how many they were.

        Raises NotFound for an unknown pipeline.
        """
        require(self._platform.store, Kind.PIPELINE, pipeline_id)
        if batch_id is not None:
            self._platform.commands.abort_if_open(batch_id)
        named = None if ids is None else frozenset(ids)
        return self.stop_open(
            pipeline_id,
            f"terminated by {creator}",
            lambda row: (named is None or row.id in named) and batch_id in (None, row.batch_id),
        )

    def stop_open(
        self,
        pipeline_id: str,
        reason: str = "the pipeline was stopped",
        chosen: Callable[[RunRow], bool] = lambda _: True,
    ) -> int:
        """Ends all open runs of a pipeline, or some of them; says how many there were."""
        open_runs = self._platform.store.open_runs()
        found = [row for row in open_runs if row.pipeline_id == pipeline_id and chosen(row)]
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
