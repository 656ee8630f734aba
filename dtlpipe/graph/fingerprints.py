"""Fingerprints: one short text for equal values, the same in every process.

Law: equal fingerprints mean equal values, as far as a component can tell; therefore the order of a dictionary counts,
and 1, 1.0 and True are three values. A value of which it cannot be known what it holds has no fingerprint: it is never
guessed, not by address, not by `repr` of a stranger, not by pickling.

Known are: None, numbers, texts, bytes, the plain containers and named tuples, enums, dates and times, paths, UUIDs,
classes at the top of a module, and instances of dataclasses and attrs classes that hold nothing beside their fields.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import hashlib
import inspect
import pathlib
import uuid
from collections.abc import Iterable
from types import CodeType
from typing import Any

import attrs

from dtlpipe.errors import DtlpipeError

__all__ = ["NoFingerprint", "code_of", "fingerprint"]

DEPTH = 100

_BY_REPR = (
    bool,
    complex,
    dt.date,
    dt.time,
    dt.datetime,
    dt.timedelta,
    decimal.Decimal,
    fractions.Fraction,
    pathlib.PurePosixPath,
    pathlib.PureWindowsPath,
    pathlib.PosixPath,
    pathlib.WindowsPath,
    range,
    uuid.UUID,
    type(None),
    type(...),
)


_CONTENT = (str, bytes, int, float, complex, tuple, list, dict, set, frozenset)


class NoFingerprint(DtlpipeError, TypeError):
    """A value, or something in it, is of a kind whose content cannot be known, or is nested too deeply."""


def fingerprint(value: Any) -> str:
    """Return 64 hexadecimal digits.

    Raises:
        NoFingerprint: the value, or something in it, is not of the kinds that are known.
    """
    return _digest(value, DEPTH).hex()


def code_of(function: Any) -> list[Any] | None:
    """Return what a function does, as a value that has a fingerprint; None if it is not written in Python.

    It is the function's own code, not that of the functions that it calls.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    return None if code is None else _code(code)


def _code(code: CodeType) -> list[Any]:
    constants = [_code(each) if isinstance(each, CodeType) else each for each in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants]


def _digest(value: Any, depth: int) -> bytes:
    if not depth:
        raise NoFingerprint(f"A value is nested more than {DEPTH} deep, or contains itself.")
    kind = type(value)
    if kind is str:
        return _hashed("str", value.encode("utf-8", "surrogatepass"))
    if kind is int:
        return _hashed("int", f"{value:x}".encode())  # decimal digits are limited in number, and slow
    if kind is float:
        return _hashed("float", value.hex().encode())
    if kind is bytes or kind is bytearray:
        return _hashed(kind.__name__, bytes(value))
    if kind in _BY_REPR:
        return _hashed(_name(kind), _of_repr(value))
    if kind in {list, tuple, dict, set, frozenset}:
        return _hashed(kind.__name__, _content(value, depth))
    return _digest_instance(kind, value, depth)


def _content(value: Any, depth: int) -> bytes:
    if isinstance(value, dict):
        return _each((part for item in value.items() for part in item), depth)
    if isinstance(value, (set, frozenset)):
        return b"".join(sorted(_digest(item, depth - 1) for item in value))
    return _each(value, depth)


def _digest_instance(kind: type, value: Any, depth: int) -> bytes:
    if isinstance(value, enum.Enum):
        return _hashed("enum", f"{_name(kind)}.{value.name}".encode())
    if isinstance(value, type):
        return _hashed("class", _name(value).encode())
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return _hashed(_name(kind), _each(value, depth))
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    elif attrs.has(kind):
        names = [field.name for field in attrs.fields(kind)]
    else:
        raise NoFingerprint(f"A {kind.__qualname__} has no fingerprint: what it holds is not known.")
    extra = sorted(getattr(value, "__dict__", {}).keys() - set(names))
    if extra or not all(hasattr(value, name) for name in names) or isinstance(value, _CONTENT):
        raise NoFingerprint(f"A {kind.__qualname__} has no fingerprint: it holds other things than its fields. {extra}")
    return _hashed(_name(kind), _each((part for name in names for part in (name, getattr(value, name))), depth))


def _each(parts: Iterable[Any], depth: int) -> bytes:
    return b"".join([_digest(part, depth - 1) for part in parts])


def _of_repr(value: Any) -> bytes:
    """Return what is known of a value by its `repr`; a time zone is known if it is one of the standard library's."""
    zone = getattr(value, "tzinfo", None)
    if zone is not None and type(zone).__module__ not in {"datetime", "zoneinfo"}:
        raise NoFingerprint(f"A {type(zone).__qualname__} has no fingerprint: it is no time zone of Python's own.")
    return f"{value!r} {getattr(value, 'fold', '')}".encode()


def _name(kind: type) -> str:
    if "<locals>" in kind.__qualname__ or kind.__module__ == "__main__":
        raise NoFingerprint(f"{kind.__qualname__} has no name that other processes know it by. Move it into a module.")
    return f"{kind.__module__}.{kind.__qualname__}"


def _hashed(kind: str, content: bytes) -> bytes:
    return hashlib.sha256(kind.encode() + b"\0" + content).digest()
