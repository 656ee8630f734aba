"""The fast driver: a serial run of nodes that are plain callables, in one loop.

Law: nothing is decided here that `dtlpipe.graph.schedule` does not decide. The loop makes the moves of `RunState.next`
and `RunState.complete` in the same order on the same state; it only makes them without tasks, and without a method call
each. What is rare (values of the user, streams, conversions, limits, failures) it leaves to the machine's own methods.
`tests/unit/graph/test_run_calls.py` holds both to the same stories, states and outputs, also after failures.
"""
# ruff: noqa: SLF001 - the loop is RunState's own, taken out of it for speed

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dtlpipe.graph.copies import ATOMIC, copied
from dtlpipe.graph.errors import PipelineRuntimeError, PipelineValidationError
from dtlpipe.graph.inbox import EMPTY, REPORTED
from dtlpipe.graph.plan import GREEDY, LAZY, STANDARD
from dtlpipe.graph.ports import NO_DEFAULT, NO_OUTPUT
from dtlpipe.graph.readiness import BATCHED, BLOCKED, DEFER
from dtlpipe.graph.schedule import RunState, Task

__all__ = ["InvalidOutput", "run_calls"]


class InvalidOutput(TypeError):
    """A node returned something other than a mapping from output sockets to values."""

    def __init__(self, node: str, output: object) -> None:
        super().__init__(
            f"Node {node!r} returned {type(output).__name__} where a mapping from output sockets to values is "
            "expected. Return a dict, empty if there is nothing to pass on."
        )
        self.node = node
        self.output = output


