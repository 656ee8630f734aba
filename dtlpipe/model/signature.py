"""A node's ports, read from its function: parameters are inputs, the returned value is outputs, type hints are types.

| written                                        | port                                                              |
|------------------------------------------------|-------------------------------------------------------------------|
| `x: dl.Item`, `dl.Dataset`, ... (either SDK's) | of that entity's type                                             |
| `x: str`, `int`, `float`, `bool`               | String, Integer, Float, Boolean; a subclass as its base           |
| `x: list[T]` and its like                      | `T[]`; a list of Json is Json                                     |
| `x: X | None`, `Annotated[X, ...]`             | as X; a union whose members differ is Json (int | float is Float) |
| anything else (dict, Any, models)              | Json                                                              |
| no hint, named `item`, `dataset`, ...          | of that entity's type                                             |
| no hint otherwise                              | Json                                                              |
| `x=5`                                          | `default_value` 5, also when it is 0, False or ''                 |
| `progress`, `context`, `self`, `*a`, `**k`     | no port                                                           |
| `-> None`                                      | no output                                                         |
| `-> tuple[A, B]`, a named tuple                | one output an element, element i to output i                      |
| no return hint                                 | `item` if there is an input `item` of type Item, else `output`    |

An output of an entity type is named as the input of the same type if there is one of each, else after its type. Others
are called `output`, or `output_1` for the second element of a tuple, and so on; a named tuple names its own.
"""

from __future__ import annotations

import ast
import collections.abc
import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

import attrs

from dtlpipe.errors import CodeNotShippable
from dtlpipe.model.definition import closed_over
from dtlpipe.model.enums import ENTITY_TYPES, PackageInputType
from dtlpipe.model.package import FunctionIO
from dtlpipe.model.pipeline import PipelineNodeIO

#: How a port may be given: a port, a typed value of the field's SDK, or a name and a type.
PortLike = PipelineNodeIO | FunctionIO | tuple[str, Any]

_NOT_PORTS: Final = frozenset({"progress", "context", "self"})
_BY_NAME: Final = {each.lower(): PackageInputType(each) for each in ENTITY_TYPES}
_SCALARS: Final = (
    (bool, PackageInputType.BOOLEAN),  # before int, of which it is a kind
    (int, PackageInputType.INT),
    (float, PackageInputType.FLOAT),
    (str, PackageInputType.STRING),
)
_SEQUENCES: Final = (list, tuple, set, frozenset, collections.abc.Iterable)
_JSON: Final = PackageInputType.JSON


@attrs.frozen
class Ports:
    """The ports of a node, in order."""

    inputs: list[PipelineNodeIO]
    outputs: list[PipelineNodeIO]


def ports_of(function: Callable[..., Any]) -> Ports:
    """The ports that a function's signature says.

    Raises:
        CodeNotShippable: two outputs would have the same name.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # some builtins have none
        return Ports([port(("item", PackageInputType.ITEM))], [port(("item", PackageInputType.ITEM))])
    resolve = _Resolver(function)
    inputs = [_input(each, resolve) for each in signature.parameters.values() if _is_port(each)]
    return Ports(inputs, _outputs(resolve(signature.return_annotation), inputs))


def port(given: object) -> PipelineNodeIO:
    """A port from any of its forms. Raises TypeError for anything else, ValueError for a type that there is not."""
    if isinstance(given, PipelineNodeIO):
        return given
    if isinstance(given, FunctionIO):
        return PipelineNodeIO(
            input_type=given.type,
            name=given.name,
            default_value=given.value,
            actions=given.actions,
            description=given.description,
        )
    if isinstance(given, tuple) and len(given) == 2:
        name, kind = given
        return PipelineNodeIO(
            name=name, input_type=PackageInputType(kind) if isinstance(kind, str) else port_type(kind)
        )
    raise TypeError(f"a port is a PipelineNodeIO, a FunctionIO or (name, type), not {given!r}")


def _is_port(parameter: inspect.Parameter) -> bool:
    various = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return not various and parameter.name not in _NOT_PORTS


def _input(parameter: inspect.Parameter, resolve: _Resolver) -> PipelineNodeIO:
    if parameter.annotation is inspect.Parameter.empty:
        kind = _BY_NAME.get(parameter.name, _JSON)
    else:
        kind = port_type(resolve(parameter.annotation))
    default = parameter.default
    return PipelineNodeIO(
        name=parameter.name,
        input_type=kind,
        default_value=default if default is not inspect.Parameter.empty and _survives_json(default) else None,
    )


def _survives_json(value: Any) -> bool:
    """Whether a default can stand on the port; what JSON would change (a tuple) stays the function's own business."""
    try:
        again = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return False
    return type(again) is type(value) and bool(again == value)


