"""Batches: a deployment is called for each of many parameters, some at a time; each comes to a line of its own.

Law: what one comes to is nothing to the others. Lines come in the order in which the calls end, each with the index of
its parameters; a reader who does not take them holds up the next calls, and one who goes ends those that are running.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson

from dtlpipe.errors import PlatformException, Unavailable
from mock_server.platform.serving.calls import Event
from mock_server.store.base import Document

if TYPE_CHECKING:
    from mock_server.platform.serving.deployments import Deployments

LINES: Final = "application/x-ndjson"
MOST: Final = 100_000
"""Parameters of one batch."""
_AT_ONCE: Final = 8
"""Batches that are being called at the same time."""
_WINDOW: Final = 1 << 20
"""Bytes of lines that their reader has not taken."""


@attrs.define
class _Item:
    """One call of a batch that is on its way."""

    pieces: list[bytes] = attrs.field(factory=list)
    taken: Callable[[int], None] = lambda _: None
    cancel: Callable[[], None] = lambda: None


class Batches:
    """Begins them; each has a thread of its own while it lasts."""

    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments
        self._places = threading.BoundedSemaphore(_AT_ONCE)

    def begin(
        self,
        name: str,
        header: Mapping[str, Any],
        items: list[Any],
        concurrency: int,
        receive: Callable[[Event], None],
        *,
        lines: bool,
    ) -> None:
        """Call the deployment for each item; `receive` is told of it as of a call: a stream of lines, or all at once.

        Raises NotFound, LoadRefused, Unavailable.
        """
        self._deployments.described(name)
        if not self._places.acquire(blocking=False):
            raise Unavailable("too many batches at once", retry_after=1.0)
        batch = _Batch(self._deployments, name, header, items, concurrency, receive, lines=lines)
        receive(({"kind": "placed", "cancel": batch.cancel, "taken": batch.taken}, b""))

        def run() -> None:
            try:
                batch.run()
            finally:
                self._places.release()

        threading.Thread(target=run, name=f"batch-{name}", daemon=True).start()


class _Batch:
    def __init__(
        self,
        deployments: Deployments,
        name: str,
        header: Mapping[str, Any],
        items: list[Any],
        concurrency: int,
        receive: Callable[[Event], None],
        *,
        lines: bool,
    ) -> None:
        self._deployments, self._name, self._header = deployments, name, header
        self._items, self._concurrency, self._receive, self._lines = items, concurrency, receive, lines
        self._events: SimpleQueue[tuple[int, Event] | None] = SimpleQueue()
        self._open: dict[int, _Item] = {}
        self._room = threading.Condition()
        self._untaken = 0
        self._cancelled = False

    def cancel(self) -> None:
        with self._room:
            self._cancelled = True
            self._room.notify_all()
        self._events.put(None)

    def taken(self, count: int) -> None:
        with self._room:
            self._untaken -= count
            self._room.notify_all()

    def run(self) -> None:
        """Call it for all."""
        if self._lines:
            self._receive(({"kind": "start", "status": 200, "type": LINES}, b""))
        told: list[Document] = []
        for each in self._outcomes():
            if self._lines:
                self._tell(orjson.dumps(each) + b"\n")
            else:
                told.append(each)
        if self._cancelled:
            for item in self._open.values():
                item.cancel()
        elif self._lines:
            self._receive(({"kind": "end"}, b""))
        else:
            told.sort(key=lambda each: each["index"])
            good = sum(each["ok"] for each in told)
            whole = {"results": told, "total": len(told), "succeeded": good, "failed": len(told) - good}
            self._receive(({"kind": "answer", "status": 200, "type": "application/json"}, orjson.dumps(whole)))

    def _tell(self, line: bytes) -> None:
        with self._room:
            self._room.wait_for(lambda: self._untaken < _WINDOW or self._cancelled)
            self._untaken += len(line)
        self._receive(({"kind": "chunk"}, line))

    def _outcomes(self) -> Iterator[Document]:
        coming = iter(enumerate(self._items))
        left = len(self._items)
        while left and not self._cancelled:
            while len(self._open) < self._concurrency and (following := next(coming, None)) is not None:
                refused = self._begin(*following)
                if refused is not None:
                    left -= 1
                    yield refused
            if not self._open:
                continue
            heard = self._events.get()
            if heard is None:
                return
            outcome = self._heard(*heard)
            if outcome is not None:
                left -= 1
                yield outcome

    def _begin(self, index: int, params: Any) -> Document | None:
        self._open[index] = _Item()
        try:
            self._deployments.ask(self._name, self._header, orjson.dumps(params), partial(self._hear, index))
        except PlatformException as error:
            del self._open[index]
            return _failed(index, error.status, error.message)
        return None

    def _hear(self, index: int, event: Event) -> None:
        self._events.put((index, event))

    def _heard(self, index: int, event: Event) -> Document | None:
        """What the item came to, if that is it."""
        header, body = event
        item = self._open.get(index)
        if item is None:
            return None
        match header["kind"]:
            case "placed":
                item.cancel, item.taken = header["cancel"], header["taken"]
                return None
            case "chunk" | "start":
                item.pieces.append(body)
                item.taken(len(body))
                return None
            case "answer":
                found = _answered(index, header, body)
            case "end":
                found = {"index": index, "ok": True, "result": b"".join(item.pieces).decode(errors="replace")}
            case "broken" | "died":
                found = _failed(index, 500, f"Pipeline execution failed: {header.get('reason')}")
            case _:
                return None
        del self._open[index]
        return found


def _answered(index: int, header: Mapping[str, Any], body: bytes) -> Document:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        given = {"result": body.decode(errors="replace")}
    if header["status"] >= 400:
        return _failed(index, header["status"], given.get("detail") if isinstance(given, dict) else given)
    result = given["result"] if isinstance(given, dict) and given.keys() == {"result"} else given
    return {"index": index, "ok": True, "result": result}


def _failed(index: int, status: int, detail: Any) -> Document:
    return {"index": index, "ok": False, "status": status, "error": detail}