def run_calls(  # noqa: C901, PLR0912, PLR0915 - one loop, since calls are what it saves
    state: RunState,
    calls: Sequence[Callable[..., Mapping[str, Any]]],
    *,
    shares_inputs: Sequence[bool] | bytes | None = None,
    undeclared: Callable[[str, list[str]], object] | None = None,
) -> None:
    """Run whatever a serial `state` hands out to its end, as `steps` does, in a fraction of the time.

    Each node is a callable that takes its inputs as keyword arguments. A visit is handed out and completed at once,
    when the call has ended well; so however the run ends, the state is one from which `next` and `complete` go on.

    Args:
        state: in mode "serial".
        calls: one for each node, in plan order (`state.plan.names`).
        shares_inputs: for each node, whether it may receive the values themselves instead of copies.
        undeclared: called with (node, outputs) when a node that declares outputs returned others, too.

    Raises:
        InvalidOutput: a node returned something other than a mapping. `state.failed` is (task, error).
        Exception: whatever a node raised, as it is. `state.failed` is (task, error). Any other BaseException leaves the
            task outstanding.
        PipelineRuntimeError: a value could not be converted for its receiver. `state.failed` is (task, error).
        PipelineMaxComponentRuns: as `run`.
        PipelineValidationError: the state is not in serial mode.
    """
    if not state._serial:
        raise PipelineValidationError("run_calls drives serial runs only. Make the RunState with mode='serial'.")
    plan, inbox, ready = state._plan, state._inbox, state._ready
    names, readings, resets, deliveries = plan.names, plan.readings, plan.resets, plan.deliveries
    receivers, consumed, special, is_awkward = plan.receivers, plan.consumed, plan.is_special, plan.is_awkward
    values, users, senders, plain = inbox.values, inbox.users, inbox.senders, inbox.plain
    reported, unreported, missing, triggered = inbox.reported, inbox.unreported, inbox.missing, inbox.triggered
    visits, limit, priority, included = state._visits, state._limit, ready.priority, state._include
    touched, batch = state._touched, state._batch
    node, is_moving = -1, False
    try:
        while (chosen := state._choose()) is not None:
            node = chosen
            ready.forced = -1  # it is in the batch, if there is one
            if not batch:
                state._check_limit(node)
            turn = batch or [node]
            while turn:
                node = turn[-1]
                visit = visits[node]
                if visit >= limit and turn is batch:
                    state._check_limit(node)
                inputs: dict[str, Any] = {}
                defaults: dict[str, Any] | None = None
                is_deep = False
                for slot, name, kind, default, _ in readings[node]:
                    value = values[slot]
                    if kind == STANDARD:
                        if value is EMPTY:
                            if default is NO_DEFAULT:
                                continue
                            if defaults is None:
                                defaults = {}
                            defaults[name] = default
                            if type(default) not in ATOMIC:
                                is_deep = True
                            continue
                        inputs[name] = value
                    elif kind == GREEDY and value is not EMPTY:
                        inputs[name] = [value]
                    else:
                        inputs, is_deep, defaults = inbox.read(node), True, None
                        break
                    if type(value) not in ATOMIC:
                        is_deep = True
                if defaults is not None:
                    inputs.update(defaults)
                if is_deep and (shares_inputs is None or not shares_inputs[node]):
                    inputs = copied(inputs)
                outputs = calls[node](**inputs)
                if type(outputs) is not dict and not isinstance(outputs, Mapping):  # the first is many times cheaper
                    raise InvalidOutput(names[node], outputs)
                is_received = consumed[node].issuperset(outputs)
                if not is_received and undeclared is not None:
                    declared = plan.nodes[node].outputs
                    if declared and not declared.keys() >= outputs.keys():
                        undeclared(names[node], [key for key in outputs if key not in declared])
                is_moving = True
                if is_awkward[node]:
                    inbox.write(node, outputs)
                else:
                    for _, socket, kind, target, slot, link, mandatory, counted in deliveries[node]:
                        value = outputs.get(socket, NO_OUTPUT)
                        if value is NO_OUTPUT:
                            if kind != LAZY and slot in users:
                                continue
                        else:
                            held = values[slot]
                            if kind != LAZY:
                                values[slot] = value
                                if held is EMPTY:
                                    missing[target] -= mandatory
                                elif users:
                                    users.pop(slot, None)
                                if senders is not None and kind == GREEDY:
                                    senders[slot] = node
                            elif held is not EMPTY:
                                held.append(value)
                                if senders is not None:
                                    senders[slot].append(node)
                            else:
                                values[slot] = [value]
                                if slot not in users:
                                    missing[target] -= mandatory
                                if senders is not None:
                                    senders[slot] = deque((node,))
                            triggered[target] = 1
                        if not reported[link]:
                            reported[link] = REPORTED
                            unreported[target] -= counted
                if plain[node]:
                    slots, nothing, links, silence, missing[node], unreported[node] = resets[node]
                    values[slots] = nothing
                    reported[links] = silence
                    triggered[node] = 0
                else:
                    inbox.clear(node)
                    if triggered[node]:
                        touched.append(node)
                turn.pop()
                visits[node] = visit + 1
                priority[node] = BLOCKED
                if included or not is_received:
                    state._keep(node, outputs)
                following = receivers[node]
                if turn or touched or len(following) != 1:
                    touched += following
                    is_moving = False
                    continue
                is_moving = False
                node = following[0]  # the next batch is this node, if it is anything above DEFER
                if (
                    missing[node]
                    or not triggered[node]
                    or (ready.rate(node) == DEFER if special[node] else unreported[node])
                ):
                    touched.append(node)
                    continue
                priority[node] = BATCHED
                turn = batch
                turn.append(node)
    except BaseException as error:
        if state._failed is None:  # otherwise the machine itself has refused to go on
            _note(state, node, error, is_moving=is_moving)
        raise


def _note(state: RunState, node: int, error: BaseException, *, is_moving: bool) -> None:
    """Bring a state up to what has happened when a node's call, or the delivery of its outputs, did not end well."""
    if is_moving and not isinstance(error, Exception):
        # interrupted between two moves: nobody can say which half was made, so the run cannot go on
        state._failed = (Task(state._plan.names[node], node, state._visits[node], {}), error)
        return
    try:
        task = state._hand_out(node)
    except PipelineRuntimeError:
        return  # it is this very error: the inputs cannot be put together, and the machine has noted that
    if isinstance(error, Exception):
        state.fail(task, error)