# -- Types ------------------------------------------------------------------------------------------------------------


class _Unresolved(str):
    """A string annotation whose names mean nothing here (imported for type checkers alone, say)."""

    __slots__ = ()


class _Resolver:
    """Turns string annotations into what they stand for, one by one: one that fails spoils no other."""

    def __init__(self, function: Any) -> None:
        raw = inspect.unwrap(getattr(function, "func", function))
        raw = getattr(raw, "__func__", raw)
        if not isinstance(raw, types.FunctionType) and callable(raw):
            raw = getattr(type(raw).__call__, "__func__", type(raw).__call__)
        self._globals = dict(getattr(raw, "__globals__", {}))
        if isinstance(raw, types.FunctionType):
            self._globals.update(closed_over(raw))

    def __call__(self, annotation: Any) -> Any:
        if not isinstance(annotation, str):
            return annotation
        try:
            return eval(annotation, self._globals)  # noqa: S307 - the user's own annotation, in the user's own process
        except Exception:  # noqa: BLE001 - an annotation may be anything at all
            return _Unresolved(annotation)


def port_type(annotation: Any) -> PackageInputType:  # noqa: PLR0911 - a table with one line a kind
    """The port type of an annotation, after the table at the head of this module."""
    if isinstance(annotation, PackageInputType):
        return annotation
    if isinstance(annotation, (str, typing.ForwardRef)):
        return _from_text(annotation if isinstance(annotation, str) else annotation.__forward_arg__)
    if isinstance(annotation, typing.NewType):
        return port_type(annotation.__supertype__)
    if isinstance(annotation, typing.TypeVar):
        return port_type(annotation.__bound__) if annotation.__bound__ is not None else _JSON
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return port_type(args[0])
    if origin in (typing.Union, types.UnionType):
        return _common([port_type(each) for each in args if each is not type(None)])
    if origin is typing.Literal:
        return _common([port_type(type(each)) for each in args if each is not None])
    if origin in (collections.abc.Awaitable, collections.abc.Coroutine):
        return port_type(args[-1])
    if isinstance(origin, type) and args and _is_sequence(origin):
        return _list_of(_common([port_type(each) for each in args if each is not Ellipsis]))
    return _of_class(origin or annotation)


def _of_class(cls: Any) -> PackageInputType:
    if not isinstance(cls, type):
        return _JSON
    for each in cls.__mro__:
        if each.__module__.partition(".")[0] in ("dtlpipe", "dtlpy") and each.__name__ in ENTITY_TYPES:
            return PackageInputType(each.__name__)
    if issubclass(cls, Enum) and not issubclass(cls, (str, int)):
        return _JSON
    return next((kind for base, kind in _SCALARS if issubclass(cls, base)), _JSON)


def _is_sequence(origin: type) -> bool:
    lazy = issubclass(origin, (collections.abc.Mapping, collections.abc.Iterator, collections.abc.AsyncIterable))
    return not lazy and issubclass(origin, _SEQUENCES)


def _common(kinds: list[PackageInputType]) -> PackageInputType:
    if set(kinds) == {PackageInputType.INT, PackageInputType.FLOAT}:
        return PackageInputType.FLOAT
    return kinds[0] if len(set(kinds)) == 1 else _JSON


def _list_of(kind: PackageInputType) -> PackageInputType:
    """Json holds lists, so a list of it is Json; a list of lists has no type of its own."""
    return _JSON if kind is _JSON or kind.endswith("[]") else PackageInputType(f"{kind}[]")


_WORDS: Final[Mapping[str, Any]] = {
    **{each: PackageInputType(each) for each in ENTITY_TYPES},
    **{base.__name__: base for base, _ in _SCALARS},
    "None": None,
}


