"""Connections: what connecting two sockets changes, and how that is taken back.

Law: decide first, then change. A connection that is refused leaves every socket and the network as they were, and one
that is made can be undone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Union, get_args

from dtlpipe.graph.errors import PipelineConnectError
from dtlpipe.graph.pipeline import refusals
from dtlpipe.graph.pipeline.matching import Match, match
from dtlpipe.graph.pipeline.network import Network
from dtlpipe.graph.types.names import type_name
from dtlpipe.graph.types.subtypes import origin_of

__all__ = ["connect", "connect_many", "disconnect", "gathers"]


class _Made(NamedTuple):
    """A connection that was made. `promoted`: it made its input gather lists, which until then took one sender."""

    match: Match
    key: str
    promoted: bool


def connect(network: Network, sender: str, receiver: str, *, check_types: bool) -> _Made | None:
    """Connect two sockets, or return None if they are connected already.

    Raises:
        PipelineConnectError: the names do not stand for sockets that fit, or the input has a sender and takes only one.
        PipelineValidationError: there is no such component.
    """
    found = match(network, sender, receiver, check_types=check_types)
    source, output, target, into, strategy = found
    key = f"{output.name}/{into.name}"
    if network.has_edge(source, target, key):
        return None
    promoted = bool(into.senders) and not into.is_variadic
    if promoted and not gathers(into.type):
        raise refusals.taken(source, output, target, into)
    conn_type = type_name(output.type)

    if promoted:
        into.is_lazy_variadic = True
        into.wrap_input_in_list = False
    output.receivers.append(target)
    into.senders.append(source)
    network.add_edge(
        source,
        target,
        key,
        conn_type=conn_type,
        from_socket=output,
        to_socket=into,
        mandatory=into.is_mandatory,
        conversion_strategy=strategy,
    )
    return _Made(found, key, promoted)


def connect_many(network: Network, pairs: Iterable[Any], *, check_types: bool) -> None:
    """Make connections in their order: all of them, or none if one is refused. Errors as `connect`."""
    if isinstance(pairs, str) or not isinstance(pairs, Iterable):
        raise PipelineConnectError(f"connections is {pairs!r:.80}; give a list of ('sender.output', 'receiver.input').")
    wanted = list(pairs)
    made: list[_Made] = []
    try:
        for pair in wanted:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise PipelineConnectError(
                    f"Cannot connect {pair!r}: a connection is a pair such as ('sender.output', 'receiver.input')."
                )
            done = connect(network, *pair, check_types=check_types)
            if done is not None:
                made.append(done)
    except BaseException:
        for done in reversed(made):
            _undo(network, done)
        raise


def disconnect(network: Network, name: str) -> None:
    """Take a component off its neighbours' sockets, and them off its own. The edges stay."""
    for _, _, edge in network.in_edges(name, data=True):
        output = edge["from_socket"]
        output.receivers = [receiver for receiver in output.receivers if receiver != name]
    for _, _, edge in network.edges(name, data=True):
        into = edge["to_socket"]
        into.senders = [sender for sender in into.senders if sender != name]
        _demote(into)
    own = network.nodes[name]
    for into in own["input_sockets"].values():
        into.senders = []
        _demote(into)
    for output in own["output_sockets"].values():
        output.receivers = []


def gathers(type_: Any) -> bool:
    """Whether an input of this type may join the lists of several senders: a list, an optional one, a union of some."""
    if origin_of(type_) is Union:
        arms = [arm for arm in get_args(type_) if arm is not type(None)]
        return all(origin_of(arm) is list for arm in arms)
    return origin_of(type_) is list


def _undo(network: Network, done: _Made) -> None:
    """Take back the connection that was made last."""
    source, output, target, into, _ = done.match
    network.remove_edge(source, target, done.key)
    into.senders.pop()
    output.receivers.pop()
    if done.promoted:
        into.is_lazy_variadic = False
        into.wrap_input_in_list = True


def _demote(into: Any) -> None:
    """Let an input that gathered only because it had several senders take one again."""
    if len(into.senders) <= 1 and into.is_lazy_variadic and not into.wrap_input_in_list:
        into.is_lazy_variadic = False
        into.wrap_input_in_list = True
