"""A run's progress as server-sent events, each a whole snapshot: the first at once, then one for each that is recorded.

The number of a frame is that of the event behind it, by which a client that was cut off goes on with what it missed. A
frame that tells of the end is the last one. Of a run that is deleted the stream says that it failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import orjson

from mock_server.platform.actions.progress import OVER
from mock_server.platform.actions.records import DELETED, PROGRESS, read_run
from mock_server.platform.feed import Selection, Sink, Subscriber

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.store.base import Happening

_RETRY = b"retry: 1000\n\n"


@attrs.define(eq=False)
class ProgressStream(Subscriber):
    """The source of one stream. `first` is said at once; `done`: there is nothing after it."""

    first: bytes = b""
    done: bool = False
    keep_alive: bytes = b": keep-alive\n\n"

    def attach(self, sink: Sink) -> None:
        self.sink = sink
        sink.send(_RETRY + self.first)
        if self.done:
            sink.finish()
        else:
            self.feed.behind(self)

    def give(self, event: Happening, data: bytes) -> bool:
        """What is no snapshot is passed over."""
        del data  # the feed's own rendering
        if event.kind in (PROGRESS, DELETED) and not self.done:
            if self.sink is None or not self.sink.send(_rendered(event)):
                return False
            if event.kind == DELETED or event.body["status"] in OVER:
                self.done = True
                self.sink.finish()
        self.cursor = event.id
        return True

    def finish(self) -> None:
        """The worker's part is over; the snapshot that says so comes right after it."""
        if not self.done:
            self.feed.behind(self)


def subscribe(platform: Platform, run_id: str, after: int | None) -> ProgressStream:
    """The source of a stream for a client that has all up to `after`, or nothing. Raises NotFound."""
    run = read_run(platform.store, run_id)
    latest, selection = run.details["seq"], Selection(run_id=run_id)
    if after is None or after > latest or (run.over and after == latest):
        whole = frame(latest, run.snapshot())
        return ProgressStream(platform.feed, selection, latest, first=whole, done=run.over)
    return ProgressStream(platform.feed, selection, after)


def frame(number: int, snapshot: dict[str, Any]) -> bytes:
    """One event: its type is the status, once that is final."""
    word = snapshot["status"]
    kind = word if word in OVER else "progress"
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, kind.encode(), orjson.dumps(snapshot))


def _rendered(event: Happening) -> bytes:
    """The frame of an event, made once for all who are given it."""
    if event.kind == DELETED:
        body: dict[str, Any] = {"run_id": event.run_id, "status": "failed", "error": "Run not found", "progress": []}
        return b"id: %d\nevent: error\ndata: %b\n\n" % (event.id, orjson.dumps(body))
    known = _memory.get(id(event.body))
    if known is not None and known[0] is event:
        return known[1]
    made = frame(event.id, event.body)
    _memory.clear()
    _memory[id(event.body)] = event, made
    return made


_memory: dict[int, tuple[Happening, bytes]] = {}
