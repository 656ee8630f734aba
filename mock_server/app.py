"""The application: the platform's verbs behind all its vocabularies. Nothing else knows all of them.

`create_app` mounts them on a platform; `mock_server.local` puts the platform together and starts it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import attrs
from flask import Blueprint, Flask, Response, request
from werkzeug.routing import Rule

from dtlpipe.errors import PlatformException, from_status
from mock_server.api import admin, dataloop, faulting, guard, openai, repeating, serving, synapse, watch, wire, workers
from mock_server.api.dataloop import errors as dataloop_errors
from mock_server.api.synapse import errors as synapse_errors

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from mock_server.platform.platform import Platform

log = logging.getLogger("dtlpipe.platform")


class _Rule(Rule):
    """A route that is matched only. Compiling how to build its url took half of a start, and nobody here builds one."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT001, FBT002
        return _no_url


def _no_url(*_: Any, **__: Any) -> tuple[str, str]:
    raise NotImplementedError("urls are made in mock_server.platform.views")


#: The header and the body of an error.
Refused = tuple[list[tuple[str, str]], bytes]


@attrs.frozen
class Surface:
    """A vocabulary: its name, its routes, and the errors that it tells in its own shape."""

    name: str
    blueprints: Callable[[Platform], Iterable[Blueprint]]
    prefixes: tuple[str, ...]
    error_status: Callable[[Any], int] = dataloop_errors.status
    error_body: Callable[[Any, str], dict[str, Any]] = dataloop_errors.body
    translate: Callable[[Exception, str, str], PlatformException] = dataloop_errors.translate
    owns: Callable[[str], bool] = attrs.field(default=lambda _: False)
    repeats: bool = True
    """Whether its clients send a POST again after any status from 501 to 511."""


SURFACES = (
    Surface("workers", workers.blueprints, prefixes=("/api/v1/workers",)),
    Surface("dataloop", dataloop.blueprints, prefixes=("/api/v1",)),
    Surface(
        "synapse",
        synapse.blueprints,
        prefixes=(synapse.PREFIX,),
        error_status=synapse_errors.status,
        error_body=synapse_errors.body,
        translate=synapse_errors.translate,
    ),
    Surface("admin", admin.blueprints, prefixes=("/health", "/ready", "/metrics")),
    Surface("openai", openai.blueprints, (), error_body=openai.body, owns=openai.owns, repeats=False),
    Surface("serving", serving.blueprints, (), error_body=serving.body, owns=serving.owns, repeats=False),
)

_DEFAULT = next(each for each in SURFACES if each.name == "dataloop")


def create_app(platform: Platform) -> Flask:
    """The WSGI application of a platform."""
    app = Flask("mock_server", static_folder=None)
    app.url_rule_class = _Rule
    settings = platform.settings
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body,  # uploads raise it for themselves
        MAX_FORM_MEMORY_SIZE=settings.max_body,
        PROPAGATE_EXCEPTIONS=False,
    )
    wire.install(app)
    watch.install(app, platform)
    guard.install(app, platform, lambda path: openai.owns(path) or serving.owns(path))
    faulting.install(app, platform)
    repeating.install(app, platform)
    for surface in SURFACES:
        for blueprint in surface.blueprints(platform):
            app.register_blueprint(blueprint)
    app.register_error_handler(Exception, _answer)
    return app


def run_service(app: WSGIApplication) -> WSGIApplication:
    """The run service alone, without its prefix: for a listener of its own."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        moved: dict[str, Any] = {
            key: f"{synapse.PREFIX}{environ[key]}" for key in ("PATH_INFO", "REQUEST_URI") if key in environ
        }
        return app(environ | moved, start_response)

    return call


def run_service_refusal(status: int, message: str, path: str, given_id: str) -> Refused:  # noqa: ARG001 - as `refusal` has it
    """As `refusal`, for that listener."""
    return _refused(synapse_errors.body, status, message, given_id)


def refusal(status: int, message: str, path: str, given_id: str) -> Refused:
    """The header and the body of an error that was found before a request reached the application."""
    return _refused(_surface_of(path).error_body, status, message, given_id)


def _refused(shape: Callable[[Any, str], dict[str, Any]], status: int, message: str, given_id: str) -> Refused:
    id = wire.sane_request_id(given_id)
    headers = [(wire.REQUEST_ID, id), (wire.PLATFORM, "1"), *wire.ALWAYS]
    return headers, wire.dumps(shape(from_status(status, message), id))


def _answer(error: Exception) -> Response:
    surface = _surface_of(request.path)
    translated = surface.translate(error, request.method, request.path)
    status = surface.error_status(translated)
    if surface.repeats and not faulting.injected():
        status = translated.status = repeating.once(status, request.method, named=repeating.HEADER in request.headers)
    if status >= 500 and status not in (501, 503) and not faulting.injected():
        log.error("%s %s failed [%s]", request.method, request.path, wire.request_id(), exc_info=error)
    headers = {}
    if translated.retry_after is not None:
        headers["Retry-After"] = f"{translated.retry_after:g}"
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        headers["Allow"] = ", ".join(sorted(allowed))
    return wire.json_response(surface.error_body(translated, wire.request_id()), status, headers)


def _surface_of(path: str) -> Surface:
    return next((each for each in SURFACES if path.startswith(each.prefixes) or each.owns(path)), _DEFAULT)
