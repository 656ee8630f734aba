"""Nodes that are the platform's own work: no code travels, and no process runs.

| type             | does                                                                                            |
|------------------|-------------------------------------------------------------------------------------------------|
| `storage`        | puts the item that arrives into a dataset: `dataset`                                            |
| `merge`          | waits for all its inputs, and gives them: an output `X[]` all values, others that of their name |
| `split`          | gives what arrives to one of its outputs, drawn by their `portPercentage`                       |
| `updateVariable` | sets a variable of the pipeline to what arrives, which goes on                                  |
| `api`            | gives what a run was begun with, output by output                                               |
| `task`           | gives an item to people, and waits until one of them has set its status                         |
| `pipeline`       | runs another pipeline, and waits for its end                                                    |

What such work may touch are the platform's `Hands`. Of the last two, the end is told by the platform, not from here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from mock_server.executors.base import Job, Outcome
from mock_server.runners import dataset, registered
from mock_server.runners.blueprint import variable_of
from mock_server.runners.uncoded import job_of

if TYPE_CHECKING:
    from mock_server.runners.blueprint import NodeSpec
    from mock_server.runners.code import Setting
    from mock_server.store.base import ExecutionRow

#: Types of nodes that are run here.
TYPES = frozenset({"storage", "merge", "split", "updateVariable", "api", "task", "pipeline"})

_EVEN = 100.0


class Hands(Protocol):
    """What the platform does for nodes. Each of these may be asked again for the same execution, after a kill."""

    def place(self, item_id: str, dataset_id: str, folder: str | None, creator: str) -> str:
        """Puts an item into a folder (None: the one it is in) of a dataset; the id of the item there."""

    def set_variable(self, pipeline_id: str, name: str, value: Any, editor: str) -> None:
        """Gives a pipeline's variable another value."""

    def ask(self, job: Job) -> Outcome | None:
        """Gives an item to people; the outputs, if they have done with it already."""

    def descend(self, job: Job) -> Mapping[str, Any] | None:
        """Begins a run of another pipeline; the outputs, if it is over already."""


def node_job(setting: Setting, row: ExecutionRow, spec: NodeSpec) -> Job:
    """The job of such a node's execution. Raises BadRequest, naming the node, for a dataset node without a dataset."""
    if spec.type == "storage":
        return dataset.node_job(setting, row, spec)
    ports = spec.document.get("outputs") or ()
    shares = {port["portId"]: port.get("portPercentage") for port in ports}
    return job_of(
        row,
        spec,
        type=spec.type,
        node_id=spec.id,
        project_id=row.project_id,
        creator=row.creator,
        metadata=dict(spec.document.get("metadata") or {}),
        variable=variable_of(spec.document),
        shares=[shares.get(port.id) for port in spec.outputs],
        actions=[action for port in ports for action in port.get("actions") or ()],
    )


def run(job: Job, hands: Hands) -> Mapping[str, Any] | Outcome | None:
    """The outputs by port; None if the platform will tell of the end. Raises what went wrong, naming the node."""
    match job.context.get("type"):
        case "merge":
            return _merged(job)
        case "split":
            return _split(job)
        case "updateVariable":
            return _updated(job, hands)
        case "api":
            return passed_on(job)
        case "task":
            return hands.ask(job)
        case "pipeline":
            return hands.descend(job)
        case "registered":
            return registered.run(job)
        case _:
            return dataset.run(job, hands.place)


def passed_on(job: Job) -> dict[str, Any]:
    """Each output gives the input of its name; one that has none, the first input."""
    given = {each.name: each.value for each in job.arguments}
    first = next(iter(given.values()), None)
    return {name: given.get(name, first) for name, _ in job.outputs}


def _merged(job: Job) -> dict[str, Any]:
    values = [
        value
        for each in job.arguments
        for value in (each.value if (each.type or "").endswith("[]") and isinstance(each.value, list) else [each.value])
    ]
    lists = {name: values for name, type in job.outputs if (type or "").endswith("[]")}
    return passed_on(job) | lists


def _split(job: Job) -> dict[str, Any]:
    """The draw is the execution's own: drawn again after a kill, it is the same."""
    value = next((each.value for each in job.arguments), None)
    shares = [float(each) if isinstance(each, int | float) else None for each in job.context["shares"]]
    rest = max(0.0, _EVEN - sum(each for each in shares if each is not None))
    unsaid = sum(each is None for each in shares)
    weights = [rest / unsaid if each is None else each for each in shares]
    total = sum(weights)
    digest = hashlib.sha256(job.execution_id.encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64 * total
    for (name, _), weight in zip(job.outputs, weights, strict=True):
        drawn -= weight
        if drawn < 0:
            return {name: value}
    return {}


def _updated(job: Job, hands: Hands) -> dict[str, Any]:
    name, value = job.context["variable"], next((each.value for each in job.arguments), None)
    hands.set_variable(job.context["pipeline_id"], name, value, job.context["creator"])
    return passed_on(job)
