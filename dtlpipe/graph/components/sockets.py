"""The sockets of a component: what it takes and gives, under the names and with the attributes of Haystack.

Law: sockets describe a component that is being built into a pipeline; they are mutable, and a pipeline notes in them
who sends and who receives. What a run needs of them is compiled into `dtlpipe.graph.ports`.

The marks of `Variadic` and `GreedyVariadic` are Haystack's own, and sockets are only ever read by attribute, so
components and annotations of both libraries mix freely.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias, TypeVar, get_args

from dtlpipe.graph.errors import ComponentError

__all__ = ["EMPTY", "GreedyVariadic", "InputSocket", "OutputSocket", "Sockets", "Variadic"]

T = TypeVar("T")

VARIADIC_MARK = "__haystack__variadic_t"
GREEDY_VARIADIC_MARK = "__haystack__greedy_variadic_t"

Variadic: TypeAlias = Annotated[Iterable[T], VARIADIC_MARK]
"""The type of an input that takes values from many senders and receives them in one list, when all have reported."""

GreedyVariadic: TypeAlias = Annotated[Iterable[T], GREEDY_VARIADIC_MARK]
"""The type of an input that takes values from many senders and makes its component run at each, in a list of one."""


def is_variadic(annotation: Any) -> bool:
    """Whether an annotation is `Variadic[...]` or `GreedyVariadic[...]`."""
    return _mark(annotation) in (VARIADIC_MARK, GREEDY_VARIADIC_MARK)


def _mark(annotation: Any) -> Any:
    return getattr(annotation, "__metadata__", (None,))[0]


class EMPTY:
    """The default of an input that has none. The class itself is the mark; it is never instantiated."""


@dataclass
class InputSocket:
    """An input of a component.

    Attributes:
        name: the parameter's name.
        type: the type of one value; `Variadic[T]` is taken apart, so that this is T.
        default_value: used when nothing arrived; `EMPTY` makes the socket mandatory.
        is_lazy_variadic: whether many senders may feed it, and it waits for all of them.
        is_greedy: whether many senders may feed it, and its component runs at each value.
        senders: names of the components that feed it.
        wrap_input_in_list: lazy variadic sockets only. False joins the arriving lists into one.

    Raises:
        ComponentError: the type is `Variadic` without an argument.
    """

    name: str
    type: Any
    default_value: Any = EMPTY
    is_lazy_variadic: bool = field(init=False, default=False)
    is_greedy: bool = field(init=False, default=False)
    senders: list[str] = field(default_factory=list)
    wrap_input_in_list: bool = True

    def __post_init__(self) -> None:
        mark = _mark(self.type)
        self.is_lazy_variadic = mark == VARIADIC_MARK
        self.is_greedy = mark == GREEDY_VARIADIC_MARK
        if self.is_variadic:
            items = get_args(get_args(self.type)[0])
            if not items or items[0] is T:
                raise ComponentError(
                    f"Variadic input '{self.name}' must have a type argument, which says what each of its values is: "
                    f"write Variadic[int], or whatever it is, instead of {self.type!r}."
                )
            self.type = items[0]

    @property
    def is_variadic(self) -> bool:
        """Whether many senders may feed this socket."""
        return self.is_greedy or self.is_lazy_variadic

    @property
    def is_mandatory(self) -> bool:
        """Whether the component cannot run without a value here. By identity: a default may define odd equality."""
        return self.default_value is EMPTY


@dataclass
class OutputSocket:
    """An output of a component.

    Attributes:
        name: the key under which `run` returns the value.
        type: the value's type.
        receivers: names of the components that it feeds.
    """

    name: str
    type: Any
    receivers: list[str] = field(default_factory=list)


class Sockets:
    """All inputs, or all outputs, of a component; each is an attribute too.

    Args:
        component: whose sockets these are.
        sockets_dict: the sockets by name; kept, not copied.
        sockets_io_type: `InputSocket` or `OutputSocket`; it alone says which they are when there are none.
    """

    __hash__ = None  # type: ignore[assignment] # mutable, and equal by content

    def __init__(
        self, component: Any, sockets_dict: dict[str, Any], sockets_io_type: type[InputSocket | OutputSocket]
    ) -> None:
        self._component = component
        self._sockets_dict = sockets_dict
        self._sockets_io_type = sockets_io_type
        for name, socket in sockets_dict.items():
            self._set_attribute(name, socket)

    def _set_attribute(self, name: str, socket: Any) -> None:
        # A socket called `get` is a key like any other, but must not take the place of the method.
        if name not in _TAKEN:
            self.__dict__[name] = socket

    def __setitem__(self, name: str, socket: Any) -> None:
        """Adds a socket, or replaces the one of that name."""
        self._sockets_dict[name] = socket
        self._set_attribute(name, socket)

    def __contains__(self, name: object) -> bool:
        return name in self._sockets_dict

    def get(self, name: str, default: Any = None) -> Any:
        """Return the socket of that name, or the default."""
        return self._sockets_dict.get(name, default)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sockets):
            return False
        return bool(
            self._sockets_io_type == other._sockets_io_type
            and self._component == other._component
            and self._sockets_dict == other._sockets_dict
        )

    def __getattr__(self, name: str) -> Any:
        known = ", ".join(map(repr, self.__dict__.get("_sockets_dict", ()))) or "none"  # none while it is unpickled
        raise AttributeError(
            f"'Sockets' object has no attribute {name!r}. There is no socket {name!r}; there is: {known}."
        )

    def _component_name(self) -> str:
        pipeline = self._component.__haystack_added_to_pipeline__
        return str(pipeline.get_component_name(self._component)) if pipeline else object.__repr__(self._component)

    def __repr__(self) -> str:
        from dtlpipe.graph.types.names import type_name

        head = "Inputs:\n" if self._sockets_io_type.__name__ == "InputSocket" else "Outputs:\n"
        return head + "\n".join(f"  - {name}: {type_name(socket.type)}" for name, socket in self._sockets_dict.items())


_TAKEN = frozenset(dir(Sockets)) | {"_component", "_sockets_dict", "_sockets_io_type"}
