"""A call's answer as an HTTP answer: whole, or as a stream that costs a place for as long as it lasts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from flask import Response, request

from mock_server.api.wire import request_id
from mock_server.platform.serving.calls import Answer, Broken, Call, Died, Places

log = logging.getLogger("dtlpipe.serving")

Change = Callable[[Answer], Answer]


def answered(call: Call, places: Places, cleanup: Callable[[], None], change: Change | None = None) -> Response:
    """The answer to the current request. `change` may have another look at one that is whole.

    Raises what the call raises; `cleanup` is called in any case, once nothing is read any more.
    """
    try:
        found = call.answer()
        if found is not None:
            found = change(found) if change is not None else found
            response = Response(found.body, found.status, found.headers)
            response.headers["Content-Type"] = found.kind
            cleanup()
            return response
        release = places.take()
    except BaseException:
        call.close()
        cleanup()
        raise

    def over() -> None:
        release()
        cleanup()

    stream = _Stream(call, over, f"{request.path} [{request_id()}]")
    response = Response(stream, call.status, call.headers, direct_passthrough=True)
    response.headers["Content-Type"] = call.kind
    return response


class _Stream:
    """The pieces of a call; closing it lets go of the call. A stream that broke breaks the connection."""

    def __init__(self, call: Call, over: Callable[[], None], name: str) -> None:
        self._call, self._over, self._name = call, over, name
        self._pieces = call.pieces()
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except (Broken, Died) as error:
            log.warning("%s: the stream broke off: %s", self._name, error)
            raise

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._pieces.close()  # type: ignore[attr-defined]
            self._call.close()
            self._over()
