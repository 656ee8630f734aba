"""Connections: which two sockets a pair of names means, whether they fit, and what connecting them changes.

Law: decide first, then change. A connection that is refused leaves every socket and the network as they were, and one
that is made can be taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs

from dtlpipe.graph.errors import PipelineConnectError, PipelineValidationError
from dtlpipe.graph.pipeline.network import Network

__all__ = ["Connection", "connect", "connect_many", "disconnect", "gathers", "no_component"]


@attrs.frozen(eq=False)
class Connection:
    """A connection that has been decided on: the sockets are those of the components, `strategy` converts the values.

    `promotes`: the receiver takes one sender and has it; as its type is a list it will gather from several.
    """

    sender: str
    output: Any
    receiver: str
    input: Any
    strategy: Any
    promotes: bool

    @property
    def key(self) -> str:
        return f"{self.output.name}/{self.input.name}"


def connect(network: Network, sender: str, receiver: str, *, check_types: bool) -> Connection | None:
    """Connect two sockets, or return None if they are connected already.

    Raises:
        PipelineConnectError: there is no pair of sockets that fit, or more than one, or the input is taken.
        PipelineValidationError: there is no such component.
    """
    connection = _decide(network, sender, receiver, check_types=check_types)
    if connection is not None:
        _make(network, connection)
    return connection


def connect_many(network: Network, pairs: Iterable[tuple[str, str]], *, check_types: bool) -> None:
    """Connect all pairs in their order, or none of them. Errors as `connect`; they say which pair was refused."""
    wanted = list(pairs)
    made: list[Connection] = []
    try:
        for pair in wanted:
            if isinstance(pair, str) or len(pair) != 2:
                raise PipelineConnectError(
                    f"Cannot connect {pair!r}: connections are pairs such as ('sender.output', 'receiver.input')."
                )
            connection = connect(network, *pair, check_types=check_types)
            if connection is not None:
                made.append(connection)
    except BaseException:
        for connection in reversed(made):
            _unmake(network, connection)
        raise


def disconnect(network: Network, name: str) -> None:
    """Take a component off its neighbours' sockets; inputs that gathered from several senders go back to one."""
    for _, _, edge in network.in_edges(name, data=True):
        output = edge["from_socket"]
        output.receivers = [receiver for receiver in output.receivers if receiver != name]
    for _, _, edge in network.edges(name, data=True):
        socket = edge["to_socket"]
        socket.senders = [sender for sender in socket.senders if sender != name]
        _demote(socket)
    own = network.nodes[name]
    for socket in own["input_sockets"].values():
        socket.senders = []
        _demote(socket)
    for output in own["output_sockets"].values():
        output.receivers = []


def gathers(type_: Any) -> bool:
    """Whether an input of this type may join lists from several senders: a list, also as an option or in a union."""
    if _origin(type_) is Union:
        arms = [arm for arm in get_args(type_) if arm is not type(None)]
        return bool(arms) and all(_origin(arm) is list for arm in arms)
    return _origin(type_) is list


def no_component(name: str, known: Iterable[str]) -> PipelineValidationError:
    """Return the error for a component that is not in the pipeline."""
    return PipelineValidationError(f"Component named {name} not found in the pipeline. {_suggestion(name, known)}")


def _origin(type_: Any) -> Any:
    origin = get_origin(type_) or type_
    return Union if origin is UnionType else origin


# ---- deciding --------------------------------------------------------------------------------------------------------


def _decide(network: Network, sender: str, receiver: str, *, check_types: bool) -> Connection | None:
    from dtlpipe.graph.types.compatibility import types_are_compatible

    for given in (sender, receiver):
        if not isinstance(given, str):
            raise PipelineConnectError(
                f"Cannot connect {given!r}: name both ends as 'component' or 'component.socket', not by "
                f"{type(given).__name__}."
            )
    source, _, output_name = sender.partition(".")
    target, _, input_name = receiver.partition(".")
    if source == target:
        raise PipelineConnectError(
            f"Cannot connect {sender!r} with {receiver!r}: connecting a component to itself is not supported. "
            "Put a component between the two ends of the loop."
        )
    for name in (source, target):
        if name not in network.nodes:
            raise no_component(name, network.nodes)
    outputs: Mapping[str, Any] = network.nodes[source]["output_sockets"]
    inputs: Mapping[str, Any] = network.nodes[target]["input_sockets"]
    if not outputs:
        raise PipelineConnectError(
            f"'{source}' does not have any output connections. Declare what its run method returns, "
            "for example with '@component.output_types'."
        )
    outs = _choices(outputs, output_name, sender, source, "Output")
    ins = _choices(inputs, input_name, receiver, target, "Input")

    fitting: list[tuple[Any, Any, Any]] = []
    for out in outs:
        for into in ins:
            fits, strategy = types_are_compatible(out.type, into.type, check_types)
            if fits:
                fitting.append((out, into, strategy))
    if len(fitting) > 1:
        # a type that fits as it is goes before one that has to be converted, then equal names decide
        fitting = [pair for pair in fitting if pair[2] is None] or fitting
    if len(fitting) > 1:
        named_alike = [pair for pair in fitting if pair[0].name == pair[1].name]
        if len(named_alike) != 1:
            raise _ambiguous(source, target, fitting[0], outs, ins)
        fitting = named_alike
    if not fitting:
        raise _mismatch(source, target, outs, ins)
    out, into, strategy = fitting[0]
    if network.has_edge(source, target, f"{out.name}/{into.name}"):
        return None
    promotes = bool(into.senders) and not into.is_variadic
    if promotes and not gathers(into.type):
        raise _taken(source, out, target, into)
    return Connection(source, out, target, into, strategy, promotes)


