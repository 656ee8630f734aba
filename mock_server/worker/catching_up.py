"""What an earlier platform left open is taken up by and by, so that a start does not wait for ten thousand runs.

Law: the core knows at once what is still to come (`Expect`), in the turns that it had; a few are taken up in each
change, the most urgent first. At once, too, comes whatever others depend on: runs that begin again, those that were
begun by others' nodes (who is ended ends them), what still runs on other machines (it takes places and slots there),
what is driven by another vocabulary. Who asks for one of the others has it taken up first. So nobody can tell, but by
the time.

All of this happens on the store's writer thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from dtlpipe.model import times
from mock_server.platform import lifecycle, passes
from mock_server.platform.actions.progress import driven_elsewhere
from mock_server.store.base import Kind, LeftOpen, RunRow, StoreError, Tx
from mock_server.worker import messages
from mock_server.worker.giving_up import give_up

if TYPE_CHECKING:
    from mock_server.runners.blueprint import Blueprint
    from mock_server.store.base import ExecutionRow
    from mock_server.worker.core import Core
    from mock_server.worker.rules import Rules

log = logging.getLogger(__name__)

#: Runs, or calls, that are taken up in one change; others wait for the writer no longer than that.
SLICE = 100


@attrs.define(eq=False)
class CatchingUp:
    """It reaches the worker by functions alone.

    Attributes:
        core: the core as it is now.
        take_up: tells the core what is in rows, and applies what follows.
        step: gives the core any other event.
        post: has an intent done as the next but one, on fresh memory.
        blueprint: compiles a revision.
        rules: what was said of services and pipelines.
    """

    core: Callable[[], Core]
    take_up: Callable[[Tx, messages.Event], None]
    step: Callable[[Tx, messages.Event], None]
    post: Callable[[Callable[[Tx], None]], None]
    blueprint: Callable[[str], Blueprint]
    rules: Rules
    _left: list[LeftOpen] = attrs.field(factory=list, init=False)
    _posted: bool = attrs.field(default=False, init=False)

    @property
    def runs_left(self) -> int:
        """How many runs are still to come; from any thread."""
        return self.core().expected_runs

    def begin(self, tx: Tx, now: datetime) -> None:
        """Tells the core, which is new, what there is, and has it take up what cannot wait, and some of the rest."""
        left = tx.left_open()
        self._posted = False
        for id in {each.pipeline_id for each in left if each.pipeline_id is not None}:
            self.take_up(tx, messages.Regulate(now, id, self.rules.of_pipeline(tx, id).most))
        self.take_up(tx, messages.Expect(now, tuple((each.id, each.pipeline_id) for each in left)))
        self._resume(tx, (each for each in left if each.at_once), now)
        rest = (each for each in left if not each.at_once)
        self._left = sorted(rest, key=lambda each: -each.priority)[::-1]  # what comes first is taken from the end
        self._go_on(tx)

    def finish(self, tx: Tx) -> None:
        """Takes up all that is left."""
        left, self._left = self._left[::-1], []
        self._resume(tx, left, times.now())

    def bring(self, tx: Tx, id: str | None) -> None:
        """Takes up that run, or call, if it is still to come."""
        if id is not None and id in self.core().expected:
            pipeline_id, _turn = self.core().expected[id]
            self._resume(tx, [LeftOpen(id, pipeline_id, 0, at_once=True)], times.now())

    def bring_execution(self, tx: Tx, execution_id: str) -> None:
        """As `bring`, for what the execution belongs to."""
        core = self.core()
        if core.expected and execution_id not in core.executions:
            row = tx.get_execution(execution_id)
            self.bring(tx, None if row is None else row.run_id or row.id)

    def _pump(self) -> None:
        if self._left and not self._posted:
            self._posted = True
            self.post(self._go_on)

    def _go_on(self, tx: Tx) -> None:
        self._posted = False
        some, self._left = self._left[-SLICE:][::-1], self._left[:-SLICE]
        now = times.now()
        self._resume(tx, some, now)
        self.step(tx, messages.Wake(now))
        tx.after_commit(self._pump)

    def _resume(self, tx: Tx, some: Iterable[LeftOpen], now: datetime) -> None:
        expected = self.core().expected
        wanted = [each for each in some if each.id in expected]
        for start in range(0, len(wanted), SLICE):
            chunk = wanted[start : start + SLICE]
            self._resume_runs(tx, [each.id for each in chunk if each.pipeline_id is not None], now)
            self._resume_calls(tx, [each.id for each in chunk if each.pipeline_id is None], now)

    def _resume_runs(self, tx: Tx, ids: list[str], now: datetime) -> None:
        runs = tx.runs_by_id(ids)
        executions = tx.executions_of(list(runs)) if runs else {}
        for id in ids:
            run = runs.get(id)
            if run is None or lifecycle.is_final(run.status) or driven_elsewhere(run):
                self.core().forget(id)
            elif run.status == lifecycle.RERUN:
                self.take_up(tx, messages.Rerun(now, (run,)))
            else:
                self._resume_run(tx, run, executions[id], now)

    def _resume_run(self, tx: Tx, run: RunRow, executions: list[ExecutionRow], now: datetime) -> None:
        """It replays its finished executions in the order in which they finished."""
        rows = passes.current(executions, lambda id: tx.get(Kind.SETTING, id))
        done = sorted((row for row in rows if lifecycle.is_final(row.status)), key=lambda row: row.seq or 0)
        left = tuple(row for row in rows if not lifecycle.is_final(row.status))
        try:
            self.take_up(tx, messages.Resume(now, run, self.blueprint(run.revision_id), tuple(done), left))
        except StoreError:  # says nothing about the run
            raise
        except Exception as error:  # one run that cannot go on must not keep the others from it
            log.exception("run %s cannot be taken up again", run.id)
            self.core().forget(run.id)
            give_up(tx, run.id, [row.id for row in left], error)

    def _resume_calls(self, tx: Tx, ids: list[str], now: datetime) -> None:
        found = tx.executions_by_id(ids)
        calls = tuple(row for id in ids if (row := found.get(id)) is not None and not lifecycle.is_final(row.status))
        for id in {*ids} - {row.id for row in calls}:
            self.core().forget(id)
        if calls:
            self.take_up(tx, messages.Resume(now, None, None, (), calls, self.rules.of_calls(tx, calls)))
