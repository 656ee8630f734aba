"""Following jobs: each change of one is shown to those who watch, by one thread for all of them.

Law: nothing is kept for a slow reader but where it is: it is shown what is there once it takes more. Chunks of durable
executions are kept here alone, the last few of each, as they are for those who watch now.
"""

from __future__ import annotations

import logging
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson

from mock_server.platform.feed import Sink
from mock_server.platform.serving.alone import Alone
from mock_server.platform.serving.shown import is_over
from mock_server.store.base import Document

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

log = logging.getLogger("dtlpipe.serving")

CHUNKS: Final = 100
"""Chunks of an execution that are kept for who comes late."""
_EXECUTIONS: Final = 1000


@attrs.define
class _Chunks:
    """`last` is the number of the latest one."""

    kept: deque[tuple[int, bytes]] = attrs.field(factory=lambda: deque(maxlen=CHUNKS))
    last: int = 0


@attrs.define(eq=False)
class Followed:
    """The source of one stream. `after` is the id of the event that its reader has seen last."""

    following: Following
    job_id: str
    look: Callable[[], Document]
    render: Callable[[Document], Document]
    release: Callable[[], None]
    after: str = ""
    keep_alive: bytes = b": heartbeat\n\n"
    sink: Sink | None = None
    seen: Document | None = None
    cursor: int = 0
    unwatch: Callable[[], None] | None = None

    def attach(self, sink: Sink) -> None:
        self.sink = sink
        self.cursor = int(self.after) if self.after.isascii() and self.after.isdigit() and len(self.after) < 18 else 0
        self.unwatch = self.following.watch(self)
        self.following.dirty(self)

    def drained(self) -> None:
        self.following.dirty(self)

    def detach(self) -> None:
        self.sink = None
        unwatch, self.unwatch = self.unwatch, None
        if unwatch is not None:
            unwatch()
            self.release()

    def tell(self) -> None:
        """Show what is new, as far as it is taken. On the one thread."""
        sink = self.sink
        if sink is None:
            return
        job = self.look()  # before the chunks, so that its end comes after them
        if not self._tell_chunks(sink):
            return
        if job != self.seen:
            over = is_over(job)
            mark = mark_of(job)
            if mark != self.after:
                kind = job["status"] if over else "progress"
                if not sink.send(_event(mark, kind, orjson.dumps(self.render(job)))):
                    return
            self.seen = job
        if is_over(job):
            sink.finish()

    def _tell_chunks(self, sink: Sink) -> bool:
        for number, data in self.following.chunks_after(self.job_id, self.cursor):
            if self.cursor and number > self.cursor + 1 and not sink.send(_event(None, "gap", b"{}")):
                return False
            if not sink.send(_event(str(number), "chunk", data)):
                return False
            self.cursor = number
        return True


def mark_of(job: Document) -> str:
    """The id of the event that shows a job as it is: whoever has seen that comes back for what is later."""
    return f"{job['updated_at']}:{job['status']}:{zlib.crc32(orjson.dumps(job)):08x}"


def _event(id: str | None, kind: str, data: bytes) -> bytes:
    head = b"" if id is None else b"id: " + id.encode() + b"\n"
    return head + b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


class Following:
    """All who follow. The thread is there as soon as one does."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._alone = Alone("dtlpipe-following", self._take)
        self._changed = self._alone.changed
        self._dirty: deque[Followed] = deque()
        self._known: set[Followed] = set()
        self._chunks: dict[str, _Chunks] = {}

    def watch(self, source: Followed) -> Callable[[], None]:
        """Have it look whenever something about its job was committed, until what is returned is called."""
        return self._platform.hub.watch(source.job_id, lambda: self.dirty(source))

    def dirty(self, source: Followed) -> None:
        """There may be something new for it. It never waits."""
        with self._changed:
            if self._alone.closed or source in self._known:
                return
            self._known.add(source)
            self._dirty.append(source)
            self._alone.wake()

    def add_chunks(self, job_id: str, attempt: int, payloads: Iterable[Any]) -> None:
        """Chunks of an execution, for those who watch it."""
        with self._changed:
            known = self._chunks.pop(job_id, None) or _Chunks()
            self._chunks[job_id] = known  # the one that was added to last is forgotten last
            for each in payloads:
                known.last += 1
                known.kept.append((known.last, orjson.dumps({"attempt": attempt, "payload": each})))
            while len(self._chunks) > _EXECUTIONS:
                del self._chunks[next(iter(self._chunks))]
        self._platform.hub.notify(job_id)

    def chunks_after(self, job_id: str, cursor: int) -> list[tuple[int, bytes]]:
        """Those that are kept, with numbers above `cursor`."""
        with self._changed:
            known = self._chunks.get(job_id)
            return [] if known is None else [each for each in known.kept if each[0] > cursor]

    def close(self) -> None:
        """Tell nobody anything from now on."""
        self._alone.close()

    def _take(self) -> Callable[[], None] | None:
        if not self._dirty:
            return None
        source = self._dirty.popleft()
        self._known.discard(source)
        return partial(_tell, source)


def _tell(source: Followed) -> None:
    try:
        source.tell()
    except Exception:
        log.exception("job %s cannot be followed any more", source.job_id)
        sink = source.sink
        if sink is not None:
            sink.finish()
