"""What a caller gives to a run or a call: checked against ports, with references to entities made sure of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, NotFound
from mock_server.runners.entities import KINDS, element, normalised, reference_id

if TYPE_CHECKING:
    from mock_server.store.base import Store

Ports = Iterable[tuple[str, str | None]]

_PLAIN: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Number": (int, float),
    "Float": (int, float),
    "Boolean": (bool,),
}


def checked(store: Store, ports: Ports, inputs: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """The inputs, with references in the form in which they are kept. `where` names the node or service in errors.

    Raises BadRequest for a value of the wrong type and NotFound for an entity that does not exist, naming the port.
    """
    types = dict(ports)
    given: dict[str, Any] = {}
    for name, value in (inputs or {}).items():
        type = types.get(name)
        given[name] = normalised(type, value)
        _check(store, type, given[name], name, where)
    return given


def _check(store: Store, type: str | None, value: Any, port: str, where: str) -> None:
    name, many = element(type)
    if name is None or value is None:
        return
    if many:
        if not isinstance(value, list):
            raise _wrong(port, where, f"takes a list ({type})", value)
        for each in value:
            _check(store, name, each, port, where)
    elif name in KINDS:
        id = reference_id(name, value)
        if id is None:
            raise _wrong(port, where, f"takes the id of a {name.lower()}", value)
        if store.get(KINDS[name], id) is None:
            raise NotFound(f"there is no {name.lower()} {id!r}, given to port {port!r} of {where}", port=port)
    elif name in _PLAIN and (not isinstance(value, _PLAIN[name]) or (isinstance(value, bool) and name != "Boolean")):
        raise _wrong(port, where, f"takes a value of type {name}", value)


def _wrong(port: str, where: str, wanted: str, value: Any) -> BadRequest:
    return BadRequest(f"port {port!r} of {where} {wanted}, not {type(value).__name__} {value!r:.80}", port=port)
