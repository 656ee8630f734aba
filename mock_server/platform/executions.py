"""Executions: one run of a function each, a node's in some run or a call of a service.

Longer than 400 lines because all that is done with a call shares what is checked of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict, NotFound
from dtlpipe.model import times
from mock_server.platform import ledger, lifecycle
from mock_server.platform.documents import require
from mock_server.platform.execution_views import execution, versions_of
from mock_server.platform.inputs import checked
from mock_server.platform.intents import Submission
from mock_server.platform.paging import idempotency, page
from mock_server.platform.wanted import Wanted
from mock_server.runners.blueprint import service_settings
from mock_server.runners.entities import normalised
from mock_server.runners.packaged import at_revision, functions_of
from mock_server.store.base import Document, ExecutionRow, Kind, LogLine, Reads, Tx
from mock_server.store.ids import new_id
from mock_server.store.request import read

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: The most executions that one batch may begin.
BATCH_LIMIT = 100_000
#: Seconds that a request for logs that follow is held while there are no new lines.
FOLLOW = 1.0

#: Executions that are read at once where all are looked at.
LOOKED_AT = 1000

_FILTERS = ("start", "end", "text", "logLevel", "functionName")


class Executions:
    """Node executions and service calls."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    # --- beginning ----------------------------------------------------------------------------------------------------

    def start(
        self,
        service_id: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        function_name: str | None = None,
        project_id: str | None = None,
        priority: int = 0,
        creator: str,
        idempotency_key: str | None = None,
    ) -> Document:
        """Calls a service once; the call is accepted for good when this returns.

        Raises NotFound for an unknown service, function, project or entity, and BadRequest for a service that is not
        active or an input of the wrong type.
        """
        service, function = self._ready(service_id, function_name)
        if project_id is not None:
            require(self._platform.store, Kind.PROJECT, project_id)
        given = checked(self._platform.store, _ports(function), inputs, f"service {service['name']!r}")
        row = _row(service, function["name"], given, project_id, creator, priority=priority)
        content = [service_id, function["name"], given, *Wanted(priority).content()]
        request = idempotency(idempotency_key, creator, content, {"id": row.id})
        check = partial(_check_takes_calls, service_id)
        earlier = self._platform.submit(Submission(calls=(row,), idempotency=request, check=check))
        return self.get((earlier or {"id": row.id})["id"])

    def start_batch(
        self,
        service_id: str,
        *,
        query: Mapping[str, Any],
        args: Mapping[str, Any] | None = None,
        function_name: str | None = None,
        priority: int = 0,
        creator: str,
        idempotency_key: str | None = None,
    ) -> Document:
        """Calls a service once for each item of a query, all in one transaction; the answer is a done command."""
        service, function = self._ready(service_id, function_name)
        ports = list(_ports(function))
        items = self._platform.batch_items(query, limit=BATCH_LIMIT)
        port = next((name for name, type in ports if type == "Item"), "item")
        rest = checked(self._platform.store, ports, args, f"service {service['name']!r}")
        inputs = [{port: normalised("Item", item["id"]), **rest} for item in items]
        command = self._platform.commands.made(
            "serviceExecuteBatch", creator, {"serviceId": service_id, "inputs": inputs}
        )
        name, batch = function["name"], command["id"]
        rows = tuple(_row(service, name, given, None, creator, batch_id=batch, priority=priority) for given in inputs)
        content = [service_id, name, dict(query), rest, *Wanted(priority).content()]
        request = idempotency(idempotency_key, creator, content, {"id": command["id"]})
        check = partial(_check_takes_calls, service_id)
        earlier = self._platform.submit(Submission(calls=rows, command=command, idempotency=request, check=check))
        return self._platform.commands.get((earlier or command)["id"])

    def rerun(self, execution_id: str, creator: str) -> Document:
        """Calls the service again with the input of an earlier call. Raises Conflict for a call that is not over."""
        row = self._find(execution_id)
        _refuse_again(row)
        return self.start(row.service_id or "", inputs=row.input, function_name=row.function_name, creator=creator)

    def rerun_batch(self, filter: Mapping[str, Any], *, creator: str, idempotency_key: str | None = None) -> Document:
        """Makes all calls again that a filter finds, in one transaction; the answer is a command that is done.

        Raises Conflict for a call that is not over, and NotFound or BadRequest for a service that takes none any more:
        then none is made.
        """
        found = list(self._matching(filter))
        ready: dict[tuple[str, str], tuple[Document, Document]] = {}
        for row in found:
            _refuse_again(row)
            function = (row.service_id or "", row.function_name)
            ready[function] = ready.get(function) or self._ready(*function)
        spec = {"executions": [row.id for row in found], "inputs": [row.input for row in found]}
        command = self._platform.commands.made("serviceRerunBatch", creator, spec)
        calls = []
        for row in found:
            service, function_found = ready[row.service_id or "", row.function_name]
            name, batch = function_found["name"], command["id"]
            calls.append(_row(service, name, row.input, row.project_id, creator, batch_id=batch))
        request = idempotency(idempotency_key, creator, ["rerun", dict(filter)], {"id": command["id"]})

        def check(tx: Tx) -> None:
            for service_id in {each for each, _ in ready}:
                _check_takes_calls(service_id, tx)

        submission = Submission(calls=tuple(calls), command=command, idempotency=request, check=check)
        return self._platform.commands.get((self._platform.submit(submission) or command)["id"])

    def _matching(self, filter: Mapping[str, Any]) -> Iterator[ExecutionRow]:
        """All executions that a filter finds, the oldest first."""
        size = 1000
        asked = {"filter": dict(filter), "sort": {"id": "ascending"}, "pageSize": size}
        number, total = 0, 1
        while number * size < total:
            rows, total = self._platform.store.find_executions({**asked, "page": number})
            if total > BATCH_LIMIT:
                raise BadRequest(f"the filter finds more than {BATCH_LIMIT} executions", hint="ask for parts of them")
            yield from rows
            number += 1

    def row(
        self,
        service_id: str,
        function_name: str | None,
        inputs: Callable[[list[tuple[str, str | None]]], dict[str, Any]],
        creator: str,
        *,
        reads: Reads,
    ) -> ExecutionRow:
        """A call that is not begun yet; `inputs` makes its input of the function's ports. Raises as `start`."""
        service, function = self._ready(service_id, function_name, reads)
        return _row(service, function["name"], inputs(_ports(function)), None, creator)

    def _ready(
        self, service_id: str, function_name: str | None, reads: Reads | None = None
    ) -> tuple[Document, Document]:
        """The service, and its function of that name; the only one it has, if none is named `run`."""
        reads = reads or self._platform.store
        service = require(reads, Kind.SERVICE, service_id)
        _refuse_paused(service)
        newest = reads.get(Kind.PACKAGE, service.get("packageId") or "", private=True) or {}
        package = newest if newest.get("_code") else at_revision(newest, service.get("packageRevision"))
        found_in = functions_of(package, service.get("moduleName"))
        functions = [dict(each) for _, each in found_in if each.get("name")]
        wanted = function_name or "run"
        found = next((each for each in functions if each["name"] == wanted), None)
        if found is None and len(functions) == 1 and wanted == "run":
            found = functions[0]
        if found is None:
            known = ", ".join(repr(each["name"]) for each in functions) or "none"
            raise NotFound(f"service {service['name']!r} has no function {wanted!r}", hint=f"its functions: {known}")
        return service, found

    # --- looking ------------------------------------------------------------------------------------------------------

    def get(self, execution_id: str, *, wait: float = 0.0) -> Document:
        """One execution, at once or, within `wait` seconds, as soon as it is over. Raises NotFound."""
        row = self._platform.hub.wait(
            execution_id, lambda: self._find(execution_id), lambda found: lifecycle.is_final(found.status), wait
        )
        return self._render(row)

    def _find(self, execution_id: str) -> ExecutionRow:
        row = self._platform.store.get_execution(execution_id)
        if row is None:
            raise NotFound(f"there is no execution {execution_id!r}")
        return row

    def query(self, body: Mapping[str, Any]) -> Document:
        """A page of executions, newest first unless sorted otherwise."""
        rows, total = self._platform.store.find_executions(body)
        return page(self._render_all(rows), total, body, default_size=100)

    def resource_query(self, body: Mapping[str, Any]) -> Document:
        """The executions that had an entity as an input: `filter` names it as `resources.id` or `itemId`.

        Raises BadRequest for a query that is none.
        """
        asked = read(body, page_size=1000, keyset=False, paths={})
        wanted = _mentioned(asked.filter)
        found = [row for row in self._newest_first() if not wanted or wanted & _mentioned(row.input)]
        start = asked.page * asked.page_size
        shown = self._render_all(found[start : start + asked.page_size])
        return page(shown, len(found), {"page": asked.page, "pageSize": asked.page_size}, default_size=1000)

    def _newest_first(self) -> Iterator[ExecutionRow]:
        """All executions; what is begun meanwhile may be among them or not."""
        number, total, seen = 0, 1, set[str]()
        while number * LOOKED_AT < total:
            rows, total = self._platform.store.find_executions({"pageSize": LOOKED_AT, "page": number})
            yield from (row for row in rows if row.id not in seen)
            seen |= {row.id for row in rows}
            number += 1

    def count_attempt(self, execution_id: str) -> int:
        """Counts one more attempt, for who runs the work elsewhere; how many there are. Raises NotFound."""
        self._find(execution_id)
        return self._platform.work.count_attempt(execution_id).result()

    def _render(self, row: ExecutionRow) -> Document:
        return self._render_all([row])[0]

    def _render_all(self, rows: Sequence[ExecutionRow]) -> list[Document]:
        store = self._platform.store
        began, ran = ledger.triggers_of(store, rows), versions_of(store, {row.service_id for row in rows})
        base = self._platform.api_url
        return [execution(row, base, began.get(row.id), ran.get(row.service_id or "")) for row in rows]

    # --- changing -----------------------------------------------------------------------------------------------------

    def update(self, execution_id: str, body: Mapping[str, Any]) -> Document:
        """Only ending it can be asked for (`toTerminate`); everything else is the platform's to set."""
        if body.get("toTerminate"):
            return self.terminate(execution_id, "the client")
        return self.get(execution_id)

    def terminate(self, execution_id: str, creator: str) -> Document:
        """Ends an execution and the node code that runs for it. Raises Conflict if it was over already."""
        self._find(execution_id)
        if not self._platform.work.cancel_execution(execution_id, f"terminated by {creator}").result():
            raise Conflict(f"execution {execution_id!r} is over already")
        return self.get(execution_id)

    def terminate_many(self, creator: str, *, ids: Collection[str] | None = None, batch_id: str | None = None) -> int:
        """Ends those that are open of the named executions, or of a batch of calls; how many they were."""
        named = None if ids is None else frozenset(ids)
        found = [
            row.id
            for row in self._platform.store.open_executions()
            if (named is None or row.id in named) and batch_id in (None, row.batch_id)
        ]
        ending = [self._platform.work.cancel_execution(each, f"terminated by {creator}") for each in found]
        return sum(each.result() for each in ending)

    def progress(self, execution_id: str, body: Mapping[str, Any]) -> Document:
        """Notes what a client reports of an open execution: percentComplete, message. Ending it is not a client's."""
        status = body.get("status")
        if status is not None and status not in lifecycle.REPORTED:
            raise BadRequest(f"unknown status {status!r}", hint=f"one of {', '.join(lifecycle.REPORTED)}")
        self._find(execution_id)
        changes = {
            column: body[key] for key, column in (("percentComplete", "percent"), ("message", "message")) if key in body
        }

        def note(tx: Any) -> bool:
            changed: bool = tx.update_execution(
                execution_id, expect=tuple(lifecycle.OPEN), updated_at=times.now(), **changes
            )
            return changed

        if not self._platform.store.write(note):
            raise Conflict(f"execution {execution_id!r} is over already")
        return self.get(execution_id)

    # --- logs ---------------------------------------------------------------------------------------------------------

    def logs(self, body: Mapping[str, Any]) -> Document:
        """Lines after a checkpoint. `stop` says that there will be no more; it is never said with the first reply.

        `executionId` (one or a list), `pipelineExecutionId` and `serviceId` say whose; `logLevel`, `text`, `start`,
        `end` and `functionName` filter, and are kept in the checkpoint, as the field's SDK forgets some of them on the
        way. Who follows and finds nothing new is to ask again after `FOLLOW` seconds, or once `log_key` has news.
        """
        checkpoint = body.get("checkpoint")
        kept = {key: value for key, value in (checkpoint or {}).items() if key in _FILTERS}
        body = {**body, **kept}
        after = int((checkpoint or {}).get("id", 0))
        ids = body.get("executionId")
        ids = [ids] if isinstance(ids, str) else ids
        run_id, service_id = body.get("pipelineExecutionId"), body.get("serviceId")
        if not (ids or run_id or service_id):
            raise BadRequest("whose logs? give executionId, pipelineExecutionId or serviceId")
        size = max(1, min(int(body.get("size") or 1000), 1000))
        since, until = _moment(body, "start"), _moment(body, "end")
        over = self._over(ids, run_id, service_id)
        lines = self._platform.store.logs(
            execution_ids=ids or None,
            run_id=None if ids else run_id,
            service_id=None if ids or run_id else service_id,
            after_id=after,
            limit=size,
            level=str(body["logLevel"]).upper() if body.get("logLevel") else None,
            text=body.get("text"),
            since=since,
            until=until,
            function_name=body.get("functionName"),
        )
        if over and not (lines or ids or run_id or checkpoint):
            raise NotFound(f"there is no service {service_id!r}, and nothing that it logged")
        filters = {key: body[key] for key in _FILTERS if key in body}
        return {
            "logs": [_line(each) for each in lines],
            "checkpoint": {**filters, "id": lines[-1].id if lines else after},
            "stop": checkpoint is not None and not lines and (over or not body.get("follow")),
        }

    @staticmethod
    def log_key(body: Mapping[str, Any]) -> str:
        """What the hub is notified of when there are further lines of those that are asked for."""
        ids = body.get("executionId")
        ids = [ids] if isinstance(ids, str) else ids
        key = ids[0] if ids and len(ids) == 1 else body.get("pipelineExecutionId") or body.get("serviceId")
        return f"logs:{key}"

    def _over(self, ids: list[str] | None, run_id: str | None, service_id: str | None) -> bool:
        """Whether nothing can be written any more; looked at before the lines, so that none is missed."""
        if ids:
            return all(lifecycle.is_final(self._find(each).status) for each in ids)
        if run_id:
            row = self._platform.store.get_run(run_id)
            if row is None:
                raise NotFound(f"there is no execution {run_id!r}")
            return lifecycle.is_final(row.status)
        return self._platform.store.get(Kind.SERVICE, service_id or "") is None


