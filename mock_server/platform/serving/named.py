"""Pipelines of the platform, served by their name: what is installed answers as a deployment does, by runs of its own.

Law: a deployment of that name goes first. A name that several pipelines have is none; each has its id, too. A caller
who goes ends the run that it asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from dtlpipe.errors import Conflict, NotFound, UnprocessableEntity
from mock_server.platform import lifecycle
from mock_server.platform.pipelines import INSTALLED
from mock_server.platform.serving.calls import Event
from mock_server.platform.wanted import Wanted
from mock_server.store.base import Document, ExecutionRow, Kind, RunRow

if TYPE_CHECKING:
    from mock_server.platform.intents import Submission
    from mock_server.platform.platform import Platform

Told = Callable[[Event], None]
#: Of an input that a user's words are for; None takes anything.
_TEXT: Final = ("String", "Json", None)


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

    def is_run_of(self, row: RunRow, name: str) -> bool:
        """Whether that is a run of the pipeline of that name or id."""
        pipeline = None if row.surface else self._platform.store.get(Kind.PIPELINE, row.pipeline_id)
        return pipeline is not None and name in (pipeline["id"], pipeline["name"])

    def prepared(
        self,
        name: str,
        params: Mapping[str, Any],
        *,
        creator: str,
        wanted: Wanted | None = None,
        key: str | None = None,
    ) -> Submission:
        """What begins a run of it. Raises NotFound, BadRequest for inputs that do not fit."""
        return self._platform.runs.prepared(
            self.find(name)["id"],
            inputs=dict(params),
            wanted=wanted or Wanted(),
            creator=creator,
            idempotency_key=key and f"serving:{name}:{key}",
        )

    # --- answering ----------------------------------------------------------------------------------------------------

    def ask(self, name: str, body: bytes, creator: str, receive: Told) -> None:
        """Run it; `receive` is told of it as of a call, once it is over."""
        try:
            params = orjson.loads(body) if body.strip() else {}
        except orjson.JSONDecodeError as error:
            raise UnprocessableEntity(f"the body is no JSON: {error}") from None
        if not isinstance(params, dict):
            raise UnprocessableEntity("the body is an object with the pipeline's inputs")
        self._run(name, params, creator, receive, lambda result: [_answer({"result": result})])

    def asked(self, name: str) -> str | None:
        """The input that a user's words are for: the only one of its first node, if that takes a text, else None."""
        pipeline = self.find(name)
        first = next((each["nodeId"] for each in pipeline.get("startNodes") or () if each.get("type") == "root"), None)
        nodes = {each["id"]: each for each in pipeline.get("nodes") or ()}
        ports: Sequence[Mapping[str, Any]] = nodes.get(first, {}).get("inputs") or ()
        if len(ports) != 1 or ports[0].get("type") not in _TEXT:
            return None
        return str(ports[0].get("name") or ports[0]["portId"])

    def chat(
        self,
        name: str,
        said: str,
        creator: str,
        receive: Told,
        shape: Callable[[str], list[Event]],
        what: str = "Chat completions",
    ) -> None:
        """Run it with what the user said last; `shape` makes the answer of what it says. Raises NotFound."""
        asked = self.asked(name)
        if asked is None:
            receive(_answer({"detail": not_said(what)}, 501))
            return

        def shaped(result: Any) -> list[Event]:
            return shape(result if isinstance(result, str) else orjson.dumps(result).decode())

        self._run(name, {asked: said}, creator, receive, shaped)

    def _run(
        self,
        name: str,
        params: Mapping[str, Any],
        creator: str,
        receive: Told,
        said: Callable[[Any], list[Event]],
    ) -> None:
        submission = self.prepared(name, params, creator=creator)
        self._platform.submit(submission)
        id, hub = submission.runs[0].id, self._platform.hub
        told: list[bool] = []
        leave: list[Callable[[], None]] = []

        def look() -> None:
            row = self._platform.store.get_run(id)
            if told or row is None or not lifecycle.is_final(row.status):
                return
            told.append(True)
            for each in leave:
                self._platform.serving.errands.aside(each)
            for event in self._events(row, said):
                receive(event)

        def cancel() -> None:
            told.append(True)
            self._platform.work.cancel_run(id, "its caller has gone")

        receive(({"kind": "placed", "cancel": cancel, "taken": lambda _: None}, b""))
        leave.append(hub.watch(id, lambda: self._platform.serving.errands.aside(look)))
        self._platform.serving.errands.aside(look)

    def _events(self, row: RunRow, said: Callable[[Any], list[Event]]) -> list[Event]:
        executions = self._platform.store.executions_of([row.id])[row.id]
        if row.status == lifecycle.SUCCESS:
            return said(self.result(row, executions))
        failed = next((each.error for each in reversed(executions) if each.error), None) or row.error or {}
        return [_answer({"detail": f"Pipeline execution failed: {failed.get('message') or row.status}"}, 500)]

    def result(self, row: RunRow, executions: Sequence[ExecutionRow]) -> Any:
        """What a run came to: the outputs of the nodes that ended it, by name; of one node, its output."""
        pipeline = self._platform.store.get(Kind.REVISION, row.revision_id, True) or {}
        sources = {each["src"]["nodeId"] for each in pipeline.get("connections") or ()}
        names = {each["id"]: each["name"] for each in pipeline.get("nodes") or ()}
        last = {each.node_id: each for each in executions if each.node_id not in sources}
        outputs = {names.get(id, id): _plain(each.output) for id, each in last.items()}
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def not_said(what: str) -> str:
    """Why a pipeline is no model."""
    return f"{what} endpoint not implemented for this model: it takes more, or other things, than one text"


def _answer(content: Mapping[str, Any], status: int = 200) -> Event:
    return ({"kind": "answer", "status": status, "type": "application/json"}, orjson.dumps(content))


def _plain(output: Any) -> Any:
    return next(iter(output.values())) if isinstance(output, dict) and len(output) == 1 else output
