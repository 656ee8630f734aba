"""A pipeline as data, and back.

Law: the data alone says what the pipeline is; reading it changes nothing that the caller gave. When it fails, no
component that the caller gave belongs to anything.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dtlpipe.graph.errors import DeserializationError, PipelineError, SerializationError
from dtlpipe.graph.serialization.allowlist import (
    check_module,
    deserialization_context,
    import_class_by_name,
    internal,
    our_name,
    registered,
)
from dtlpipe.graph.serialization.components import DeserializationCallbacks, component_from_dict, component_to_dict

if TYPE_CHECKING:
    from dtlpipe.graph.policies import Policy

__all__ = ["pipeline_from_dict", "pipeline_to_dict"]


class _Pipeline(Protocol):
    """A pipeline, as this module uses it."""

    graph: Any
    metadata: dict[str, Any]
    _max_runs_per_component: int
    _connection_type_validation: bool

    def __init__(
        self,
        metadata: dict[str, Any] | None = ...,
        max_runs_per_component: int = ...,
        connection_type_validation: bool = ...,  # noqa: FBT001 - Haystack's signature
    ) -> None: ...

    def add_component(self, name: str, instance: Any) -> Any: ...

    def connect(self, sender: str, receiver: str) -> Any: ...

    def remove_component(self, name: str) -> Any: ...

    def set_policy(self, name: str, policy: Policy) -> Any: ...


P = TypeVar("P", bound=_Pipeline)

_SHOWN = 1000
_SECRET = re.compile(r"(?i)(api_?key|token|password|passwd|secret|credential)")


def pipeline_to_dict(pipeline: _Pipeline) -> dict[str, Any]:
    """Return the pipeline as data.

    Raises:
        SerializationError: a component cannot be written.
    """
    network = pipeline.graph
    policies = {name: own["policy"].to_dict() for name, own in network.nodes.items() if own.get("policy") is not None}
    return {
        "metadata": _metadata(pipeline.metadata),
        "max_runs_per_component": pipeline._max_runs_per_component,  # noqa: SLF001 - Haystack has no public name for it
        "components": {name: component_to_dict(own["instance"], name) for name, own in network.nodes.items()},
        "connections": [
            {"sender": f"{sender}.{own['from_socket'].name}", "receiver": f"{receiver}.{own['to_socket'].name}"}
            for sender, receiver, own in network.edges.data()
        ],
        "connection_type_validation": pipeline._connection_type_validation,  # noqa: SLF001
        **({"policies": policies} if policies else {}),
    }


@internal
def pipeline_from_dict(
    cls: type[P],
    data: Mapping[str, Any],
    callbacks: DeserializationCallbacks | None = None,
    *,
    allowed_modules: Iterable[str] | None = None,
    unsafe: bool = False,
    components: Mapping[str, Any] | None = None,
) -> P:
    """Return the pipeline that `data` describes.

    Args:
        cls: the class of the pipeline.
        data: what `pipeline_to_dict` returned; it is not changed.
        callbacks: what to call while components are made.
        allowed_modules: patterns of further modules whose classes the data may name.
        unsafe: let the data name whatever it likes.
        components: instances to use, by name, in place of new ones.

    Raises:
        PipelineError: an entry lacks its type, sender or receiver, or a component's module cannot be imported.
        PipelineConnectError: two sockets do not fit.
        DeserializationError: a component cannot be made, its module is not allowed, or the data has another shape.
    """
    given = components or {}
    described = _section(data, "components", dict)
    with deserialization_context(allowed_modules, unsafe=unsafe):
        pipeline = cls(
            metadata=_copied(data.get("metadata", {})),
            max_runs_per_component=data.get("max_runs_per_component", 100),
            connection_type_validation=data.get("connection_type_validation", True),
        )
        try:
            for name, own in described.items():
                instance = given[name] if name in given else _make(name, own, callbacks)
                pipeline.add_component(name, instance)
            for name, policy in _section(data, "policies", dict).items():
                pipeline.set_policy(name, _policy(policy))
            for connection in _section(data, "connections", list):
                pipeline.connect(*_ends(connection))
        except BaseException:
            for name in described:
                if name in given and pipeline.graph.has_node(name):
                    pipeline.remove_component(name)
            raise
    return pipeline


def _section(data: Any, name: str, kind: type) -> Any:
    if not isinstance(data, Mapping):
        raise DeserializationError(f"A pipeline is described by a dictionary, not by a {type(data).__name__}.")
    section = data.get(name)
    if section is None:
        return kind()
    if not isinstance(section, kind):
        raise DeserializationError(
            f"'{name}' of a pipeline is a {kind.__name__}, not a {type(section).__name__}: {section!r:.80}"
        )
    return section


def _ends(connection: Any) -> tuple[str, str]:
    if not isinstance(connection, Mapping):
        raise DeserializationError(f"A connection is a dictionary with 'sender' and 'receiver', not {connection!r:.80}")
    for end in ("sender", "receiver"):
        if end not in connection:
            raise PipelineError(f"Missing {end} in connection: {connection}")
    return connection["sender"], connection["receiver"]


def _make(name: str, described: Any, callbacks: DeserializationCallbacks | None) -> Any:
    if not isinstance(described, Mapping):
        raise DeserializationError(f"Component '{name}' is described by a dictionary, not by {described!r:.80}")
    if "type" not in described:
        raise PipelineError(f"Missing 'type' in component '{name}'")
    component_class = _find_class(name, described["type"])
    try:
        return component_from_dict(component_class, _copied(dict(described)), name, callbacks)
    except Exception as error:
        raise DeserializationError(
            f"Couldn't deserialize component '{name}' of class '{component_class.__name__}' "
            f"with the following data:\n{_shown(described)}\n\nOriginal error: {error}"
        ) from error


def _policy(data: Any) -> Policy:
    from dtlpipe.graph.policies import Policy

    return Policy.from_dict(data, import_class_by_name)


def _find_class(name: str, kind: Any) -> type:
    problem: Exception | None = None
    kind = our_name(kind) if isinstance(kind, str) else kind
    if isinstance(kind, str) and "." in kind:
        if (known := registered(kind)) is not None:
            return known
        module = kind.rpartition(".")[0]
        check_module(module)
        try:
            importlib.import_module(module)
        except ImportError as error:
            problem = error
        else:
            if (known := registered(kind)) is not None:
                return known
            problem = PipelineError(
                f"Successfully imported module '{module}' but couldn't find '{kind}' in the component registry. "
                "Is it a component, and is it defined in this very module?"
            )
    raise PipelineError(
        f"Component '{kind}' (name: '{name}') not imported. Please check that the package is installed and the "
        f"component path is correct. {problem or 'A type is written as module.ClassName.'}"
    ) from problem


def _metadata(metadata: Any) -> Any:
    try:
        return _copied(metadata)
    except RecursionError as error:
        raise SerializationError("The metadata contain themselves, or are nested too deeply to be data.") from error


def _copied(value: Any) -> Any:
    """Return plain data with containers of its own. What is shared in `value` is not shared in the copy."""
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_copied(item) for item in value)
    return set(value) if type(value) is set else value


def _shown(data: Any) -> str:
    """Return data for an error: indented, cut off at a length, without what may be a secret."""
    import json

    try:
        text = json.dumps(_masked(data), default=str, indent=2)
    except (TypeError, ValueError, RecursionError):
        text = str(_masked(data))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}\n... (truncated)"


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: "***" if isinstance(item, str) and _SECRET.search(str(key)) else _masked(item)
            for key, item in value.items()
        }
    return [_masked(item) for item in value] if isinstance(value, (list, tuple)) else value
