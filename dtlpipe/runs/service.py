"""The verbs of the run service, each written once for both colours.

Requests that make something carry an idempotency key, and reports say what is, so all of them can be sent again. A
stream that breaks is taken up where it broke.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import attrs

from dtlpipe.errors import ConnectionFailed, NotFound, PlatformException, Unavailable, WaitTimeout
from dtlpipe.runs.models import ActionProgress, Checkpoint, LogEntry, PipelineProgress
from dtlpipe.sansio.effects import Emit, Flow, HangUp, Hear, Listen, Now, Op, Request, Response, Sleep, TransportError
from dtlpipe.sansio.operation import Bound, Colour, operation, streaming
from dtlpipe.sansio.server_events import EventReader

API = "/api/v1"

#: Attempts to take a stream up again, without an event between them.
PATIENCE = 10
_OVER = ("completed", "failed", "cancelled", "error")


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class PipelineService(Bound[Colour]):
    """All verbs, in one colour."""

    # --- pipelines ----------------------------------------------------------------------------------------------------

    @operation
    def create_pipeline(
        self, name: str, actions: Sequence[Mapping[str, Any] | type], description: str | None = None
    ) -> Op[dict[str, Any]]:
        """A new pipeline of actions: `{"name", "entrypoint"}` each, or a class (its code then travels along).

        Raises UnprocessableEntity for a name or an action that is none.
        """
        from dtlpipe.runs.shipping import definition

        body = {"name": name, "actions": [definition(each) for each in actions], "description": description}
        response: Response = yield Request("POST", f"{API}/pipelines/", json=body, once=True)
        return _object(response)

    @operation
    def get_pipeline(self, pipeline_id: str) -> Op[dict[str, Any]]:
        """Raises NotFound."""
        response: Response = yield Request("GET", _path("pipelines", pipeline_id))
        return _object(response)

    @operation
    def update_pipeline(
        self,
        pipeline_id: str,
        name: str | None = None,
        actions: Sequence[Mapping[str, Any] | type] | None = None,
        description: str | None = None,
    ) -> Op[dict[str, Any]]:
        """With what is given; runs that have begun keep what they had. Raises NotFound."""
        from dtlpipe.runs.shipping import definition

        told = None if actions is None else [definition(each) for each in actions]
        body = _said({"name": name, "actions": told, "description": description})
        response: Response = yield Request("PUT", _path("pipelines", pipeline_id), json=body)
        return _object(response)

    @operation
    def list_pipelines(self, skip: int = 0, limit: int = 100) -> Op[list[dict[str, Any]]]:
        """In the order in which they were made."""
        params = {"skip": skip, "limit": limit}
        response: Response = yield Request("GET", f"{API}/pipelines/", params=params)
        return _list(response)

    @operation
    def delete_pipeline(self, pipeline_id: str) -> Op[None]:
        """With its runs. Raises NotFound."""
        yield Request("DELETE", _path("pipelines", pipeline_id))

    # --- runs ---------------------------------------------------------------------------------------------------------

    @operation
    def create_run(
        self,
        pipeline_id: str,
        params: dict[str, Any] | None = None,
        work_dir: str | None = None,
        execute: bool | None = None,  # noqa: FBT001 - the first three may go by position
    ) -> Op[dict[str, Any]]:
        """A new run. Where the code of its actions is at hand, the platform runs it (`execute=False`: it does not).

        Raises NotFound; UnprocessableEntity if it shall be executed and its code is not there.
        """
        body = {"params": params, "work_dir": work_dir, "execute": execute}
        path = f"{_path('pipelines', pipeline_id)}/runs/"
        response: Response = yield Request("POST", path, json=_said(body), once=True)
        return _object(response)

    @operation
    def get_run(self, run_id: str) -> Op[dict[str, Any]]:
        """Raises NotFound."""
        response: Response = yield Request("GET", _path("runs", run_id))
        return _object(response)

    @operation
    def list_runs(
        self, status: str | None = None, skip: int = 0, limit: int = 100, pipeline_id: str | None = None
    ) -> Op[list[dict[str, Any]]]:
        """The newest first. Raises UnprocessableEntity for a status that is none."""
        params = {"skip": skip, "limit": limit, "status_filter": status or None, "pipeline_id": pipeline_id}
        response: Response = yield Request("GET", f"{API}/runs/", params=params)
        return _list(response)

    @operation
    def update_run(
        self, run_id: str, status: str | None = None, result: dict[str, Any] | None = None, error: str | None = None
    ) -> Op[dict[str, Any]]:
        """Sets what is given; `cancelled` really ends what runs. Raises NotFound, Conflict."""
        body = {"status": status, "result": result, "error": error}
        response: Response = yield Request("PATCH", _path("runs", run_id), json=_said(body))
        return _object(response)

    @operation
    def cancel_run(self, run_id: str) -> Op[dict[str, Any]]:
        """Ends what runs. Raises NotFound, and Conflict for a run that ended otherwise."""
        response: Response = yield Request("POST", f"{_path('runs', run_id)}/cancel", idempotent=True)
        return _object(response)

    @operation
    def resume_run(
        self,
        run_id: str,
        params: dict[str, Any] | None = None,
        params_policy: str = "snapshot",
        work_dir: str | None = None,
        execute: bool | None = None,  # noqa: FBT001 - as in create_run
    ) -> Op[dict[str, Any]]:
        """A new run that goes on after the last completed checkpoint of the old one (`resumed_from`).

        Its parameters are those of that checkpoint, with `params` laid over them by the policy "merge".
        Raises NotFound, Conflict for a run that still goes on.
        """
        body = {"params": params, "params_policy": params_policy, "work_dir": work_dir, "execute": execute}
        response: Response = yield Request("POST", f"{_path('runs', run_id)}/resume", json=_said(body), once=True)
        return _object(response)

    @operation
    def delete_run(self, run_id: str) -> Op[None]:
        """With its checkpoints and logs. Raises NotFound."""
        yield Request("DELETE", _path("runs", run_id))

    @operation
    def wait(self, run_id: str, timeout: float = 3600.0) -> Op[dict[str, Any]]:
        """The run, once it is over. Raises WaitTimeout, NotFound."""
        began: float = yield Now()
        pause = 0.05
        while True:
            response: Response = yield Request("GET", _path("runs", run_id))
            run = _object(response)
            if run["status"] in _OVER:
                return run
            now: float = yield Now()
            if now - began >= timeout:
                raise WaitTimeout(f"run {run_id} is still {run['status']} after {timeout:g} s")
            yield Sleep(min(pause, timeout - (now - began)))
            pause = min(pause * 1.5, 2.0)

    # --- progress -----------------------------------------------------------------------------------------------------

    @operation
    def report_progress(
        self,
        run_id: str,
        current_action: str | None = None,
        current_action_index: int | None = None,
        status: str | None = None,
        action_progress: ActionProgress | dict[str, Any] | None = None,
        error: str | None = None,
    ) -> Op[dict[str, Any]]:
        """Tells how far a run is. Raises NotFound, UnprocessableEntity, and Conflict for a run that is over."""
        told = action_progress.to_dict() if isinstance(action_progress, ActionProgress) else action_progress
        body = {
            "current_action": current_action,
            "current_action_index": current_action_index,
            "status": status,
            "action_progress": told,
            "error": error,
        }
        path = f"{_path('runs', run_id)}/progress"
        response: Response = yield Request("POST", path, json=_said(body), idempotent=True)
        return _object(response)

    @operation
    def get_progress(self, run_id: str) -> Op[PipelineProgress]:
        """How far a run is. Raises NotFound."""
        response: Response = yield Request("GET", f"{_path('runs', run_id)}/progress")
        return PipelineProgress.from_dict(_object(response))

    @streaming
    def stream_progress(  # noqa: C901 - one loop with all its ways out
        self, run_id: str, timeout: float = 3600.0
    ) -> Flow[PipelineProgress]:
        """Each state of a run, from the present one to its end; `timeout` seconds of silence are an error.

        A connection that breaks is made again, and goes on with what was missed. Raises NotFound, ConnectionFailed.
        """
        path = f"{_path('runs', run_id)}/progress/stream"
        reader = EventReader()
        failures, connected = 0, False
        while True:
            headers = {"accept": "text/event-stream", "cache-control": "no-store"}
            if reader.last_id is not None:
                headers["last-event-id"] = reader.last_id
            try:
                stream: Any = yield Listen(path, headers=headers, timeout=timeout)
                connected = True
                while True:
                    chunk: bytes = yield Hear(stream)
                    if not chunk:
                        break
                    for event in reader.feed(chunk):
                        failures = 0
                        try:
                            data = json.loads(event.data)
                        except ValueError:
                            continue
                        yield Emit(PipelineProgress.from_dict(data))
                        if event.kind in _OVER:
                            yield HangUp(stream)
                            return
                yield HangUp(stream)
            except TransportError as broken:
                if broken.kind == "timeout":
                    raise ConnectionFailed(f"run {run_id} told nothing for {timeout:g} s") from broken
                failure: Exception = broken
            except (ConnectionFailed, Unavailable) as refused:
                if not connected:
                    raise
                failure = refused
            else:
                failure = ConnectionFailed(f"the stream of run {run_id} ended before the run did")
            reader.broken()
            failures += 1
            if failures > PATIENCE:
                raise ConnectionFailed(f"the stream of run {run_id} broke and cannot be taken up") from failure
            yield Sleep(min(0.05 * 2.0**failures, 5.0))

    # --- checkpoints --------------------------------------------------------------------------------------------------

    @operation
    def create_checkpoint(
        self,
        run_id: str,
        action_name: str,
        action_index: int,
        status: str = "completed",
        params_snapshot: dict[str, Any] | None = None,
        result: dict[str, Any] | None = None,
        artifacts_path: str | None = None,
    ) -> Op[Checkpoint]:
        """Keeps a checkpoint. Raises NotFound, UnprocessableEntity."""
        body = {
            "action_name": action_name,
            "action_index": action_index,
            "status": str(status),
            "params_snapshot": params_snapshot,
            "result": result,
            "artifacts_path": artifacts_path,
        }
        path = f"{_path('runs', run_id)}/checkpoints/"
        response: Response = yield Request("POST", path, json=body, once=True)
        return Checkpoint(_object(response))

    @operation
    def get_checkpoints(self, run_id: str) -> Op[list[Checkpoint]]:
        """By the place of their actions. Raises NotFound."""
        response: Response = yield Request("GET", f"{_path('runs', run_id)}/checkpoints/")
        return [Checkpoint(each) for each in _list(response)]

    @operation
    def get_latest_checkpoint(self, run_id: str) -> Op[Checkpoint | None]:
        """That of the last action that has one; None if there is none."""
        return (yield from _found(f"{_path('runs', run_id)}/checkpoints/latest"))

    @operation
    def get_checkpoint_by_action(self, run_id: str, action_name: str) -> Op[Checkpoint | None]:
        """The newest of one action; None if there is none."""
        return (yield from _found(f"{_path('runs', run_id)}/checkpoints/{quote(action_name, safe='')}"))

    # --- logs ---------------------------------------------------------------------------------------------------------

    @operation
    def append_logs(self, run_id: str, entries: Iterable[LogEntry | dict[str, Any]]) -> Op[list[dict[str, Any]]]:
        """Adds lines. Raises NotFound, UnprocessableEntity for a level that is none."""
        told = [each.to_dict() if isinstance(each, LogEntry) else each for each in entries]
        path = f"{_path('runs', run_id)}/logs/"
        response: Response = yield Request("POST", path, json={"entries": told}, once=True)
        return _list(response)

    @operation
    def get_logs(
        self,
        run_id: str,
        action_name: str | None = None,
        level: str | None = None,
        since: datetime | None = None,
        limit: int = 1000,
    ) -> Op[list[dict[str, Any]]]:
        """Lines by their time: of one action, of exactly one level, after a moment. Raises NotFound."""
        moment = since.astimezone(UTC).replace(tzinfo=None) if since is not None and since.tzinfo else since
        params = {
            "limit": limit,
            "action_name": action_name or None,
            "level": str(level) if level else None,
            "since": None if moment is None else moment.isoformat(),
        }
        response: Response = yield Request("GET", f"{_path('runs', run_id)}/logs/", params=params)
        return _list(response)

    # --- the service itself -------------------------------------------------------------------------------------------

    @operation
    def health_check(self) -> Op[bool]:
        """Whether it answers and is well; never raises."""
        try:
            response: Response = yield Request("GET", "/health")
        except (PlatformException, ConnectionFailed):
            return False
        return response.status == 200

    @operation
    def add_code_root(self, path: str) -> Op[dict[str, Any]]:
        """Registers a folder of the platform's machine as one with actions; what waits for its code begins."""
        response: Response = yield Request("POST", f"{API}/code-roots/", json={"path": path}, idempotent=True)
        return _object(response)

    @operation
    def remove_code_root(self, root_id: str) -> Op[None]:
        """Takes it back. Raises NotFound."""
        yield Request("DELETE", _path("code-roots", root_id))


def _found(path: str) -> Op[Checkpoint | None]:
    try:
        response: Response = yield Request("GET", path)
    except NotFound:
        return None
    return Checkpoint(_object(response))


def _path(noun: str, id: str) -> str:
    return f"{API}/{noun}/{quote(str(id), safe='')}"


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}


def _object(response: Response) -> dict[str, Any]:
    found: dict[str, Any] = response.json()
    return found


def _list(response: Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = response.json()
    return found
