"""Matching: which output and which input are meant by the two names that `connect` was given.

Law: reading only. The answer depends on the sockets' names and types, not on what is connected already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dtlpipe.graph.errors import PipelineConnectError
from dtlpipe.graph.pipeline import refusals
from dtlpipe.graph.pipeline.network import Network
from dtlpipe.graph.types.compatibility import types_are_compatible

__all__ = ["Match", "match"]


class Match(NamedTuple):
    """Two sockets that fit. `strategy`: how values have to be converted on their way, or None."""

    sender: str
    output: Any
    receiver: str
    input: Any
    strategy: Any


def match(network: Network, sender: str, receiver: str, *, check_types: bool) -> Match:
    """Return the sockets that two names, 'component.socket' or 'component', stand for.

    Among several pairs that fit, those that need no conversion come first; if there are still several, the one with
    equal names.

    Raises:
        PipelineConnectError: a socket does not exist, no pair fits or several do, or both are of one component.
        PipelineValidationError: there is no such component.
    """
    source, output_name = _parsed(sender)
    target, input_name = _parsed(receiver)
    if source == target:
        raise PipelineConnectError(
            f"Cannot connect {sender!r} with {receiver!r}. Connecting a Component to itself is not supported. "
            "Put a component between the two ends of the loop."
        )
    for name in (source, target):
        if name not in network:
            raise refusals.no_component(name, network)
    outputs = network.nodes[source]["output_sockets"]
    if not outputs:
        raise PipelineConnectError(
            f"'{source}' does not have any output connections. Please check that the output types of "
            f"'{source}.run' are set, for example by using the '@component.output_types' decorator."
        )
    inputs = network.nodes[target]["input_sockets"]
    if output_name and output_name not in outputs:
        raise refusals.no_socket(sender, "Output", source, output_name, outputs)
    if input_name and input_name not in inputs:
        raise refusals.no_socket(receiver, "Input", target, input_name, inputs)
    outs = _choices(outputs, output_name)
    ins = _choices(inputs, input_name)
    output, into, strategy = _best(source, target, outs, ins, check_types=check_types)
    return Match(source, output, target, into, strategy)


def _parsed(name: Any) -> tuple[str, str]:
    if not isinstance(name, str):
        raise PipelineConnectError(
            f"Cannot connect {name!r}: name both ends as 'component' or 'component.socket', not by a "
            f"{type(name).__name__}."
        )
    component, _, socket = name.partition(".")
    return component, socket


def _choices(sockets: Mapping[str, Any], name: str) -> list[Any]:
    return [sockets[name]] if name else list(sockets.values())


def _best(source: str, target: str, outs: list[Any], ins: list[Any], *, check_types: bool) -> tuple[Any, Any, Any]:
    fitting = []
    for output in outs:
        for into in ins:
            fits, strategy = types_are_compatible(output.type, into.type, check_types)
            if fits:
                fitting.append((output, into, strategy))
    if not fitting:
        raise refusals.mismatch(source, target, outs, ins)
    if len(fitting) > 1:
        fitting = [pair for pair in fitting if pair[2] is None] or fitting
    if len(fitting) > 1:
        namesakes = [pair for pair in fitting if pair[0].name == pair[1].name]
        if len(namesakes) != 1:
            raise refusals.ambiguous(source, target, fitting[0][:2], outs, ins)
        fitting = namesakes
    return fitting[0]
