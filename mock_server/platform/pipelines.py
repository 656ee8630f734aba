"""Pipelines: definitions that are edited as drafts, installed to run, and copied into revisions that never change.

Law: an installed pipeline can always run. What installs asks for, every later edit is asked for too, and its services
follow the edit in the same transaction; its structure stays until it is paused. Checks are made before the writer is
taken, on what was read; if that has changed by then, they are made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict, NotFound
from dtlpipe.model.enums import CompositionStatus, PipelineResumeOption
from dtlpipe.model.shipping import PYTHON
from mock_server.platform import deployment, existing_data, ledger, triggers
from mock_server.platform.definitions import (
    LISTS,
    completed,
    completed_variables,
    edited,
    refuse_types,
    running_part,
    shape_errors,
    structure,
)
from mock_server.platform.documents import now, require
from mock_server.platform.graph_rules import Problem, draft_problems, refuse
from mock_server.platform.install_rules import Surroundings, install_problems, warnings
from mock_server.platform.links import shown, shown_page
from mock_server.platform.packages import project_of
from mock_server.store.base import Document, Kind, Tx
from mock_server.store.ids import new_id, new_uuid

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

INSTALLED = CompositionStatus.INSTALLED.value
UNINSTALLED = CompositionStatus.UNINSTALLED.value
TERMINATING = CompositionStatus.TERMINATING.value

NOT_A_PIPELINE = "Invalid input specified, this is not a pipeline"
REFUSED_INSTALLED = "Pipeline with installed status couldn't be updated"


class Pipelines:
    """Definitions and their lives. Verbs return what the wire shows."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    # --- looking ------------------------------------------------------------------------------------------------------

    def get(self, pipeline_id: str) -> Document:
        """Raises NotFound."""
        return self._shown(self._find(pipeline_id))

    def query(self, body: Mapping[str, Any]) -> Document:
        """A page of pipelines. Raises BadRequest for a query that is none."""
        return shown_page(self._platform, "pipelines", self._platform.store.find(Kind.PIPELINE, body))

    def composition(self, composition_id: str) -> Document:
        """What a pipeline is made of, under the id that clients know its deployed form by. Raises NotFound."""
        query = {"filter": {"compositionId": composition_id}, "pageSize": 1}
        found = self._platform.store.find(Kind.PIPELINE, query).items
        pipeline = next((each for each in found if each["compositionId"] == composition_id), None)  # globs find others
        if pipeline is None:
            raise NotFound(f"there is no composition {composition_id!r}")
        return {
            "id": composition_id,
            "pipelineId": pipeline["id"],
            **{key: pipeline.get(key) for key in ("name", "projectId", "status", "creator", "createdAt", "updatedAt")},
            "spec": [{"nodeId": each["id"], "name": each["name"], **each["namespace"]} for each in pipeline["nodes"]],
            "url": f"{self._platform.api_url}/compositions/{composition_id}",
        }

    def validate(self, body: Mapping[str, Any]) -> Document:
        """What an install would say of it: `{"valid", "errors": [{"message", "path", "node"?, ...}], "warnings"}`."""
        wrong = shape_errors(body)
        if wrong:
            return {"valid": False, "errors": wrong, "warnings": []}
        pipeline = completed(edited({}, body))
        errors = draft_problems(pipeline, PYTHON)
        if errors:
            return {"valid": False, "errors": [each.to_wire() for each in errors], "warnings": []}
        errors = install_problems(pipeline, self._surroundings())
        return {
            "valid": not errors,
            "errors": [each.to_wire() for each in errors],
            "warnings": [each.to_wire() for each in warnings(pipeline)],
        }

    def _find(self, pipeline_id: str) -> Document:
        return require(self._platform.store, Kind.PIPELINE, pipeline_id, private=True)

    def _shown(self, pipeline: Mapping[str, Any]) -> Document:
        return shown(self._platform, "pipelines", pipeline)

    def _surroundings(self) -> Surroundings:
        store, its_services = self._platform.store, self._platform.services
        return Surroundings(
            lambda id: store.get(Kind.DATASET, id),
            its_services.named,
            its_services.functions,
            lambda id: store.get(Kind.PIPELINE, id),
        )

    # --- editing ------------------------------------------------------------------------------------------------------

    def create(self, body: Mapping[str, Any], creator: str) -> Document:
        """A draft. Raises BadRequest for what can never be right, naming node and port; NotFound for its project."""
        refuse_types(NOT_A_PIPELINE, shape_errors(body))
        project = project_of(self._platform, body)
        at, pipeline_id = now(), new_uuid()
        pipeline = completed(edited({"name": ""}, body))
        pipeline["variables"] = completed_variables(pipeline["variables"], pipeline_id, creator, at)
        refuse(draft_problems(pipeline, PYTHON), "Failed to create pipeline")
        pipeline |= {
            "id": pipeline_id,
            "projectId": project["id"],
            "orgId": (project.get("org") or {}).get("id"),
            "compositionId": new_id(),
            "status": CompositionStatus.CREATED.value,
            "creator": creator,
            "createdAt": at,
            "updatedAt": at,
        }
        self._platform.store.write(lambda tx: tx.insert(Kind.PIPELINE, pipeline))
        return self._shown(pipeline)

    def update(self, pipeline_id: str, body: Mapping[str, Any], editor: str) -> Document:
        """The pipeline with the fields given; the platform's own are passed over.

        Raises NotFound; BadRequest for what can never be right, and, while the pipeline is installed, for a change of
        its structure or for what could not run.
        """
        refuse_types(NOT_A_PIPELINE, shape_errors(body))
        return self._change(pipeline_id, _edit(pipeline_id, body, editor), editor, "Failed to update pipeline")

    def replace(self, pipeline_id: str, structure: Mapping[str, Any], editor: str) -> Document:
        """The pipeline with other nodes, connections, start nodes and variables, in one change; installed, if it is.

        Open runs go on with the revisions that they began with. Raises NotFound, and BadRequest for what cannot run.
        """
        edit, doing = _edit(pipeline_id, structure, editor), "Failed to roll back pipeline"
        return self._change(pipeline_id, edit, editor, doing, replacing=True)

    def update_variables(self, pipeline_id: str, body: Mapping[str, Any], editor: str) -> Document:
        """The pipeline with these variables: `{"variables": [...]}`."""
        if not isinstance(body.get("variables"), list):
            refuse_types(NOT_A_PIPELINE, [{"path": ["variables"], "message": "a list of variables is wanted"}])
        return self.update(pipeline_id, {"variables": body["variables"]}, editor)

    def set_variable(self, pipeline_id: str, name: str, value: Any, editor: str) -> Document:
        """The pipeline with another value of one variable. Raises BadRequest if it has none of that name."""

        def edit(current: Document) -> Document:
            variables = [dict(each) for each in current.get("variables") or ()]
            for each in variables:
                if each.get("name") == name:
                    each |= {"value": value, "updatedAt": now()}
                    return {**current, "variables": variables, "updatedBy": editor}
            raise BadRequest(
                f"pipeline {current['name']!r} has no variable {name!r}",
                hint=f"its variables: {', '.join(sorted(each['name'] for each in variables)) or 'none'}",
            )

        return self._change(pipeline_id, edit, editor, "Failed to update pipeline")

    def delete(self, pipeline_id: str, user: str | None = None) -> None:
        """Ends its runs and deletes it, with its services and triggers. Raises NotFound."""

        def close(tx: Tx) -> None:
            pipeline = require(tx, Kind.PIPELINE, pipeline_id)
            tx.put(Kind.PIPELINE, {**pipeline, "status": TERMINATING, "updatedAt": now()})

        def drop(tx: Tx) -> None:
            deployment.remove_all(tx, pipeline_id)
            for each in triggers.of_pipeline(tx, pipeline_id):
                triggers.drop(tx, each)
            ledger.take_held(tx, pipeline_id)
            tx.delete(Kind.PIPELINE, pipeline_id)

        self._platform.store.write(close)  # from here on nothing new begins, so that ending what is open ends all
        self._platform.runs.stop_open(pipeline_id, f"the pipeline was deleted{f' by {user}' if user else ''}")
        self._platform.store.write(drop)

    # --- running ------------------------------------------------------------------------------------------------------

    def install(self, pipeline_id: str, body: Mapping[str, Any] | None, user: str) -> Document:
        """Makes it run: services for its nodes, active triggers, a revision. `resumeOption` is about open runs.

        Raises NotFound, and BadRequest that names all that keeps it from running.
        """
        pipeline = self._find(pipeline_id)
        chosen = (body or {}).get("resumeOption") or (pipeline.get("settings") or {}).get("defaultResumeOption")
        if chosen is not None and chosen not in list(PipelineResumeOption):
            raise BadRequest(
                f"resumeOption: {chosen!r} is unknown", hint=f"there are {', '.join(PipelineResumeOption)}"
            )
        if chosen == PipelineResumeOption.TERMINATE_EXISTING_CYCLES:
            refuse(self._problems(pipeline), "Failed to install pipeline")  # before anything is ended for it
            self._platform.runs.stop_open(pipeline_id, f"the pipeline was installed anew by {user}")
        doing = "Failed to install pipeline"
        installed = self._change(
            pipeline_id, lambda current: {**current, "status": INSTALLED}, user, doing, installing=True
        )
        commands = existing_data.load(self._platform, installed, user)
        if not commands:
            return installed
        return self._change(pipeline_id, lambda current: existing_data.marked(current, commands), user, doing)

    def uninstall(self, pipeline_id: str, body: Mapping[str, Any] | None, user: str) -> Document:
        """Pauses it: no run begins any more, open ones go on. With `keepTriggersActive`, triggers stay active."""
        keep = (body or {}).get("keepTriggersActive")
        if not isinstance(keep, bool | None):
            refuse_types("pausing", [{"path": ["keepTriggersActive"], "message": "true or false is wanted"}])

        def intent(tx: Tx) -> Document:
            pipeline = require(tx, Kind.PIPELINE, pipeline_id)
            if pipeline["status"] == TERMINATING:
                raise _deleted(pipeline)
            at = now()
            settings = pipeline.get("settings") or {}  # of which one client sends texts where truth values belong
            if not (keep if keep is not None else settings.get("keepTriggersActive") is True):
                triggers.rest(tx, pipeline_id, at)
            if pipeline["status"] == INSTALLED:
                pipeline |= {"status": UNINSTALLED, "updatedAt": at, "updatedBy": user}
                tx.put(Kind.PIPELINE, pipeline)
            return pipeline

        return self._shown(self._platform.store.write(intent))

    def reset(self, pipeline_id: str) -> Document:
        """Sets its counters to zero. Raises NotFound, and BadRequest while it is installed."""
        pipeline = self._find(pipeline_id)
        if pipeline["status"] == INSTALLED:
            raise BadRequest(
                f"{REFUSED_INSTALLED}: {pipeline['name']!r} is installed", hint="pause it first: pipeline.pause()"
            )
        self._platform.runs.reset_statistics(pipeline_id)
        return self._shown(pipeline)

    def revision(self, pipeline: Mapping[str, Any]) -> Document:
        """What a run of the pipeline as it is now runs: `{"id", "pipelineId", "number", "nodes", "connections", ...}`.

        It is made once for each state of the definition and never changes. A pipeline that was read with its private
        keys is not read again. Raises NotFound, and BadRequest for a definition that cannot run.
        """
        current = dict(pipeline) if "_revisionId" in pipeline else self._find(pipeline["id"])
        store = self._platform.store
        while True:
            revision_id = current.get("_revisionId")
            found = store.get(Kind.REVISION, revision_id) if revision_id else None
            if found is not None:
                return found
            if current["status"] == TERMINATING:
                raise _deleted(current)
            if current["status"] != INSTALLED:  # an installed one can run
                refuse(self._problems(current), "Failed to execute pipeline")
            seen = current

            def intent(tx: Tx, seen: Document = seen) -> Document:
                latest = require(tx, Kind.PIPELINE, seen["id"], private=True)
                if latest == seen:
                    latest = revise(tx, latest)
                    tx.put(Kind.PIPELINE, latest)
                return latest

            current = store.write(intent)

    # --- changes ------------------------------------------------------------------------------------------------------

    def _change(
        self,
        pipeline_id: str,
        edit: Callable[[Document], Document],
        user: str,
        doing: str,
        *,
        installing: bool = False,
        replacing: bool = False,
    ) -> Document:
        """What `edit` makes of the pipeline, checked and stored, with its services and triggers if it is installed.

        With `replacing`, its structure may be another although it is.
        """
        while True:
            seen = self._find(pipeline_id)
            if seen["status"] == TERMINATING:
                raise _deleted(seen)
            wanted = edit({key: value for key, value in seen.items() if not key.startswith("_")})
            wanted = self._platform.actions.pipelines.followed(wanted, doing)
            self._check(seen, wanted, doing, replacing=replacing)
            project = self._platform.store.get(Kind.PROJECT, wanted.get("projectId") or "") or {}
            at = now()

            def intent(
                tx: Tx, seen: Document = seen, wanted: Document = wanted, project: Document = project, at: str = at
            ) -> Document | None:
                if tx.get(Kind.PIPELINE, pipeline_id, private=True) != seen:
                    return None
                pipeline = {**wanted, "updatedAt": at}
                if wanted["status"] == INSTALLED:
                    plan = deployment.Deployment(pipeline, project.get("name"), user, at)
                    pipeline["nodes"] = plan.apply(tx)
                    triggers.install(tx, pipeline, user, at, wake=installing)
                    tx.after_commit(self._platform.schedules_changed)
                same = running_part(pipeline) == running_part(seen)
                pipeline["_revisionId"] = seen.get("_revisionId") if same else None
                if wanted["status"] == INSTALLED:
                    pipeline = revise(tx, pipeline)
                tx.put(Kind.PIPELINE, pipeline)
                self._platform.pipeline_changed(tx, pipeline)
                if installing:
                    self._platform.firing.release(tx, pipeline)
                return pipeline

            changed = self._platform.write(intent)
            if changed is not None:
                return self._shown(changed)

    def _check(self, seen: Document, wanted: Document, doing: str, *, replacing: bool) -> None:
        if wanted["status"] != INSTALLED:
            refuse(self._draft_problems(wanted), doing)
            return
        refuse(self._problems(wanted), doing)
        if seen["status"] == INSTALLED and not replacing:
            was, is_ = structure(seen), structure(wanted)
            changed = [what for what in was if was[what] != is_[what]]
            if changed:
                raise BadRequest(
                    f"{REFUSED_INSTALLED}: {wanted['name']!r} is installed; this changes its {' and '.join(changed)}",
                    hint="pause it first (pipeline.pause()), update it, and install it again",
                )

    def _problems(self, pipeline: Document) -> list[Problem]:
        """All that keeps the pipeline from running."""
        if self._platform.actions.pipelines.has(pipeline):
            return self._draft_problems(pipeline)
        return self._draft_problems(pipeline) or install_problems(pipeline, self._surroundings())

    def _draft_problems(self, pipeline: Document) -> list[Problem]:
        """All that can never be right; nodes that are actions have rules of their own, which were asked before."""
        if self._platform.actions.pipelines.has(pipeline):
            pipeline = {**pipeline, "nodes": [], "connections": [], "startNodes": []}
        return draft_problems(pipeline, PYTHON)


