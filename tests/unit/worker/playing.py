"""The scheduler's core on rows in memory, without a process, a store or a clock; and pipelines to play on it."""

from __future__ import annotations

import copy
import itertools
from datetime import UTC, datetime, timedelta

from mock_server.platform import lifecycle, passes
from mock_server.runners.blueprint import compile_revision
from mock_server.store.base import ExecutionRow, RunRow
from mock_server.worker import core as c
from mock_server.worker import messages as m

START = datetime(2026, 1, 1, tzinfo=UTC)


def port(name, **more):
    return {"portId": more.pop("id", name), "name": name, "type": "Json", **more}


def node(id, inputs=("x",), outputs=("y",), config=None, ports=()):
    return {
        "id": id,
        "name": f"node {id}",
        "type": "code",
        "inputs": [*(port(each, id=f"{id}.{each}") for each in inputs), *ports],
        "outputs": [port(each, id=f"{id}.{each}") for each in outputs],
        "namespace": {"functionName": "run"},
        "metadata": {"serviceConfig": config or {}},
    }


def edge(source, target, **more):
    (a, b), (x, y) = source.split("."), target.split(".")
    return {"src": {"nodeId": a, "portId": f"{a}.{b}"}, "tgt": {"nodeId": x, "portId": f"{x}.{y}"}, **more}


def blueprint(nodes, edges, root="a", variables=()):
    return compile_revision(
        {
            "id": "r1",
            "pipelineId": "p1",
            "nodes": nodes,
            "connections": edges,
            "startNodes": [{"nodeId": root, "type": "root"}],
            "variables": list(variables),
        }
    )


DIAMOND = [node("a"), node("b"), node("c"), node("d", inputs=("left", "right"))]
DIAMOND_EDGES = [edge("a.y", "b.x"), edge("a.y", "c.x"), edge("b.y", "d.left"), edge("c.y", "d.right")]


class Sim:
    """Applies effects to rows in memory, as the worker applies them to the store."""

    def __init__(self, places=10):
        self.numbers = itertools.count(1)
        self.places = places
        self.core = self.new_core()
        self.runs: dict[str, RunRow] = {}
        self.rows: dict[str, ExecutionRow] = {}
        self.jobs: dict[str, int] = {}
        self.passes: dict[str, dict] = {}
        self.notified: list[str] = []
        self.withdrawn: list[str] = []
        self.at = START
        self.seq = 0

    def new_core(self):
        return c.Core(lambda: f"{next(self.numbers):024x}", self.places, lambda: 0.5)

    def now(self):
        self.at += timedelta(seconds=1)
        return self.at

    def apply(self, effects):
        for effect in effects:
            match effect:
                case m.InsertRun(row):
                    assert row.id not in self.runs
                    self.runs[row.id] = copy.copy(row)
                case m.InsertExecution(row):
                    assert row.id not in self.rows
                    self.rows[row.id] = copy.copy(row)
                case m.UpdateRun(id, columns):
                    for name, value in columns.items():
                        setattr(self.runs[id], name, value)
                case m.UpdateExecution(id, columns):
                    assert not lifecycle.is_final(self.rows[id].status)
                    for name, value in columns.items():
                        setattr(self.rows[id], name, value)
                case m.Record(_, execution_id, _, _, closes):
                    self.seq += 1
                    if closes:
                        self.rows[execution_id].seq = self.seq
                case m.Dispatch(execution_id, fence):
                    self.jobs[execution_id] = fence
                case m.Withdraw(execution_id, _):
                    self.withdrawn.append(execution_id)
                    self.jobs.pop(execution_id, None)
                case m.Notify(key):
                    self.notified.append(key)

    def begin(self, plan, inputs=None, start=None, batch=None, id=None):
        row = RunRow(
            id=id or f"run{next(self.numbers)}",
            pipeline_id="p1",
            project_id="",
            revision_id="r1",
            status=lifecycle.PENDING,
            creator="me",
            created_at=self.at,
            updated_at=self.at,
            inputs=inputs or {},
            start_node=start,
            batch_id=batch,
        )
        self.apply(self.core.step(m.Begin(self.now(), ((row, plan),))))
        return row.id

    def job(self, node_id):
        return next(id for id in self.jobs if self.rows[id].node_id == node_id)

    def done(self, node_id, closed=(), **outputs):
        id = self.job(node_id)
        self.apply(self.core.step(m.Succeeded(self.now(), id, self.jobs.pop(id), outputs or {"y": 1}, closed)))

    def fail(self, node_id, cause="exception"):
        id = self.job(node_id)
        error = {"type": "ValueError", "message": "no", "cause": cause}
        self.apply(self.core.step(m.Failed(self.now(), id, self.jobs.pop(id), error)))

    def running(self):
        return sorted(self.rows[id].node_id for id in self.jobs)

    def of(self, run_id):
        """All executions that the run has had."""
        return [copy.copy(row) for row in self.rows.values() if row.run_id == run_id]

    def counting(self, run_id):
        """Those that were not replaced."""
        rows = self.of(run_id)
        return passes.current(rows, self.passes.get) if rows else rows

    def ask(self, *run_ids):
        """The first step of a rerun: that it is noted."""
        self.apply(self.core.step(m.Rerun(self.now(), tuple(copy.copy(self.runs[id]) for id in run_ids))))

    def begin_again(self, run_id, plan, method, *nodes):
        """The second: that it begins. The pass and the rows are one transaction."""
        order = passes.Order.read(method, nodes)
        rows = self.counting(run_id)
        kept = passes.kept(rows, plan.plan, order)
        replaced = {row.id for row in rows} - {row.id for row in kept}
        known = self.passes.get(passes.key(run_id))
        command = {"id": "c1", "creator": "me"}
        note = passes.with_pass(known, run_id, order, command, "now", sorted(replaced))
        self.passes[note["id"]] = note
        self.apply(self.core.step(m.BeginAgain(self.now(), run_id, plan, tuple(kept))))

    def rerun(self, run_id, plan, method, *nodes):
        self.ask(run_id)
        assert self.runs[run_id].status == "rerun"
        self.begin_again(run_id, plan, method, *nodes)

    def restart(self, plan):
        """A new core on the same rows, as after a kill."""
        self.core, self.jobs = self.new_core(), {}
        for run in list(self.runs.values()):
            if run.status not in lifecycle.OPEN:
                continue
            if run.status == lifecycle.RERUN:
                self.apply(self.core.step(m.Rerun(self.now(), (copy.copy(run),))))
                continue
            rows = self.counting(run.id)
            finished = sorted((r for r in rows if lifecycle.is_final(r.status)), key=lambda r: r.seq)
            left = [r for r in rows if not lifecycle.is_final(r.status)]
            self.apply(self.core.step(m.Resume(self.now(), copy.copy(run), plan, tuple(finished), tuple(left))))
        self.apply(self.core.wake(self.now()))
