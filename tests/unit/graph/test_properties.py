"""Laws of the engine that hold for every graph, every behaviour of its nodes and every order of completions."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from dtlpipe.graph import PipelineMaxComponentRuns, RunState, Task, TaskNotReady
from tests.unit.graph.machines import build
from tests.unit.graph.random_graphs import Case, cases

# Each law looks at many steps of each graph, so it needs fewer graphs than the profile grants.
thorough = settings(max_examples=settings().max_examples * 2 // 5)

MODES = st.sampled_from(["concurrent", "serial", "as Haystack"])
DAG_KINDS = ("standard", "lazy")


class Chooser:
    """Draws which outstanding task ends next, and whether to hand out more first."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def flip(self) -> bool:
        return self._data.draw(st.booleans())

    def pick(self, tasks: Any) -> Any:
        return self._data.draw(st.sampled_from(tasks)) if len(tasks) > 1 else tasks[0]


def walk(case: Case, state: RunState, choose: Chooser):
    """Drive `state` to its end in a drawn order; yield what happened as ("take" | "complete", task)."""
    while not state.finished:
        task = state.next() if not state.outstanding or choose.flip() else None
        if task is not None:
            yield "take", task
        elif state.outstanding:
            task = choose.pick(state.tasks)
            case.complete(state, task)
            yield "complete", task


def until_limit(steps):
    """Pass steps on; a run that reaches its limit of visits just ends."""
    try:
        yield from steps
    except PipelineMaxComponentRuns:
        event("limit reached")


def expected(case: Case) -> dict[str, dict[str, Any]]:
    """Say what an acyclic graph of standard and lazy sockets does, by looking at each node once, senders first."""
    plan, ran, sent = case.plan, {}, {}
    members = set(plan.names) if case.start is None else {case.start, *plan.descendants(case.start)}
    left = [name for name in plan.names if name in members]
    incoming = {
        name: [(i, e) for i, e in enumerate(plan.edges) if e.target == name and e.source in members] for name in left
    }
    while left:
        name = next(n for n in left if all(e.source not in left for _, e in incoming[n]))
        left.remove(name)
        node = plan.nodes[plan.index[name]]
        received, triggered = {}, not incoming[name] or name in case.inputs or name == case.start
        for socket in node.inputs.values():
            user = [case.inputs[name][socket.name]] if socket.name in case.inputs.get(name, {}) else []
            values = [sent[i] for i, e in incoming[name] if e.target_socket == socket.name and i in sent]
            triggered = triggered or bool(values)
            if socket.kind.value == "lazy":
                found = [sorted(user + values)] if user + values else []
            else:
                found = (values or user)[:1]
            if found:
                received[socket.name] = found[0]
            elif not socket.is_mandatory:
                received[socket.name] = [socket.default_value] if socket.is_variadic else socket.default_value
        complete = all(s.name in received for s in node.inputs.values() if s.is_mandatory)
        if triggered and (complete or name == case.start):
            ran[name] = received
            task = Task(name, plan.index[name], 0, received)
            outputs, closed = case.call(task), case.closed(task)
            sent |= {
                i: outputs[plan.edges[i].source_socket]
                for i in plan.edges_from(name)
                if i not in closed and plan.edges[i].source_socket in outputs
            }
    return ran


def plain(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: sorted(value) if isinstance(value, list) else value for name, value in inputs.items()}


@thorough
@given(cases(acyclic=True, kinds=DAG_KINDS), MODES, st.data())
def test_in_acyclic_graphs_exactly_the_satisfied_nodes_run_once_with_the_same_inputs_in_any_order(case, mode, data):
    state = case.begin(mode)
    took = [task for what, task in walk(case, state, Chooser(data)) if what == "take"]
    assert len({task.key for task in took}) == len(took)
    assert {task.node: plain(task.inputs) for task in took} == expected(case)
    assert set(state.not_run()) == set(case.plan.names) - {task.node for task in took}


@thorough
@given(cases(acyclic=True, kinds=DAG_KINDS), st.data())
def test_in_acyclic_graphs_the_order_of_completions_does_not_change_the_outputs(case, data):
    one, other = case.begin(), case.begin()
    for state in (one, other):
        for _ in walk(case, state, Chooser(data)):
            pass
    assert one.outputs == other.outputs


