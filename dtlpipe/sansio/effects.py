"""Effects: all that an operation may ask of the world. A driver performs each and sends the answer into the generator.

| effect     | answer                                  | raised at the `yield`                                   |
|------------|-----------------------------------------|---------------------------------------------------------|
| `Request`  | `Response`, its status below 400        | the status's PlatformException; ConnectionFailed        |
| `Upload`   | `Response`                              | as Request; OSError for the local file                  |
| `Download` | `ByteStream`, open at the first byte    | as Request                                              |
| `Listen`   | an open stream of what happens          | as Request                                              |
| `Hear`     | the bytes that come next; b'' at the end| TransportError                                          |
| `HangUp`   | None                                    |                                                         |
| `Sleep`    | None                                    |                                                         |
| `Now`      | seconds of a clock that never goes back |                                                         |
| `Join`     | a `Seat`, for whoever waits for ends    |                                                         |
| `Told`     | what is over by id; None: no news ever  |                                                         |
| `Blocking` | what the function returns               | what it raises                                          |
| `Gather`   | list of results and exceptions, in order|                                                         |
| `Emit`     | None; the value reaches whoever iterates|                                                         |

`Emit` belongs to streaming operations (`@streaming`) only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Generic, Literal, Protocol

import attrs
from typing_extensions import TypeVar

from dtlpipe.errors import UnknownException

T = TypeVar("T")


@attrs.define
class Request:
    """One JSON call. Give `method` and `path` by position: `Request("GET", "/projects")`.

    Attributes:
        path: below the platform's `/api/v1`, or below its gate's root when `gate` is set.
        json: the body, as JSON data; `form`: a form-encoded body instead.
        params: the query string; keys whose value is None are left out.
        idempotent: whether sending it twice does no more than sending it once. By default GET, HEAD, PUT, PATCH and
            DELETE are and POST is not; say True for a POST that only reads (a query).
        once: give it an Idempotency-Key, made once and kept over all attempts, so that a platform which honours
            keys does the work once however often it is sent.
        timeout: seconds to wait for the answer; None is the client's own.
        gate: the path is below the gate's root. A path may also be a whole url.
        authorized: False for calls that get a token.
        held: the platform may keep it open for long on purpose.
    """

    method: str = attrs.field()
    path: str = attrs.field()
    json: Any = attrs.field(default=None, kw_only=True)
    params: Mapping[str, Any] | None = attrs.field(default=None, kw_only=True)
    form: Mapping[str, str] | None = attrs.field(default=None, kw_only=True)
    headers: Mapping[str, str] | None = attrs.field(default=None, kw_only=True)
    idempotent: bool | None = attrs.field(default=None, kw_only=True)
    once: bool = attrs.field(default=False, kw_only=True)
    timeout: float | None = attrs.field(default=None, kw_only=True)
    gate: bool = attrs.field(default=False, kw_only=True)
    authorized: bool = attrs.field(default=True, kw_only=True)
    held: bool = attrs.field(default=False, kw_only=True)

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again without asking whether the first attempt arrived."""
        return self.method != "POST" if self.idempotent is None else self.idempotent


