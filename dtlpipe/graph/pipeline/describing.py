"""What a pipeline says of itself: its open inputs and outputs, and its text.

Law: reading only.
"""

from __future__ import annotations

from typing import Any

from dtlpipe.graph.pipeline.network import Network

__all__ = ["inputs", "outputs", "text"]

Description = dict[str, dict[str, Any]]


def inputs(network: Network, *, connected: bool) -> Description:
    """Return what may be given to the components: `{component: {socket: {type, is_mandatory, default_value}}}`.

    Variadic inputs are always among them, since they take values from outside too. An input that somebody feeds is not
    mandatory. `connected`: list the other inputs that somebody feeds as well.
    """
    result: Description = {}
    for name, data in network.nodes.items():
        own = {
            socket.name: _described(socket)
            for socket in data["input_sockets"].values()
            if connected or not socket.senders or socket.is_variadic
        }
        if own:
            result[name] = own
    return result


def outputs(network: Network, *, connected: bool) -> Description:
    """Return what the pipeline gives: `{component: {socket: {type}}}`. `connected`: also what components receive."""
    result: Description = {}
    for name, data in network.nodes.items():
        own = {
            socket.name: {"type": socket.type}
            for socket in data["output_sockets"].values()
            if connected or not socket.receivers
        }
        if own:
            result[name] = own
    return result


def text(head: str, metadata: dict[str, Any], network: Network) -> str:
    """Return the pipeline's text, a line for each component and connection, under its first line `head`."""
    lines = [head]
    if metadata:
        lines += ["🧱 Metadata", *(f"  - {key}: {value}" for key, value in metadata.items())]
    lines.append("🚅 Components")
    lines += [f"  - {name}: {type(instance).__name__}" for name, instance in network.nodes(data="instance")]
    lines.append("🛤️ Connections")
    for sender, receiver, edge in network.edges(data=True):
        output, into = edge["from_socket"].name, edge["to_socket"].name
        lines.append(f"  - {sender}.{output} -> {receiver}.{into} ({edge['conn_type']})")
    return "\n".join(lines) + "\n"


def _described(socket: Any) -> dict[str, Any]:
    described = {"type": socket.type, "is_mandatory": socket.is_mandatory and not socket.senders}
    if not socket.is_mandatory:
        described["default_value"] = socket.default_value
    return described
