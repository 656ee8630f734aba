"""Reports of progress past the application: taken on the server's own thread, answered by the writer's.

Law: what is answered is what the application would have answered. Whatever is out of the ordinary goes there: a request
that is not plain, a body that is no report, and one that cancels, since it may have to wait for what is ended.
"""

from __future__ import annotations

import logging
import re
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from dtlpipe.errors import PlatformException
from mock_server.api import watch, wire
from mock_server.api.plain import body_of, plain
from mock_server.api.relay import Deferred
from mock_server.api.repeating import once
from mock_server.api.synapse import errors, validation

if TYPE_CHECKING:
    from collections.abc import Callable

    from mock_server.platform.platform import Platform
    from mock_server.store.base import Document

log = logging.getLogger("dtlpipe.platform")

_ROUTE: Final = "/synapse/api/v1/runs/<run_id>/progress"
_UNCOMMON: Final = frozenset({"AUTHORIZATION", "IDEMPOTENCY_KEY"})


def reports(platform: Platform, prefix: str) -> Callable[[Any, Deferred], bool]:
    """What takes a parsed request, if it is a report; see `mock_server.server`."""
    path, is_plain = re.compile(f"{prefix}/api/v1/runs/([0-9a-f-]{{36}})/progress/?"), plain(platform)

    def take(request: Any, deferred: Deferred) -> bool:
        if request.command != "POST":
            return False
        found = path.fullmatch(request.path)
        if found is None or not _UNCOMMON.isdisjoint(request.headers) or not is_plain(request):
            return False
        began = perf_counter()
        try:
            told = validation.given(validation.read(validation.Report, body_of(request)))
        except PlatformException:
            return False
        if told.get("status") == "cancelled":
            return False
        answer = _Answer(deferred, partial(watch.count, platform.metrics, began, "POST", _ROUTE, request.path))
        try:
            platform.actions.runs.report_soon(found.group(1), told, answer.done, answer.failed)
        except PlatformException:  # the store is closed
            return False
        return True

    return take


class _Answer:
    """What is answered, on the writer's thread: the server's own holds what it takes to give it."""

    def __init__(self, deferred: Deferred, count: Callable[[int], None]) -> None:
        self._deferred, self._count, self._id = deferred, count, wire.new_request_id()
        deferred.header([(wire.REQUEST_ID, self._id), (wire.PLATFORM, "1"), *wire.ALWAYS])

    def done(self, run: Document) -> None:
        self._give(200, run)

    def failed(self, error: BaseException) -> None:
        found = errors.translate(error if isinstance(error, Exception) else RuntimeError(str(error)), "POST", "")
        status = found.status = once(errors.status(found), "POST", named=False)
        if status >= 500:
            log.error("a report failed [%s]", self._id, exc_info=error)
        self._give(status, errors.body(found, self._id))

    def _give(self, status: int, body: Any) -> None:
        self._count(status)
        self._deferred.answer(status, [("Content-Type", "application/json")], wire.dumps(body))
