"""What nodes that are the platform's own work must have before they can run.

Law: as in `install_rules`, of which this is a part: rules look and say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mock_server.platform.graph_rules import Definition, Problem, label
from mock_server.runners.blueprint import variable_of
from mock_server.store.base import Document

Path = tuple[str | int, ...]


def native_problems(
    node: Definition, path: Path, find: Callable[[str], Document | None], pipeline: Definition
) -> Iterator[Problem]:
    """What such a node lacks. `find` gives a pipeline by its id; `pipeline` is the one that the node is in."""
    match node["type"]:
        case "split":
            yield from _split(node, path)
        case "updateVariable":
            yield from _variable(node, path, pipeline)
        case "pipeline":
            yield from _pipeline(node, path, find, pipeline)
        case _:
            pass
    if node["type"] != "api" and not node["inputs"]:
        yield Problem(
            f"{node['type']} node {label(node)!r} has no inputs",
            (*path, "inputs"),
            node=label(node),
            hint="give it an input for what it is to pass on",
        )


def _split(node: Definition, path: Path) -> Iterator[Problem]:
    shares = [port.get("portPercentage") for port in node["outputs"]]
    wrong = [each for each in shares if each is not None and not _is_share(each)]
    said = sum(each for each in shares if _is_share(each))
    if not shares or wrong or said > 100 or (None not in shares and round(said, 6) != 100):
        yield Problem(
            f"the shares of split node {label(node)!r} are {shares}; they must be percentages that make 100 together",
            (*path, "outputs"),
            node=label(node),
            hint="set portPercentage of each output; those that have none share what is left",
        )


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _variable(node: Definition, path: Path, pipeline: Definition) -> Iterator[Problem]:
    name, known = variable_of(node), sorted(each["name"] for each in pipeline["variables"])
    if name not in known:
        yield Problem(
            f"node {label(node)!r} updates variable {name!r}, which the pipeline does not have",
            (*path, "metadata", "variableName"),
            node=label(node),
            hint=f"its variables: {', '.join(known) or 'none'}",
        )


def _pipeline(
    node: Definition, path: Path, find: Callable[[str], Document | None], pipeline: Definition
) -> Iterator[Problem]:
    name, wanted = label(node), node["metadata"].get("pipelineId")
    place = (*path, "metadata", "pipelineId")
    if not isinstance(wanted, str) or not wanted:
        yield Problem(f"node {name!r} must have a pipelineId", place, node=name, hint="name the pipeline that it runs")
    elif wanted == pipeline.get("id"):
        yield Problem(f"node {name!r} runs the pipeline that it is in, which would never end", place, node=name)
    elif find(wanted) is None:
        yield Problem(f"node {name!r} runs pipeline {wanted!r}, which does not exist", place, node=name)
