"""The inputs of a run: whose they are, whether they fit, and copies of them.

Law: what the caller gave is never changed, and neither is the pipeline. All that can be known before the data comes is
in `Compiled`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from dtlpipe.graph.copies import copied
from dtlpipe.graph.errors import PipelineValidationError
from dtlpipe.graph.pipeline.compiling import Compiled

__all__ = ["Inputs", "accept", "prepare", "validate"]

Inputs = dict[str, dict[str, Any]]

logger = logging.getLogger(__name__)


def accept(compiled: Compiled, data: Mapping[str, Any]) -> tuple[Inputs, Compiled]:
    """Return a run's inputs by component, copied, and what to run with them.

    The second is `compiled` itself, unless the inputs go to a list that another component feeds too: this run then
    joins both.

    Raises:
        PipelineValidationError: as `validate`.
    """
    inputs = prepare(compiled, data)
    joined = validate(compiled, inputs)
    return inputs, compiled.gathering(joined) if joined else compiled


def prepare(compiled: Compiled, data: Mapping[str, Any]) -> Inputs:
    """Return inputs by component, with copies of all values.

    `data` is `{component: {input: value}}` if all its values are dicts, unless its keys name no component, but inputs.
    Otherwise it is `{input: value}`, and each value goes to all components that have an open input of that name.
    A name that nobody has is warned about.

    Raises:
        PipelineValidationError: `data` is no mapping.
    """
    if not isinstance(data, Mapping):
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
        logger.warning(
            "Inputs %s were not matched to any component inputs, please check your run parameters.", unmatched
        )
    return {name: copied(values) for name, values in inputs.items()}


def validate(compiled: Compiled, inputs: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Check inputs by component; return the (component, input) pairs that have to gather for this run.

    Raises:
        PipelineValidationError: a component or input is unknown, a mandatory input is missing, or an input is fed by
            another component already.
    """
    joined: list[tuple[str, str]] = []
    taken = None
    for component, values in inputs.items():
        own = compiled.givens.get(component)
        if own is None:
            raise _unknown_component(compiled, component)
        for name in values:
            given = own.get(name)
            if given is None:
                raise _unknown_input(component, name, own)
            if given.sender is not None and not given.gathers:
                joined.append((component, name))
                taken = taken or (None if given.may_gather else (component, name, given.sender))
    for component, names in compiled.required:
        if component not in inputs or not names <= inputs[component].keys():
            raise _missing(component, names, inputs)
    if taken is not None:
        raise _taken(*taken)
    return joined


def _is_by_component(compiled: Compiled, data: Mapping[str, Any]) -> bool:
    for value in data.values():
        if not isinstance(value, dict):
            return False
    if not data or any(name in compiled.givens for name in data):
        return True
    return not data.keys() <= compiled.flat_names


def _unknown_component(compiled: Compiled, name: str) -> PipelineValidationError:
    known = ", ".join(map(repr, list(compiled.givens)[:20])) or "none"
    return PipelineValidationError(
        f"Component named '{name}' not found in the pipeline, but inputs are given for it. There are: {known}."
    )


def _unknown_input(component: str, name: str, known: Mapping[str, Any]) -> PipelineValidationError:
    return PipelineValidationError(
        f"Input '{name}' not found in component '{component}'. It has: {', '.join(map(repr, known)) or 'no inputs'}."
    )


def _missing(component: str, names: frozenset[str], inputs: Mapping[str, Mapping[str, Any]]) -> PipelineValidationError:
    absent = sorted(names - inputs.get(component, {}).keys())
    return PipelineValidationError(
        f"Missing mandatory input '{absent[0]}' for component '{component}'. Give it in the run's data, as "
        f"{{'{component}': {{'{absent[0]}': ...}}}}, or connect an output to it."
    )


def _taken(component: str, name: str, sender: str) -> PipelineValidationError:
    return PipelineValidationError(
        f"Component '{component}' cannot accept multiple inputs to '{name}'. It is already connected to component "
        f"'{sender}', so leave it out of the run's data; only inputs of type list, Optional[list], a union of lists, "
        "Variadic or GreedyVariadic take both."
    )
