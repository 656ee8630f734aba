"""Pipelines of the platform, served by their name: what is installed answers as a deployment does, by runs of its own.

Law: a deployment of that name goes first. A name that several pipelines have is none; each has its id, too. A caller
who goes ends the run that it asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from dtlpipe.errors import Conflict, NotFound, UnprocessableEntity
from mock_server.platform import lifecycle
from mock_server.platform.pipelines import INSTALLED
from mock_server.platform.serving.calls import Event
from mock_server.platform.wanted import Wanted
from mock_server.store.base import Document, ExecutionRow, Kind

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


class Named:
    """The pipelines."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def find(self, name: str) -> Document:
        """The installed one of that name or id. Raises NotFound; Conflict if there are several."""
        store = self._platform.store
        found = store.get(Kind.PIPELINE, name)
        some = [found] if found is not None else list(store.iterate(Kind.PIPELINE, {"filter": {"name": name}}))
        some = [each for each in some if not each.get("surface") and each.get("status") == INSTALLED]
        if not some:
            raise NotFound("Not Found")
        if len(some) > 1:
            raise Conflict(f"there are {len(some)} installed pipelines named '{name}'", hint="call one by its id")
        return some[0]

    def start(
        self,
        name: str,
        params: Mapping[str, Any],
        *,
        creator: str,
        wanted: Wanted | None = None,
        key: str | None = None,
    ) -> Document:
        """Begin a run of it. Raises NotFound, BadRequest for inputs that do not fit."""
        pipeline = self.find(name)
        return self._platform.runs.start(
            pipeline["id"],
            inputs=dict(params),
            wanted=wanted or Wanted(),
            creator=creator,
            idempotency_key=key and f"serving:{name}:{key}",
        )

    def ask(self, name: str, body: bytes, creator: str, receive: Callable[[Event], None]) -> None:
        """Run it; `receive` is told of it as of a call, once it is over."""
        try:
            params = orjson.loads(body) if body.strip() else {}
        except orjson.JSONDecodeError as error:
            raise UnprocessableEntity(f"the body is no JSON: {error}") from None
        if not isinstance(params, dict):
            raise UnprocessableEntity("the body is an object with the pipeline's inputs")
        run = self.start(name, params, creator=creator)
        id, hub = run["id"], self._platform.hub
        told: list[bool] = []
        leave: list[Callable[[], None]] = []

        def look() -> None:
            row = self._platform.store.get_run(id)
            if told or row is None or not lifecycle.is_final(row.status):
                return
            told.append(True)
            for each in leave:
                self._platform.serving.errands.aside(each)
            receive(self._event(row.status, row.error, id))

        def cancel() -> None:
            told.append(True)
            self._platform.work.cancel_run(id, "its caller has gone")

        receive(({"kind": "placed", "cancel": cancel, "taken": lambda _: None}, b""))
        leave.append(hub.watch(id, lambda: self._platform.serving.errands.aside(look)))
        self._platform.serving.errands.aside(look)

    def _event(self, status: str, error: Mapping[str, Any] | None, id: str) -> Event:
        executions = self._platform.store.executions_of([id])[id]
        if status == lifecycle.SUCCESS:
            answer, code = {"result": self.result(executions)}, 200
        else:
            failed = next((each.error for each in reversed(executions) if each.error), None) or error or {}
            answer, code = {"detail": f"Pipeline execution failed: {failed.get('message') or status}"}, 500
        return ({"kind": "answer", "status": code, "type": "application/json"}, orjson.dumps(answer))

    def result(self, executions: Sequence[ExecutionRow]) -> Any:
        """What a run came to: the outputs of the nodes that ended it, by name; of one node, its output."""
        id = next((each.run_id for each in executions if each.run_id is not None), None)
        run = self._platform.store.get_run(id) if id is not None else None
        revision = self._platform.store.get(Kind.REVISION, run.revision_id, True) if run is not None else None
        pipeline = revision or {}
        sources = {each["src"]["nodeId"] for each in pipeline.get("connections") or ()}
        names = {each["id"]: each["name"] for each in pipeline.get("nodes") or ()}
        last = {each.node_id: each for each in executions if each.node_id not in sources}
        outputs = {names.get(id, id): _plain(each.output) for id, each in last.items()}
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def _plain(output: Any) -> Any:
    return next(iter(output.values())) if isinstance(output, dict) and len(output) == 1 else output
