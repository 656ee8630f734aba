"""Which requests are plain: those that may be answered on the server's own thread, past the application.

Law: of a plain request it is clear without the application what its hooks would say: it is meant for this platform, no
page and no proxy sends it, nobody needs a token for it, it is traced by nobody, and no fault can strike it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from dtlpipe.integrations import trace_context
from mock_server.api import guard

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

LARGEST: Final = 1 << 16
"""Bytes of a body that is taken so."""
#: What makes a request one for the application.
_UNCOMMON: Final = frozenset(
    {"ORIGIN", "SEC_FETCH_SITE", "EXPECT", "TRACEPARENT", "X_REQUEST_ID", "TRANSFER_ENCODING", "CONTENT_ENCODING"}
)


class Plain(Protocol):
    """Says whether a parsed request (see `mock_server.server`), which may have this query, is one."""

    def __call__(self, request: Any, *, query: str = "", body: bool = True) -> bool: ...


def plain(platform: Platform) -> Plain:
    """What says so at this platform."""
    settings, faults = platform.settings, platform.faults
    is_ours = guard.hosts(settings)
    closed = settings.exposed or settings.require_token

    def is_plain(request: Any, *, query: str = "", body: bool = True) -> bool:
        if closed or request.query != query or request.proxy_scheme or (settings.faults and faults.list()):
            return False
        given = request.headers
        host = given.get("HOST")
        return (
            _UNCOMMON.isdisjoint(given)
            and host is not None
            and is_ours(host)
            and (0 < request.content_length <= LARGEST if body else request.content_length == 0)
            and trace_context.api() is None
        )

    return is_plain


def body_of(request: Any) -> bytes:
    """The bytes of a parsed request's body, which are still there for the application if it is for it after all."""
    stream = request.get_body_stream()
    body: bytes = stream.read()
    stream.seek(0)
    return body
