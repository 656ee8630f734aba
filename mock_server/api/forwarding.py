"""What a follower answers: everything is sent on to the platform that leads, and what that answers is sent back.

Law: a follower asks the first two questions of `guard` itself (is it meant for this platform, does a foreign page send
it), since only it sees where a request came in; who the caller is, is the leader's question. Bodies are streams in both
directions. What a follower was sent by another one it does not send on: that would go round in circles.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import attrs
import httpx

from dtlpipe.errors import DtlpipeError, Forbidden, PlatformException, Unavailable
from mock_server.api import guard, wire
from mock_server.api.dataloop import errors as dataloop_errors
from mock_server.api.held import HOLD
from mock_server.api.passing import PassedOn
from mock_server.api.synapse import PREFIX as SYNAPSE
from mock_server.api.synapse import errors as synapse_errors
from mock_server.config import Settings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger("dtlpipe.platform")

FORWARDED: Final = "X-Dtlpipe-Forwarded"
_RETRY_AFTER: Final = 1.0
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_CHUNK: Final = 1 << 16
#: Of one connection, and not of a request or an answer (RFC 9110, 7.6.1), beside what `Connection` itself names.
_HOPS: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
#: Asked and answered here: the leader would compare them with its own name.
_HERE: Final = frozenset({"host", "origin", "sec-fetch-site", "expect", FORWARDED.lower()})


@attrs.frozen
class Leader:
    """Where the platform is that leads, and whether it asks everybody for a token."""

    url: str
    exposed: bool


class Forwarding:
    """A WSGI application. `leader` is set by whoever learns who leads; None between two of them."""

    def __init__(self, settings: Settings) -> None:
        self.leader: Leader | None = None
        self._settings = settings
        self._is_ours = guard.hosts(settings)
        timeout = httpx.Timeout(max(120.0, 2 * settings.max_wait), connect=5.0)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=settings.threads)
        self._client = httpx.Client(timeout=timeout, limits=limits, trust_env=False, follow_redirects=False)
        for name in list(self._client.headers):
            del self._client.headers[name]  # what the caller did not say is not said in its name

    def close(self) -> None:
        """Let go of the connections to the leader."""
        self._client.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            self._check(environ)
            if environ["PATH_INFO"] == "/health":
                return self._health(start_response)
            return self._forward(environ, start_response)
        except DtlpipeError as error:
            return _error(error, environ, start_response)

    def _check(self, environ: WSGIEnvironment) -> None:
        host = environ.get("HTTP_HOST")
        if host is not None and not self._is_ours(host):
            raise Forbidden(f"this platform is not {host[:100]!r}", hint="start it with --allow-host NAME")
        if environ["REQUEST_METHOD"] not in _READS:
            guard.check_page(
                self._settings, host or "", environ.get("HTTP_ORIGIN"), environ.get("HTTP_SEC_FETCH_SITE", "none")
            )

    def _leading(self) -> Leader:
        leader = self.leader
        if leader is None:
            raise Unavailable("no platform leads at the moment", hint="try again", retry_after=_RETRY_AFTER)
        if self._settings.exposed and not leader.exposed:
            raise Unavailable(
                "the platform that leads lets in whoever comes from its own machine, so nobody is sent there from here",
                hint="start both platforms with the same --host and password",
                retry_after=_RETRY_AFTER,
            )
        return leader

    def _health(self, start_response: StartResponse) -> Iterable[bytes]:
        """Well is a follower that can do its work: whose leader is well."""
        found: dict[str, Any] = {"role": "follower", "exposed": self._settings.exposed, "pid": os.getpid()}
        status = "200 OK"
        try:
            answer = self._client.get(f"{self._leading().url}/health", timeout=2.0, headers={FORWARDED: "1"})
            found["status"] = "ok" if answer.is_success else "waiting"
        except (httpx.HTTPError, Unavailable):
            found["status"] = "waiting"
        if found["status"] != "ok":
            status = "503 Service Unavailable"
        body = wire.dumps(found)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Retry-After", "1")]
        start_response(status, headers if status[0] == "5" else headers[:2])
        return [body]

    def _forward(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_" + FORWARDED.upper().replace("-", "_")):
            raise Unavailable(
                "one follower takes another one for the platform that leads", hint="try again", retry_after=_RETRY_AFTER
            )
        leader = self._leading()
        method = environ["REQUEST_METHOD"]
        try:
            answer = self._send(leader, environ)
            if answer is None:  # on a connection that was over: nothing has begun
                answer = self._send(leader, environ)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _away(leader) from error
        except httpx.HTTPError as error:
            log.warning("%s %s got no answer of %s: %s", method, environ["PATH_INFO"], leader.url, error)
            away = _away(leader)
            if method == "POST" and "HTTP_IDEMPOTENCY_KEY" not in environ:
                away.status = 500  # after a 503 the field's SDK would send it again, and it may have been done
            raise away from error
        if answer is None:
            raise _away(leader)
        headers = [(key, value) for key, value in _plain(answer.headers.multi_items()) if key.lower() != "date"]
        start_response(f"{answer.status_code} {answer.reason_phrase or 'OK'}", headers)
        streams = answer.headers.get("content-type", "").startswith("text/event-stream")
        if streams and method == "GET" and HOLD in environ:
            environ[HOLD](PassedOn(answer, chunked=environ.get("SERVER_PROTOCOL") == "HTTP/1.1"))
            return ()
        return _Body(answer)

    def _send(self, leader: Leader, environ: WSGIEnvironment) -> httpx.Response | None:
        """The beginning of the answer; None if the connection was over before, and asking again is harmless."""
        given = [(_header_name(key), value) for key, value in environ.items() if key.startswith("HTTP_")]
        headers = [(key, value) for key, value in _plain(given) if key.lower() not in _HERE]
        length = int(environ.get("CONTENT_LENGTH") or 0)
        content = None
        if length:
            headers += [("Content-Length", str(length)), ("Content-Type", environ.get("CONTENT_TYPE", ""))]
            content = _pieces(environ["wsgi.input"].read, length)
        elif environ["REQUEST_METHOD"] not in _READS:
            headers.append(("Content-Length", "0"))
            if environ.get("CONTENT_TYPE"):
                headers.append(("Content-Type", environ["CONTENT_TYPE"]))
        headers.append((FORWARDED, "1"))
        request = self._client.build_request(
            environ["REQUEST_METHOD"], leader.url + _target(environ), headers=headers, content=content
        )
        try:
            return self._client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            if environ["REQUEST_METHOD"] not in _READS:
                raise
            return None


class _Body:
    """An answer's body as it comes in; what the server does not read to its end is let go of."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_raw()

    def close(self) -> None:
        self._answer.close()


