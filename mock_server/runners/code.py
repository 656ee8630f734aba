"""Code nodes, function nodes and calls of services: shipped code, run in a process of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from dtlpipe.errors import NotFound
from mock_server.executors.base import Argument, Code, Job
from mock_server.runners import packaged, registered
from mock_server.runners.blueprint import service_settings
from mock_server.runners.entities import lookup
from mock_server.store.base import Kind

if TYPE_CHECKING:
    from mock_server.runners.blueprint import NodeSpec
    from mock_server.store.base import Document, ExecutionRow, Store


@attrs.frozen
class Setting:
    """What jobs are made in: the store, and what holds for code whose service says nothing.

    Attributes:
        store: where entities are looked up.
        show_item: an item as node code gets it, with the urls of today.
        timeout: seconds that code may run.
        memory_limit: bytes that it may take.
    """

    store: Store
    show_item: Callable[[Document], Document]
    timeout: float
    memory_limit: int | None = None


def code_of(package: Mapping[str, Any], function_name: str) -> Code:
    """The code in a node's `config.package`, or in a package's own record of it."""
    source, pickle = package.get("code") or package.get("source"), package.get("pickle")
    digest = package.get("hash") or hashlib.sha256(f"{function_name}\n{source}\n{pickle}".encode()).hexdigest()
    return Code(
        hash=digest,
        function_name=function_name,
        source=source,
        pickle=pickle,
        python=package.get("python"),
        class_name=package.get("className") or "ServiceRunner",
        name=package.get("name"),
        init_inputs=package.get("initParams") or {},
    )


@attrs.frozen
class _Shape:
    """What all jobs of a node have in common; `code` is None if a service has it."""

    spec: NodeSpec
    function_name: str
    code: Code | None
    types: Mapping[str, str | None]
    outputs: tuple[tuple[str, str | None], ...]


#: By the identity of the node's spec, which is kept with it, and so is not another's.
_shapes: dict[int, _Shape] = {}
_SHAPES = 2048


def _shape(spec: NodeSpec, function_name: str) -> _Shape:
    """The node's shape; worked out once, as specs never change."""
    found = _shapes.get(id(spec))
    if found is None or found.function_name != function_name:
        package = (spec.document.get("config") or {}).get("package")
        found = _Shape(
            spec,
            function_name,
            None if package is None else code_of(package, function_name),
            {port.name: port.type for port in spec.inputs},
            tuple((port.name, port.type) for port in spec.outputs),
        )
        if len(_shapes) >= _SHAPES:
            _shapes.clear()
        _shapes[id(spec)] = found
    return found


def node_job(setting: Setting, row: ExecutionRow, spec: NodeSpec) -> Job:
    """A node's execution: its own code, or that of the service that it names."""
    shape = _shape(spec, row.function_name)
    return Job(
        execution_id=row.id,
        fence=row.fence,
        code=shape.code or _service_code(setting.store, spec.service_name, row.function_name),
        arguments=_arguments(setting, row, shape.types),
        outputs=shape.outputs,
        node=spec.name,
        context=_context(row, spec.name),
        timeout=spec.timeout or setting.timeout,
        memory_limit=spec.memory_limit or setting.memory_limit,
        runtime=dict(((spec.document.get("metadata") or {}).get("serviceConfig") or {}).get("runtime") or {}),
    )


def call_job(setting: Setting, row: ExecutionRow) -> Job:
    """A call of a service. Raises NotFound, naming it, if the service, its code or the function is gone."""
    service = setting.store.get(Kind.SERVICE, row.service_id or "")
    if service is None:
        raise NotFound(f"service {row.service_name or row.service_id} is gone", hint="deploy or install it again")
    brought = registered.call_job(setting, row, service)
    if brought is not None:
        return brought
    package = _package(setting.store, service)
    function = _function(package, service, row.function_name)
    timeout, memory_limit, _ = service_settings(service)
    return Job(
        execution_id=row.id,
        fence=row.fence,
        code=_code_for(setting.store, service, package, row.function_name),
        arguments=_arguments(setting, row, {each["name"]: each.get("type") for each in function.get("input") or ()}),
        outputs=tuple((each["name"], each.get("type")) for each in function.get("output") or ()),
        node=row.service_name,
        context=_context(row, None),
        timeout=timeout or setting.timeout,
        memory_limit=memory_limit or setting.memory_limit,
        runtime=dict(service.get("runtime") or {}),
    )


def _arguments(setting: Setting, row: ExecutionRow, types: Mapping[str, str | None]) -> tuple[Argument, ...]:
    """The types of undeclared arguments follow their names, as the field's SDK has it: `item` is an Item."""
    return tuple(
        Argument(name, type, value, _shown(setting, type, lookup(setting.store, type, value)))
        for name, value in row.input.items()
        for type in (types.get(name) or _TYPE_BY_NAME.get(name),)
    )


def _shown(setting: Setting, type: str | None, found: Any) -> Any:
    if isinstance(found, list):
        return [_shown(setting, type, each) for each in found]
    return setting.show_item(found) if found is not None and type in ("Item", "Item[]") else found


_TYPE_BY_NAME = {"item": "Item", "dataset": "Dataset", "project": "Project", "annotation": "Annotation"}


def _context(row: ExecutionRow, node_name: str | None) -> dict[str, Any]:
    return {
        "execution_id": row.id,
        "pipeline_id": row.pipeline_id,
        "pipeline_execution_id": row.run_id,
        "node_id": row.node_id,
        "node_name": node_name,
        "service_id": row.service_id,
        "service_name": row.service_name,
        "function_name": row.function_name,
        "project_id": row.project_id,
        "attempt": row.attempt,
        "idempotency_key": _idempotency_key(row),
    }


def _idempotency_key(row: ExecutionRow) -> str:
    """The same for every attempt, and after every restart: what node code gives to others that must not do it twice."""
    if row.run_id is None:
        return row.id
    return f"{row.run_id}:{row.node_id}" + (f":{row.visit}" if row.visit else "")


def _service_code(store: Store, service_name: str | None, function_name: str) -> Code:
    found = store.find(Kind.SERVICE, {"pageSize": 1}, where={"name": service_name}).items
    if not found:
        raise NotFound(f"there is no service {service_name!r}", hint="install the pipeline again")
    return _code_for(store, found[0], _package(store, found[0]), function_name)


def _package(store: Store, service: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the service runs, at the revision that it is of."""
    package = store.get(Kind.PACKAGE, service.get("packageId") or "", private=True)
    if package is None:
        raise NotFound(f"the package of service {service['name']!r} is gone", hint="deploy or install it again")
    return package if package.get("_code") else packaged.at_revision(package, service.get("packageRevision"))


def _code_for(store: Store, service: Mapping[str, Any], package: Mapping[str, Any], function_name: str) -> Code:
    if package.get("_code"):
        return code_of(package["_code"], function_name)
    return packaged.packaged_code(store, service, package, function_name, service.get("initParams") or {})


def _function(package: Mapping[str, Any], service: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for _, function in packaged.functions_of(package, service.get("moduleName")):
        if function.get("name") == name:
            return function
    raise NotFound(f"service {service['name']!r} has no function {name!r}")
