"""What the platform does for nodes that are its own work: see `mock_server.runners.own`, whose `Hands` these are.

Law: each of these may be asked again for the same execution, after a kill or because it was told to look again, and
does then what is left to do. What is done for an execution is noted under its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, FailedDependency
from mock_server.executors.base import Outcome
from mock_server.platform import lifecycle, passes
from mock_server.platform.documents import now
from mock_server.platform.wanted import Wanted
from mock_server.runners.policies import RunTerms
from mock_server.store.base import Kind, RunRow

if TYPE_CHECKING:
    from mock_server.executors.base import Job
    from mock_server.platform.platform import Platform

#: Pipelines within pipelines, beyond which one most likely runs itself.
DEEPEST = 20


class Hands:
    """See the module."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def place(self, item_id: str, dataset_id: str, folder: str | None, creator: str) -> str:
        """The id of the item in that folder (None: the one it is in) of the dataset."""
        return self._platform.items.place(item_id, dataset_id, folder, creator)

    def set_variable(self, pipeline_id: str, name: str, value: Any, editor: str) -> None:
        """Gives a variable of the pipeline another value. Raises BadRequest if there is none of that name."""
        self._platform.pipelines.set_variable(pipeline_id, name, value, editor)

    def ask(self, job: Job) -> Outcome | None:
        """Gives the item that arrived to people. Raises BadRequest, naming the node, if it is none."""
        return self._platform.tasks.ask(job)

    def descend(self, job: Job) -> Mapping[str, Any] | None:
        """Begins a run of the pipeline that a node names.

        Raises BadRequest, naming the node, if there is no such pipeline or it is not installed, and FailedDependency
        if the run did not succeed.
        """
        store = self._platform.store
        key = f"descent:{job.execution_id}:{job.context['attempt']}"
        note = store.get(Kind.SETTING, key)
        run_id = self._begun(job, key) if note is None else str(note["runId"])
        run = store.get_run(run_id)
        if run is None:
            raise FailedDependency(f"node {job.node!r}: its execution {run_id} of the other pipeline was deleted")
        if not lifecycle.is_final(run.status):
            return None
        if run.status != lifecycle.SUCCESS:
            reason = (run.error or {}).get("message") or "it did not say why"
            raise FailedDependency(
                f"node {job.node!r}: execution {run_id} of the other pipeline is {run.status}: {reason}"
            )
        return self._results(job, run)

    def _begun(self, job: Job, key: str) -> str:
        pipeline_id = str(job.context["metadata"].get("pipelineId"))
        if self._depth(job.context["run_id"]) >= DEEPEST:
            raise BadRequest(f"node {job.node!r}: pipelines run each other more than {DEEPEST} deep", node=job.node)
        run = self._platform.runs.start(
            pipeline_id,
            inputs={each.name: each.value for each in job.arguments},
            wanted=Wanted(parent=job.execution_id),
            creator=job.context["creator"],
            idempotency_key=key,
        )
        at = now()
        note = {"id": key, "runId": run["id"], "createdAt": at, "updatedAt": at}
        self._platform.store.write(lambda tx: tx.put(Kind.SETTING, note))
        return str(run["id"])

    def _depth(self, run_id: str | None) -> int:
        depth = 0
        while run_id is not None and depth < DEEPEST:
            run = self._platform.store.get_run(run_id)
            run_id = None if run is None else RunTerms.of(run.extra).parent_run
            depth += 1
        return depth

    def _results(self, job: Job, run: RunRow) -> dict[str, Any]:
        """By output port: what the last nodes of the run gave under its name, or else what they gave at all.

        Of several that gave something under one name, it is all of them, in the order of their ends.
        """
        revision = self._platform.store.get(Kind.REVISION, run.revision_id) or {}
        followed = {each["src"]["nodeId"] for each in revision.get("connections") or ()}
        store = self._platform.store
        rows = passes.current(store.executions_of([run.id])[run.id], lambda id: store.get(Kind.SETTING, id))
        given: dict[str, list[Any]] = {}
        for row in sorted(rows, key=lambda row: row.seq or 0):
            if row.node_id not in followed and row.status == lifecycle.SUCCESS and isinstance(row.output, dict):
                for name, value in row.output.items():
                    given.setdefault(name, []).append(value)
        rest = [value for values in given.values() for value in values]
        return {name: _one(given.get(name, rest), type) for name, type in job.outputs}


def _one(values: list[Any], type: str | None) -> Any:
    """All of the values for a list; the only one, or all, for anything else."""
    if type is not None and type.endswith("[]"):
        return values[0] if len(values) == 1 and isinstance(values[0], list) else values
    return None if not values else values[0] if len(values) == 1 else values
