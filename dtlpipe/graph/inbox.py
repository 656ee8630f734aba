"""What the input sockets of a run hold: values that arrived, and which senders have reported.

Law: only `give` and `write` add, only `consume` removes. All that readiness asks is kept as counters meanwhile:

- `missing[node]`     mandatory sockets without a value
- `unreported[node]`  links whose sender has not reported since the node's last visit (those of streams not included)
- `triggered[node]`   whether something arrived that no visit has seen
- `live_nodes[node]`  links whose sender may still run, and `live_slots[slot]`, the same for one socket
- `doomed[node]`      whether a mandatory socket may have lost all its senders while it was empty

A sender reports by completing, with a value or without. One that can never run again is gone: it has reported for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from itertools import chain
from typing import Any

from dtlpipe.graph.errors import PipelineRuntimeError
from dtlpipe.graph.plan import GREEDY, LAZY, STANDARD, STREAM, Intake, Plan
from dtlpipe.graph.ports import NO_DEFAULT, NO_OUTPUT, Mark

__all__ = ["Inbox"]

_EMPTY = Mark.EMPTY
_REPORTED = 1
_GONE = 2


class Inbox:
    """The sockets of one run.

    `values[slot]` is EMPTY, or the value of a standard or greedy socket, the list of a lazy one, the deque of a stream.
    `users[slot]` is the value that came with the run's inputs: it outlives visits, except in greedy sockets and
    streams.
    """

    __slots__ = (
        "_converts",
        "_deliveries",
        "_intakes",
        "_plan",
        "doomed",
        "live_nodes",
        "live_slots",
        "missing",
        "reported",
        "triggered",
        "unreported",
        "users",
        "values",
    )

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._intakes = plan.intakes
        self._deliveries = plan.deliveries
        self._converts = plan.converts
        self.values: list[Any] = [_EMPTY] * len(plan.slot_senders)
        self.users: dict[int, Any] = {}
        self.reported = bytearray(plan.link_count)
        self.missing = list(plan.mandatory_count)
        self.unreported = list(plan.unreported_count)
        self.triggered = bytearray(len(plan.names))
        self.live_nodes = list(plan.sender_count)
        self.live_slots = list(plan.slot_senders)
        self.doomed = bytearray(len(plan.names))

    def give(self, node: int, intake: Intake, value: Any) -> None:
        """Put a value from the run's inputs into a socket that holds nothing yet."""
        if intake.kind == STREAM:
            self.values[intake.slot] = deque([value])
        else:
            self.users[intake.slot] = value
            if intake.kind != LAZY:
                self.values[intake.slot] = value
        self.missing[node] -= intake.mandatory
        self.triggered[node] = 1

    def write(self, node: int, outputs: Mapping[str, Any], closed: Collection[int], *, gone: bool) -> None:
        """Deliver a completed node's outputs along its edges; a closed edge, or one without a value, only reports.

        `gone`: the node can never run again.
        """
        values, users, reported = self.values, self.users, self.reported
        converted = self._convert(node, outputs, closed) if node in self._converts else None
        for edge, source_socket, kind, target, slot, link, mandatory, counted in self._deliveries[node]:
            value = outputs.get(source_socket, NO_OUTPUT)
            if value is NO_OUTPUT or (closed and edge in closed):
                if users and not gone and kind <= GREEDY and slot in users:
                    continue  # the entry stays the user's, so this sender is still waited for
            else:
                if converted and edge in converted:
                    value = converted[edge]
                held = values[slot]
                if held is _EMPTY and slot not in users:
                    self.missing[target] -= mandatory
                self.triggered[target] = 1
                if kind <= GREEDY:
                    values[slot] = value
                    if users:
                        users.pop(slot, None)
                elif held is _EMPTY:
                    values[slot] = [value] if kind == LAZY else deque((value,))
                else:
                    held.append(value)
            if gone:
                if reported[link] != _GONE:
                    self._part(target, slot, link, mandatory, counted, kind)
            elif not reported[link]:
                reported[link] = _REPORTED
                self.unreported[target] -= counted

    def part(self, node: int) -> None:
        """Note that a node that is not running can never run again: to its receivers it has reported for ever."""
        for _, _, kind, target, slot, link, mandatory, counted in self._deliveries[node]:
            if self.reported[link] != _GONE:
                self._part(target, slot, link, mandatory, counted, kind)

    def _part(self, target: int, slot: int, link: int, mandatory: int, counted: int, kind: int) -> None:
        if not self.reported[link] if counted else kind == GREEDY:
            self.unreported[target] -= 1
        self.reported[link] = _GONE
        self.live_nodes[target] -= 1
        live = self.live_slots[slot] = self.live_slots[slot] - 1
        if mandatory and not live:
            self.doomed[target] = 1

    def _convert(self, node: int, outputs: Mapping[str, Any], closed: Collection[int]) -> dict[int, Any]:
        """Convert before anything is delivered, so that a conversion that fails leaves the run as it was."""
        converted = {}
        for number, source_socket, convert in self._converts[node]:
            value = outputs.get(source_socket, NO_OUTPUT)
            if value is not NO_OUTPUT and number not in closed:
                try:
                    converted[number] = convert(value)
                except Exception as error:
                    edge = self._plan.edges[number]
                    raise PipelineRuntimeError(
                        None,
                        None,
                        f"The value of {edge.source!r} ({edge.source_socket!r}) cannot be converted for "
                        f"{edge.target!r} ({edge.target_socket!r}): {type(error).__name__}: {error}. "
                        "Change the output, or the type of the input.",
                    ) from error
        return converted

    def consume(self, node: int) -> dict[str, Any]:
        """Take out what the next visit of `node` receives; defaults stand in for what is not there."""
        values, users, reported = self.values, self.users, self.reported
        inputs: dict[str, Any] = {}
        for slot, name, kind, mandatory, default, links, counted, keeps, joins in self._intakes[node]:
            held = values[slot]
            if kind == STANDARD:
                if held is not _EMPTY:
                    inputs[name] = held
                    if not keeps and slot not in users:
                        values[slot] = _EMPTY
                        self.missing[node] += mandatory
                elif default is not NO_DEFAULT:
                    inputs[name] = default
                if keeps:
                    continue
            elif held is not _EMPTY or slot in users:
                inputs[name] = self._consume_many(node, slot, kind, mandatory, joins=joins)
            elif default is not NO_DEFAULT:
                inputs[name] = default if kind == STREAM else [default]
            for link in links:
                if reported[link] == _REPORTED:
                    reported[link] = 0
                    self.unreported[node] += counted
        self.triggered[node] = self._plan.has_stream[node] and any(
            intake.kind == STREAM and values[intake.slot] is not _EMPTY for intake in self._intakes[node]
        )
        return inputs

    def _consume_many(self, node: int, slot: int, kind: int, mandatory: int, *, joins: bool) -> Any:
        held = self.values[slot]
        if kind == STREAM:
            value = held.popleft()
            if not held:
                self.values[slot] = _EMPTY
                self.missing[node] += mandatory
            return value
        self.values[slot] = _EMPTY
        if kind == GREEDY:
            self.users.pop(slot, None)
            self.missing[node] += mandatory
            return [held]
        arrived: list[Any] = [] if held is _EMPTY else held
        if slot in self.users:
            arrived = [self.users[slot], *arrived]
        else:
            self.missing[node] += mandatory
        return list(chain.from_iterable(arrived)) if joins else arrived

    def is_filled(self, slot: int) -> bool:
        """Whether a visit would receive something from this socket other than its default."""
        return self.values[slot] is not _EMPTY or slot in self.users

    def is_waiting(self, intake: Intake) -> bool:
        """Whether a sender of this socket has not reported."""
        return not all(self.reported[link] for link in intake.links)

    def is_doomed(self, node: int) -> bool:
        """Whether a mandatory socket is empty and none of its senders may still run."""
        return any(
            i.mandatory and not self.live_slots[i.slot] and not self.is_filled(i.slot) for i in self._intakes[node]
        )

    # ---- as data -----------------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Return what `load` needs; values are not copied."""
        sockets: dict[str, dict[str, dict[str, Any]]] = {}
        for node, intakes in enumerate(self._plan.intakes):
            for intake in intakes:
                slot, entry = intake.slot, {}
                if slot in self.users:
                    entry["user"] = self.users[slot]
                held = self.values[slot]
                if held is not _EMPTY and (intake.kind > GREEDY or slot not in self.users):
                    entry["sent"] = list(held) if intake.kind > GREEDY else [held]
                if entry:
                    sockets.setdefault(self._plan.names[node], {})[intake.name] = entry
        return {
            "sockets": sockets,
            "reported": [link for link, state in enumerate(self.reported) if state == _REPORTED],
            "triggered": [name for name, state in zip(self._plan.names, self.triggered, strict=True) if state],
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """Fill a new inbox from what `dump` returned. Senders that are gone are for `part` to note."""
        for name, sockets in data["sockets"].items():
            node = self._plan.number(name)
            for socket, entry in sockets.items():
                intake = self._plan.intakes_by_name[node][socket]
                slot = intake.slot
                self.missing[node] -= intake.mandatory
                if "user" in entry:
                    self.users[slot] = entry["user"]
                if intake.kind > GREEDY:
                    if "sent" in entry:
                        self.values[slot] = deque(entry["sent"]) if intake.kind == STREAM else list(entry["sent"])
                else:
                    self.values[slot] = entry["sent"][0] if "sent" in entry else entry["user"]
        counted = {
            link: (i, intake.counted)
            for i, own in enumerate(self._plan.intakes)
            for intake in own
            for link in intake.links
        }
        for link in data["reported"]:
            self.reported[link] = _REPORTED
            node, weight = counted[link]
            self.unreported[node] -= weight
        for name in data["triggered"]:
            self.triggered[self._plan.number(name)] = 1
