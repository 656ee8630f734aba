"""Dataloop code nodes as components: the function behind a node, with the node's ports as sockets.

Law: in a pipeline here, a node's function gets and gives what it would get and give on the platform.

- A value goes to the parameter of its port's name. Ports that the function has no parameter for are left out, unless it
  takes `**kwargs`.
- With several output ports, a tuple goes element by element, in the order of the ports; anything else goes to the first
  port, and the others get None. A single port gets the result whole.

What only the platform has (`progress`, `context`) the function must be able to do without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self

from dtlpipe.graph.components.decorator import component
from dtlpipe.graph.components.functions import (
    FunctionComponent,
    as_data,
    called,
    function_from_name,
    function_name,
    inputs_of,
    signature_of,
)
from dtlpipe.graph.components.outputs import OUTPUT, Outputs, outputs_of
from dtlpipe.graph.components.sockets import EMPTY, InputSocket
from dtlpipe.graph.errors import ComponentError, PipelineValidationError

__all__ = ["CodeNodeComponent"]

_SCALARS: Final[Mapping[str, Any]] = {"String": str, "Integer": int, "Float": float, "Boolean": bool}
_OF_THE_PLATFORM: Final = ("progress", "context")

Port = Mapping[str, Any]


class _Ports(Outputs):
    """The outputs of a node."""

    def named(self, result: Any, function: str) -> Mapping[str, Any]:
        names = list(self.types)
        if not names:
            return {} if result is None else {OUTPUT: result}
        if len(names) == 1 or not isinstance(result, tuple):
            return {**dict.fromkeys(names), names[0]: result}
        if len(result) != len(names):
            raise ComponentError(
                f"Function '{function}' returned {len(result)} values for {len(names)} output ports "
                f"({', '.join(map(repr, names))}). Return one value for each, None for a port that stays empty."
            )
        return dict(zip(names, result, strict=True))


@component
class CodeNodeComponent(FunctionComponent):
    """A component that calls the function of a code node.

    Args:
        function: the node's method, sync or async.
        inputs: the input ports, as `{"name", "type", "default_value"}`; types are those of the platform ("Integer").
            A type hint of the function says more than they do, and is preferred.
        outputs: the output ports, as `{"name", "type"}`.

    Raises:
        ComponentError: a parameter that needs a value has no port.
    """

    def __init__(self, function: Callable[..., Any], inputs: Iterable[Port], outputs: Iterable[Port]) -> None:
        self.outputs = None
        self.input_ports = [dict(each) for each in inputs]
        self.output_ports = [dict(each) for each in outputs]
        signature = signature_of(function)
        known = inputs_of(signature)
        _refuse_missing(function, known, [each["name"] for each in self.input_ports])
        self._named = None if signature.takes_keywords else frozenset(known)
        sockets = {each["name"]: _input(each, known.get(each["name"])) for each in self.input_ports}
        hints = list(outputs_of(signature.returned).types.values())
        if len(hints) != len(self.output_ports):
            hints = [Any] * len(self.output_ports)
        types = zip(self.output_ports, hints, strict=True)
        ports = _Ports({port["name"]: _type(port["type"]) if hint is Any else hint for port, hint in types})
        self._take(function, signature, sockets, ports)

    @classmethod
    def of(cls, node: Any, function: Callable[..., Any] | None = None) -> Self:
        """Return the component for a node.

        Args:
            node: has `name`, `inputs` and `outputs`, and the function as `method`, as a node has that was made here.
            function: instead of the node's own, for a node that was read from a platform.

        Raises:
            PipelineValidationError: the node has no function.
            ComponentError: a parameter that needs a value has no port.
        """
        method = getattr(node, "method", None) if function is None else function
        if not callable(method):
            raise PipelineValidationError(
                f"Node {node.name!r} has no function here that could be called: only code nodes have one, and only "
                "where they are made with it. Add CodeNodeComponent.of(node, function), or the function itself."
            )
        inputs = [{**_port(each), "default_value": each.default_value} for each in node.inputs]
        return cls(method, inputs, [_port(each) for each in node.outputs])

    def _call(self, inputs: dict[str, Any]) -> Any:
        if self._named is not None:
            inputs = {name: value for name, value in inputs.items() if name in self._named}
        return super()._call(inputs)

    def to_dict(self) -> dict[str, Any]:
        """Return the component as plain data, which names the function.

        Raises:
            SerializationError: the function cannot be found by its name.
        """
        ports = {"inputs": self.input_ports, "outputs": self.output_ports}
        return as_data(type(self), {"function": function_name(self.function), **ports})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the component that `to_dict` described.

        Raises:
            DeserializationError: the function may not be imported, or cannot be.
        """
        parameters = data["init_parameters"]
        function = function_from_name(parameters["function"])
        return cls(function, parameters["inputs"], parameters["outputs"])


def _port(port: Any) -> dict[str, Any]:
    kind = port.input_type
    return {"name": port.name, "type": str(getattr(kind, "value", kind))}


def _input(port: Port, known: InputSocket | None) -> InputSocket:
    """The socket of a port; `known` is that of the parameter of its name, if there is one."""
    given = port.get("default_value")
    if known is None:  # nobody waits for what nobody takes
        return InputSocket(port["name"], _type(port["type"]), given)
    kind = _type(port["type"]) if known.type is Any else known.type
    return InputSocket(port["name"], kind, known.default_value if given is None else given)


def _type(name: str) -> Any:
    """The type of the values of a port; entities and Json are whatever they are."""
    if name.endswith("[]"):
        return list[_type(name.removesuffix("[]"))]  # type: ignore[misc]
    return _SCALARS.get(name, Any)


def _refuse_missing(function: Callable[..., Any], known: Mapping[str, InputSocket], ports: list[str]) -> None:
    missing = [name for name, each in known.items() if each.default_value is EMPTY and name not in ports]
    if missing:
        remedy = (
            "Only the platform gives them; give them a default of None to use the function here, too."
            if set(missing) <= set(_OF_THE_PLATFORM)
            else "Add input ports of these names, or give the parameters defaults."
        )
        names = ", ".join(map(repr, missing))
        raise ComponentError(f"Function '{called(function)}' needs {names}, and its node has no such port. {remedy}")
