"""Which input goes to which parameter: by name, and by nothing else.

Law: a function gets the inputs whose names it has parameters for; those it does not name are left out, unless it takes
`**kwargs`; those it names and that are not there take its default, and where it has none the execution fails and says
which. `progress` and `context` are given to functions that ask for them by name and have no input of that name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from dtlpipe.runtime.failures import NodeFailure

SPECIAL: Final = frozenset({"progress", "context"})


class Signature:
    """What a callable takes, worked out once."""

    __slots__ = ("extras", "names", "positional", "required", "specials", "text")

    def __init__(
        self,
        positional: tuple[str, ...],
        names: tuple[str, ...],
        required: tuple[str, ...],
        *,
        extras: bool,
        text: str,
    ) -> None:
        self.positional = positional
        self.names = frozenset(names)
        self.required = required
        self.extras = extras
        self.text = text
        self.specials = SPECIAL & self.names

    @classmethod
    def of(cls, call: Callable[..., Any]) -> Signature:
        """Read the signature of `call`; for one that has none (some builtins), everything is passed on by name."""
        try:
            signature = inspect.signature(call)
        except ValueError:
            return cls((), (), (), extras=True, text="(...)")
        kinds = inspect.Parameter
        parameters = signature.parameters.values()
        named = [p for p in parameters if p.kind not in {kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD}]
        return cls(
            tuple(p.name for p in named if p.kind is kinds.POSITIONAL_ONLY),
            tuple(p.name for p in named),
            tuple(p.name for p in named if p.default is kinds.empty),
            extras=any(p.kind is kinds.VAR_KEYWORD for p in parameters),
            text=f"({', '.join(_plain(p) for p in parameters)})",
        )

    def takes(self, name: str) -> bool:
        """Whether an input of this name reaches the callable."""
        return self.extras or name in self.names

    def arguments(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The call's arguments from values by name. Every required name must be among them."""
        positional: list[Any] = []
        for name in self.positional:
            if name not in values:
                break
            positional.append(values[name])
        named = {
            name: value
            for name, value in values.items()
            if name not in self.positional and (self.extras or name in self.names)
        }
        return positional, named


def require(signature: Signature, values: Mapping[str, Any], node: str, function: str) -> None:
    """Refuse the call if a parameter without a default has no value.

    Raises:
        NodeFailure: names the node, the function, the parameters, and what to do.
    """
    missing = [name for name in signature.required if name not in values]
    if not missing:
        return
    names = ", ".join(repr(name) for name in missing)
    there = ", ".join(repr(name) for name in values if name not in SPECIAL) or "none"
    raise NodeFailure(
        "exception",
        f"{node}: {function}{signature.text} is missing {_count(len(missing), 'required input')} {names} "
        f"(inputs that arrived: {there}).",
        kind="TypeError",
        hint=(
            f"Give {names} in execution_input, add an input port of that name and connect it or set its default value, "
            f"or give the parameter a default in the code."
        ),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}:"


def _plain(parameter: inspect.Parameter) -> str:
    """A parameter without its annotation, which may be long and is no help here."""
    star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else ""
    star = "**" if parameter.kind is inspect.Parameter.VAR_KEYWORD else star
    default = "" if parameter.default is inspect.Parameter.empty else f"={_short(parameter.default)}"
    return f"{star}{parameter.name}{default}"


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - node code's __repr__ is none of our business here
        return "..."
    return text if len(text) <= 40 else "..."
