"""The world around the core: rows, an executor whose jobs end at will, a clock, crashes. A seed decides all of it.

Law: one source of randomness, and no other; a world of the same seed goes through the same history, letter by letter.
Each seed has a temperament of its own: which faults there are, and how frequent they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import attrs

from mock_server.platform import lifecycle, passes
from mock_server.store.base import ExecutionRow, RunRow
from mock_server.worker import core as c
from mock_server.worker import messages as m
from tests.unit.worker.simulation import graphs, invariants
from tests.unit.worker.simulation.graphs import Graph
from tests.unit.worker.simulation.rows import Rows, copied

START = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = 50
#: Steps in which a world that is left alone must come to rest.
PATIENCE = 3000


class World:
    """See the module. `faults` False: nothing ever goes wrong."""

    def __init__(self, seed: int, *, faults: bool = True) -> None:
        self.seed, self.faults = seed, faults
        self.rng = Random(seed)
        self.numbers = itertools.count(1)
        self.at = START
        self.places = self.rng.randint(1, 4)
        self.rows = Rows()
        self.core = self._new_core()
        self.graphs: dict[str, Graph] = {}
        self.jobs: dict[str, int] = {}
        self.reports: list[m.Succeeded | m.Failed] = []
        self.acknowledged: list[str] = []
        self.history: list[str] = []
        self.settled = False
        self.references: dict[tuple[str, int], list[ExecutionRow]] = {}
        self.weights = {
            act: self.rng.choice((0, 1, 2, 4)) if name not in ("begin", "succeed") else self.rng.choice((4, 8))
            for name, act in self._acts().items()
        }

    def _acts(self) -> dict[str, Callable[[], None]]:
        return {
            "begin": self.begin,
            "call": self.call,
            "succeed": self.succeed,
            "fail": self.fail,
            "cancel_run": self.cancel_run,
            "cancel_execution": self.cancel_execution,
            "rerun": self.rerun,
            "begin_again": self.begin_again,
            "call_off": self.call_off,
            "repeat": self.repeat,
            "stale": self.stale,
            "crash": self.crash,
            "jump": self.jump,
        }

    def _new_core(self) -> c.Core:
        return c.Core(lambda: f"{next(self.numbers):06d}", self.places, self.rng.random)

    # --- time, and one step -------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=self.rng.randint(1, 2000))
        return self.at

    def run(self) -> None:
        """The whole history: some steps of anything, then an end of all faults, in which all that is open must end."""
        for _ in range(STEPS):
            self.step()
        self.settle()

    def step(self) -> None:
        """One thing happens. What is not lawful raises AssertionError."""
        acts, weights = list(self.weights), list(self.weights.values())
        self.rng.choices(acts, weights)[0]()

    def settle(self) -> None:
        """Nothing goes wrong any more, and what can end does."""
        self.settled = True
        for _ in range(PATIENCE):
            if self.core.again:
                self.begin_again()
            elif self.jobs:
                self.succeed()
            else:
                break
        invariants.at_the_end(self)

    def tell(self, event: m.Event, note: str = "") -> bool:
        """Gives the core an event; whether what follows was committed, and is known to be."""
        self.history.append(f"{type(event).__name__} {note}")
        fate = self.rng.random() if self.faults and not self.settled else 1.0
        effects = self.core.step(event)
        if fate < 0.02:  # the commit fails: rows stay as they were, and memory is lost
            self.history.append("  the commit fails")
            self._rebuild()
            return False
        self.rows.apply(effects)
        if fate < 0.04:  # it succeeds, but nobody is told
            self.history.append("  the commit succeeds, and nobody is told")
            self._rebuild()
            return False
        self._go_out(effects)
        invariants.check(self)
        return True

    def _go_out(self, effects: list[m.Effect]) -> None:
        for effect in effects:
            match effect:
                case m.Dispatch(execution_id, fence):
                    assert self.jobs.get(execution_id, 0) < fence, f"{execution_id} is out with fence {fence} already"
                    self.jobs[execution_id] = fence
                case m.Withdraw(execution_id, fence):
                    if self.jobs.get(execution_id) == fence:
                        self._ghost(execution_id)
                case _:
                    pass

    def _ghost(self, execution_id: str) -> None:
        """Nobody waits for the job any more; but it may have been at its end, and its report be on its way."""
        fence = self.jobs.pop(execution_id)
        row = self.rows.executions[execution_id]
        self.reports.append(m.Succeeded(self.at, execution_id, fence, graphs.output(row)))

    def _rebuild(self) -> None:
        """A new core on the rows, as the worker makes it."""
        self.core = self._new_core()
        now, events = self.now(), []
        for run in self.rows.open_runs():
            if run.status == lifecycle.RERUN:
                events.append(m.Rerun(now, (run,)))
                continue
            rows = self.rows.counting(run.id)
            done = sorted((row for row in rows if lifecycle.is_final(row.status)), key=lambda row: row.seq or 0)
            left = tuple(row for row in rows if not lifecycle.is_final(row.status))
            events.append(m.Resume(now, run, self.graphs[run.revision_id].plan, tuple(done), left))
        events.append(m.Resume(now, None, None, (), self.rows.open_calls()))
        effects = [effect for event in events for effect in self.core.step(event)]
        effects += self.core.wake(now)
        self.rows.apply(effects)
        self._go_out(effects)
        invariants.check(self)

    # --- what people do -----------------------------------------------------------------------------------------------

    def _graph(self) -> str:
        if not self.graphs or self.rng.random() < 0.3:
            graph = graphs.made(self.rng)
            id = f"r{len(self.graphs)}"
            self.graphs[id] = attrs.evolve(graph, plan=attrs.evolve(graph.plan, revision_id=id))
            return id
        return self.rng.choice(list(self.graphs))

    def run_row(self, revision_id: str, **more: Any) -> RunRow:
        return RunRow(
            id=f"run{next(self.numbers)}",
            pipeline_id=f"p-{revision_id}",
            project_id="",
            revision_id=revision_id,
            status=lifecycle.PENDING,
            creator="me",
            created_at=self.at,
            updated_at=self.at,
            **more,
        )

    def begin(self) -> None:
        """One run, or a few as a batch."""
        if len(self.core.runs) > 6:
            return
        count = self.rng.choice((1, 1, 1, 2, 4))
        batch = f"batch{next(self.numbers)}" if count > 1 else None
        id = self._graph()
        rows = [self.run_row(id, inputs={"x": self.rng.randint(0, 3)}, batch_id=batch) for _ in range(count)]
        if self.tell(m.Begin(self.now(), tuple((row, self.graphs[id].plan) for row in rows)), rows[0].id):
            self.acknowledged += [row.id for row in rows]

    def call(self) -> None:
        """A call of a service."""
        row = ExecutionRow(
            id=f"call{next(self.numbers)}",
            function_name="run",
            status=lifecycle.CREATED,
            creator="me",
            created_at=self.at,
            updated_at=self.at,
            service_id="s1",
            max_attempts=self.rng.choice((1, 2)),
            input={"x": self.rng.randint(0, 3)},
        )
        self.tell(m.Begin(self.now(), (), (row,)), row.id)

    def cancel_run(self) -> None:
        """Whoever is told that a run was cancelled sees no other end of it."""
        open_ = [*self.core.runs, *self.core.again]
        if open_:
            id = self.rng.choice(open_)
            if self.tell(m.Cancel(self.now(), "enough", run_id=id), id):
                assert self.rows.runs[id].status == lifecycle.TERMINATED

    def cancel_execution(self) -> None:
        if self.core.executions:
            id = self.rng.choice(list(self.core.executions))
            if self.tell(m.Cancel(self.now(), "enough", execution_id=id), id):
                assert self.rows.executions[id].status == lifecycle.TERMINATED

    def rerun(self) -> None:
        over = [id for id, row in self.rows.runs.items() if row.status in lifecycle.FINAL]
        if over:
            rows = [copied(self.rows.runs[id]) for id in self.rng.sample(over, min(len(over), 2))]
            self.tell(m.Rerun(self.now(), tuple(rows)), " ".join(row.id for row in rows))

    def begin_again(self) -> None:
        """One that was asked for; which of its executions are replaced is written in the same transaction."""
        if not self.core.again:
            return
        id = self.rng.choice(list(self.core.again))
        plan, rows = self.graphs[self.rows.runs[id].revision_id].plan, self.rows.counting(id)
        order = passes.Order.read(*self.rng.choice(((passes.BEGINNING, ()), (passes.FAILED, ()), (passes.NODES, "a"))))
        kept = passes.kept(rows, plan.plan, order)
        key = passes.key(id)
        before = self.rows.passes.get(key)
        replaced = sorted({row.id for row in rows} - {row.id for row in kept})
        note = passes.with_pass(before, id, order, {"id": "c1", "creator": "me"}, "now", replaced)
        self.rows.passes[key] = note
        self.tell(m.BeginAgain(self.now(), id, plan, tuple(kept)), f"{id} {order.method}")
        if self.rows.runs[id].status == lifecycle.RERUN:  # it was not committed, and so neither is the note
            if before is None:
                del self.rows.passes[key]
            else:
                self.rows.passes[key] = before

    def call_off(self) -> None:
        if self.core.again:
            self.tell(m.CallOff(self.now(), tuple(self.core.again)), " ".join(self.core.again))

    # --- what workers do ----------------------------------------------------------------------------------------------

    def succeed(self) -> None:
        if self.jobs:
            id = self.rng.choice(list(self.jobs))
            row, execution = self.rows.executions[id], self.core.executions.get(id)
            outputs, closed = graphs.output(row), ()
            if execution is not None and execution.run is not None and execution.spec is not None:
                closed = graphs.closed(execution.run.blueprint, execution.spec, outputs)
            self._report(m.Succeeded(self.now(), id, self.jobs.pop(id), outputs, closed))

    def fail(self) -> None:
        if self.jobs:
            id = self.rng.choice(list(self.jobs))
            cause = self.rng.choice(graphs.CAUSES)
            kind = self.rng.choice(("ValueError", "OSError", "SIGKILL"))
            error = {"type": kind, "message": "no", "cause": cause}
            self._report(m.Failed(self.now(), id, self.jobs.pop(id), error))

    def _report(self, report: m.Succeeded | m.Failed) -> None:
        self.reports.append(report)
        self.tell(report, f"{report.execution_id} fence {report.fence}")

    def repeat(self) -> None:
        """A report comes a second time."""
        if self.reports:
            self._refused(self.rng.choice(self.reports))

    def stale(self) -> None:
        """One comes from a start that is not the last."""
        if self.core.executions:
            row = self.rng.choice(list(self.core.executions.values())).row
            if row.fence:
                self._refused(m.Succeeded(self.at, row.id, row.fence - 1, {"y": "stale"}))

    def _refused(self, report: m.Succeeded | m.Failed) -> None:
        """I3: nothing comes of it, unless it is news: the first time was lost with its commit."""
        row = self.rows.executions[report.execution_id]
        news = row.status == lifecycle.RUNNING and row.fence == report.fence
        if news:
            return
        effects = self.core.step(attrs.evolve(report, at=self.now()))
        assert effects == [], f"a report with fence {report.fence} of {row} was taken: {effects}"
        self.history.append(f"a stale report of {row.id} is refused")

    # --- what the world does ------------------------------------------------------------------------------------------

    def crash(self) -> None:
        """The platform is killed, with all its workers; it starts again on the rows."""
        self.history.append("crash")
        for id in list(self.jobs):
            self._ghost(id)
        self._rebuild()

    def jump(self) -> None:
        """The machine's clock is set."""
        self.at += timedelta(seconds=self.rng.choice((-3600, -5, 5, 3600)))
        self.history.append(f"the clock is set to {self.at}")

    # --- what should have come ----------------------------------------------------------------------------------------

    def reference(self, run_id: str) -> list[ExecutionRow]:
        """The executions of the same run in a world without faults, in which it is alone."""
        row = self.rows.runs[run_id]
        key = (row.revision_id, row.inputs["x"])
        if key not in self.references:
            other = World(0, faults=False)
            other.graphs = self.graphs
            again = other.run_row(row.revision_id, inputs=dict(row.inputs))
            other.tell(m.Begin(other.now(), ((again, self.graphs[row.revision_id].plan),)))
            while other.jobs:
                other.succeed()
            self.references[key] = other.rows.of(again.id)
        return self.references[key]
