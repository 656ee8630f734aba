"""The express way: what is asked most, taken on the server's own thread, past the application.

These are runs of and chats with deployments that are loaded, runs of pipelines that are begun and waited for (see
`dataloop.running`), and reports of progress (see `synapse.reporting`).

Law: what it answers is what the application would have answered, header by header; it asks the same questions (is the
request meant for this platform, may anybody call) and takes only requests for which their answers are plain. Whatever
is out of the ordinary (a page's request, a token that is asked for, a form, a large body, a wrapper that is not loaded,
a trace) goes the other way. It never waits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import orjson

from dtlpipe.errors import PlatformException
from mock_server.api import synapse, watch, wire
from mock_server.api.dataloop import running
from mock_server.api.later import later
from mock_server.api.openai import chat
from mock_server.api.openai import errors as openai
from mock_server.api.plain import body_of, plain
from mock_server.api.relay import Deferred, Manners, Relay
from mock_server.api.serving.running import MANNERS
from mock_server.api.synapse import reporting

if TYPE_CHECKING:
    from flask import Flask

    from mock_server.platform.platform import Platform

_PATH: Final = re.compile(r"/([A-Za-z0-9_-]{1,128})/run")
_ROUTE: Final = "/<name>/run"
_CHATS: Final = frozenset({"/v1/chat/completions", "/chat/completions"})

Way = Callable[[Any, Deferred], bool]
"""What takes a parsed request, if it is one for it; see `mock_server.server`."""


def express(platform: Platform, app: Flask) -> Way:
    """What is taken so of all that the platform is asked."""
    waiting = later(app, platform.hub)
    ways = (
        running.begins(platform, waiting),
        running.looks(platform, waiting),
        _runs(platform),
        _chats(platform),
        reporting.reports(platform, synapse.PREFIX),
    )
    return lambda request, deferred: any(way(request, deferred) for way in ways)


def run_service_express(platform: Platform) -> Way:
    """What is taken so of the run service, where that is alone."""
    return reporting.reports(platform, "")


def _runs(platform: Platform) -> Way:
    deployments, is_plain = platform.serving.deployments, plain(platform)

    def take(request: Any, deferred: Deferred) -> bool:
        if request.command != "POST":
            return False
        found = _PATH.fullmatch(request.path)
        given = request.headers
        if found is None or given.get("CONTENT_TYPE") != "application/json" or not is_plain(request):
            return False
        name = found.group(1)
        deployment = deployments.loaded(name)
        described = (deployment.description or {}).get("run") if deployment is not None else None
        if described is None or described["uploads"]:
            return False
        header = {"call": "run", "headers": _named(given) if described["headers"] else {}, "form": None}
        return _called(platform, request, deferred, name, header, body_of(request), MANNERS, _ROUTE)

    return take


def _chats(platform: Platform) -> Way:
    deployments, is_plain = platform.serving.deployments, plain(platform)

    def take(request: Any, deferred: Deferred) -> bool:
        if request.command != "POST" or request.path not in _CHATS:
            return False
        given = request.headers
        if given.get("CONTENT_TYPE") != "application/json" or not is_plain(request):
            return False
        body = body_of(request)
        try:
            asked = orjson.loads(body)
            name = asked["model"]
            chat.check(asked)
        except (ValueError, TypeError, KeyError, PlatformException):
            return False
        deployment = deployments.loaded(name) if isinstance(name, str) else None
        described = deployment.description if deployment is not None else None
        if not described or not described["capabilities"]["chat_completion"]:
            return False
        header = {"call": "chat", "headers": _named(given)}
        return _called(platform, request, deferred, name, header, body, openai.MANNERS, request.path)

    return take


def _called(
    platform: Platform,
    request: Any,
    deferred: Deferred,
    name: str,
    header: dict[str, Any],
    body: bytes,
    manners: Manners,
    route: str,
) -> bool:
    """Call the deployment, and have its answer be that to the request; False if the application has to say why not."""
    began, id = perf_counter(), wire.new_request_id()
    relay = Relay(platform.serving.deployments, manners, id, request.path)
    relay.http_1_0 = request.version == "1.0"
    deferred.header([(wire.REQUEST_ID, id), (wire.PLATFORM, "1"), *wire.ALWAYS])
    # Before the call: an answer must come on the hosts' thread, as this one holds what it takes to give it.
    relay.answer_to(deferred, partial(watch.count, platform.metrics, began, "POST", route, request.path))
    try:
        platform.serving.deployments.ask(name, header, body, relay.receive)
    except PlatformException:
        return False
    return True


def _named(headers: dict[str, str]) -> dict[str, str]:
    """A request's headers as they were called."""
    return {name.replace("_", "-").lower(): value for name, value in headers.items()}
