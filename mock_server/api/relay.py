"""A call's answer as an HTTP answer: whole, or as a stream that costs a place for as long as it lasts.

Law: no thread waits for either. A request's thread begins the call and leaves; what the host says is passed on by the
hosts' thread, and kept for a reader who does not take it only within a window. A call that nobody reads is cancelled.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import orjson
from flask import Response, request

from dtlpipe.errors import InternalServerError, PlatformException, Unavailable
from mock_server.api import watch
from mock_server.api.wire import request_id
from mock_server.platform.serving.calls import Answer, Broken, Call, Died

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.platform.serving.calls import Event
    from mock_server.platform.serving.deployments import Deployments
    from mock_server.platform.serving.traces import Trace

log = logging.getLogger("dtlpipe.serving")

#: Where a server that can let an answer come later says so; see mock_server.connections.
DEFER = "dtlpipe.defer"
_EVENTS = "text/event-stream"
_AT_ONCE = 1 << 16
"""Bytes that are passed on in one piece, where there are so many."""
_TOLD_OF = 1 << 18
"""Bytes that were passed on before the host is told so: a part of its window (see `dtlpipe.hosting.replies`)."""


class Deferred(Protocol):
    """Who takes an answer that comes later; see mock_server.deferred."""

    def header(self, headers: list[tuple[str, str]]) -> None: ...

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...

    def stream(self, status: int, headers: list[tuple[str, str]], source: Any) -> None: ...

    def on_gone(self, callback: Callable[[], None]) -> None: ...


class Sink(Protocol):
    """Where a stream's bytes go; see mock_server.streams."""

    def send(self, data: bytes) -> bool: ...

    def finish(self) -> None: ...


def _same(answer: Answer) -> Answer:
    return answer


def _nothing(*_: Any) -> None:
    """Nothing is to be done."""


@attrs.frozen
class Manners:
    """How a vocabulary answers. `change` has another look at what is whole, `body` is the JSON of an error."""

    body: Callable[[PlatformException, str], dict[str, Any]]
    change: Callable[[Answer], Answer] = _same

    def refusal(self, error: PlatformException, request_id: str) -> Answer:
        """The answer that an error is."""
        headers = {"Retry-After": f"{error.retry_after:g}"} if error.retry_after is not None else {}
        return Answer(error.status, "application/json", headers, orjson.dumps(self.body(error, request_id)))


Begin = Callable[[Callable[["Event"], None]], None]
"""Begins what is to be answered, given who is told of it."""


def called(platform: Platform, name: str, header: Mapping[str, Any], body: bytes) -> Begin:
    """The call of a deployment. It raises NotFound, LoadRefused, Unavailable."""
    return lambda receive: platform.serving.deployments.ask(name, header, body, receive)


def answered(
    platform: Platform,
    begin: Begin,
    manners: Manners,
    *,
    cleanup: Callable[[], None] = _nothing,
    record: Callable[[bytes], None] | None = None,
) -> Response:
    """The answer to the current request: what comes of what is begun. `cleanup` is called when all is over.

    Raises what `begin` raises.
    """
    deployments = platform.serving.deployments
    defer = request.environ.get(DEFER)
    try:
        if defer is None:
            return _waited_for(Call(begin, record=record), deployments, cleanup, manners)
        relay = Relay(deployments, manners, request_id(), request.path, cleanup=cleanup, record=record)
        relay.http_1_0 = request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0"
        begin(relay.receive)
    except BaseException:
        cleanup()
        raise
    relay.answer_to(defer(), watch.counted_later(platform))
    return Response()


