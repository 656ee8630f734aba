"""Dataset nodes: the item that arrives goes on as an item of the node's dataset.

It is the same item if it is in that dataset, and folder, already; otherwise a copy, made once: an item of the same path
there is taken for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from dtlpipe.errors import BadRequest
from mock_server.executors.base import Argument, Code, Job
from mock_server.runners.entities import reference_id

if TYPE_CHECKING:
    from mock_server.runners.blueprint import NodeSpec
    from mock_server.runners.code import Setting
    from mock_server.store.base import ExecutionRow


class Place(Protocol):
    """Puts an item into a folder (None: the one it is in) of a dataset; returns the id of the item there."""

    def __call__(self, item_id: str, dataset_id: str, folder: str | None, creator: str) -> str: ...


def node_job(setting: Setting, row: ExecutionRow, spec: NodeSpec) -> Job:
    """The platform's own work: no code travels. Raises BadRequest, naming the node, for one without a dataset."""
    metadata = spec.document.get("metadata") or {}
    if not metadata.get("datasetId"):
        raise BadRequest(f"node {spec.name!r} must have a datasetId", node=spec.name)
    return Job(
        execution_id=row.id,
        fence=row.fence,
        code=Code(hash="dataset", function_name=row.function_name),
        arguments=tuple(Argument(name, "Item", value) for name, value in row.input.items()),
        outputs=tuple((port.name, port.type) for port in spec.outputs),
        node=spec.name,
        context={"dataset_id": metadata["datasetId"], "folder": metadata.get("dir"), "creator": row.creator},
        timeout=spec.timeout or setting.timeout,
    )


def run(job: Job, place: Place) -> Mapping[str, Any]:
    """The outputs by port. Raises BadRequest if what arrived is no item, and whatever `place` raises."""
    value = next((each.value for each in job.arguments if each.name == "item"), None)
    item_id = reference_id("Item", value)
    if item_id is None:
        raise BadRequest(f"node {job.node!r} takes an item, not {type(value).__name__} {value!r:.80}", node=job.node)
    dataset_id = job.context["dataset_id"]
    placed = place(item_id, dataset_id, job.context["folder"], job.context["creator"])
    return {name: {"item_id": placed, "dataset_id": dataset_id} for name, _ in job.outputs}
