"""Sockets: where values enter and leave a node.

Law: a socket says how many values it wants and when; it never holds one. What has arrived belongs to a run.

| kind     | senders | a visit receives                          | its node becomes runnable                   |
|----------|---------|-------------------------------------------|---------------------------------------------|
| standard | one     | the latest value                          | when the sender has reported                |
| lazy     | many    | a list of all values, in order of arrival | when all senders have reported              |
| greedy   | many    | a list of the one latest value            | at once, before everything else, and alone  |
| stream   | many    | the oldest value that no visit has had    | at every value: a visit each, none is lost  |

The first three are Haystack's. `stream` is for ports that several connections feed and where each arrival is work of
its own. A node that has a stream socket keeps the values of its standard sockets for its later visits (broadcast).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["NO_DEFAULT", "NO_OUTPUT", "InputPort", "Mark", "OutputPort", "PortKind"]


class Mark(enum.Enum):
    """Markers that are not values. Enum members stay themselves under copy and pickle, so identity tests are safe."""

    NO_DEFAULT = "no default"
    NO_OUTPUT = "no output"
    EMPTY = "empty"

    def __repr__(self) -> str:
        return f"<{self.value}>"


NO_DEFAULT = Mark.NO_DEFAULT
"""The default of a socket that has none: the socket is mandatory."""

NO_OUTPUT = Mark.NO_OUTPUT
"""Says that a sender ran and produced nothing for a socket. `None`, by contrast, is a value."""


class PortKind(enum.Enum):
    """How an input socket treats what arrives; see the module's table."""

    STANDARD = "standard"
    LAZY = "lazy"
    GREEDY = "greedy"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class InputPort:
    """An input of a node.

    Attributes:
        name: unique among the node's inputs.
        kind: see the module's table; its string value is accepted too.
        type: the type of one value; the engine itself never looks at it.
        default_value: used when nothing arrived; `NO_DEFAULT` makes the socket mandatory.
        wrap_input_in_list: lazy sockets only. False joins the arriving lists into one instead of listing them.
    """

    name: str
    kind: PortKind = PortKind.STANDARD
    type: Any = Any
    default_value: Any = NO_DEFAULT
    wrap_input_in_list: bool = True

    def __post_init__(self) -> None:
        if type(self.kind) is not PortKind:
            object.__setattr__(self, "kind", PortKind(self.kind))

    @property
    def is_mandatory(self) -> bool:
        return self.default_value is NO_DEFAULT

    @property
    def is_variadic(self) -> bool:
        return self.kind in (PortKind.LAZY, PortKind.GREEDY)

    @property
    def takes_many_senders(self) -> bool:
        return self.kind is not PortKind.STANDARD


class OutputPort(NamedTuple):
    """An output of a node. Several connections may leave it; each receives the same value."""

    name: str
    type: Any = Any