def _edit(pipeline_id: str, body: Mapping[str, Any], editor: str) -> Callable[[Document], Document]:
    def edit(current: Document) -> Document:
        pipeline = completed(edited(current, body))
        pipeline["variables"] = completed_variables(pipeline["variables"], pipeline_id, editor, now())
        return {**pipeline, "updatedBy": editor}

    return edit


def refuse_idle(pipeline: Mapping[str, Any], *, test_mode: bool) -> None:
    """Raises BadRequest unless runs may begin: it is installed, or they are tests. Conflict while it is deleted."""
    if pipeline["status"] == TERMINATING:
        raise _deleted(pipeline)
    if pipeline["status"] != INSTALLED and not test_mode:
        raise BadRequest(
            f"pipeline {pipeline['name']!r} is not installed (its status is {pipeline['status']})",
            hint="install it first: pipeline.install()",
        )


def _deleted(pipeline: Mapping[str, Any]) -> Conflict:
    return Conflict(f"pipeline {pipeline['name']!r} is being deleted", hint="delete it again if that was interrupted")


def revise(tx: Tx, pipeline: Document) -> Document:
    """The pipeline with the id of a revision that is what it runs; one is made if there is none."""
    revision_id = pipeline.get("_revisionId")
    if revision_id and tx.get(Kind.REVISION, revision_id) is not None:
        return pipeline
    latest = tx.find(
        Kind.REVISION, {"sort": {"number": "descending"}, "pageSize": 1}, where={"pipelineId": pipeline["id"]}
    ).items
    revision = {
        "id": new_id(),
        "pipelineId": pipeline["id"],
        "number": latest[0]["number"] + 1 if latest else 1,
        "name": pipeline["name"],
        "projectId": pipeline["projectId"],
        "createdAt": pipeline["updatedAt"],
        "updatedAt": pipeline["updatedAt"],
        **{key: pipeline[key] for key in LISTS},
    }
    tx.insert(Kind.REVISION, revision)
    return {**pipeline, "_revisionId": revision["id"]}