def open_questions(case: Case, state: RunState, sent: set[int]) -> dict[str, bool]:
    """Say of each node of an acyclic graph that may yet run, or is running, whether a sender of it may (or is) too."""
    plan, may = state.plan, {}
    running = {task.node for task in state.tasks}
    for name in sorted(plan.names, key=lambda name: len([n for n in plan.names if name in plan.descendants(n)])):
        given_to = case.inputs.get(name, {})
        edges = [
            (i, e) for i, e in enumerate(plan.edges) if e.target == name and plan.participants[plan.index[e.source]]
        ]
        if name in running:
            may[name] = False
        elif plan.participants[plan.index[name]] and not state.visits[name]:
            hopeful = {e.target_socket for i, e in edges if e.source in may or i in sent}
            lacks = (
                {s.name for s in plan.nodes[plan.index[name]].inputs.values() if s.is_mandatory}
                - hopeful
                - set(given_to)
            )
            if not lacks and (hopeful or given_to or not edges):
                may[name] = any(e.source in may for _, e in edges)
    return may


@thorough
@given(cases(acyclic=True, kinds=DAG_KINDS), st.data())
def test_in_acyclic_graphs_nobody_waits_for_the_dead(case, data):
    """A node that has all it will ever get is handed out, whatever else is still running."""
    state = case.begin()
    sent = set()
    for what, task in walk(case, state, Chooser(data)):
        if what == "complete":
            outputs, closed = case.call(task), case.closed(task)
            leaving = {i: case.plan.edges[i].source_socket for i in case.plan.edges_from(task.node) if i not in closed}
            sent |= {i for i, socket in leaving.items() if socket in outputs}
            while state.next() is not None:
                pass
            waiting = open_questions(case, state, sent)
            for held in state.tasks:
                del waiting[held.node]
            assert all(waiting.values()), "a node waits for something that can never come"


def hops(state: RunState, case: Case) -> RunState:
    data = json.loads(json.dumps(state.snapshot()))
    return RunState.restore(case.plan, data)


def internals(state: RunState) -> dict[str, Any]:
    inbox, ready = state._inbox, state._ready
    found: dict[str, Any] = {
        name: list(getattr(inbox, name))
        for name in ("missing", "unreported", "triggered", "reported", "live_nodes", "live_slots")
    }
    found["users"] = dict(inbox.users)
    found["forced"] = ready.forced
    if state._serial:  # what has changed since the last batch is weighed for the next
        ready.weigh(state._touched)
    found["priority"] = list(ready.priority)
    return found


@thorough
@given(cases(), MODES, st.data())
def test_counters_kept_step_by_step_are_those_that_the_state_implies(case, mode, data):
    state = case.begin(mode)
    assert internals(hops(state, case)) == internals(state)
    for _ in until_limit(walk(case, state, Chooser(data))):
        assert internals(hops(state, case)) == internals(state)


@thorough
@given(cases(), MODES, st.data())
def test_a_machine_restored_at_every_step_tells_the_same_story(case, mode, data):
    original = case.begin(mode)
    history = [(what, task.key, task.inputs) for what, task in until_limit(walk(case, original, Chooser(data)))]
    state = case.begin(mode)
    for what, key, inputs in history:
        state = hops(state, case)
        if what == "take":
            task = state.next()
            assert (task.key, task.inputs) == (key, inputs)
        else:
            case.complete(state, next(task for task in state.tasks if task.key == key))
    assert state.outputs == original.outputs
    assert hops(state, case).snapshot() == state.snapshot()


@thorough
@given(cases(), MODES, st.data())
def test_a_recorded_prefix_replayed_and_continued_equals_the_uninterrupted_run(case, mode, data):
    original = case.begin(mode)
    history = list(until_limit(walk(case, original, Chooser(data))))
    cut = data.draw(st.integers(0, len(history)))
    replayed = case.begin(mode)
    for number, (what, task) in enumerate(history):
        if what == "complete":
            replayed.complete(task.key, case.call(task), case.closed(task))
        else:
            again = replayed.take(*task.key) if number < cut else replayed.next()
            assert (again.key, again.inputs) == (task.key, task.inputs)
    if original.failed is None:
        assert replayed.snapshot() == original.snapshot()


@thorough
@given(cases(), st.data())
def test_a_driver_that_drains_after_each_completion_need_only_record_completions(case, data):
    def drain(state):
        while state.next() is not None:
            pass

    original = case.begin()
    recorded = []
    try:
        drain(original)
        while original.outstanding:
            task = Chooser(data).pick(original.tasks)
            case.complete(original, task)
            recorded.append(task)
            drain(original)
    except PipelineMaxComponentRuns:
        event("limit reached")
        return
    rebuilt = case.begin()
    drain(rebuilt)
    for task in recorded:
        rebuilt.complete(task.key, case.call(task), case.closed(task))
        drain(rebuilt)
    assert rebuilt.snapshot() == original.snapshot()


