"""What is sent of an action: its name and entrypoint, and its code if it is at hand here and nowhere else.

A class (or function) that is given instead of a definition travels by value, and so does one that `@action` has
registered under the entrypoint that a definition names.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
from collections.abc import Mapping
from typing import Any

from dtlpipe.errors import CodeNotShippable
from dtlpipe.model.shipping import PYTHON
from dtlpipe.runs import actions


def definition(given: Mapping[str, Any] | Any) -> dict[str, Any]:
    """The definition as it is sent. Raises CodeNotShippable for code that cannot travel."""
    if isinstance(given, Mapping):
        known = actions.REGISTERED.get(str(given.get("entrypoint", "")).replace(":", "."))
        made = dict(given)
        return made if known is None or "code" in made else {**made, "code": packed(known)}
    if not (inspect.isclass(given) or callable(given)):
        raise CodeNotShippable(f"{given!r} is no action: give {{'name', 'entrypoint'}}, a class or a function")
    name = getattr(given, "action_name", None) or getattr(given, "_action_name", None) or given.__name__
    return {"name": str(name), "entrypoint": f"{given.__module__}.{given.__qualname__}", "code": packed(given)}


def packed(thing: Any) -> dict[str, Any]:
    """The code, by value."""
    from dtlpipe.model.pickling import by_value

    pickle = by_value(thing, getattr(thing, "__name__", "the action"))
    return {
        "pickle": base64.b64encode(pickle).decode(),
        "python": PYTHON,
        "hash": hashlib.sha256(pickle).hexdigest(),
    }
