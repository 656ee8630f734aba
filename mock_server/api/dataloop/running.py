"""Runs past the application: begun, and waited for, without a thread of their own.

Law: what is answered is what the application would have answered. Whatever is out of the ordinary goes there: a request
that is not plain, a body that does not begin one run, and a run for which something would have to be read first, since
the server's own thread must not wait. What follows a COMMIT is answered on the writer's thread, which alone sees the
rows as they are on disk; ends are answered by those who look later.
"""

from __future__ import annotations

import re
from functools import partial
from threading import get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from dtlpipe.errors import PlatformException
from mock_server.api import watch, wire
from mock_server.api.dataloop import holding, validation
from mock_server.api.dataloop.executing import PARENT, ExecutePipeline
from mock_server.api.dataloop.holding import JSON
from mock_server.api.guard import token_of
from mock_server.api.later import Found
from mock_server.api.plain import body_of, plain
from mock_server.api.repeating import HEADER, LONGEST_KEY
from mock_server.platform import lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from mock_server.api.later import Later
    from mock_server.api.relay import Deferred
    from mock_server.platform.attendance import Attended
    from mock_server.platform.platform import Platform
    from mock_server.store.base import Document

    Way = Callable[[Any, Deferred], bool]

_BEGIN: Final = re.compile(r"/api/v1/pipelines/([0-9A-Za-z-]{1,64})/execute")
_BEGIN_ROUTE: Final = "/api/v1/pipelines/<pipeline_id>/execute"
_LOOK: Final = re.compile(r"/api/v1/pipelines/([0-9A-Za-z-]{1,64})/executions/([0-9A-Za-z-]{1,64})")
_LOOK_ROUTE: Final = "/api/v1/pipelines/<pipeline_id>/executions/<run_id>"
_WAIT: Final = re.compile(r"wait=([0-9]{1,6}(?:\.[0-9]{1,6})?)")
_PARENT, _KEY = (each.upper().replace("-", "_") for each in (PARENT, HEADER))  # as a parsed request has them


def begins(platform: Platform, later: Later) -> Way:
    """What takes a parsed request (see `mock_server.server`), if it begins a run."""
    is_plain, runs = plain(platform), platform.runs

    def take(request: Any, deferred: Deferred) -> bool:
        if request.command != "POST" or (path := _BEGIN.fullmatch(request.path)) is None:
            return False
        given, wait, key = request.headers, _wait(request.query), request.headers.get(_KEY)
        if wait is None or _PARENT in given or not is_plain(request, query=request.query):
            return False
        if key is not None and not 0 < len(key) <= LONGEST_KEY:
            return False
        began, pipeline_id = perf_counter(), path.group(1)
        try:
            email = platform.tokens.identify(token_of(given.get("AUTHORIZATION"))).email
            body = validation.an_object(validation.parsed(body_of(request)))
            asked: ExecutePipeline = validation.validated(ExecutePipeline, body)
            one = asked.pipeline
            if one is None or asked.batch is not None or one.test_mode:
                return False
            if not runs.is_at_hand(pipeline_id, one.node_id or asked.node_id):
                return False
            submission = runs.prepared(
                pipeline_id,
                inputs=one.input,
                node_id=one.node_id or asked.node_id,
                wanted=asked.wanted(),
                creator=email,
                idempotency_key=key,
            )
            attended, begun = runs.begin(submission)
        except PlatformException:
            return False
        asking = holding.Asked(wire.new_request_id(), "POST", request.path, named=key is not None)
        count = partial(watch.count, platform.metrics, began, "POST", _BEGIN_ROUTE, request.path)
        answer = _Answer(platform, later, pipeline_id, wait, deferred, asking, count)
        begun.add_done_callback(partial(answer.begun, attended))
        return True

    return take