def _choices(sockets: Mapping[str, Any], name: str, given: str, component: str, kind: str) -> list[Any]:
    if not name:
        return list(sockets.values())
    if name in sockets:
        return [sockets[name]]
    listed = ", ".join(f"{known} (type {_type_name(socket.type)})" for known, socket in sockets.items()) or "none"
    raise PipelineConnectError(
        f"'{given}' does not exist. {kind} connections of {component} are: {listed}. {_suggestion(name, sockets)}"
    )


# ---- changing --------------------------------------------------------------------------------------------------------


def _make(network: Network, connection: Connection) -> None:
    output, into = connection.output, connection.input
    if connection.promotes:
        into.is_lazy_variadic = True
        into.wrap_input_in_list = False
    output.receivers.append(connection.receiver)
    into.senders.append(connection.sender)
    network.add_edge(
        connection.sender,
        connection.receiver,
        connection.key,
        conn_type=_type_name(output.type),
        from_socket=output,
        to_socket=into,
        mandatory=into.is_mandatory,
        conversion_strategy=connection.strategy,
    )


def _unmake(network: Network, connection: Connection) -> None:
    """Take back the connection that was made last."""
    output, into = connection.output, connection.input
    network.remove_edge(connection.sender, connection.receiver, connection.key)
    into.senders.pop()
    output.receivers.pop()
    if connection.promotes:
        into.is_lazy_variadic = False
        into.wrap_input_in_list = True


def _demote(socket: Any) -> None:
    """Let an input that gathered only because it had several senders take one again."""
    if len(socket.senders) <= 1 and socket.is_lazy_variadic and not socket.wrap_input_in_list:
        socket.is_lazy_variadic = False
        socket.wrap_input_in_list = True


# ---- refusing --------------------------------------------------------------------------------------------------------


def _type_name(type_: Any) -> str:
    from dtlpipe.graph.types.names import type_name

    return type_name(type_)


def _suggestion(name: str, known: Iterable[str]) -> str:
    import difflib

    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"There are: {', '.join(map(repr, names[:20]))}." if names else "There is none yet."


def _mismatch(source: str, target: str, outs: list[Any], ins: list[Any]) -> PipelineConnectError:
    status = _status(source, target, outs, ins)
    if len(outs) == len(ins) == 1:
        return PipelineConnectError(
            f"Cannot connect '{source}.{outs[0].name}' with '{target}.{ins[0].name}': "
            f"their declared input and output types do not match.\n{status}\n"
            "Change one of the types, put a component that converts between them, or build the pipeline with "
            "connection_type_validation=False."
        )
    return PipelineConnectError(
        f"Cannot connect '{source}' with '{target}': no matching connections available.\n{status}\n"
        "Declare an input or output of a type that fits."
    )


def _ambiguous(
    source: str, target: str, first: tuple[Any, Any, Any], outs: list[Any], ins: list[Any]
) -> PipelineConnectError:
    return PipelineConnectError(
        f"Cannot connect '{source}' with '{target}': more than one connection is possible between these components. "
        "Please specify the connection name, like: "
        f"pipeline.connect('{source}.{first[0].name}', '{target}.{first[1].name}').\n"
        + _status(source, target, outs, ins)
    )


def _taken(source: str, out: Any, target: str, into: Any) -> PipelineConnectError:
    return PipelineConnectError(
        f"Cannot connect '{source}.{out.name}' with '{target}.{into.name}': component '{target}' cannot accept "
        f"multiple inputs to '{into.name}' ({_type_name(into.type)}). It is already connected to component "
        f"'{into.senders[0]}'. Several senders are accepted by inputs of type list, Optional[list], a union of lists, "
        "Variadic or GreedyVariadic; else join the values in a component before."
    )


def _status(source: str, target: str, outs: Iterable[Any], ins: Iterable[Any]) -> str:
    """Return both components' sockets with their types, and who feeds the inputs."""
    lines = [f"'{source}':"]
    lines += [f" - {out.name}: {_type_name(out.type)}" for out in outs]
    lines.append(f"'{target}':")
    for into in ins:
        state = f"sent by {','.join(into.senders)}" if into.senders else "available"
        lines.append(f" - {into.name}: {_type_name(into.type)} ({state})")
    return "\n".join(lines)
