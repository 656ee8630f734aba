"""Packages: versioned code (package > module > function), and the typed inputs of functions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model.enums import ENTITY_TYPES, PackageInputType
from dtlpipe.model.struct import Struct, field

_NAMES = {each: each.lower() for each in ENTITY_TYPES}


@attrs.define(slots=False)
class FunctionIO(Struct):
    """A typed, named value: `FunctionIO(type=dl.PackageInputType.STRING, value='test', name='string')`.

    Without a name, an entity type names itself ('item', 'dataset', ...) and anything else is 'config'.
    """

    type: PackageInputType = field(converter=PackageInputType)
    value: Any = field(None)
    name: str = field("")
    actions: list[str] | None = field(None)
    description: str | None = field(None)

    def __attrs_post_init__(self) -> None:
        if not self.name:
            self.name = _NAMES.get(self.type.value, "config")


@attrs.define(slots=False, kw_only=True)
class PackageFunction(Struct):
    """A function and its typed inputs and outputs."""

    name: str = field("run")
    description: str | None = field(None)
    inputs: list[FunctionIO] = field(factory=list, wire="input")
    outputs: list[FunctionIO] = field(factory=list, wire="output")


@attrs.define(slots=False, kw_only=True)
class PackageModule(Struct):
    """Functions that share a class and its initialisation."""

    name: str = field("default_module")
    class_name: str = field("ServiceRunner")
    entry_point: str = field("main.py")
    init_inputs: list[FunctionIO] = field(factory=list)
    functions: list[PackageFunction] = field(factory=list)

    def function(self, name: str) -> PackageFunction | None:
        return next((each for each in self.functions if each.name == name), None)


@attrs.define(slots=False, kw_only=True)
class Package(Struct):
    """Versioned code: modules of functions."""

    id: str = field("")
    name: str = field("")
    project_id: str | None = field(None)
    version: str | None = field(None)
    modules: list[PackageModule] = field(factory=list)
    codebase: dict[str, Any] | None = field(None)
    metadata: dict[str, Any] | None = field(None)
    creator: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
