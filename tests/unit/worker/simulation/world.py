"""The world around the core: rows, an executor whose jobs end at will, a clock, crashes. A seed decides all of it.

Law: one source of randomness, and no other; a world of the same seed goes through the same history, letter by letter.
Each seed has a temperament of its own: which faults there are, and how frequent they are.

Longer than 400 lines because all that may happen is seen together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import attrs

from mock_server.platform import lifecycle, passes
from mock_server.runners.policies import Limit, RunTerms, Terms
from mock_server.store.base import ExecutionRow, RunRow
from mock_server.worker import core as c
from mock_server.worker import messages as m
from tests.unit.worker.simulation import graphs, invariants
from tests.unit.worker.simulation.graphs import Graph
from tests.unit.worker.simulation.rows import Rows, copied

START = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = 40
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
        self.unnoticed: timedelta | None = None
        self.left: list[str] = []
        self.alarm: datetime | None = None
        self.steady = START
        self.starts: dict[Limit, list[datetime]] = {}
        self.services = {f"s{number}": self._terms(f"s{number}") for number in range(2)}
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
            "pause": self.pause,
            "go_on": self.go_on,
            "regulate": self.regulate,
            "ring": self.ring,
            "claim": self.claim,
            "give_back": self.give_back,
            "jump": self.jump,
            "catch_up": self.catch_up,
        }

    def _new_core(self) -> c.Core:
        return c.Core(lambda: f"{next(self.numbers):06d}", self.places, self.rng.random)

    # --- time, and one step -------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        passed = timedelta(milliseconds=self.rng.randint(1, 2000))
        self.at += passed
        self.steady += passed
        return self.at

    def rings(self) -> bool:
        """Whether what was asked to be woken for is due, and somebody is about to say so."""
        return self.alarm is not None and self.alarm <= self.at

    def ring(self) -> None:
        """What was asked to be woken for is due."""
        if self.alarm is not None:
            passed = max(timedelta(0), self.alarm - self.at)
            self.at += passed
            self.steady += passed
            self.alarm = None
            self.tell(m.Wake(self.at))

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
        while self.left:
            self.catch_up()
        for _ in range(PATIENCE):
            if any(run.row.paused for run in self.core.runs.values()):
                self.go_on()
            elif self.core.again:
                self.begin_again()
            elif self.jobs:
                self.succeed()
            elif self.alarm is not None:
                self.ring()
            else:
                break
        invariants.at_the_end(self)

    def tell(
        self, event: m.Event, note: str = "", undo: Callable[[], None] | None = None, *, certain: bool = False
    ) -> bool:
        """Gives the core an event; whether what follows was committed, and is known to be.

        `undo` takes back what was written in the same transaction, if it fails; `certain`: it is known whether it did.
        """
        self.history.append(f"{type(event).__name__} {note}")
        fate = self.rng.random() if self.faults and not self.settled else 1.0
        effects = self.core.step(event)
        invariants.before(self, effects)
        if fate < 0.02:  # the commit fails: rows stay as they were, and memory is lost
            self.history.append("  the commit fails")
            if undo is not None:
                undo()
            self._rebuild()
            return False
        self.rows.apply(effects)
        if fate < 0.04 and not certain:  # it succeeds, but nobody is told
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
                    execution = self.core.executions.get(execution_id)
                    if execution is None or (execution.waits and self.jobs.get(execution_id) == fence):
                        continue  # it is to look again for what it waits for
                    assert self.jobs.get(execution_id, 0) < fence, f"{execution_id} is out with fence {fence} already"
                    self.jobs[execution_id] = fence
                    for each in execution.limits:
                        if each.rate is not None:
                            self.starts.setdefault(each, []).append(self.steady)
                case m.WakeAt(at):
                    self.alarm = at if self.alarm is None else min(at, self.alarm)
                case m.Withdraw(execution_id, fence):
                    if self.jobs.get(execution_id) == fence:
                        self._ghost(execution_id)
                case _:
                    pass

    def _ghost(self, execution_id: str) -> None:
        """Nobody waits for the job any more; but it may have been at its end, and its report be on its way."""
        fence = self.jobs.pop(execution_id)
        row = self.rows.executions[execution_id]
        self.reports.append(m.Succeeded(self.at, execution_id, fence, self._output(row)))

    def _output(self, row: ExecutionRow) -> dict[str, Any]:
        run = self.rows.runs.get(row.run_id or "")
        return graphs.output(row, None if run is None else self.graphs[run.revision_id].lists)

    def _rebuild(self) -> None:
        """A new core on the rows, as the worker makes it."""
        self.core = self._new_core()
        self.alarm = None
        now = self.now()
        events: list[m.Event] = [m.Refill(now, dict(self.rows.buckets))]
        events += [m.Regulate(now, id, limit) for id, limit in self.rows.limits.items()]
        runs = {run.id: run for run in self.rows.open_runs()}
        calls = {call.id: call for call in self.rows.open_calls()}
        left = [(id, run.pipeline_id) for id, run in runs.items()] + [(id, None) for id in calls]
        events.append(m.Expect(now, tuple(left)))
        later = [id for id in (*runs, *calls) if not self._at_once(id)]
        if self.unnoticed is not None or self.settled:
            later = []
        self.left = sorted(later, key=lambda id: -(runs.get(id) or calls[id]).priority)
        events += [self._resumed(id, now) for id in (*runs, *calls) if id not in later]
        if self.unnoticed is not None:
            events.append(m.Shift(now, self.unnoticed))
        self._take_up(events, now)

    def _take_up(self, events: list[m.Event], now: datetime) -> None:
        effects = [effect for event in events for effect in self.core.step(event)]
        effects += self.core.wake(now)
        invariants.before(self, effects)
        self.rows.apply(effects)
        self._go_out(effects)
        invariants.check(self)

    def _at_once(self, id: str) -> bool:
        """Whether it is taken up before all else: others depend on it."""
        run = self.rows.runs.get(id)
        if run is None:
            return self.rows.executions[id].worker is not None
        held = any(row.worker is not None and row.status in lifecycle.OPEN for row in self.rows.of(id))
        return held or run.status == lifecycle.RERUN or RunTerms.of(run.extra).parent_run is not None

    def _resumed(self, id: str, now: datetime) -> m.Event:
        """What the core is told of a run, or a call, that was left open."""
        run = self.rows.runs.get(id)
        if run is None:
            return m.Resume(now, None, None, (), (copied(self.rows.executions[id]),), self.services)
        if run.status == lifecycle.RERUN:
            return m.Rerun(now, (copied(run),))
        rows = self.rows.counting(id)
        done = sorted((row for row in rows if lifecycle.is_final(row.status)), key=lambda row: row.seq or 0)
        left = tuple(row for row in rows if not lifecycle.is_final(row.status))
        return m.Resume(now, copied(run), self.graphs[run.revision_id].plan, tuple(done), left)

    def catch_up(self) -> None:
        """Some of what was left open is taken up: the most urgent, or what somebody asks for."""
        some = [self.left.pop(self.rng.choice((0, 0, -1))) for _ in range(min(len(self.left), self.rng.choice((1, 2))))]
        if some:
            now = self.now()
            self.history.append(f"catch up {' '.join(some)}")
            self._take_up([self._resumed(id, now) for id in some], now)

    # --- what people do -----------------------------------------------------------------------------------------------

    def _graph(self) -> str:
        if not self.graphs or self.rng.random() < 0.3:
            kind = self.rng.choice((graphs.made, graphs.spread))
            graph = kind(self.rng, lambda: graphs.config(self.rng))
            id = f"r{len(self.graphs)}"
            self.graphs[id] = attrs.evolve(graph, plan=attrs.evolve(graph.plan, revision_id=id))
            return id
        return self.rng.choice(list(self.graphs))

    def _terms(self, name: str) -> Terms:
        """Those of a service."""
        return Terms.read(graphs.config(self.rng) | {"runtime": {"concurrency": self.rng.randint(1, 3)}}, name)

    def _run_terms(self) -> RunTerms:
        timeout = self.rng.choice((None, None, None, 10.0, 100.0))
        parents = [one for one in self.core.executions.values() if one.run is not None]
        if not parents or self.rng.random() < 0.8:
            return RunTerms(timeout)
        parent = self.rng.choice(parents).row
        return RunTerms(timeout, None, parent.run_id, parent.id)

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
        rows = [
            self.run_row(
                id,
                inputs={"x": self.rng.randint(0, 3)},
                batch_id=batch,
                priority=self.rng.choice((0, 0, 0, 5, -5)),
                extra=self._run_terms().within(None),
            )
            for _ in range(count)
        ]
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
            service_id=(service := self.rng.choice(list(self.services))),
            max_attempts=self.services[service].attempts,
            priority=self.rng.choice((0, 0, 5)),
            input={"x": self.rng.randint(0, 3)},
        )
        self.tell(m.Begin(self.now(), (), (row,), self.services), row.id)

    def cancel_run(self) -> None:
        """Whoever is told that a run was cancelled sees no other end of it."""
        open_ = [*self.core.runs, *self.core.again]
        if open_:
            id = self.rng.choice(open_)
            if self.tell(m.Cancel(self.now(), "enough", run_id=id), id):
                invariants.cancelled(self, id)

    def cancel_execution(self) -> None:
        if self.core.executions:
            id = self.rng.choice(list(self.core.executions))
            if self.tell(m.Cancel(self.now(), "enough", execution_id=id), id):
                assert self.rows.executions[id].status == lifecycle.TERMINATED

    def pause(self) -> None:
        open_ = [*self.core.runs, *self.core.again]
        if open_:
            id = self.rng.choice(open_)
            if self.tell(m.Pause(self.now(), id), id):
                assert self.rows.runs[id].paused or self.rows.runs[id].status in lifecycle.FINAL

    def go_on(self) -> None:
        paused = [id for id, run in self.core.runs.items() if run.row.paused]
        if paused:
            id = self.rng.choice(paused)
            self.tell(m.Continue(self.now(), id), id)

    def regulate(self) -> None:
        """A pipeline is edited: so many runs of it may go at once."""
        if self.graphs:
            id, limit = f"p-{self.rng.choice(list(self.graphs))}", self.rng.choice((None, 1, 1, 2))
            known = self.rows.limits.get(id)
            self.rows.limits[id] = limit  # written in the same transaction
            self.tell(m.Regulate(self.now(), id, limit), f"{id} {limit}", lambda: self.rows.limits.update({id: known}))

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

        def undo() -> None:
            if before is None:
                del self.rows.passes[key]
            else:
                self.rows.passes[key] = before

        self.tell(m.BeginAgain(self.now(), id, plan, tuple(kept)), f"{id} {order.method}", undo)

    def call_off(self) -> None:
        if self.core.again:
            self.tell(m.CallOff(self.now(), tuple(self.core.again)), " ".join(self.core.again))

    # --- what workers do ----------------------------------------------------------------------------------------------

    def succeed(self) -> None:
        if self.jobs:
            id = self.rng.choice(list(self.jobs))
            row, execution = self.rows.executions[id], self.core.executions.get(id)
            outputs, closed = self._output(row), ()
            if execution is not None and execution.run is not None and execution.spec is not None:
                closed = graphs.closed(self.graphs[execution.run.row.revision_id], execution.spec, outputs)
            self._report(m.Succeeded(self.now(), id, self.jobs[id], outputs, closed))

    def fail(self) -> None:
        if self.jobs:
            id = self.rng.choice(list(self.jobs))
            cause = self.rng.choice(graphs.CAUSES)
            kind = self.rng.choice(("ValueError", "OSError", "SIGKILL"))
            error = {"type": kind, "message": "no", "cause": cause}
            self._report(m.Failed(self.now(), id, self.jobs[id], error))

    def claim(self) -> None:
        """A worker on another machine has a job: it is not lost with the platform."""
        mine = [r for r in invariants.running_of(self) if r.worker is None and not self.core.executions[r.id].waits]
        if mine:
            row = self.rng.choice(mine)
            row.worker = self.core.executions[row.id].row.worker = "w1"

    def give_back(self) -> None:
        if self.jobs:
            id = self.rng.choice(list(self.jobs))
            self._ended(id, m.Returned(self.now(), id, self.jobs[id]))

    def _report(self, report: m.Succeeded | m.Failed) -> None:
        self.reports.append(report)
        self._ended(report.execution_id, report)

    def _ended(self, id: str, event: m.Succeeded | m.Failed | m.Returned) -> None:
        """A job is over. A worker on another machine keeps what it has to say until that was taken."""
        fence, distant = self.jobs.pop(id), self.rows.executions[id].worker is not None
        self.tell(event, f"{id} fence {fence}", lambda: self.jobs.update({id: fence}) if distant else None)

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
        if self.rings():
            self.ring()
        row = self.rows.executions[report.execution_id]
        news = row.status == lifecycle.RUNNING and row.fence == report.fence
        if news:
            return
        effects = [each for each in self.core.step(attrs.evolve(report, at=self.at)) if not isinstance(each, m.WakeAt)]
        assert effects == [], f"a report with fence {report.fence} of {row} was taken: {effects}"
        self.history.append(f"a stale report of {row.id} is refused")

    # --- what the world does ------------------------------------------------------------------------------------------

    def crash(self) -> None:
        """The platform is killed, with all its workers; it starts again on the rows."""
        self.history.append("crash")
        for id in list(self.jobs):
            if self.rows.executions[id].worker is None:
                self._ghost(id)
        self._rebuild()

    def jump(self) -> None:
        """The machine's clock is set."""
        while self.left:
            self.catch_up()
        by = timedelta(seconds=self.rng.choice((-3600, -5, 5, 3600)))
        in_time = invariants.with_time_left(self)
        self.at += by
        if self.alarm is not None:
            self.alarm += by  # whoever waits for a time notices, and asks the core, which sets the alarm anew
        self.unnoticed = by
        self.tell(m.Shift(self.at, by), str(by), certain=True)  # and if that is lost, rows are taken up with it in mind
        self.unnoticed = None
        invariants.were_not_cut_short(self, in_time, by)

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
            while other.jobs or other.alarm is not None:
                (other.succeed if other.jobs else other.ring)()
            self.references[key] = other.rows.of(again.id)
        return self.references[key]
