"""/runs/{id}/progress: reports in, progress out, once or as it is made; /runs/{id}/events: all that happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from flask import Blueprint, Response, request
from pydantic import Field

from dtlpipe.model import times
from mock_server.api.held import held
from mock_server.api.synapse import validation
from mock_server.api.wire import json_response
from mock_server.platform.actions.stream import subscribe
from mock_server.platform.feed import Selection

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_NUMBER = Annotated[int, Field(ge=0, le=2**62)]
_LIMIT = Annotated[int, Field(ge=1, le=1000)]


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes."""
    runs = platform.actions.runs

    @api.post("/runs/<run_id>/progress")
    def report_progress(run_id: str) -> Any:
        return runs.report(run_id, validation.given(validation.body(validation.Report)))

    @api.get("/runs/<run_id>/progress")
    def get_progress(run_id: str) -> Any:
        return runs.progress(run_id)

    @api.get("/runs/<run_id>/progress/stream")
    def stream_progress(run_id: str) -> Response:
        return held(subscribe(platform, run_id, _resumed()))

    @api.get("/runs/<run_id>/events")
    def events_of_run(run_id: str) -> Response:
        after = validation.parameter("after", _NUMBER, 0)
        if request.accept_mimetypes.best_match(["application/json", "text/event-stream"]) == "text/event-stream":
            runs.get(run_id)
            resumed = _resumed()
            return held(platform.feed.subscribe(Selection(run_id=run_id), after if resumed is None else resumed))
        found = runs.events(run_id, after, validation.parameter("limit", _LIMIT, 1000))
        return json_response(
            [
                {
                    "id": each.id,
                    "kind": each.kind,
                    "at": times.to_wire(each.at),
                    "execution_id": each.execution_id,
                    "body": each.body,
                }
                for each in found
            ]
        )


def _resumed() -> int | None:
    """The number of the last event that the client has; one that is no number of ours says nothing."""
    text = request.headers.get("Last-Event-ID", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