@thorough
@given(cases(starts=False), MODES, st.data())
def test_what_a_visit_receives_was_sent_over_an_open_edge_or_given_by_the_user(case, mode, data):
    open_edges: set[tuple[str, str, str]] = set()
    for what, task in until_limit(walk(case, case.begin(mode), Chooser(data))):
        if what == "complete":
            outputs, closed = case.call(task), case.closed(task)
            for index in set(case.plan.edges_from(task.node)) - set(closed):
                edge = case.plan.edges[index]
                if edge.source_socket in outputs:
                    open_edges.add((edge.target, edge.target_socket, outputs[edge.source_socket]))
            continue
        for socket, value in task.inputs.items():
            for single in value if isinstance(value, list) else [value]:
                given_by_user = case.inputs.get(task.node, {}).get(socket) == single
                assert single == "default" or given_by_user or (task.node, socket, single) in open_edges


@thorough
@given(cases(), MODES, st.data())
def test_no_node_runs_twice_at_the_same_time_or_after_it_was_given_up_and_visits_count_up(case, mode, data):
    state = case.begin(mode)
    seen: dict[str, int] = {}
    running = set()
    given_up = list(state._ready.quiet)
    for what, task in until_limit(walk(case, state, Chooser(data))):
        if what == "take":
            assert task.node not in running
            assert not given_up[task.index], "a node that could never run again ran"
            assert task.visit == seen.get(task.node, 0)
            seen[task.node] = task.visit + 1
            running.add(task.node)
        else:
            running.remove(task.node)
        given_up = list(state._ready.quiet)
    assert {name: visits for name, visits in state.visits.items() if visits} == seen


@thorough
@given(cases(), MODES, st.data())
def test_no_task_is_handed_out_after_a_failure(case, mode, data):
    state = case.begin(mode)
    steps = data.draw(st.integers(0, 12))
    for _ in until_limit(walk(case, state, Chooser(data))):
        steps -= 1
        if steps < 0 and state.outstanding:
            break
    if not state.outstanding:
        return
    broken = Chooser(data).pick(state.tasks)
    state.fail(broken, ValueError("broken"))
    while True:
        assert state.next() is None
        for name in case.plan.names:
            with pytest.raises(TaskNotReady):
                state.take(name, state.visits[name])
        if not state.outstanding:
            break
        case.complete(state, state.tasks[0])
    assert state.finished
    assert state.failed[0] == broken


@thorough
@given(cases(kinds=("standard", "stream")), st.data())
def test_a_stream_loses_nothing_and_keeps_its_order(case, data):
    state = case.begin(limit=50)
    waiting: dict[tuple[str, str], list[str]] = {}
    streams = {(n.name, s.name) for n in case.plan.nodes for s in n.inputs.values() if s.kind.value == "stream"}
    members = {n for n in case.plan.names if state.plan.participants[state.plan.index[n]]}
    for node, socket in streams:
        if node in members and socket in case.inputs.get(node, {}):
            waiting[node, socket] = [case.inputs[node][socket]]
    for what, task in until_limit(walk(case, state, Chooser(data))):
        if what == "take":
            for socket, value in task.inputs.items():
                if (task.node, socket) in streams:
                    assert value == (waiting.get((task.node, socket)) or ["default"])[0]
                    del waiting.get((task.node, socket), [])[:1]
        else:
            outputs, closed = case.call(task), case.closed(task)
            for index in case.plan.edges_from(task.node):
                edge = case.plan.edges[index]
                if (
                    index not in closed
                    and edge.source_socket in outputs
                    and (edge.target, edge.target_socket) in streams
                ):
                    waiting.setdefault((edge.target, edge.target_socket), []).append(outputs[edge.source_socket])


@settings(max_examples=20)
@given(st.integers(1, 300), st.booleans())
def test_long_chains_run_and_long_dead_paths_are_walked(length, alive):
    names = [f"n{number:04}" for number in range(length)]
    plan = build({n: (["x"], ["y"]) for n in names}, [f"{a}.y -> {b}.x" for a, b in pairwise(names)])
    state = RunState(plan, {names[0]: {"x": 1}})
    while (task := state.next()) is not None:
        state.complete(task, {"y": 1} if alive else {})
    assert len(state.not_run()) == (0 if alive else length - 1)