def _away(leader: Leader) -> Unavailable:
    return Unavailable(
        f"the platform that leads ({leader.url}) does not answer", hint="try again", retry_after=_RETRY_AFTER
    )


def _target(environ: WSGIEnvironment) -> str:
    """Path and query as the caller wrote them."""
    written = environ.get("REQUEST_URI", "")
    if written.startswith("/"):
        return str(written)
    if "://" in written:
        parts = urlsplit(written)
        return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    query = environ.get("QUERY_STRING", "")
    return quote(environ["PATH_INFO"].encode("latin-1")) + (f"?{query}" if query else "")


def _header_name(key: str) -> str:
    return key.removeprefix("HTTP_").replace("_", "-").title()


def _plain(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers that are not of one connection alone."""
    given = list(headers)
    named = {each.strip().lower() for key, value in given if key.lower() == "connection" for each in value.split(",")}
    return [(key, value) for key, value in given if key.lower() not in _HOPS | named]


def _pieces(read: Callable[[int], bytes], length: int) -> Iterator[bytes]:
    while length > 0:
        piece = read(min(_CHUNK, length))
        if not piece:
            return
        length -= len(piece)
        yield piece


def _error(error: Exception, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    errors = synapse_errors if environ["PATH_INFO"].startswith(f"{SYNAPSE}/") else dataloop_errors
    found: PlatformException = errors.translate(error, environ["REQUEST_METHOD"], environ["PATH_INFO"])
    body = wire.dumps(errors.body(found, wire.new_request_id()))
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), (wire.PLATFORM, "1")]
    if found.retry_after is not None:
        headers.append(("Retry-After", f"{found.retry_after:g}"))
    start_response(f"{errors.status(found)} {'Forbidden' if found.status == 403 else 'Unavailable'}", headers)
    return [body]
