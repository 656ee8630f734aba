"""What executors report becomes what the core is told: in one change, as far as it came together.

Law: reports that came together are one intent, for none of them needs an answer. Should one of them be impossible to
record, the others do not suffer for it: that change is undone, and each has one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from dtlpipe.model import times
from mock_server.executors import base as jobs
from mock_server.store.base import StoreError
from mock_server.store.crashes import armed
from mock_server.worker import messages
from mock_server.worker.gates import closed_by
from mock_server.worker.giving_up import refusal
from mock_server.worker.timing import moment

if TYPE_CHECKING:
    from mock_server.platform.actions.witness import Witness
    from mock_server.store.base import Reads, Tx
    from mock_server.worker.core import Core
    from mock_server.worker.sayings import Sayings

Failing = Callable[[BaseException], None]


class Hearing:
    """See the module.

    Args:
        core: the core of the moment.
        step: tells the core of an event, within a change.
        post: has a change made; the other function is called if it was not.
        document: what a condition looks at when a value of this type passes.
        sayings, witness: who is told of what node code says, and of runs of actions.
    """

    def __init__(
        self,
        core: Callable[[], Core],
        step: Callable[[Tx, messages.Event], None],
        post: Callable[[Callable[[Tx], None], Failing | None], None],
        document: Callable[[Reads, str | None, Any], Mapping[str, Any]],
        sayings: Sayings,
        witness: Witness,
    ) -> None:
        self._core = core
        self._step = step
        self._post = post
        self._document = document
        self._sayings = sayings
        self._witness = witness
        self._probe = armed()
        #: Ends that were told of with an old fence, or too late.
        self.refused = 0

    def receive(self, reports: Sequence[jobs.Report]) -> None:
        """Takes what executors report, on their threads."""
        told = [each for each in reports if type(each) is not jobs.Started]
        probe = self._probe
        if probe is None:
            if told:
                self._post(partial(self._hear, told), partial(self._unheard, told))
            return
        for each in told:  # one by one, as what is to die at one of them is to find it at its place
            ended = isinstance(each, jobs.Succeeded)
            if ended:
                probe("before report")
            self._post(partial(self._hear, [each]), partial(self._unheard, [each]))
            if ended:
                probe("after report")

    def _hear(self, reports: Sequence[jobs.Report], tx: Tx) -> None:
        at = moment()
        for report in reports:
            match report:
                case jobs.Succeeded():
                    self._succeeded(report, tx, at)
                case jobs.Failed():
                    self._failed(report, tx, at)
                case jobs.Logged():
                    self._sayings.logged(report, tx)
                case jobs.Progressed():
                    self._sayings.progressed(report, tx)
                case jobs.Returned():
                    self._step(tx, messages.Returned(at, report.execution_id, report.fence))

    def _unheard(self, reports: Sequence[jobs.Report], error: BaseException) -> None:
        """Nothing is done if it was the storage that failed: what they are about runs again once memory is rebuilt."""
        if isinstance(error, StoreError):
            return
        if len(reports) > 1:
            for each in reports:
                self._post(partial(self._hear, [each]), partial(self._unheard, [each]))
        elif isinstance(reports[0], jobs.Succeeded):
            self._unrecorded(reports[0], error)

    def _succeeded(self, report: jobs.Succeeded, tx: Tx, at: datetime) -> None:
        execution = self._core().executions.get(report.execution_id)
        self.refused += execution is None or execution.row.fence != report.fence
        closed: tuple[int, ...] = ()
        if execution is not None and execution.run is not None and execution.spec is not None:
            blueprint = execution.run.blueprint
            if blueprint.gates:
                document = partial(self._document, tx)
                closed = closed_by(blueprint, execution.spec.id, report.action, report.outputs, document)
        self._step(tx, messages.Succeeded(at, report.execution_id, report.fence, report.outputs, closed))

    def _unrecorded(self, report: jobs.Succeeded, error: BaseException) -> None:
        """A result that cannot be recorded must not be made again and again: it is a failure, with the reason."""
        record = refusal(error)
        record["message"] = f"the result could not be recorded: {record['message']}"

        def fail(tx: Tx) -> None:
            execution = self._core().executions.get(report.execution_id)
            if execution is not None:
                fence = execution.row.fence
                self._step(tx, messages.Failed(times.now(), report.execution_id, fence, dict(record)))

        self._post(fail, None)

    def _failed(self, report: jobs.Failed, tx: Tx, at: datetime) -> None:
        execution = self._core().executions.get(report.execution_id)
        refused = execution is None or execution.row.fence != report.fence
        self.refused += refused
        if execution is not None and not refused and self._witness.forgives(tx, execution.row, report):
            self._step(tx, messages.Returned(at, report.execution_id, report.fence))
            return
        self._step(tx, messages.Failed(at, report.execution_id, report.fence, dict(report.error)))
