"""What happened, as pages or as it happens: the log of events of a run, of a pipeline, of a project, or of all.

    GET /api/v1/platform/runs/{id}/events
    GET /api/v1/platform/events?run=&pipeline=&project=&ends=

A page is JSON: `?after=<id>&limit=<n>`. With `Accept: text/event-stream` it is a stream of server-sent events, whose
`id` is the event's and whose `data` is its JSON. A stream resumes after `Last-Event-ID` (or `?after=`); without either,
that of a run has all of it, any other what is to come. That of a run ends with the run; 204 says: there is no more.
With `ends=1` there are only the ends of runs and of calls of services: what those listen to who wait for many of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from dtlpipe.errors import BadRequest, NotFound
from mock_server.api.held import held
from mock_server.api.wire import json_response
from mock_server.platform import lifecycle
from mock_server.platform.feed import Selection, shown_all

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_STREAM = "text/event-stream"
_LIMIT = 1000


def register(admin: Blueprint, platform: Platform) -> None:
    """Adds the routes of events."""

    @admin.get("/api/v1/platform/runs/<run_id>/events")
    def events_of_run(run_id: str) -> Response:
        if platform.store.get_run(run_id) is None:
            raise NotFound(f"there is no run {run_id!r}")
        return _answer(platform, Selection(run_id=run_id))

    @admin.get("/api/v1/platform/events")
    def events() -> Response:
        given = {key: request.args.get(key) for key in ("run", "pipeline", "project")}
        if given["run"] is not None:
            return events_of_run(given["run"])
        ends = request.args.get("ends", "").lower() in ("1", "true")
        return _answer(platform, Selection(pipeline_id=given["pipeline"], project_id=given["project"], ends=ends))


def _answer(platform: Platform, selection: Selection) -> Response:
    after = _number("after", request.args.get("after"))
    if request.accept_mimetypes.best_match(["application/json", _STREAM]) == _STREAM:
        resumed = _number("Last-Event-ID", request.headers.get("Last-Event-ID"))
        return _stream(platform, selection, after if resumed is None else resumed)
    limit = min(_number("limit", request.args.get("limit")) or _LIMIT, _LIMIT)
    found = platform.feed.page(selection, after or 0, limit)
    more = len(found) == limit
    shown = shown_all(filter(selection.takes, found))
    return json_response({"items": shown, "hasNext": more, "next": found[-1].id if found else after or 0})


def _stream(platform: Platform, selection: Selection, after: int | None) -> Response:
    if selection.run_id is not None:
        after = after or 0
        run = platform.store.get_run(selection.run_id)
        if run is not None and lifecycle.is_final(run.status) and not platform.feed.page(selection, after, 1):
            return Response(status=204)  # to a browser's EventSource it says: do not come again
    return held(platform.feed.subscribe(selection, after))


def _number(name: str, text: str | None) -> int | None:
    if text is None or not text.strip():
        return None
    if not text.strip().isascii() or not text.strip().isdigit() or len(text) > 18:
        raise BadRequest(f"{name}: the id of an event (a number) is needed here, not {text[:50]!r}")
    return int(text)
