"""What the input sockets of a run hold: values that arrived, and which senders have reported.

Law: only `give` and `write` add, only `clear` removes. All that readiness asks is kept as counters meanwhile:

- `missing[node]`     mandatory sockets without a value
- `unreported[node]`  links whose sender has not reported since the node's last visit (those of streams not included)
- `triggered[node]`   whether something arrived that no visit has seen
- `live_nodes[node]`  links whose sender may still run, and `live_slots[slot]`, the same for one socket
- `doomed[node]`      whether a mandatory socket may have lost all its senders while it was empty
- `plain[node]`       whether a visit leaves nothing: no stream, no value of the user, no sender that is gone

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

__all__ = ["EMPTY", "REPORTED", "USER", "Inbox"]

EMPTY = Mark.EMPTY
REPORTED = 1
_GONE = 2
USER = -1  # in place of a sender's number


class Inbox:
    """The sockets of one run.

    `values[slot]` is EMPTY, or the value of a standard or greedy socket, the list of a lazy one, the deque of a stream.
    `users[slot]` is the value that came with the run's inputs: it outlives visits, except in greedy sockets and
    streams. `senders`, if they are to be remembered, holds for each slot whose values may have come from several nodes
    their numbers: one, or a list of them beside the list of values.
    """

    __slots__ = (
        "_plan",
        "doomed",
        "live_nodes",
        "live_slots",
        "missing",
        "plain",
        "reported",
        "senders",
        "triggered",
        "unreported",
        "users",
        "values",
    )

    def __init__(self, plan: Plan, *, remember_senders: bool = False) -> None:
        self._plan = plan
        self.plain = bytearray(plan.is_plain)
        self.values: list[Any] = [EMPTY] * len(plan.slot_senders)
        self.users: dict[int, Any] = {}
        self.senders: dict[int, Any] | None = {} if remember_senders else None
        self.reported = bytearray(len(plan.link_senders))
        self.missing = list(plan.mandatory_count)
        self.unreported = list(plan.unreported_count)
        self.triggered = bytearray(len(plan.names))
        self.live_nodes = list(plan.sender_count)
        self.live_slots = list(plan.slot_senders)
        self.doomed = bytearray(plan.needs_input)

    def give(self, node: int, intake: Intake, value: Any) -> None:
        """Put a value from the run's inputs into a socket that holds nothing yet."""
        if intake.kind == STREAM:
            self.values[intake.slot] = deque([value])
            if self.senders is not None:
                self.senders[intake.slot] = deque((USER,))
        else:
            self.users[intake.slot] = value
            if intake.kind != LAZY:
                self.values[intake.slot] = value
        self.missing[node] -= intake.mandatory
        self.triggered[node] = 1
        self.plain[node] = 0

    def write(  # noqa: C901, PLR0912 - every kind of socket, for every edge: no calls in here
        self, node: int, outputs: Mapping[str, Any], closed: Collection[int] = (), *, gone: bool = False
    ) -> None:
        """Deliver a completed node's outputs along its edges; a closed edge, or one without a value, only reports.

        `gone`: the node can never run again.
        """
        plan, values, users, senders, reported = self._plan, self.values, self.users, self.senders, self.reported
        converted = self._convert(node, outputs, closed) if node in plan.converts else None
        for edge, source_socket, kind, target, slot, link, mandatory, counted in plan.deliveries[node]:
            value = outputs.get(source_socket, NO_OUTPUT)
            if value is NO_OUTPUT or (closed and edge in closed):
                if users and not gone and kind <= GREEDY and slot in users:
                    continue  # the entry stays the user's, so this sender is still waited for
            else:
                if converted and edge in converted:
                    value = converted[edge]
                held = values[slot]
                if kind <= GREEDY:
                    if held is EMPTY:
                        self.missing[target] -= mandatory
                    elif users:
                        users.pop(slot, None)
                    values[slot] = value
                elif held is EMPTY:
                    values[slot] = [value] if kind == LAZY else deque((value,))
                    if slot not in users:
                        self.missing[target] -= mandatory
                else:
                    held.append(value)
                if senders is not None and kind != STANDARD:
                    if kind == GREEDY:
                        senders[slot] = node
                    elif held is EMPTY:
                        senders[slot] = deque((node,))
                    else:
                        senders[slot].append(node)
                self.triggered[target] = 1
            if gone:
                if reported[link] != _GONE:
                    self._part(target, slot, link, mandatory, counted, kind)
            elif not reported[link]:
                reported[link] = REPORTED
                self.unreported[target] -= counted

    def part(self, node: int) -> None:
        """Note that a node that is not running can never run again: to its receivers it has reported for ever."""
        for _, _, kind, target, slot, link, mandatory, counted in self._plan.deliveries[node]:
            if self.reported[link] != _GONE:
                self._part(target, slot, link, mandatory, counted, kind)

    def _part(self, target: int, slot: int, link: int, mandatory: int, counted: int, kind: int) -> None:
        if not self.reported[link] if counted else kind == GREEDY:
            self.unreported[target] -= 1
        self.reported[link] = _GONE
        self.plain[target] = 0
        self.live_nodes[target] -= 1
        live = self.live_slots[slot] = self.live_slots[slot] - 1
        if mandatory and not live:
            self.doomed[target] = 1

    def _convert(self, node: int, outputs: Mapping[str, Any], closed: Collection[int]) -> dict[int, Any]:
        """Convert before anything is delivered, so that a conversion that fails leaves the run as it was."""
        converted = {}
        for number, source_socket, convert in self._plan.converts[node]:
            value = outputs.get(source_socket, NO_OUTPUT)
            if value is not NO_OUTPUT and number not in closed:
                try:
                    converted[number] = convert(value)
                except Exception as error:
                    edge = self._plan.edges[number]
                    raise PipelineRuntimeError(
                        None,
                        None,
                        "Failed to perform conversion between components:\n"
                        f"Sender component: '{edge.source}'\n"
                        f"Sender socket: '{edge.source_socket}'\n"
                        f"Receiver component: '{edge.target}'\n"
                        f"Receiver socket: '{edge.target_socket}'\n"
                        f"Error: {error} ({type(error).__name__})\nChange the output, or the type of the input.",
                    ) from error
        return converted

    def read(self, node: int) -> dict[str, Any]:
        """Return what the next visit of `node` receives; defaults stand in for what is not there, and come last."""
        values, inputs = self.values, {}
        defaults: dict[str, Any] = {}
        for slot, name, kind, default, joins in self._plan.readings[node]:
            held = values[slot]
            if kind == STANDARD:
                if held is not EMPTY:
                    inputs[name] = held
                elif default is not NO_DEFAULT:
                    defaults[name] = default
            elif held is not EMPTY or slot in self.users:
                if kind == GREEDY:
                    inputs[name] = [held]
                elif kind == STREAM:
                    inputs[name] = held[0]
                else:
                    arrived: list[Any] = [] if held is EMPTY else held
                    if slot in self.users:
                        arrived = [self.users[slot], *arrived]
                    inputs[name] = self._joined(node, name, arrived) if joins else arrived
            elif default is not NO_DEFAULT:
                defaults[name] = default if kind == STREAM else list(default)
        if defaults:
            inputs.update(defaults)
        return inputs

    def _joined(self, node: int, name: str, arrived: list[Any]) -> list[Any]:
        try:
            return list(chain.from_iterable(arrived))
        except TypeError as error:
            own, kinds = self._plan.names[node], ", ".join(sorted({type(value).__name__ for value in arrived}))
            raise PipelineRuntimeError(
                own,
                None,
                f"Input '{name}' of component '{own}' joins the lists of several senders, but received: {kinds}. "
                "Send lists, or connect one sender only.",
            ) from error

    def clear(self, node: int) -> None:
        """Take out what a visit of `node` has received."""
        plan, values, reported = self._plan, self.values, self.reported
        if self.plain[node]:
            slots, nothing, links_, silence, self.missing[node], self.unreported[node] = plan.resets[node]
            values[slots] = nothing
            reported[links_] = silence
            self.triggered[node] = 0
            return
        users, lasts, is_left = self.users, False, False
        for slot, _, kind, mandatory, _, links, counted, keeps, _ in plan.intakes[node]:
            if kind == STREAM:
                lasts = True
                is_left |= self._shift(node, slot, mandatory)
            elif keeps:
                continue
            else:
                if kind == GREEDY and users:
                    users.pop(slot, None)
                if slot in users:
                    lasts = True
                    if kind == LAZY:
                        values[slot] = EMPTY
                elif values[slot] is not EMPTY:
                    values[slot] = EMPTY
                    self.missing[node] += mandatory
            for link in links:
                if reported[link] == REPORTED:
                    reported[link] = 0
                    self.unreported[node] += counted
                elif reported[link]:
                    lasts = True
        self.triggered[node] = is_left
        self.plain[node] = not lasts

    def _shift(self, node: int, slot: int, mandatory: int) -> bool:
        """Take the oldest value out of a stream, if there is one, and say whether another is left."""
        held = self.values[slot]
        if held is EMPTY:
            return False
        held.popleft()
        if self.senders is not None:
            self.senders[slot].popleft()
        if not held:
            self.values[slot] = EMPTY
            self.missing[node] += mandatory
        return bool(held)

    def is_filled(self, slot: int) -> bool:
        """Whether a visit would receive something from this socket other than its default."""
        return self.values[slot] is not EMPTY or slot in self.users

    def is_waiting(self, intake: Intake) -> bool:
        """Whether a sender of this socket has not reported."""
        return not all(self.reported[link] for link in intake.links)

    def is_doomed(self, node: int) -> bool:
        """Whether a mandatory socket is empty and none of its senders may still run."""
        return any(
            i.mandatory and not self.live_slots[i.slot] and not self.is_filled(i.slot) for i in self._plan.intakes[node]
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
                if held is not EMPTY and (intake.kind > GREEDY or slot not in self.users):
                    entry["sent"] = list(held) if intake.kind > GREEDY else [held]
                    if self.senders is not None and intake.kind != STANDARD:
                        by = [self.senders[slot]] if intake.kind == GREEDY else self.senders[slot]
                        entry["by"] = [None if sender == USER else self._plan.names[sender] for sender in by]
                if entry:
                    sockets.setdefault(self._plan.names[node], {})[intake.name] = entry
        return {
            "sockets": sockets,
            "reported": [link for link, state in enumerate(self.reported) if state == REPORTED],
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
                    self.plain[node] = 0
                if self.senders is not None and "by" in entry:
                    by = [USER if sender is None else self._plan.number(sender) for sender in entry["by"]]
                    self.senders[slot] = by[0] if intake.kind == GREEDY else deque(by)
                if intake.kind > GREEDY:
                    if "sent" in entry:
                        self.values[slot] = deque(entry["sent"]) if intake.kind == STREAM else list(entry["sent"])
                else:
                    self.values[slot] = entry["sent"][0] if "sent" in entry else entry["user"]
        links = set(data["reported"])
        for node, intakes in enumerate(self._plan.intakes):
            for intake in intakes:
                for link in links.intersection(intake.links):
                    self.reported[link] = REPORTED
                    self.unreported[node] -= intake.counted
        for name in data["triggered"]:
            self.triggered[self._plan.number(name)] = 1
