"""The express way: runs of deployments that are loaded, taken on the server's own thread, past the application.

Law: what it answers is what the application would have answered, header by header; it asks the same questions (is the
request meant for this platform, may anybody call) and takes only requests for which their answers are plain. Whatever
is out of the ordinary (a page's request, a token that is asked for, a form, a large body, a wrapper that is not loaded,
a trace) goes the other way. It never waits.
"""

from __future__ import annotations

import re
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from dtlpipe.errors import PlatformException
from dtlpipe.integrations import trace_context
from mock_server.api import guard, watch, wire
from mock_server.api.relay import Deferred, Relay
from mock_server.api.serving.running import MANNERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mock_server.platform.platform import Platform

_PATH: Final = re.compile(r"/([A-Za-z0-9_-]{1,128})/run")
_ROUTE: Final = "/<name>/run"
_LARGEST: Final = 1 << 16
"""Bytes of a body that is taken here."""
#: What makes a request one for the application.
_UNCOMMON: Final = frozenset(
    {"ORIGIN", "SEC_FETCH_SITE", "EXPECT", "TRACEPARENT", "X_REQUEST_ID", "TRANSFER_ENCODING", "CONTENT_ENCODING"}
)


def express(platform: Platform) -> Callable[[Any, Deferred], bool]:
    """What takes a parsed request, if it is one for it; see `mock_server.server`."""
    settings, deployments = platform.settings, platform.serving.deployments
    is_ours = guard.hosts(settings)
    closed = settings.exposed or settings.require_token

    def take(request: Any, deferred: Deferred) -> bool:
        if closed or request.command != "POST" or request.query or request.proxy_scheme:
            return False
        found = _PATH.fullmatch(request.path)
        given = request.headers
        if found is None or given.get("CONTENT_TYPE") != "application/json" or not _UNCOMMON.isdisjoint(given):
            return False
        host = given.get("HOST")
        if (
            host is None
            or not is_ours(host)
            or not 0 < request.content_length <= _LARGEST
            or trace_context.api() is not None
        ):
            return False
        name = found.group(1)
        deployment = deployments.loaded(name)
        described = (deployment.description or {}).get("run") if deployment is not None else None
        if described is None or described["uploads"]:
            return False
        began, id = perf_counter(), wire.new_request_id()
        stream = request.get_body_stream()
        body = stream.read()
        stream.seek(0)  # for the application, if it is for it after all
        relay = Relay(deployments, MANNERS, id, request.path)
        relay.http_1_0 = request.version == "1.0"
        header = {"call": "run", "headers": _named(given) if described["headers"] else {}, "form": None}
        deferred.header([(wire.REQUEST_ID, id), (wire.PLATFORM, "1"), *wire.ALWAYS])
        # Before the call: an answer must come on the hosts' thread, as this one holds what it takes to give it.
        relay.answer_to(deferred, partial(watch.count, platform.metrics, began, "POST", _ROUTE, request.path))
        try:
            deployments.ask(name, header, body, relay.receive)
        except PlatformException:
            return False
        return True

    return take


def _named(headers: dict[str, str]) -> dict[str, str]:
    """A request's headers as they were called."""
    return {name.replace("_", "-").lower(): value for name, value in headers.items()}