def _from_text(text: str) -> PackageInputType:
    """The best reading of an annotation that cannot be evaluated: `dl.Item`, `list["dl.Item"]`, `Item | None`."""
    try:
        return port_type(_read(ast.parse(text.strip(), mode="eval").body))
    except (SyntaxError, ValueError, TypeError):
        return _JSON


def _read(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _read(ast.parse(node.value.strip(), mode="eval").body)
    if isinstance(node, (ast.Name, ast.Attribute)):
        return _WORDS.get(node.id if isinstance(node, ast.Name) else node.attr, object)
    if isinstance(node, ast.BinOp):
        arms = [each for each in (_read(node.left), _read(node.right)) if each is not None]
        return _common([port_type(each) for each in arms])
    if isinstance(node, ast.Subscript):
        outer = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
        if outer == "Optional":
            return _read(node.slice)
        if (
            outer in ("tuple", "Tuple")
            and isinstance(node.slice, ast.Tuple)
            and ast.unparse(node.slice.elts[-1]) == "..."
        ):
            return _list_of(port_type(_read(node.slice.elts[0])))
        if outer in ("list", "List", "Sequence", "Iterable", "set", "Set", "Collection"):
            return _list_of(port_type(_read(node.slice)))
    return None if isinstance(node, ast.Constant) and node.value is None else object


# -- Outputs ----------------------------------------------------------------------------------------------------------


def _outputs(returned: Any, inputs: list[PipelineNodeIO]) -> list[PipelineNodeIO]:
    if returned is inspect.Signature.empty:
        if any((each.name, each.input_type) == ("item", PackageInputType.ITEM) for each in inputs):
            return [port(("item", PackageInputType.ITEM))]
        return [port(("output", _JSON))]
    if returned in (None, type(None), typing.NoReturn, typing.Never) or returned == "None":
        return []
    fields = _fields(returned)
    if fields is not None:
        return [PipelineNodeIO(name=name, input_type=port_type(each)) for name, each in fields.items()]
    kinds = [port_type(each) for each in _elements(returned)]
    names = [_output_name(kind, index, kinds, inputs) for index, kind in enumerate(kinds)]
    for index, name in enumerate(names):
        if name in names[:index]:
            names[index] = f"{name}_{index}"
    if len(set(names)) < len(names):
        raise CodeNotShippable(
            f"the outputs {names} are not told apart by their names", hint="give outputs=[(name, type), ...]"
        )
    return [PipelineNodeIO(name=name, input_type=kind) for name, kind in zip(names, kinds, strict=True)]


def _elements(returned: Any) -> list[Any]:
    """What goes to an output each: the elements of `tuple[A, B]`, or the value as a whole."""
    if isinstance(returned, _Unresolved):
        try:
            tree = ast.parse(returned.strip(), mode="eval").body
        except SyntaxError:
            return [returned]
        is_tuple = isinstance(tree, ast.Subscript) and ast.unparse(tree.value).rpartition(".")[2] in ("tuple", "Tuple")
        if is_tuple and isinstance(tree, ast.Subscript) and isinstance(tree.slice, ast.Tuple):
            texts = [ast.unparse(each) for each in tree.slice.elts]
            return [returned] if "..." in texts else texts
        return [returned]
    args = typing.get_args(returned)
    if typing.get_origin(returned) in (collections.abc.Awaitable, collections.abc.Coroutine):
        return _elements(args[-1])
    if typing.get_origin(returned) is tuple and Ellipsis not in args:
        return list(args)
    return [returned]


def _fields(returned: Any) -> dict[str, Any] | None:
    """The fields of a named tuple, or None."""
    if isinstance(returned, type) and issubclass(returned, tuple) and hasattr(returned, "_fields"):
        hints = inspect.get_annotations(returned)
        return {name: hints.get(name, object) for name in returned._fields}
    return None


def _output_name(
    kind: PackageInputType, index: int, kinds: list[PackageInputType], inputs: list[PipelineNodeIO]
) -> str:
    entity = kind.removesuffix("[]")
    if entity in ENTITY_TYPES:
        alike = [each.name for each in inputs if each.input_type == kind]
        return alike[0] if len(alike) == 1 and kinds.count(kind) == 1 else entity.lower()
    return f"output_{index}" if index else "output"
