"""`PipelineBase`: how pipelines are built, asked about, warmed up, and turned into data and pictures.

Law: a pipeline is only ever correct. A call that is refused has changed nothing. How it runs is `Pipeline`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, TextIO

from dtlpipe.graph.errors import DeserializationError, PipelineValidationError
from dtlpipe.graph.pipeline import adding, connecting, describing, guarding, refusals, resources
from dtlpipe.graph.pipeline.network import Network

if TYPE_CHECKING:
    from pathlib import Path

    from dtlpipe.graph.pipeline.compiling import Compiled
    from dtlpipe.graph.policies import Policy
    from dtlpipe.graph.serialization.components import DeserializationCallbacks
    from dtlpipe.graph.serialization.marshal import Marshaller

__all__ = ["PipelineBase"]


class PipelineBase:
    """Components and the connections between them.

    Args:
        metadata: anything that is to be kept with the pipeline; plain data, if the pipeline is to be saved.
        max_runs_per_component: how often one component may run in a run of the pipeline.
        connection_type_validation: whether `connect` looks at the types. Without, everything connects with everything,
            and nothing is converted.

    Attributes:
        graph: components and connections as data, read like a networkx graph.
    """

    _compiled: Compiled | None = None

    def __init__(
        self,
        metadata: dict[str, Any] | None = None,
        max_runs_per_component: int = 100,
        connection_type_validation: bool = True,  # noqa: FBT001, FBT002 - Haystack's signature
    ) -> None:
        if not isinstance(metadata or {}, Mapping):
            raise PipelineValidationError(f"metadata is {metadata!r:.80}; give a dict.")
        if not isinstance(max_runs_per_component, (int, float)):
            raise PipelineValidationError(
                f"max_runs_per_component is {max_runs_per_component!r:.80}; give a number: how often one component may "
                "run in a run of the pipeline."
            )
        self.metadata = metadata or {}
        self.graph = Network()
        self._max_runs_per_component = max_runs_per_component
        self._connection_type_validation = connection_type_validation

    def __eq__(self, other: object) -> bool:
        """Whether both are of one class and equal as data. The instances may differ."""
        return isinstance(other, type(self)) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return describing.text(object.__repr__(self), self.metadata, self.graph)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made anew when it is needed."""
        return {name: value for name, value in self.__dict__.items() if name != "_compiled"}

    # ---- building ----------------------------------------------------------------------------------------------------

    def add_component(self, name: str, instance: Any, *, policy: Policy | None = None) -> Self:
        """Add a component under a name that no other has. The same one again, under the same name, changes nothing.

        A function, a code node or a whole pipeline is made into a component. `policy` as by `set_policy`.

        Raises:
            PipelineValidationError: the name is taken, reserved, empty or has a dot, or the object is no component.
            PipelineError: the instance is in this pipeline under another name, or in another pipeline.
        """
        wanted = adding.checked(self, [(name, instance)])
        if policy is not None:
            guarding.check_policy(name, wanted.get(name, instance), policy)
        adding.add(self, wanted)
        return self if policy is None else self.set_policy(name, policy)

    def set_policy(self, name: str, policy: Policy | None) -> Self:
        """Say how often a component is retried, how long it may take, where its failures go, whether it is cached.

        None takes the component's policy away. See `dtlpipe.graph.policies.Policy`.

        Raises:
            PipelineValidationError: there is no such component, or its outputs are in the way.
        """
        guarding.set_policy(self.graph, name, policy)
        return self

    def add_components(self, components: Mapping[str, Any]) -> Self:
        """Add components by name: all of them, or none if one is refused. Errors as `add_component`."""
        if not isinstance(components, Mapping):
            raise PipelineValidationError(f"components is {components!r:.80}; give a dict {{name: component}}.")
        adding.add(self, adding.checked(self, components.items()))
        return self

    def remove_component(self, name: str) -> Any:
        """Remove a component with its connections and return it; it may be added again, here or elsewhere.

        Raises:
            PipelineValidationError: there is no such component.
        """
        if name not in self.graph:
            raise PipelineValidationError(
                f"There is no component named '{name}' in the pipeline. "
                f"The valid component names are: {', '.join(self.graph) or 'none'}."
            )
        instance = self.graph.nodes[name]["instance"]
        connecting.disconnect(self.graph, name)
        self.graph.remove_node(name)
        adding.release(instance)
        return instance

    def connect(self, sender: str, receiver: str) -> Self:
        """Connect an output to an input. A connection that exists already changes nothing.

        Both are named 'component.socket', or only 'component' where one pair of sockets fits best: types that fit as
        they are go before types that can be converted, then equal names decide.

        A list that has a sender accepts more: it then receives their lists joined, in the order in which the senders
        ran.

        Raises:
            PipelineConnectError: there is no such socket, no pair fits or several do, a component is connected to
                itself, or the input has a sender and takes only one.
            PipelineValidationError: there is no such component.
        """
        connecting.connect(self.graph, sender, receiver, check_types=self._connection_type_validation)
        return self

    def connect_many(self, connections: Iterable[tuple[str, str]]) -> Self:
        """Make connections in their order: all of them, or none if one is refused. Errors as `connect`."""
        connecting.connect_many(self.graph, connections, check_types=self._connection_type_validation)
        return self

    # ---- asking ------------------------------------------------------------------------------------------------------

    def get_component(self, name: str) -> Any:
        """Return the component of this name.

        Raises:
            PipelineValidationError: there is none.
        """
        if name not in self.graph:
            raise refusals.no_component(name, self.graph)
        return self.graph.nodes[name]["instance"]

    def get_component_name(self, instance: Any) -> str:
        """Return the name of a component of this pipeline, or an empty string."""
        return next((name for name, own in self.walk() if own is instance), "")

    def walk(self) -> Iterator[tuple[str, Any]]:
        """Yield each component's name and instance, in the order in which they were added."""
        yield from self.graph.nodes(data="instance")

    def inputs(
        self,
        include_components_with_connected_inputs: bool = False,  # noqa: FBT001, FBT002 - Haystack's signature
    ) -> dict[str, dict[str, Any]]:
        """Return what may be given to a run: `{component: {input: {"type", "is_mandatory", "default_value"}}}`.

        `default_value` is there if the input has one. Inputs that components feed are left out unless they are variadic
        or asked for.
        """
        return describing.inputs(self.graph, connected=include_components_with_connected_inputs)

    def outputs(
        self,
        include_components_with_connected_outputs: bool = False,  # noqa: FBT001, FBT002 - Haystack's signature
    ) -> dict[str, dict[str, Any]]:
        """Return what a run may give: `{component: {output: {"type"}}}`; connected outputs only if asked for."""
        return describing.outputs(self.graph, connected=include_components_with_connected_outputs)

    def validate_input(self, data: dict[str, Any]) -> None:
        """Check inputs given as `{component: {input: value}}`.

        Raises:
            PipelineValidationError: a component or an input is unknown, a mandatory input is missing, or an input is
                fed by a component already.
        """
        from dtlpipe.graph.pipeline.inputs import validate

        for name, values in data.items():
            if not isinstance(values, Mapping):
                raise PipelineValidationError(
                    f"The inputs of component '{name}' are a {type(values).__name__}; give a dict {{input: value}}."
                )
        validate(self._compile(), data)

    def _compile(self) -> Compiled:
        """Return the pipeline as runs use it: as it is now, made anew only if it has changed."""
        compiled = self._compiled
        if compiled is None or not compiled.holds_for(self.graph):
            from dtlpipe.graph.pipeline.compiling import compile_network

            compiled = self._compiled = compile_network(self.graph)
        return compiled

    # ---- resources ---------------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Call `warm_up` of each component that has it, in the order in which they were added.

        What one raises leaves with a note that names the component.

        Raises:
            ComponentError: a `warm_up` is a coroutine function.
        """
        resources.warm_up(self.graph)

    async def warm_up_async(self) -> None:
        """Warm up on the event loop, by `warm_up_async` where a component has it, else by `warm_up`."""
        await resources.warm_up_async(self.graph)

    def close(self) -> None:
        """Call `close` of each component that has it: of all, and then raise what the first one raised that failed."""
        resources.close(self.graph)

    async def close_async(self) -> None:
        """Close by `close_async` where a component has it, else by `close`. As `close`."""
        await resources.close_async(self.graph)

    # ---- as data -----------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the pipeline as plain data; see `dtlpipe.graph.serialization.pipelines`.

        Raises:
            SerializationError: a component cannot be written as data.
        """
        from dtlpipe.graph.serialization.pipelines import pipeline_to_dict

        return pipeline_to_dict(self)

    @classmethod
    def from_dict(
        cls,
        data: dict[str, Any],
        callbacks: DeserializationCallbacks | None = None,
        *,
        allowed_modules: list[str] | None = None,
        unsafe: bool = False,
        components: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the pipeline that `to_dict` describes.

        Args:
            data: what `to_dict` returned; it stays as it is.
            callbacks: called while components are made.
            allowed_modules: patterns of further modules whose classes may be imported.
            unsafe: import whatever the data names. Only for data that you trust like your own code.
            components: instances to use, by name, where others would be made.

        Raises:
            PipelineError: something is missing in the data, or a component cannot be imported.
            DeserializationError: a component cannot be made, or is of a module that is not allowed.
        """
        from dtlpipe.graph.serialization.pipelines import pipeline_from_dict

        return pipeline_from_dict(
            cls, data, callbacks, allowed_modules=allowed_modules, unsafe=unsafe, components=components or {}
        )

    def dumps(self, marshaller: Marshaller | None = None) -> str:
        """Return the pipeline as text: YAML, unless another marshaller is given."""
        return _or_yaml(marshaller).marshal(self.to_dict())

    def dump(self, fp: TextIO, marshaller: Marshaller | None = None) -> None:
        """Write the pipeline as text to an open file.

        Raises:
            PipelineValidationError: it is no open file.
        """
        _check_file(fp, "write", "dump")
        fp.write(self.dumps(marshaller))

    @classmethod
    def loads(
        cls,
        data: str | bytes | bytearray,
        marshaller: Marshaller | None = None,
        callbacks: DeserializationCallbacks | None = None,
        *,
        allowed_modules: list[str] | None = None,
        unsafe: bool = False,
    ) -> Self:
        """Return the pipeline that a text describes. Arguments and errors as `from_dict`.

        Raises:
            DeserializationError: the text cannot be read.
        """
        reader = _or_yaml(marshaller)
        try:
            read = reader.unmarshal(data)
        except Exception as error:
            raise DeserializationError(
                f"Error while unmarshalling serialized pipeline data: {type(error).__name__}: {error}. "
                f"Check that the text is what {type(reader).__name__} writes."
            ) from error
        return cls.from_dict(read, callbacks, allowed_modules=allowed_modules, unsafe=unsafe)

    @classmethod
    def load(
        cls,
        fp: TextIO,
        marshaller: Marshaller | None = None,
        callbacks: DeserializationCallbacks | None = None,
        *,
        allowed_modules: list[str] | None = None,
        unsafe: bool = False,
    ) -> Self:
        """Return the pipeline that an open file describes. Arguments and errors as `loads`.

        Raises:
            PipelineValidationError: it is no open file.
        """
        _check_file(fp, "read", "load")
        return cls.loads(fp.read(), marshaller, callbacks, allowed_modules=allowed_modules, unsafe=unsafe)

    # ---- as a picture ------------------------------------------------------------------------------------------------

    def draw(
        self,
        path: str | Path,
        *,
        server_url: str | None = None,
        params: dict[str, Any] | None = None,
        timeout: int = 30,
        super_component_expansion: bool = False,
    ) -> None:
        """Write a picture of the pipeline to a file; see `dtlpipe.graph.drawing.draw`.

        Raises:
            PipelineDrawingError: the picture cannot be made or written.
        """
        from dtlpipe.graph.drawing import draw

        draw(
            self,
            path,
            server_url=server_url,
            params=params,
            timeout=timeout,
            super_component_expansion=super_component_expansion,
        )

    def show(
        self,
        *,
        server_url: str | None = None,
        params: dict[str, Any] | None = None,
        timeout: int = 30,
        super_component_expansion: bool = False,
    ) -> None:
        """Show a picture of the pipeline in a Jupyter notebook.

        Raises:
            PipelineDrawingError: this is no notebook, or the picture cannot be made.
        """
        from dtlpipe.graph.drawing import show

        show(
            self,
            server_url=server_url,
            params=params,
            timeout=timeout,
            super_component_expansion=super_component_expansion,
        )

    def _repr_svg_(self) -> str:
        from dtlpipe.graph.drawing import to_svg

        return to_svg(self)


def _or_yaml(marshaller: Marshaller | None) -> Marshaller:
    if marshaller is not None:
        return marshaller
    from dtlpipe.graph.serialization.marshal import YamlMarshaller

    return YamlMarshaller()


def _check_file(fp: object, does: str, verb: str) -> None:
    if not hasattr(fp, does):
        mode = ", 'w'" if does == "write" else ""
        raise PipelineValidationError(
            f"Pipeline.{verb} takes an open file, not {fp!r:.80}. Open it: `with open(path{mode}) as file:`, and give "
            f"the file; or use {verb}s for text."
        )