class Relay:
    """One call on its way to its reader. As the source of a stream, it is what `streams` asks for."""

    def __init__(
        self,
        deployments: Deployments,
        manners: Manners,
        request_id: str,
        path: str,
        *,
        cleanup: Callable[[], None] = _nothing,
        record: Callable[[bytes], None] | None = None,
    ) -> None:
        self._deployments, self._manners = deployments, manners
        self._request_id, self._name = request_id, f"{path} [{request_id}]"
        self._cleanup, self._record = cleanup, record
        self._lock = threading.RLock()
        self._early: list[Event] = []
        self._to: Deferred | None = None
        self._count: Callable[[int], None] = _nothing
        self._cancel: Callable[[], None] | None = None
        self._taken: Callable[[int], None] = _nothing
        self._release: Callable[[], None] | None = None
        self._sink: Sink | None = None
        self._backlog: deque[tuple[bytes, int]] = deque()
        self._ended = self._over = False
        self._passed = 0
        self._trace: Trace | None = None
        self._status = 0
        self.chunked = self.http_1_0 = False
        self.keep_alive = b""

    def answer_to(self, deferred: Deferred, count: Callable[[int], None]) -> None:
        """Whom to give the answer, and its status."""
        with self._lock:
            self._to, self._count = deferred, count
            early, self._early = self._early, []
            for event in early:
                self._heard(event)
        deferred.on_gone(self.detach)

    # --- the hosts' thread --------------------------------------------------------------------------------------------

    def receive(self, event: Event) -> None:
        """What the host says."""
        with self._lock:
            if self._to is None:
                self._early.append(event)
            else:
                self._heard(event)

    def _heard(self, event: Event) -> None:
        header, body = event
        match header["kind"]:
            case "placed":
                self._cancel, self._taken = header["cancel"], header["taken"]
                if "call" in header:
                    self._trace = self._deployments.traces.begin(header["name"], header["call"], self._request_id)
            case "answer":
                self._answer(Answer(header["status"], header["type"], header.get("headers") or {}, body))
            case "start":
                self._start(header, body)
            case "chunk":
                self._backlog.append((self._framed(body), len(body)))
                self._pass_on()
            case "end":
                if self.chunked:
                    self._backlog.append((b"0\r\n\r\n", 0))
                self._ended = True
                self._pass_on()
            case "record":
                if self._record is not None:
                    self._record(body)
            case "broken" | "died":
                self._broken(str(header.get("reason") or "the stream was broken off"), header["kind"])

    def _answer(self, answer: Answer) -> None:
        if self._over or self._to is None:
            return
        answer = self._manners.change(answer)
        self._status = answer.status
        self._end()
        self._count(answer.status)
        self._to.answer(answer.status, [*answer.headers.items(), ("Content-Type", answer.kind)], answer.body)

    def _start(self, header: Mapping[str, Any], first: bytes) -> None:
        if self._over or self._to is None:
            return
        try:
            self._release = self._deployments.streams.take()
        except Unavailable as error:
            self._give_up()
            self._answer(self._manners.refusal(error, self._request_id))
            return
        headers = [*(header.get("headers") or {}).items(), ("Content-Type", header["type"])]
        self.keep_alive = b": still here\n\n" if header["type"].startswith(_EVENTS) else b""
        self.chunked = not self.http_1_0 and all(name.lower() != "content-length" for name, _ in headers)
        if self.chunked and self.keep_alive:
            self.keep_alive = self._framed(self.keep_alive)
        if first:
            self._backlog.append((self._framed(first), len(first)))
        self._status = header["status"]
        self._count(self._status)
        self._to.stream(self._status, headers, self)

    def _broken(self, reason: str, kind: str) -> None:
        if self._over:
            return
        if self._release is None:
            error: InternalServerError = Died(f"Pipeline execution failed: {reason}")
            log.error("%s failed: %s", self._name, reason)
            self._answer(self._manners.refusal(error, self._request_id))
            return
        log.warning("%s: the stream broke off: %s (%s)", self._name, reason, kind)
        self._status = 0
        self._ended = True  # without its end, which its reader then notices
        self._pass_on()

    def _framed(self, piece: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked and piece else piece

    # --- the stream ---------------------------------------------------------------------------------------------------

    def attach(self, sink: Sink) -> None:
        """The reader is there."""
        with self._lock:
            self._sink = sink
            self._pass_on()

    def drained(self) -> None:
        """The reader takes more."""
        with self._lock:
            self._pass_on()

    def detach(self) -> None:
        """The reader has gone, or has all."""
        with self._lock:
            if not self._ended:
                self._give_up()
            self._end()

    def _pass_on(self) -> None:
        sink = self._sink
        if sink is None or self._over:
            return
        while self._backlog:
            number, room = 0, _AT_ONCE
            while number < len(self._backlog) and (number == 0 or room >= len(self._backlog[number][0])):
                room -= len(self._backlog[number][0])
                number += 1
            pieces = [self._backlog[each] for each in range(number)]
            if not sink.send(pieces[0][0] if number == 1 else b"".join(data for data, _ in pieces)):
                return
            for _ in pieces:
                self._backlog.popleft()
            self._passed += sum(size for _, size in pieces)
            if self._passed >= _TOLD_OF:
                self._taken(self._passed)
                self._passed = 0
        if self._ended:
            self._end()
            sink.finish()

    def _give_up(self) -> None:
        cancel, self._cancel = self._cancel, None
        if cancel is not None and not self._over:
            cancel()

    def _end(self) -> None:
        """It is over; once."""
        if self._over:
            return
        self._over = True
        if self._trace is not None:
            self._trace.end(self._status)
        self._backlog.clear()
        release, self._release = self._release, None
        if release is not None:
            release()
        self._cleanup()


# --- a server that gives each answer a thread of its own --------------------------------------------------------------


def _waited_for(call: Call, deployments: Deployments, cleanup: Callable[[], None], manners: Manners) -> Response:
    try:
        found = call.answer()
        if found is not None:
            found = manners.change(found)
            response = Response(found.body, found.status, found.headers)
            response.headers["Content-Type"] = found.kind
            cleanup()
            return response
        release = deployments.streams.take()
    except BaseException:
        call.close()
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
