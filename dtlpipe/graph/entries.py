"""What waits in a run's sockets as lists of who sent what: Haystack's form of the same facts, and back.

Law: a view. Everything in it follows from the inbox, and an inbox can be filled from it.

The form is `{node: {socket: [{"sender": name, "value": value}]}}`. The sender is None for a value of the run's inputs.
A sender that reported without a value has the value `NO_OUTPUT`. Sockets that hold nothing are left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from dtlpipe.graph.errors import RunStateError
from dtlpipe.graph.inbox import EMPTY, REPORTED, USER, Inbox
from dtlpipe.graph.plan import GREEDY, LAZY, STANDARD, STREAM, Intake, Plan
from dtlpipe.graph.ports import NO_OUTPUT

__all__ = ["Entries", "fill", "of_node"]

Entries: TypeAlias = dict[str, list[dict[str, Any]]]


def of_node(plan: Plan, inbox: Inbox, node: int) -> Entries:
    """Return the entries of one node's sockets.

    Raises:
        RunStateError: the senders of values were not remembered.
    """
    found = {}
    for intake in plan.intakes[node]:
        if entries := [_entry(plan, sender, value) for sender, value in _held(plan, inbox, intake)]:
            found[intake.name] = entries
    return found


def _entry(plan: Plan, sender: int, value: Any) -> dict[str, Any]:
    return {"sender": None if sender == USER else plan.names[sender], "value": value}


def _held(plan: Plan, inbox: Inbox, intake: Intake) -> list[tuple[int, Any]]:
    """Return (sender, value) of everything in a socket: values in the order of arrival, then reports without one."""
    slot, kind = intake.slot, intake.kind
    value, feeders = inbox.values[slot], [plan.link_senders[link] for link in intake.links]
    found: list[tuple[int, Any]] = []
    if slot in inbox.users:
        found.append((USER, inbox.users[slot]))
    if value is not EMPTY and (kind > GREEDY or not found):
        if kind == STANDARD:
            found.append((feeders[0], value))
        elif inbox.senders is None:
            raise RunStateError("Who sent what was not remembered. Make the RunState with remember_senders=True.")
        elif kind == GREEDY:
            found.append((inbox.senders[slot], value))
        else:
            found += zip(inbox.senders[slot], value, strict=True)
    if kind > GREEDY or not found:
        heard = {sender for sender, _ in found}
        silent = [
            sender
            for link, sender in zip(intake.links, feeders, strict=True)
            if inbox.reported[link] and sender not in heard
        ]
        found += [(sender, NO_OUTPUT) for sender in (silent if kind > GREEDY else silent[:1])]
    return found


def fill(
    plan: Plan, inbox: Inbox, entries: Mapping[str, Mapping[str, Iterable[Mapping[str, Any]]]], begun: bytes
) -> None:
    """Put entries into a new inbox. `begun`: for each node, whether it has run before."""
    for name, sockets in entries.items():
        node = plan.number(name)
        for socket, waiting in sockets.items():
            if socket in plan.intakes_by_name[node]:
                _put(plan, inbox, node, plan.intakes_by_name[node][socket], waiting, is_new=not begun[node])
    for node in plan.roots:
        if not begun[node]:
            inbox.triggered[node] = 1


def _put(
    plan: Plan, inbox: Inbox, node: int, intake: Intake, waiting: Iterable[Mapping[str, Any]], *, is_new: bool
) -> None:
    slot, kind = intake.slot, intake.kind
    links = {plan.link_senders[link]: link for link in intake.links}
    sent: list[tuple[int, Any]] = []
    for entry in waiting:
        value, sender = entry["value"], entry["sender"]
        if sender is None and kind != STREAM:
            inbox.users[slot] = value
            inbox.plain[node] = 0
            inbox.triggered[node] |= is_new
            continue
        number = USER if sender is None else plan.number(sender)
        link = links.get(number)
        if link is not None and not inbox.reported[link]:
            inbox.reported[link] = REPORTED
            inbox.unreported[node] -= intake.counted
        if value is not NO_OUTPUT:
            inbox.triggered[node] = 1
            sent.append((number, value))
    values, senders = [value for _, value in sent], [sender for sender, _ in sent]
    if kind <= GREEDY:
        if slot in inbox.users:
            inbox.values[slot] = inbox.users[slot]
        elif sent:
            inbox.values[slot] = values[0]
    elif sent:
        inbox.values[slot] = values if kind == LAZY else deque(values)
    if sent and inbox.senders is not None and kind != STANDARD:
        inbox.senders[slot] = senders[0] if kind == GREEDY else deque(senders)
    if inbox.is_filled(slot):
        inbox.missing[node] -= intake.mandatory