def looks(platform: Platform, later: Later) -> Way:
    """What takes a parsed request, if it waits for a run."""
    is_plain = plain(platform)

    def take(request: Any, deferred: Deferred) -> bool:
        if request.command != "GET" or not request.query or (path := _LOOK.fullmatch(request.path)) is None:
            return False
        wait = _wait(request.query)
        if wait is None or not is_plain(request, query=request.query, body=False):
            return False
        began = perf_counter()
        try:
            platform.tokens.identify(token_of(request.headers.get("AUTHORIZATION")))
        except PlatformException:
            return False
        asking = holding.Asked(wire.new_request_id(), "GET", request.path)
        count = partial(watch.count, platform.metrics, began, "GET", _LOOK_ROUTE, request.path)
        _Answer(platform, later, path.group(1), wait, deferred, asking, count).read(path.group(2), _header(True))
        return True

    return take


def _wait(query: str) -> float | None:
    """The seconds that a query names, 0 if there is no query; None if it names anything else."""
    found = _WAIT.fullmatch(query)
    return 0.0 if not query else float(found.group(1)) if found is not None else None


def _header(waited: bool) -> holding.Headers:  # noqa: FBT001 - the one thing that there is to say
    return [*JSON, (holding.WAITED, "1")] if waited else [*JSON]


class _Answer:
    """What is answered about a run, within `wait` seconds."""

    def __init__(
        self,
        platform: Platform,
        later: Later,
        pipeline_id: str,
        wait: float,
        deferred: Deferred,
        asking: holding.Asked,
        count: Callable[[int], None],
    ) -> None:
        self._runs, self._later, self._pipeline_id = platform.runs, later, pipeline_id
        self._wait = min(wait, platform.settings.max_wait)
        self._deferred, self._asking, self._count, self._asked_by = deferred, asking, count, get_ident()
        deferred.header([(wire.REQUEST_ID, asking.id), (wire.PLATFORM, "1"), *wire.ALWAYS])

    def begun(self, attended: Attended, begun: Future[Document | None]) -> None:
        """What was begun is on disk, or refused; on the writer's thread, or already as the request is taken."""
        error, row = begun.exception(), attended.row
        if error is not None:
            self._give(holding.refused(error, [*JSON], self._asking))
            return
        earlier = begun.result()
        if earlier is not None:
            self.read(earlier["id"], _header(self._wait > 0))
            return
        assert row is not None  # noqa: S101 - it has begun
        if not attended.whole:
            self.read(row.id, _header(self._wait > 0))
        elif self._wait > 0:
            self._later.answer(row.id, partial(self._ended, row.id, attended), self._wait, self._deferred, self._count)
        elif get_ident() == self._asked_by:  # the writer has gone on: these rows may be ahead of the disk
            self.read(row.id, _header(False))
        else:
            self._give(Found(200, _header(False), wire.dumps(self._runs.seen(attended))))

    def read(self, run_id: str, headers: holding.Headers) -> None:
        """The run is read, once it is over or the time is."""
        runs, pipeline_id, waits = self._runs, self._pipeline_id, self._wait > 0
        find = holding.finding(
            lambda: runs.get(pipeline_id, run_id),
            lambda found: not waits or lifecycle.is_final(found["status"]),
            (lambda: runs.is_over(pipeline_id, run_id)) if waits else None,
            headers,
            None,
            self._asking,
        )
        self._later.answer(run_id, find, self._wait, self._deferred, self._count)

    def _ended(self, run_id: str, attended: Attended, last: bool) -> Found | None:  # noqa: FBT001 - made by partial
        """The run, if it is over or this is the last look."""
        if not (attended.over or last or not attended.whole):
            return None
        try:
            found = self._runs.seen(attended) if attended.over else self._runs.get(self._pipeline_id, run_id)
            over = lifecycle.is_final(found["status"])
            return Found(200, _header(over), wire.dumps(found)) if over or last else None
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return holding.refused(error, [*JSON], self._asking)

    def _give(self, found: Found) -> None:
        self._count(found.status)
        self._deferred.answer(found.status, found.headers, found.body)
