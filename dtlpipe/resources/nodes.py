"""Builders of nodes: from a function, from a function of a service, from a dataset. On the wire they are plain nodes.

Law: building a node sends nothing, except that a `FunctionNode` asks its service for its package if that is not known
yet. Positions are steps of a grid, as (column, row); a node without one is placed when its pipeline is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from dtlpipe.errors import BadRequest, CodeNotShippable
from dtlpipe.model.enums import PackageInputType, PipelineNodeType
from dtlpipe.model.filters import Filters
from dtlpipe.model.package import Package, PackageFunction
from dtlpipe.model.pipeline import PipelineNameSpace, PipelineNode, PipelineNodeIO
from dtlpipe.model.struct import Struct
from dtlpipe.resources.layout import on_grid
from dtlpipe.resources.live import is_sync

if TYPE_CHECKING:
    from dtlpipe.model.service import Service as ServiceNoun
    from dtlpipe.model.shipping import Shipped
    from dtlpipe.model.signature import PortLike

Position = tuple[float, float]


def _placed(position: Position | None) -> dict[str, Any]:
    if position is None:
        return {}
    x, y = on_grid(*position)
    return {"position": {"x": x, "y": y, "z": 0}}


class _Built(PipelineNode):
    NOUN: ClassVar[type[Struct] | None] = PipelineNode

    @classmethod
    def from_wire(cls, data: Mapping[str, Any], **local_fields: Any) -> Any:
        """The node for JSON data."""
        node = cls.__new__(cls)
        PipelineNode.__init__(node, **cls._arguments(data), **local_fields)
        return node

    from_json = from_wire


class CodeNode(_Built):
    """A node that runs a function.

    The function travels with what it closes over and with the user's own modules; what cannot travel is refused here.
    Its ports are those of its signature (see `dtlpipe.model.signature`) unless they are given.

    Attributes:
        method: the function, where the node was made with it; None for a node that was read from a platform.
    """

    method: Callable[..., Any] | None = None

    def __init__(
        self,
        name: str,
        project_id: str | None = None,
        project_name: str | None = None,
        method: Callable[..., Any] | None = None,
        outputs: Iterable[PortLike] | None = None,
        inputs: Iterable[PortLike] | None = None,
        position: Position | None = None,
        *,
        function_name: str | None = None,
        timeout: float | None = None,
        memory: int | str | None = None,
        max_attempts: int | None = None,
    ) -> None:
        """Builds the node.

        Args:
            name: of the node, unique in its pipeline.
            project_id: by default the pipeline's.
            project_name: of that project; the field's own cloud wants it.
            method: the function: plain, async, nested, a lambda, a method of an object, a partial...
            outputs: ports, typed values (`FunctionIO`) or `(name, type)`; by default read from the return hint.
            inputs: the same for inputs; by default read from the parameters.
            position: (column, row); by default found when the pipeline is sent.
            function_name: what the platform calls the function; its own name by default.
            timeout: seconds that one execution may take.
            memory: bytes that it may use, as a number or as "512 MiB".
            max_attempts: how often an execution is tried before it fails.

        Raises:
            CodeNotShippable: the function cannot travel; says which variable stands in the way.
        """
        if method is None:
            raise CodeNotShippable(f"node {name!r} has no method to run", hint="dl.CodeNode(name=..., method=function)")
        shipped = _shipped(method, function_name)
        ports = _ports(method) if inputs is None or outputs is None else None
        super().__init__(
            name=name,
            node_type=PipelineNodeType.CODE,
            project_id=project_id,
            inputs=ports.inputs if inputs is None and ports is not None else _given(inputs),
            outputs=ports.outputs if outputs is None and ports is not None else _given(outputs),
            namespace=PipelineNameSpace(function_name=shipped.name, project_name=project_name),
            metadata={**_placed(position), **_service_config(timeout, memory, max_attempts)},
            config={"package": shipped.to_wire()},
        )
        self.method = method


def _shipped(method: Callable[..., Any], name: str | None) -> Shipped:
    from dtlpipe.model.shipping import ship

    return ship(method, name)


def _ports(method: Callable[..., Any]) -> Any:
    from dtlpipe.model.signature import ports_of

    return ports_of(method)


def _given(ports: Iterable[PortLike] | None) -> list[PipelineNodeIO]:
    from dtlpipe.model.signature import port

    return [port(each) for each in ports or ()]


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?)b?\s*", re.IGNORECASE)


def _bytes(memory: int | str) -> int:
    if isinstance(memory, int):
        return memory
    found = _SIZE.fullmatch(memory)
    if found is None or found[2].lower() not in _UNITS:
        raise BadRequest(
            f"memory is {memory!r}", hint='it takes a number of bytes, or a text such as "512 MiB" or "2GB"'
        )
    return int(float(found[1]) * _UNITS[found[2].lower()])


def _service_config(timeout: float | None, memory: int | str | None, max_attempts: int | None) -> dict[str, Any]:
    for what, value in (("timeout", timeout), ("memory", memory), ("max_attempts", max_attempts)):
        if isinstance(value, (int, float)) and not value > 0:
            raise BadRequest(f"{what} is {value!r}; it takes a number above 0")
    config: dict[str, Any] = {}
    if timeout is not None:
        config["executionTimeout"] = timeout
    if memory is not None:
        config["runtime"] = {"memoryLimit": _bytes(memory)}
    if max_attempts is not None:
        config["maxAttempts"] = max_attempts
    return {"serviceConfig": config} if config else {}


class FunctionNode(_Built):
    """A node that runs a function of a service. Its ports are those that the service's package declares."""

    def __init__(
        self,
        name: str,
        service: ServiceNoun,
        function_name: str,
        position: Position | None = None,
        project_id: str | None = None,
        project_name: str | None = None,
        *,
        inputs: Iterable[PortLike] | None = None,
        outputs: Iterable[PortLike] | None = None,
    ) -> None:
        """Builds the node.

        Args:
            name: of the node, unique in its pipeline.
            service: as `dl.services.get(...)` gives it. On async handles, `await service.package` first.
            function_name: one of the service's functions.
            position: (column, row); by default found when the pipeline is sent.
            project_id: by default the service's.
            project_name: of that project; the field's own cloud wants it.
            inputs: ports instead of those that the package declares.
            outputs: the same for outputs.

        Raises:
            BadRequest: the service has no such function; lists those it has.
        """
        package = None if inputs is not None and outputs is not None else _package_of(service)
        function = _function_of(service, package, function_name) if package is not None else None
        super().__init__(
            name=name,
            node_type=PipelineNodeType.FUNCTION,
            project_id=project_id or service.project_id,
            inputs=_given(function.inputs if inputs is None and function is not None else inputs),
            outputs=_given(function.outputs if outputs is None and function is not None else outputs),
            namespace=PipelineNameSpace(
                function_name=function_name,
                service_name=service.name,
                module_name=service.module_name or "default_module",
                package_name=package.name if package is not None else None,
                project_name=project_name,
            ),
            metadata=_placed(position),
        )
        self.service = service


