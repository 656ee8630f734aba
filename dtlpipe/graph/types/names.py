"""Types as text: short for people, qualified for files.

Law: what is written for files names every type in full, in the form that Haystack's own files have, and reads back as
an equal type. Reading evaluates nothing: the text is parsed as an expression, of which only names, subscripts, `|` and
literal values are understood, and every dotted name is left to a function that knows what may be imported.
"""

from __future__ import annotations

import ast
import builtins
import typing
from collections.abc import Callable
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, ForwardRef, Literal, TypeAlias, Union, get_args, get_origin

from dtlpipe.graph.errors import DeserializationError, SerializationError

__all__ = ["Importer", "deserialize_type", "serialize_type", "type_name"]

Importer: TypeAlias = Callable[[str], Any]
"""Takes a dotted name and returns what it names; raises DeserializationError if that may not be, or cannot be, had."""

TEXT_LIMIT = 10_000  # characters: far beyond any annotation

_WORDS: dict[str, Any] = {"NoneType": NoneType, "Ellipsis": ...}


def type_name(type_: Any) -> str:
    """Return a type as people write it: `list[str]`, `Optional[int]`, `int | None`; without modules.

    A text, be it a value of `Literal` or an annotation that could not be resolved, is quoted.
    """
    if isinstance(type_, str):
        return f"'{type_}'"
    if type_ is NoneType:
        return "None"
    if type_ is ...:
        return "..."
    if isinstance(type_, ForwardRef):
        return f"'{type_.__forward_arg__}'"
    if isinstance(type_, list):
        return f"[{', '.join(map(type_name, type_))}]"
    args = get_args(type_)
    if isinstance(type_, UnionType):
        return " | ".join(map(type_name, args))
    name = _short_name(type_)
    return f"{name}[{', '.join(map(type_name, _shown(name, args)))}]" if args else name


def _short_name(type_: Any) -> str:
    name: str = getattr(type_, "__name__", None) or str(type_)
    return name.removeprefix("typing.").partition("[")[0]


def _shown(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments that are written: `Optional` says None by its name."""
    return tuple(arg for arg in args if arg is not NoneType) if name == "Optional" else args


def serialize_type(type_: Any) -> str:
    """Return a type with the modules of its parts, as `deserialize_type` and Haystack read it.

    Raises:
        SerializationError: a part of it is defined inside a function, or is a value that no text can hold.
    """
    if type_ is NoneType or type_ is None:
        return "None"
    if type_ is ...:
        return "..."
    if isinstance(type_, str | ForwardRef):
        return repr(type_ if isinstance(type_, str) else type_.__forward_arg__)
    if isinstance(type_, list):
        return f"[{', '.join(map(serialize_type, type_))}]"
    if isinstance(type_, UnionType):
        return " | ".join(map(serialize_type, get_args(type_)))
    return _serialize_form(type_)


def _serialize_form(type_: Any) -> str:
    origin, args = get_origin(type_), get_args(type_)
    if origin is Literal:
        return f"typing.Literal[{', '.join(map(_literal, args))}]"
    if origin is Annotated:
        return f"typing.Annotated[{', '.join((serialize_type(args[0]), *map(_literal, args[1:])))}]"
    if origin is tuple and not args:
        return f"{_full_name(type_)}[()]"
    name = _full_name(type_)
    if isinstance(type_, GenericAlias):
        shown = [_exactly(arg) for arg in args]
    else:
        # typing answers `List[int | str]` with the `List[Union[int, str]]` that it made before: write one spelling.
        shown = [
            serialize_type(Union[get_args(arg)] if isinstance(arg, UnionType) else arg)  # noqa: UP007
            for arg in _shown(_short_name(type_), args)
        ]
    return f"{name}[{', '.join(shown)}]" if shown else name


def _exactly(type_: Any) -> str:
    """Return an argument of a builtin, where None and its class are two things; in typing they are one."""
    if isinstance(type_, list):
        return f"[{', '.join(map(_exactly, type_))}]"
    return "NoneType" if type_ is NoneType else serialize_type(type_)


def _full_name(type_: Any) -> str:
    module = getattr(type_, "__module__", None)
    name = getattr(type_, "__qualname__", None) or getattr(type_, "__name__", None)
    if module is None or name is None:
        raise SerializationError(f"{type_!r} is no type that can be written by its name.")
    if "<locals>" in name:
        raise SerializationError(
            f"The type {name} is defined inside a function, where no file can find it again. Move it into a module."
        )
    return name if module == "builtins" else f"{module}.{name}"


def _literal(value: Any) -> str:
    if type(value) in {str, bytes, int, bool, NoneType}:
        return repr(value)
    raise SerializationError(f"{value!r} is part of a type and cannot be written: only texts, bytes, numbers and None.")


def deserialize_type(name: str, importer: Importer) -> Any:
    """Return the type that `serialize_type`, or Haystack, has written.

    Args:
        name: such as `list[str]`, `typing.Optional[haystack.dataclasses.document.Document]`, `int | None`.
        importer: is asked for every name with a module.

    Raises:
        DeserializationError: the text is no type, or the importer refuses a part of it.
    """
    if len(name) > TEXT_LIMIT:
        raise DeserializationError(f"A type is written in {len(name)} characters; {TEXT_LIMIT} are allowed.")
    try:
        return _read(ast.parse(name.strip(), mode="eval").body, importer)
    except (SyntaxError, ValueError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        raise DeserializationError(f"Could not deserialize type: {name[:200]!r} ({error}).") from error


def _read(node: ast.expr, importer: Importer) -> Any:
    match node:
        case ast.Constant(value=None | str() | builtins.Ellipsis as value):
            return value
        case ast.Name(id=name):
            return _bare(name)
        case ast.Attribute():
            return importer(ast.unparse(_only_names(node)))
        case ast.Subscript(value=base, slice=inner):
            return _subscripted(_read(base, importer), inner, importer)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _read(left, importer) | _read(right, importer)
        case ast.List(elts=parts):
            return [_read(part, importer) for part in parts]
        case _:
            raise ValueError(f"{ast.unparse(node)} is not understood")


def _bare(name: str) -> Any:
    if name in _WORDS:
        return _WORDS[name]
    found = getattr(builtins, name, None)
    if isinstance(found, type):
        return found
    if found is None and name in typing.__all__:
        return getattr(typing, name)
    raise ValueError(f"{name} is no type of Python's; others are written with their module")


def _only_names(node: ast.expr) -> ast.expr:
    inner = node
    while isinstance(inner, ast.Attribute):
        inner = inner.value
    if not isinstance(inner, ast.Name):
        raise ValueError(f"{ast.unparse(node)} is not understood")  # noqa: TRY004 (the text is wrong, not a type)
    return node


def _subscripted(base: Any, inner: ast.expr, importer: Importer) -> Any:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if base is Literal:
        args = [ast.literal_eval(part) for part in parts]
    elif base is Annotated:
        args = [_read(parts[0], importer), *(ast.literal_eval(part) for part in parts[1:])]
    else:
        args = [_read(part, importer) for part in parts]
    return base[args[0] if len(args) == 1 else tuple(args)]