@attrs.define
class Response:
    """An answer. `headers` looks names up without regard to case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = attrs.field(repr=lambda content: f"<{len(content)} bytes>")

    def json(self) -> Any:
        """The body as JSON data; None for an empty one. Raises UnknownException for a body that is not JSON."""
        if not self.content:
            return None
        try:
            return json.loads(self.content)
        except ValueError:
            raise UnknownException(
                f"the answer is not JSON but starts with {self.content[:80]!r}",
                status=self.status,
                hint="is the url that of a platform's API? it ends with /api/v1",
            ) from None


#: Where an upload's bytes come from: a local file, bytes, or a seekable file that is open for binary reading.
Source = Path | bytes | BinaryIO


@attrs.frozen
class Upload:
    """One multipart POST with a file in it, streamed; it may be sent again. An open file is sent from its beginning."""

    path: str = attrs.field()
    source: Source = attrs.field(kw_only=True)
    filename: str = attrs.field(kw_only=True)
    content_type: str = attrs.field(default="application/octet-stream", kw_only=True)
    fields: Sequence[tuple[str, str]] = attrs.field(default=(), kw_only=True)
    params: Mapping[str, Any] | None = attrs.field(default=None, kw_only=True)
    timeout: float | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Download:
    """Opens a stream of bytes, from byte `start` on."""

    path: str = attrs.field()
    start: int = attrs.field(default=0, kw_only=True)
    headers: Mapping[str, str] | None = attrs.field(default=None, kw_only=True)
    timeout: float | None = attrs.field(default=None, kw_only=True)


class ByteStream(Protocol):
    """An open download. Its methods block: call them through `Blocking`.

    `start` is the offset that the platform really began at, `length` the bytes that it promised from there (or None).
    `read` gives at most `size` bytes and b'' only at the end, and raises StreamBroken if the stream ends before its
    promise.
    """

    status: int
    start: int
    length: int | None

    def read(self, size: int) -> bytes: ...

    def close(self) -> None: ...


@attrs.frozen
class Listen:
    """Opens a stream that has no end of its own; `timeout` is how long it may be silent. Streams alone may ask so."""

    path: str = attrs.field()
    headers: Mapping[str, str] | None = attrs.field(default=None, kw_only=True)
    timeout: float | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Hear:
    """Waits for the next bytes of a stream that `Listen` opened."""

    stream: Any


@attrs.frozen
class HangUp:
    """Closes it. Whoever stops iterating closes it, too."""

    stream: Any


@attrs.frozen
class Sleep:
    """Pauses for `seconds`."""

    seconds: float


class Now:
    """Asks for the time, in seconds since some fixed moment."""

    __slots__ = ()


@attrs.frozen
class Join:
    """Takes a seat among those of this client who wait for ends; see `ends`. It is given up with the operation.

    `what` they are ("run" or "call") and their ids. One who waits alone for one thing waits best by holding a request,
    and so gets a seat that is not live, unless it is to be `always`.
    """

    what: Any
    ids: Sequence[str]
    always: bool = False


@attrs.frozen
class Told:
    """Waits until something of a seat's is over, for at most `timeout` seconds (None: for ever); {} if nothing is."""

    seat: Any
    timeout: float | None


class Blocking:
    """Calls a function that touches local files or otherwise blocks; async programs run it beside the event loop."""

    __slots__ = ("args", "function")

    def __init__(self, function: Callable[..., Any], *args: Any, **keywords: Any) -> None:
        self.function = partial(function, **keywords) if keywords else function
        self.args = args


@attrs.frozen
class Gather(Generic[T]):
    """Performs operations at most `limit` at a time; the iterable is read as places become free.

    The answer holds, in the operations' order, each one's result or the exception that ended it.
    """

    operations: Iterable[Op[T]]
    limit: int = 8


@attrs.frozen
class Emit(Generic[T]):
    """Hands a value to whoever iterates over a streaming operation."""

    value: T


Effect = Request | Upload | Download | Listen | Hear | HangUp | Sleep | Now | Join | Told | Blocking | Gather[Any]

#: An operation in progress: yields effects, receives their answers, returns T.
Op = Generator[Effect, Any, T]

#: A streaming operation in progress: also yields `Emit`, whose values are T.
Flow = Generator[Effect | Emit[T], Any, None]


class TransportError(Exception):
    """An attempt that brought no answer. Transports raise it; the exchange turns it into a retry or a ConnectionFailed.

    `refused`: no connection was made, so nothing was sent. `timeout`: no answer in time. `broken`: the connection
    or the answer broke off.
    """

    def __init__(self, kind: Literal["refused", "timeout", "broken"], detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class StreamBroken(TransportError):
    """A download that ended before its last byte."""

    def __init__(self, detail: str) -> None:
        super().__init__("broken", detail)
