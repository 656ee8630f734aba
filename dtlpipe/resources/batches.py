"""Batches: what `execute_batch` gives, one run (or one call of a service) for each item of a query.

A batch knows its command and asks for its runs when they are wanted. A platform that notes the batch with each run
(`batchId`, the command's id) is asked for these; elsewhere, a batch's runs are those begun since the command was.

Longer than 400 lines because a batch is one object, whether of a pipeline's runs or of a service's calls.
"""

from __future__ import annotations

import builtins
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import attrs

from dtlpipe.errors import Conflict, FailedDependency, PlatformException, RunFailed, WaitTimeout
from dtlpipe.model.enums import CommandStatus, CycleRerunMethod, ExecutionStatus
from dtlpipe.resources.batch_results import (
    BatchResult,
    counts_told,
    inputs_of,
    is_over,
    item_of,
    result_of,
)
from dtlpipe.resources.commands import Command
from dtlpipe.resources.executions import OPEN, OVER, Execution
from dtlpipe.resources.pipeline_executions import PipelineExecution, end_nodes
from dtlpipe.resources.progress import Bar, OnProgress
from dtlpipe.sansio.effects import Blocking, Gather, Now, Op, Request, Response
from dtlpipe.sansio.operation import Async, Bound, Colour, Session, Sync, operation
from dtlpipe.sansio.pages import Pages
from dtlpipe.sansio.waiting import HOLD, patient, wait_until

if TYPE_CHECKING:
    from dtlpipe.resources.pipelines import Pipeline