def _package_of(service: Any) -> Package:
    known = getattr(service, "known_package", None)
    if known is None and hasattr(service, "_session") and is_sync(service._session):  # noqa: SLF001 - the builder asks for it
        known = service.package
    if not isinstance(known, Package):
        raise BadRequest(
            f"the package of service {service.name!r} is not known here, so that its ports are not either",
            hint="`await service.package` first, or give inputs=[...] and outputs=[...]",
        )
    return known


def _function_of(service: ServiceNoun, package: Package, function_name: str) -> PackageFunction:
    wanted = service.module_name or "default_module"
    modules = [each for each in package.modules if each.name == wanted] or package.modules
    for module in modules:
        function = module.function(function_name)
        if function is not None:
            return function
    known = ", ".join(repr(each.name) for module in modules for each in module.functions) or "none"
    raise BadRequest(f"service {service.name!r} has no function {function_name!r}", hint=f"its functions: {known}")


class DatasetNode(_Built):
    """A node that holds a dataset: what enters is put into it; what is in it already may be loaded at install."""

    def __init__(
        self,
        name: str,
        project_id: str | None,
        dataset_id: str,
        dataset_folder: str | None = None,
        load_existing_data: bool = False,  # noqa: FBT001, FBT002 - the field's own signature
        data_filters: Filters | Mapping[str, Any] | None = None,
        position: Position | None = None,
    ) -> None:
        """Builds the node.

        Args:
            name: of the node, unique in its pipeline.
            project_id: by default the pipeline's.
            dataset_id: the dataset.
            dataset_folder: a folder of it; by default the whole.
            load_existing_data: runs the pipeline once for what is there at its first install. Only for a node that
                nothing leads to.
            data_filters: which of it.
            position: (column, row); by default found when the pipeline is sent.
        """
        item = PackageInputType.ITEM
        super().__init__(
            name=name,
            node_type=PipelineNodeType.STORAGE,
            project_id=project_id,
            inputs=[PipelineNodeIO(name="item", input_type=item)],
            outputs=[PipelineNodeIO(name="item", input_type=item)],
            namespace=PipelineNameSpace(
                function_name="dataset_handler", project_name="DataloopTasks", service_name="pipeline-utils"
            ),
            metadata=_placed(position),
        )
        self.dataset_id = dataset_id
        self.dataset_folder = dataset_folder
        self.load_existing_data = load_existing_data
        self.data_filters = data_filters

    @property
    def dataset_id(self) -> str | None:
        return self.metadata.get("datasetId")

    @dataset_id.setter
    def dataset_id(self, dataset_id: str | None) -> None:
        self.metadata["datasetId"] = dataset_id

    @property
    def dataset_folder(self) -> str | None:
        """Its folder, `/folder`; None is the whole dataset."""
        return self.metadata.get("dir")

    @dataset_folder.setter
    def dataset_folder(self, folder: str | None) -> None:
        if folder is None:
            self.metadata.pop("dir", None)
        else:
            self.metadata["dir"] = folder if folder.startswith("/") else f"/{folder}"

    @property
    def load_existing_data(self) -> bool:
        """Whether the first install runs the pipeline for what is in the dataset."""
        return bool((self.metadata.get("triggerToPipeline") or {}).get("active"))

    @load_existing_data.setter
    def load_existing_data(self, load: bool) -> None:
        if load:
            self.metadata.setdefault("triggerToPipeline", {})["active"] = True
        else:
            self.metadata.pop("triggerToPipeline", None)

    @property
    def data_filters(self) -> Filters | None:
        """Which of the data is loaded; None is all of it."""
        text = (self.metadata.get("triggerToPipeline") or {}).get("filter")
        return Filters(custom_filter=json.loads(text)) if text else None

    @data_filters.setter
    def data_filters(self, filters: Filters | Mapping[str, Any] | None) -> None:
        if filters is not None:
            query = filters.query() if isinstance(filters, Filters) else dict(filters)
            self.metadata.setdefault("triggerToPipeline", {})["filter"] = json.dumps(query)
        elif "triggerToPipeline" in self.metadata:
            self.metadata["triggerToPipeline"]["filter"] = None