def _refuse_paused(service: Mapping[str, Any]) -> None:
    if not service.get("active", True):
        raise BadRequest(f"service {service['name']!r} is paused", hint="resume it, or install its pipeline again")


def _refuse_again(row: ExecutionRow) -> None:
    """Raises unless it is a call of a service that can be made again."""
    if row.service_id is None:
        raise BadRequest(
            f"execution {row.id!r} is that of a node without a service, which is no call",
            hint="run the pipeline's execution again from the node: execution.rerun(method='startFromNodes', ...)",
        )
    if not lifecycle.is_final(row.status):
        raise Conflict(f"execution {row.id!r} is {row.status} and cannot be run again before it is over")


def _check_takes_calls(service_id: str, tx: Tx) -> None:
    """Asked in the transaction that begins calls: since they were checked, the service may have been deleted."""
    _refuse_paused(require(tx, Kind.SERVICE, service_id))


def _moment(body: Mapping[str, Any], key: str) -> datetime | None:
    """A time that clients give with a zone, or without one, as the field's SDK does, and then mean their own."""
    text = body.get(key)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise BadRequest(f"{key}: {text!r} is no time", hint="such as 2026-01-31T12:00:00Z") from None


def _line(line: LogLine) -> Document:
    return {
        "id": line.id,
        "timestamp": times.to_wire(line.at),
        "message": line.message,
        "level": line.level,
        "stream": line.stream,
        "executionId": line.execution_id,
        "pipelineExecutionId": line.run_id,
        "serviceId": line.service_id,
    }


def _mentioned(value: Any) -> set[str]:
    """All texts in a structure."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, Mapping):
        value = list(value.values())
    return set().union(*map(_mentioned, value)) if isinstance(value, list) else set()


def _ports(function: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    return [(each["name"], each.get("type")) for each in function.get("input") or ()]


def _row(
    service: Mapping[str, Any],
    function_name: str,
    inputs: dict[str, Any],
    project_id: str | None,
    creator: str,
    *,
    batch_id: str | None = None,
    priority: int = 0,
) -> ExecutionRow:
    now = times.now()
    return ExecutionRow(
        id=new_id(),
        function_name=function_name,
        status=lifecycle.CREATED,
        creator=creator,
        created_at=now,
        updated_at=now,
        project_id=project_id or service.get("projectId"),
        service_id=service["id"],
        service_name=service["name"],
        max_attempts=service_settings(service)[2],
        input=inputs,
        batch_id=batch_id,
        priority=priority,
    )
