"""The inputs of a run: whose they are, whether they fit, and copies of them.

Law: what the caller gave is never changed, and neither is the pipeline. All that can be known before the data comes is
in `Compiled`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.graph.copies import copied
from dtlpipe.graph.errors import PipelineValidationError

if TYPE_CHECKING:
    from dtlpipe.graph.pipeline.compiling import Compiled

__all__ = ["Inputs", "prepare", "validate"]

Inputs = dict[str, dict[str, Any]]


def prepare(compiled: Compiled, data: Mapping[str, Any]) -> Inputs:
    """Return inputs by component, with copies of all values.

    `data` is `{component: {input: value}}` if all its values are dicts, unless its keys name no component, but inputs.
    Otherwise it is `{input: value}`, and each value goes to all components that have an open input of that name.
    A name that nobody has is warned about.

    Raises:
        PipelineValidationError: `data` is no mapping.
    """
    if not isinstance(data, dict) and not isinstance(data, Mapping):  # the first test is many times cheaper
        raise PipelineValidationError(
            f"The inputs of a run are a {type(data).__name__}; give a dict {{component: {{input: value}}}}, or "
            "{input: value}."
        )
    if _is_by_component(compiled, data):
        return {name: copied(values) for name, values in data.items()}
    inputs: Inputs = {}
    unmatched = []
    for name, value in data.items():
        if name not in compiled.flat:
            unmatched.append(name)
            continue
        for component in compiled.flat[name]:
            inputs.setdefault(component, {})[name] = value
    if unmatched:
        _warn(compiled, unmatched)
    return {name: copied(values) for name, values in inputs.items()}


def validate(compiled: Compiled, inputs: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Check inputs by component; return the (component, input) pairs that have to gather for this run.

    Raises:
        PipelineValidationError: a component or input is unknown, a mandatory input is missing, or an input is fed by
            another component already.
    """
    fed: list[tuple[str, str]] = []
    free = compiled.free
    for component, values in inputs.items():
        if component not in free:
            raise _unknown_component(compiled, component)
        if not values.keys() <= free[component]:
            fed += _fed(compiled, component, values)
    for component, names in compiled.required:
        given = inputs.get(component)
        if given is None:
            raise _missing(component, names, ())
        for name in names:
            if name not in given:
                raise _missing(component, names, given)
    for component, name in fed:
        if not compiled.givens[component][name].gathers:
            raise _taken(component, name, compiled.givens[component][name].sender)
    return fed


def _warn(compiled: Compiled, unmatched: list[str]) -> None:
    import logging

    mixed = any(name in compiled.free for name in unmatched)
    logging.getLogger(__name__).warning(
        "Inputs %s were not matched to any component inputs, please check your run parameters.%s",
        unmatched,
        " Names of components are understood only if every value is a dict of inputs." if mixed else "",
    )


def _is_by_component(compiled: Compiled, data: Mapping[str, Any]) -> bool:
    known = not data
    for name, value in data.items():
        if not isinstance(value, dict):
            return False
        known = known or name in compiled.free
    return known or not data.keys() <= compiled.flat_names


def _fed(compiled: Compiled, component: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return those of the inputs given that other components feed too; an unknown one is refused."""
    known, free = compiled.givens[component], compiled.free[component]
    for name in values:
        if name not in known:
            raise _unknown_input(component, name, known)
    return [(component, name) for name in values if name not in free]


def _unknown_component(compiled: Compiled, name: str) -> PipelineValidationError:
    known = ", ".join(map(repr, list(compiled.free)[:20])) or "none"
    return PipelineValidationError(
        f"Component named '{name}' not found in the pipeline, but inputs are given for it. There are: {known}."
    )


def _unknown_input(component: str, name: str, known: Collection[str]) -> PipelineValidationError:
    return PipelineValidationError(
        f"Input '{name}' not found in component '{component}'. It has: {', '.join(map(repr, known)) or 'no inputs'}."
    )


def _missing(component: str, names: Collection[str], given: Collection[str]) -> PipelineValidationError:
    name = next(name for name in names if name not in given)
    return PipelineValidationError(
        f"Missing mandatory input '{name}' for component '{component}'. Give it in the run's data, as "
        f"{{'{component}': {{'{name}': ...}}}}, or connect an output to it."
    )


def _taken(component: str, name: str, sender: str | None) -> PipelineValidationError:
    return PipelineValidationError(
        f"Component '{component}' cannot accept multiple inputs to '{name}'. It is already connected to component "
        f"'{sender}', so leave it out of the run's data; only inputs of type list, Optional[list], a union of lists, "
        "Variadic or GreedyVariadic take both."
    )
