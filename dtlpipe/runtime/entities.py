"""From what travels (ids, references, wire JSON) to what a function gets: entities bound to a client of this platform.

Law: the SDK is used as any user uses it, imported on first need, and its client is made once a worker from DTLPIPE_URL
and DTLPIPE_TOKEN. An argument that comes with its wire JSON costs no request. Types that carry JSON are handed over as
they are; a value that plainly is not of its type is refused, never converted.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from dtlpipe.runtime.failures import NodeFailure
from dtlpipe.runtime.results import ENTITIES, snake


class Door(Protocol):
    """How entities of one type are had."""

    def from_wire(self, data: Mapping[str, Any]) -> Any:
        """The entity that `data`, its whole wire JSON, describes."""

    def get(self, id: str) -> Any:
        """The entity of that id, fetched."""


class SdkDoor:
    """Entities of dtlpipe: `dtlpipe.resources.<plural>.<Type>` and `client.<plural>.get(<type>_id=...)`."""

    def __init__(self, name: str, client: Any) -> None:
        self._key = f"{snake(name)}_id"
        plural = f"{snake(name)}s"
        self._class: Any = getattr(importlib.import_module(f"dtlpipe.resources.{plural}"), name)
        self._repository: Any = getattr(client, plural)
        self._session: Any = client.session

    def from_wire(self, data: Mapping[str, Any]) -> Any:
        return self._class.from_wire(data, session=self._session)

    def get(self, id: str) -> Any:
        return self._repository.get(**{self._key: id})


class DtlpyDoor:
    """Entities that dtlpipe has no class for, by the real dtlpy where it is installed."""

    def __init__(self, name: str, dtlpy: Any) -> None:
        self._key = f"{snake(name)}_id"
        self._repository: Any = getattr(dtlpy, f"{snake(name)}s")

    def from_wire(self, data: Mapping[str, Any]) -> Any:
        return self.get(data["id"])

    def get(self, id: str) -> Any:
        return self._repository.get(**{self._key: id})


def open_client() -> Any:
    """A client of the platform that runs this worker."""
    client = importlib.import_module("dtlpipe.client").Client
    return client(url=os.environ.get("DTLPIPE_URL"), token=os.environ.get("DTLPIPE_TOKEN"))


class Entities:
    """Makes arguments of entity types; keeps the client and the doors."""

    def __init__(self, client: Callable[[], Any] = open_client) -> None:
        self._open = client
        self._client: Any = None
        self.doors: dict[str, Door] = {}

    @property
    def client(self) -> Any:
        """This worker's client."""
        if self._client is None:
            self._client = self._open()
        return self._client

    def door(self, name: str) -> Door:
        """The door to entities of type `name`.

        Raises:
            NodeFailure: neither dtlpipe nor an installed dtlpy knows the type.
        """
        if name not in self.doors:
            self.doors[name] = self._find_door(name)
        return self.doors[name]

    def _find_door(self, name: str) -> Door:
        try:
            return SdkDoor(name, self.client)
        except (ModuleNotFoundError, AttributeError) as error:
            from dtlpipe.runtime import dtlpy_shim

            real = dtlpy_shim.load_real()
            if real is None or not hasattr(real, f"{snake(name)}s"):
                raise NodeFailure(
                    "exception",
                    f"Inputs of type {name} cannot be made here: dtlpipe has no class for them ({error}).",
                    kind="TypeError",
                    hint="Install dtlpy beside dtlpipe, or let the port have type Json and take the id.",
                ) from error
            return DtlpyDoor(name, real)

    def hydrate(self, argument: Mapping[str, Any], node: str) -> Any:
        """The value for a parameter.

        Raises:
            NodeFailure: the value is not of its type, or the entity cannot be fetched; names node and input.
        """
        value, type_name = argument["value"], argument["type"]
        if value is None or type_name is None:
            return value
        name, is_list = (type_name[:-2], True) if type_name.endswith("[]") else (type_name, False)
        if name not in ENTITIES and name not in _CHECKS:
            return value
        if is_list:
            if not isinstance(value, list):
                raise _mismatch(node, argument, f"a list of {name}", value)
            wires = argument.get("entity")
            wires = wires if isinstance(wires, list) and len(wires) == len(value) else [None] * len(value)
            return [self._one(name, element, wire, node, argument) for element, wire in zip(value, wires, strict=True)]
        return self._one(name, value, argument.get("entity"), node, argument)

    def _one(self, name: str, value: Any, wire: Any, node: str, argument: Mapping[str, Any]) -> Any:
        if value is None:
            return None
        if name in _CHECKS:
            if not _CHECKS[name](value):
                raise _mismatch(node, argument, _PLAIN[name], value)
            return value
        if wire is None and isinstance(value, dict) and _is_wire(value):
            wire = value
        try:
            if wire is not None:
                return self.door(name).from_wire(wire)
            entity_id = _id_of(name, value)
            if entity_id is None:
                raise _mismatch(node, argument, f"an id of {name}, {{'{snake(name)}_id': ...}} or its JSON", value)
            return self.door(name).get(entity_id)
        except (NodeFailure, MemoryError):
            raise
        except Exception as error:
            which = f"{name} {_id_of(name, value)!r}"
            raise NodeFailure(
                "exception",
                f"{node}: input {argument['name']!r} names {which}, which could not be had: {error}",
                kind=type(error).__name__,
                hint="Check that it exists in this platform and that the execution input gives the right id.",
            ) from error


def _is_wire(value: Mapping[str, Any]) -> bool:
    """Whole wire JSON has an id and more to say than one."""
    return isinstance(value.get("id"), str) and len(value) > 1


def _id_of(name: str, value: Any) -> str | None:
    if isinstance(value, dict):
        camel = name[0].lower() + name[1:] + "Id"
        value = value.get(f"{snake(name)}_id") or value.get(camel) or value.get("id")
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CHECKS: Final[dict[str, Callable[[Any], bool]]] = {
    "String": lambda value: isinstance(value, str),
    "Integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "Float": _number,
    "Number": _number,
    "Boolean": lambda value: isinstance(value, bool),
}
_PLAIN: Final = {"String": "a text", "Integer": "a whole number", "Float": "a number", "Number": "a number"} | {
    "Boolean": "true or false"
}


def _mismatch(node: str, argument: Mapping[str, Any], wanted: str, value: Any) -> NodeFailure:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    return NodeFailure(
        "exception",
        f"{node}: input {argument['name']!r} has type {argument['type']} and needs {wanted}, but got {shown}.",
        kind="TypeError",
        hint="Pass a value of that type, or change the type of the input port (Json takes anything).",
    )