#: Runs of one page.
PAGE = 100
#: Seconds between two movements of the progress bar.
TICK = 0.5
_COMMAND_OVER = frozenset(each for each in CommandStatus if each.is_terminal)
#: What a platform answers that does not know a verb.
_NO_SUCH_VERB = (400, 404, 405, 501)


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class BatchRun(Bound[Colour]):
    """The runs of one `execute_batch`. Its `id` and `status` are those of the command that began them."""

    command: Command[Colour]
    pipeline_id: str | None = None
    service_id: str | None = None
    pipeline: Pipeline[Colour] | None = None
    _filter: dict[str, Any] | None = attrs.field(default=None, init=False)

    @classmethod
    def begun(
        cls,
        data: Mapping[str, Any],
        *,
        session: Session[Colour],
        pipeline_id: str | None = None,
        service_id: str | None = None,
        pipeline: Pipeline[Colour] | None = None,
    ) -> BatchRun[Colour]:
        """The batch that a platform began, by the JSON data of its command."""
        command = Command.from_wire(data, session=session)
        return cls(session=session, command=command, pipeline_id=pipeline_id, service_id=service_id, pipeline=pipeline)

    @property
    def id(self) -> str:
        """The command's."""
        return self.command.id

    @property
    def status(self) -> CommandStatus:
        """The command's: `success` once all runs are begun, whatever becomes of them."""
        return self.command.status

    @property
    def spec(self) -> dict[str, Any]:
        """The command's; `inputs` has one element a run."""
        return self.command.spec

    @property
    def progress(self) -> float | None:
        return self.command.progress

    @property
    def error(self) -> Any:
        return self.command.error

    def __len__(self) -> int:
        """How many runs there are."""
        return len(self.command.spec.get("inputs") or ())

    def __bool__(self) -> bool:
        return True  # a batch of no items is a batch

    def __repr__(self) -> str:
        return f"BatchRun(id={self.id!r}, runs={len(self)})"

    # -- its runs -----------------------------------------------------------------------------------------------------

    @property
    def executions(self) -> Pages[Any, Colour]:
        """Its runs, in the order in which they were begun, page by page."""
        return cast("Pages[Any, Colour]", self._session.listed(self._pages()))

    def __iter__(self: BatchRun[Sync]) -> Iterator[Any]:
        return iter(self.executions)

    def __aiter__(self: BatchRun[Async]) -> AsyncIterator[Any]:
        return aiter(self.executions)

    @operation
    def counts(self) -> Op[dict[str, int]]:
        """How many of its runs are in which state."""
        response: Response = yield Request("GET", self._command_address())
        counts = counts_told(response.json())
        if counts is not None:
            return counts
        runs = yield from self._runs()
        return dict(Counter(str(each.known_status) for each in runs))

    @operation
    def results(self) -> Op[builtins.list[BatchResult]]:
        """How each item fared, in the order of the items; runs that are not over yet have neither output nor error."""
        several_ends = (yield from self._end_nodes()) != 1
        runs = yield from self._runs()
        inputs = self.command.spec.get("inputs") or []
        by_item = {item: run for run in runs if (item := item_of(inputs_of(run))) is not None}
        ordered: builtins.list[tuple[str | None, Any]]
        if inputs and len(by_item) == len(runs) and all(item_of(each) for each in inputs):
            ordered = [(item_of(each), by_item.get(item_of(each) or "")) for each in inputs]
        else:
            ordered = [(item_of(inputs_of(run)), run) for run in runs]
        results = []
        for item_id, run in ordered:
            results.append((yield from result_of(item_id, run, several_ends=several_ends)))
        return results

    @operation
    def failed(self) -> Op[builtins.list[BatchResult]]:
        """Those of the results that ended without success."""
        results = yield from self.results.op(self)
        return [each for each in results if each.status in OVER and each.status != ExecutionStatus.SUCCESS]

    # -- changing -----------------------------------------------------------------------------------------------------

    @operation
    def cancel(self) -> Op[int]:
        """Ends those of its runs that are open, and the code that runs for them; how many they were.

        No more are begun, if not all were. One request, where the platform knows batches.
        """
        path = "/executions" if self.service_id else f"/pipelines/{quote(self.pipeline_id or '', safe='')}/executions"
        try:
            response: Response = yield Request("POST", f"{path}/terminate", json={"batchId": self.id}, idempotent=True)
        except PlatformException as error:
            if error.status not in _NO_SUCH_VERB:
                raise
            return (yield from self._cancelled_one_by_one())
        return int(response.json()["terminated"])

    def _cancelled_one_by_one(self) -> Op[int]:
        ended = 0
        while True:
            found = yield from self._query({self._status_path: {"$in": list(OPEN)}})
            if not found["items"]:
                return ended
            addresses = [f"{self._run_address(str(each['id']))}/terminate" for each in found["items"]]
            answers: builtins.list[Any] = yield Gather(_ended(each) for each in addresses)
            for each in answers:
                if isinstance(each, Exception):
                    raise each
            ended += sum(answers)

    @operation
    def retry_failed(self, wait: bool = True) -> Op[BatchRun[Colour]]:  # noqa: FBT001, FBT002 - as `execute_batch` has it
        """Has those that ended without success begin again: runs under their own ids, from what failed in them.

        Calls of a service are made anew, as a batch of their own, which is given back; otherwise this one is.

        Args:
            wait: until they are begun again; `batch.wait()` waits until they are over.
        """
        if self._filter is None:
            self._filter = yield from self._chosen_filter()
        failed = {self._status_path: {"$in": [each for each in sorted(OVER) if each != ExecutionStatus.SUCCESS]}}
        query = self._body(self._filter, failed, size=1000, page=0)
        if self.service_id:
            response: Response = yield Request("POST", "/executions/rerun", json={"query": query["filter"]}, once=True)
            batch = BatchRun.begun(response.json(), session=self._session, service_id=self.service_id)
        else:
            body = {"pipeline": {"method": CycleRerunMethod.START_FROM_FAILED_EXECUTIONS}, "batch": {"query": query}}
            path = f"/pipelines/{quote(self.pipeline_id or '', safe='')}/executions/rerun"
            response = yield Request("POST", path, json=body, once=True)
            batch = self
        command: Command[Colour] = Command.from_wire(response.json(), session=self._session)
        if wait:
            yield from command.wait.op(command)
        return batch

    # -- waiting ------------------------------------------------------------------------------------------------------

    @operation
    def wait(
        self,
        timeout: float | None = None,
        interval: float | None = None,
        *,
        raise_on_failure: bool = False,
        progress: bool | None = None,
        on_progress: OnProgress | None = None,
    ) -> Op[BatchRun[Colour]]:
        """Waits until all its runs are over.

        Args:
            timeout: seconds; None waits for ever.
            interval: the first pause between looks, in seconds, on platforms that do not hold requests.
            raise_on_failure: raises RunFailed if any of them ended without success.
            progress: whether to show a bar; by default on a terminal.
            on_progress: is told how many runs are over, and how many there are, as that changes.

        Raises:
            FailedDependency: the runs could not be begun.
            WaitTimeout: they are not all over yet; they go on.
        """
        began: float = yield Now()
        try:
            yield from self.command.wait.op(self.command, timeout, interval)
        except FailedDependency as error:
            raise FailedDependency(f"the batch was not begun: {error.message}") from error
        bar: Bar = yield Blocking(_bar, f"batch {self.id}", len(self), progress, on_progress)
        try:
            yield from self._watch(bar, began, timeout, interval or 0.1)
        finally:
            bar.close()
        if raise_on_failure:
            yield from self._raise()
        return self

    def all_begun(self, progress: bool | None = None, on_progress: OnProgress | None = None) -> Op[None]:  # noqa: FBT001 - as `wait` has it
        """The operation that waits until all its runs are begun, which is shown and told as by `wait`."""
        command = self.command
        if command.known_status not in _COMMAND_OVER:
            bar: Bar = yield Blocking(_bar, f"begin {self.id}", len(self), progress, on_progress)
            try:
                while bar.shown and command.known_status not in _COMMAND_OVER:
                    with contextlib.suppress(WaitTimeout):  # of this look
                        yield from wait_until(Request("GET", self._command_address()), self._took_over, timeout=TICK)
                    yield Blocking(bar.update, int(command.spec.get("begun") or 0), {})
            finally:
                bar.close()
        yield from command.wait.op(command)
        if on_progress is not None:
            yield Blocking(on_progress, len(self), len(self))

    def _took_over(self, data: Mapping[str, Any]) -> bool:
        """Takes over what is said of its command; whether that is over."""
        self.command._absorb(data)  # noqa: SLF001 - as `refresh` does
        return self.command.known_status in _COMMAND_OVER

    def _raise(self) -> Op[None]:
        failed = yield from self.failed.op(self)
        if failed:
            first = failed[0]
            raise RunFailed(
                f"{len(failed)} of {len(self)} runs of batch {self.id} did not succeed; the first of them, "
                f"for item {first.item_id}: {first.error}",
                hint="batch.failed() has them all",
                execution=first.execution,
            )

    def _watch(self, bar: Bar, began: float, timeout: float | None, interval: float) -> Op[None]:
        while True:
            left, held_at = yield from self._look(bar)
            if not left:
                return
            now: float = yield Now()
            remaining = HOLD if timeout is None else began + timeout - now
            if remaining <= 0:
                raise WaitTimeout(f"{left} of the {len(self)} runs of batch {self.id} are not over; they go on")
            hold = min(TICK if bar.shown else HOLD, remaining)
            with contextlib.suppress(WaitTimeout):  # only of this look
                asked = Request("GET", held_at, params={"settled": "true"})
                yield from wait_until(asked, is_over, timeout=hold, interval=interval)

    def _look(self, bar: Bar) -> Op[tuple[int, str]]:
        """How many runs are open, and where to wait for that to change: at the command, or at one of the runs."""
        response: Response = yield from patient(Request("GET", self._command_address()))
        counts = counts_told(response.json())
        if counts is not None:
            left = sum(count for status, count in counts.items() if status not in OVER)
            yield Blocking(bar.update, len(self) - left, counts)
            return left, self._command_address()
        found = yield from self._query({self._status_path: {"$in": list(OPEN)}}, size=1)
        first = found["items"][0] if found.get("items") else {}
        left = int(found.get("totalItemsCount") or 0) if first else 0
        yield Blocking(bar.update, len(self) - left, {"open": left})
        return left, self._run_address(str(first.get("id")))

    # -- asking for runs ----------------------------------------------------------------------------------------------

    def _command_address(self) -> str:
        return f"/commands/{quote(self.id, safe='')}"

    @property
    def _path(self) -> str:
        return "/query/faas" if self.service_id else "/pipelines/query"

    @property
    def _status_path(self) -> str:
        return "latestStatus.status" if self.service_id else "status"

    def _run_address(self, run_id: str) -> str:
        if self.service_id:
            return f"/executions/{quote(run_id, safe='')}"
        return f"/pipelines/{quote(self.pipeline_id or '', safe='')}/executions/{quote(run_id, safe='')}"

    def _made(self, data: Mapping[str, Any]) -> Any:
        if self.service_id:
            return Execution.from_wire(data, session=self._session)
        return PipelineExecution.from_wire(data, session=self._session, pipeline=self.pipeline)

    def _query(
        self, predicate: Mapping[str, Any] | None = None, *, size: int = PAGE, page: int = 0
    ) -> Op[Mapping[str, Any]]:
        if self._filter is None:
            self._filter = yield from self._chosen_filter()
        body = self._body(self._filter, predicate, size=size, page=page)
        response: Response = yield from patient(Request("POST", self._path, json=body, idempotent=True))
        return cast("Mapping[str, Any]", response.json())

    def _body(
        self, chosen: Mapping[str, Any], predicate: Mapping[str, Any] | None, *, size: int, page: int
    ) -> dict[str, Any]:
        predicates = [{key: value} for key, value in {**chosen, **(predicate or {})}.items()]
        return {
            "filter": {"$and": predicates},
            "page": page,
            "pageSize": size,
            "resource": "executions" if self.service_id else "pipelineState",
            "sort": {"id" if "batchId" in chosen else "createdAt": "ascending"},
        }

    def _chosen_filter(self) -> Op[dict[str, Any]]:
        """How this platform tells a batch's runs from others."""
        of = {"serviceId": self.service_id} if self.service_id else {"pipelineId": self.pipeline_id}
        noted = {**of, "batchId": self.id}
        try:
            body = self._body(noted, None, size=1, page=0)
            response: Response = yield Request("POST", self._path, json=body, idempotent=True)
        except PlatformException as error:
            if error.status not in (400, 422):
                raise
        else:
            if not len(self) or response.json().get("totalItemsCount"):
                return noted
        since = self.command.to_wire().get("createdAt")
        return {**of, "createdAt": {"$gte": since}} if since else noted

    def _pages(self) -> Pages[Any, Colour]:
        return _Runs(self._session, self._path, self._made, choose=self._first_query)

    def _first_query(self) -> Op[dict[str, Any]]:
        if self._filter is None:
            self._filter = yield from self._chosen_filter()
        return self._body(self._filter, None, size=PAGE, page=0)

    def _runs(self) -> Op[builtins.list[Any]]:
        """All runs, in the order in which they were begun."""
        runs: builtins.list[Any] = []
        more, page = True, 0
        while more:
            found = yield from self._query(page=page)
            runs += [self._made(each) for each in found["items"]]
            more, page = bool(found.get("hasNextPage") and found["items"]), page + 1
        return runs if self._filter is not None and "batchId" in self._filter else runs[: len(self) or None]

    def _end_nodes(self) -> Op[int]:
        """How many nodes give outputs; a service's call is as one."""
        if not self.pipeline_id:
            return 1
        if self.pipeline is None:
            from dtlpipe.resources.pipelines import Pipelines

            pipelines: Pipelines[Colour] = Pipelines(session=self._session)
            self.pipeline = yield from pipelines.get.op(pipelines, pipeline_id=self.pipeline_id)
        return len(end_nodes(self.pipeline))


class _Runs(Pages[Any, Colour]):
    """Pages whose query is known only once the platform was asked how it tells a batch's runs from others."""

    def __init__(
        self,
        session: Session[Colour],
        path: str,
        make: Callable[[Mapping[str, Any]], Any],
        *,
        choose: Callable[[], Op[dict[str, Any]]],
    ) -> None:
        super().__init__(session, path, make, query={"pageSize": PAGE})  # type: ignore[arg-type]  # Colour is Colour
        self._choose: Callable[[], Op[dict[str, Any]]] | None = choose

    def fetch(self) -> Op[None]:
        if self._choose is not None:
            self._query, self._choose = (yield from self._choose()), None
        yield from super().fetch()


def _ended(address: str) -> Op[int]:
    """Ends a run; 1, or 0 for one that was over first."""
    try:
        yield Request("POST", address, idempotent=True)
    except Conflict:
        return 0
    return 1


def _bar(label: str, total: int, shown: bool | None, told: OnProgress | None) -> Bar:  # noqa: FBT001 - called through Blocking
    return Bar(label, total, shown=shown, told=told)
