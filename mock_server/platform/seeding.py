"""What a platform begins with: projects, data, pipelines and runs that took place, none of which sets anything off.

Law: the verbs are those that everybody uses, so what cannot be made otherwise cannot be seeded; triggers hear nothing
of it. What is there already, by its name, is taken as it is. A run that is seeded is over: nothing of it is executed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.platform.items import Upload
from mock_server.store.base import ExecutionRow, Kind, RunRow, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

Step = Mapping[str, Any]


class Seeding:
    """Steps, each of which names what it belongs to. Returned is what was made, or found."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._steps: dict[str, Callable[[Step, str], dict[str, Any]]] = {
            "project": self._project,
            "dataset": self._dataset,
            "item": self._item,
            "pipeline": self._pipeline,
            "run": self._run,
        }

    def sow(self, step: Any, creator: str) -> dict[str, Any]:
        """Does a step: `{"project": {...}}`, `{"dataset": {...}}` ...

        Raises BadRequest for what is none, and what the verbs raise.
        """
        if not isinstance(step, Mapping) or len(step) != 1:
            raise BadRequest(f"a step is one of {', '.join(self._steps)}, with what it is to be")
        ((kind, given),) = step.items()
        if kind not in self._steps or not isinstance(given, Mapping):
            raise BadRequest(f"a step is one of {', '.join(self._steps)}, with an object, not {kind!r}")
        with self._platform.firing.silence():
            return self._steps[kind](given, creator)

    def _project(self, given: Step, creator: str) -> dict[str, Any]:
        name = _text(given, "name")
        try:
            return self._platform.projects.get_by_name(name)
        except NotFound:
            return self._platform.projects.create(name, creator)

    def _dataset(self, given: Step, creator: str) -> dict[str, Any]:
        project = self._platform.projects.get_by_name(_text(given, "project"))
        where = {"projectId": project["id"], "name": _text(given, "name"), "hidden": False}
        found = self._platform.store.find(Kind.DATASET, {"pageSize": 1}, where=where).items
        if found:
            return found[0]
        body = {"name": where["name"], "projects": [project["id"]], "createDefaultRecipe": True}
        return self._platform.datasets.create(body, creator)

    def _item(self, given: Step, creator: str) -> dict[str, Any]:
        dataset = self._dataset({"project": given.get("project"), "name": given.get("dataset")}, creator)
        try:
            content = base64.b64decode(_text(given, "content", empty=True), validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("content: base64 is needed here") from None
        upload = Upload(
            path=_text(given, "path"), metadata=given.get("metadata") or {}, mode="overwrite", creator=creator
        )
        return self._platform.items.upload(dataset["id"], upload, content)[0]

    def _pipeline(self, given: Step, creator: str) -> dict[str, Any]:
        project = self._platform.projects.get_by_name(_text(given, "project"))
        definition = given.get("definition")
        if not isinstance(definition, Mapping):
            raise BadRequest("definition: a pipeline's JSON is needed here")
        name = str(given.get("name") or definition.get("name") or "")
        where = {"projectId": project["id"], "name": name}
        found = self._platform.store.find(Kind.PIPELINE, {"pageSize": 1}, where=where).items
        pipeline = found[0] if found else self._platform.pipelines.create(_placed(definition, project, name), creator)
        if given.get("install") and pipeline.get("status") != "Installed":
            pipeline = self._platform.pipelines.install(pipeline["id"], None, creator)
        return dict(pipeline)

    def _run(self, given: Step, creator: str) -> dict[str, Any]:
        project = self._platform.projects.get_by_name(_text(given, "project"))
        where = {"projectId": project["id"], "name": _text(given, "pipeline")}
        found = self._platform.store.find(Kind.PIPELINE, {"pageSize": 1}, where=where).items
        if not found:
            raise NotFound(f"there is no pipeline {where['name']!r} in project {project['name']!r}")
        pipeline = self._platform.store.get(Kind.PIPELINE, found[0]["id"], private=True)
        if pipeline is None or pipeline["status"] != "Installed":
            raise BadRequest(
                f"pipeline {where['name']!r} is not installed, so it cannot have run", hint="install: true"
            )
        run, executions = _rows(self._platform.pipelines.revision(pipeline), pipeline, given, creator)

        def intent(tx: Tx) -> None:
            tx.insert_runs([run])
            tx.insert_executions(executions)
            body = {"status": run.status, **({"error": run.error} if run.error else {})}
            tx.append_event(run.id, None, "run.started", {}, run.created_at)
            for each in executions:
                tx.append_event(run.id, each.id, "execution.started", {}, each.started_at)
                number = tx.append_event(run.id, each.id, "execution.ended", {"status": each.status}, each.ended_at)
                tx.set_execution(each.id, seq=number)
            tx.append_event(run.id, None, "run.ended", body, run.ended_at)

        self._platform.store.write(intent)
        return {"id": run.id, "status": run.status, "pipelineId": run.pipeline_id}


def _placed(definition: Mapping[str, Any], project: Mapping[str, Any], name: str) -> dict[str, Any]:
    nodes = []
    for each in definition.get("nodes") or ():
        if isinstance(each, Mapping):
            namespace = {"projectName": project["name"], **(each.get("namespace") or {})}
            each = {"projectId": project["id"], **each, "namespace": namespace}  # noqa: PLW2901
        nodes.append(each)
    return {**definition, "name": name, "projectId": project["id"], "nodes": nodes}


def _rows(
    revision: Mapping[str, Any], pipeline: Mapping[str, Any], given: Step, creator: str
) -> tuple[RunRow, list[ExecutionRow]]:
    status = given.get("status") or lifecycle.SUCCESS
    if not lifecycle.is_final(str(status)):
        raise BadRequest(f"status: a run that is seeded is over, and {status!r} is not")
    try:
        created = times.from_wire(str(given["created"])) if given.get("created") else times.now()
    except ValueError:
        raise BadRequest(f"created: a time like 2026-05-06T07:08:09Z is needed, not {given['created']!r:.80}") from None
    ended = created + timedelta(seconds=float(given.get("seconds") or 0.0))
    nodes = {each["name"]: each for each in revision.get("nodes") or ()}
    said = given.get("nodes") or {}
    error = {"message": str(given["error"]), "type": "Error"} if given.get("error") else None
    root = next((each["nodeId"] for each in revision.get("startNodes") or () if each.get("type") == "root"), None)
    run = RunRow(
        id=new_id(),
        pipeline_id=pipeline["id"],
        project_id=pipeline["projectId"],
        revision_id=revision["id"],
        status=str(status),
        creator=creator,
        created_at=created,
        updated_at=ended,
        started_at=created,
        ended_at=ended,
        start_node=root,
        inputs=dict(given.get("input") or {}),
        error=error,
    )
    executions = []
    for name, told in said.items():
        if name not in nodes:
            raise BadRequest(f"nodes: pipeline {pipeline['name']!r} has no node {name!r}")
        told = told or {}  # noqa: PLW2901
        node = nodes[name]
        failure = {"message": str(told["error"]), "type": "Error"} if told.get("error") else None
        executions.append(
            ExecutionRow(
                id=new_id(),
                function_name=(node.get("namespace") or {}).get("functionName") or "run",
                status=str(told.get("status") or (lifecycle.FAILED if failure else lifecycle.SUCCESS)),
                creator=creator,
                created_at=created,
                updated_at=ended,
                started_at=created,
                ended_at=ended,
                run_id=run.id,
                node_id=node["id"],
                pipeline_id=run.pipeline_id,
                project_id=run.project_id,
                input=dict(told.get("input") or {}),
                output=told.get("output"),
                error=failure,
            )
        )
    return run, executions


def _text(given: Step, key: str, *, empty: bool = False) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not (value or empty):
        raise BadRequest(f"{key}: a text is needed here, not {value!r:.80}")
    return value
