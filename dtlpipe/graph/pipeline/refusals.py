"""What is said when two components cannot be connected: the sockets, their types, who feeds them, and what to do.

Law: texts only. Whoever refuses decides; whoever reads the text needs no other tool to see why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dtlpipe.graph.errors import PipelineConnectError, PipelineValidationError
from dtlpipe.graph.types.names import type_name

__all__ = ["ambiguous", "mismatch", "no_component", "no_socket", "suggestion", "taken"]

_SHOWN = 20


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the nearest known name as a question, or some of the names that there are."""
    names = list(known)
    near = _nearest(name, names)
    if near:
        return f"Did you mean {near[0]!r}?"
    more = ", ..." if len(names) > _SHOWN else ""
    return f"There are: {', '.join(map(repr, names[:_SHOWN]))}{more}." if names else "There is none yet."


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    import difflib  # who makes no mistakes need not wait for it

    return difflib.get_close_matches(name, list(known), n=1)


def no_component(name: str, known: Iterable[str]) -> PipelineValidationError:
    """Return the error for a component that is not in the pipeline."""
    return PipelineValidationError(f"Component named {name} not found in the pipeline. {suggestion(name, known)}")


def no_socket(given: str, kind: str, component: str, name: str, sockets: Mapping[str, Any]) -> PipelineConnectError:
    """Return the error for an unknown socket, `given` as 'component.socket'. `kind` is "Input" or "Output"."""
    listed = ", ".join(f"{known} (type {type_name(socket.type)})" for known, socket in sockets.items()) or "none"
    near = _nearest(name, sockets)
    hint = f" Did you mean '{component}.{near[0]}'?" if near else ""
    return PipelineConnectError(f"'{given}' does not exist. {kind} connections of {component} are: {listed}.{hint}")


def mismatch(source: str, target: str, outs: list[Any], ins: list[Any]) -> PipelineConnectError:
    """Return the error for sockets of which no pair fits."""
    status = _status(source, target, outs, ins)
    if len(outs) == len(ins) == 1:
        return PipelineConnectError(
            f"Cannot connect '{source}.{outs[0].name}' with '{target}.{ins[0].name}': "
            f"their declared input and output types do not match.\n{status}\n"
            "Change one of the types, put a component between them that converts, or make the pipeline with "
            "connection_type_validation=False."
        )
    return PipelineConnectError(
        f"Cannot connect '{source}' with '{target}': no matching connections available.\n{status}\n"
        "Declare an input or an output of a type that fits."
    )


def ambiguous(
    source: str, target: str, first: tuple[Any, Any], outs: list[Any], ins: list[Any]
) -> PipelineConnectError:
    """Return the error for sockets of which several pairs fit; `first` serves as an example."""
    output, into = first
    return PipelineConnectError(
        f"Cannot connect '{source}' with '{target}': more than one connection is possible between these components. "
        "Please specify the connection name, like: "
        f"pipeline.connect('{source}.{output.name}', '{target}.{into.name}').\n" + _status(source, target, outs, ins)
    )


def taken(source: str, output: Any, target: str, into: Any) -> PipelineConnectError:
    """Return the error for an input that has a sender and takes only one."""
    return PipelineConnectError(
        f"Cannot connect '{source}.{output.name}' with '{target}.{into.name}': Component '{target}' cannot accept "
        f"multiple inputs to '{into.name}'. It is already connected to component '{into.senders[0]}', and its type is "
        f"{type_name(into.type)}. Inputs of type list, Optional[list], a union of lists, Variadic or GreedyVariadic "
        "accept several senders; for others put a component before it that makes one value of them."
    )


def _status(source: str, target: str, outs: Iterable[Any], ins: Iterable[Any]) -> str:
    lines = [f"'{source}':"]
    lines += [f" - {out.name}: {type_name(out.type)}" for out in outs]
    lines.append(f"'{target}':")
    for into in ins:
        state = f"sent by {','.join(into.senders)}" if into.senders else "available"
        lines.append(f" - {into.name}: {type_name(into.type)} ({state})")
    return "\n".join(lines)
