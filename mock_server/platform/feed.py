"""The log of events as it grows: who subscribes is given each event after its COMMIT, in order and once.

Theory: one thread reads the tail of the log after a commit, for all. A subscriber is *live* if it was given all up to
the tail. One that is new, or whose reader does not take what it is given, is *behind*: it is read to from the log, from
its own cursor, at its reader's pace, until it has reached the tail. So nothing is kept in memory for the slow, and
nothing is skipped: what a subscriber was given last is all that there is to know of it.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import orjson

from dtlpipe.model import times

if TYPE_CHECKING:
    from mock_server.store.base import Document, Happening, Store

log = logging.getLogger(__name__)

_PAGE = 200  # events read for one subscriber that is behind
_TAIL = 1000  # events read for all
_ENDED = "run.ended"
_CALL_ENDED = "execution.ended"
_RETRY = b"retry: 1000\n\n"  # milliseconds until a client that was cut off comes back


class Sink(Protocol):
    """Where a subscriber's bytes go."""

    def send(self, data: bytes) -> bool:
        """False, with nothing taken, if there is no room."""

    def finish(self) -> None:
        """There is no more."""


@attrs.frozen
class Selection:
    """Which events: those of one run, of a pipeline's or a project's, or all; of these, all or only ends.

    Ends are those of runs, and of calls of services; what a run's nodes do is none.
    """

    run_id: str | None = None
    pipeline_id: str | None = None
    project_id: str | None = None
    ends: bool = False

    def takes(self, event: Happening) -> bool:
        return (
            self.run_id in (None, event.run_id)
            and self.pipeline_id in (None, event.pipeline_id)
            and self.project_id in (None, event.project_id)
            and (not self.ends or event.kind == _ENDED or (event.kind == _CALL_ENDED and event.run_id is None))
        )

    def place(self) -> dict[str, str | None]:
        """What the events are of."""
        return {"run_id": self.run_id, "pipeline_id": self.pipeline_id, "project_id": self.project_id}


@attrs.define(eq=False)
class Subscriber:
    """The source of one stream. `cursor` is the id of the event that was given last."""

    feed: Feed
    selection: Selection
    cursor: int
    sink: Sink | None = None
    keep_alive: bytes = b": still here\n\n"

    def attach(self, sink: Sink) -> None:
        self.sink = sink
        sink.send(_RETRY)
        self.feed.behind(self)

    def drained(self) -> None:
        self.feed.behind(self)

    def detach(self) -> None:
        self.sink = None
        self.feed.forget(self)

    def give(self, event: Happening, data: bytes) -> bool:
        """Whether it was taken."""
        if self.sink is None or not self.sink.send(data):
            return False
        self.cursor = event.id
        return True

    def finish(self) -> None:
        if self.sink is not None:
            self.sink.finish()


class Feed:
    """All subscribers of one store. The thread is there as soon as one is."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._all: set[Subscriber] = set()
        self._behind: deque[Subscriber] = deque()
        self._of_run: defaultdict[str, set[Subscriber]] = defaultdict(set)
        self._of_many: set[Subscriber] = set()
        self._tail: int | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        store.on_commit(self._committed)

    def __len__(self) -> int:
        return len(self._all)

    def subscribe(self, selection: Selection, after: int | None) -> Subscriber:
        """The source of a stream, of the events after that one (None: of those to come)."""
        return Subscriber(self, selection, self.tip() if after is None else after)

    def tip(self) -> int:
        """The id of the latest event."""
        return self._store.inspection.last_event()

    def page(self, selection: Selection, after: int, limit: int) -> list[Happening]:
        """Events in order, with ids above `after`: of the selection's place, whether it takes them or not."""
        return self._store.inspection.happenings(after, limit, **selection.place())

    def behind(self, subscriber: Subscriber) -> None:
        """There is room for what it has not been given yet."""
        with self._lock:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="dtlpipe-feed", daemon=True)
                self._thread.start()
            self._all.add(subscriber)
            self._behind.append(subscriber)
        self._woken.set()

    def forget(self, subscriber: Subscriber) -> None:
        with self._lock:
            self._all.discard(subscriber)
            self._leave(subscriber)

    def close(self) -> None:
        """Gives nobody anything from now on."""
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
        self._woken.set()
        if thread is not None:
            thread.join()

    def _committed(self, _changes: int, _seconds: float) -> None:
        if self._all:
            self._woken.set()

    # --- on the feed's own thread -------------------------------------------------------------------------------------

    def _loop(self) -> None:
        pause = None
        while not self._closed:
            self._woken.wait(pause)
            self._woken.clear()
            try:
                while self._turn():
                    pass
                pause = None
            except Exception:  # of the store: what is not given now is given later, as cursors stand where they stood
                log.exception("events could not be read; the next try is in a second")
                pause = 1.0

    def _turn(self) -> bool:
        """Whether there may be more to do."""
        if self._closed:
            return False
        with self._lock:
            idle = not self._of_run and not self._of_many
            some = [self._behind.popleft() for _ in range(min(len(self._behind), 100))]
        if idle or self._tail is None:
            self._tail = self._store.inspection.last_event()
        try:
            while some:
                self._catch_up(some[-1])
                some.pop()
        finally:
            self._behind.extend(some)
        events = self._store.inspection.happenings(self._tail, _TAIL) if self._of_run or self._of_many else []
        for event in events:
            self._tell(event)
            self._tail = event.id
        return len(events) == _TAIL or bool(self._behind)

    def _catch_up(self, subscriber: Subscriber) -> None:
        page = self.page(subscriber.selection, subscriber.cursor, _PAGE)
        for event in page:
            if not subscriber.selection.takes(event):
                subscriber.cursor = event.id
            elif not subscriber.give(event, rendered(event)):
                return  # it says when it can take more
        if len(page) == _PAGE:
            self._behind.append(subscriber)
        elif page and page[-1].kind == _ENDED and subscriber.selection.run_id is not None:
            subscriber.finish()
        else:
            self._join(subscriber)

    def _join(self, subscriber: Subscriber) -> None:
        with self._lock:
            if subscriber in self._all:
                run_id = subscriber.selection.run_id
                (self._of_many if run_id is None else self._of_run[run_id]).add(subscriber)

    def _leave(self, subscriber: Subscriber) -> None:
        run_id = subscriber.selection.run_id
        if run_id is None:
            self._of_many.discard(subscriber)
        elif (those := self._of_run.get(run_id)) is not None:
            those.discard(subscriber)
            if not those:
                del self._of_run[run_id]

    def _tell(self, event: Happening) -> None:
        with self._lock:
            listening = [*self._of_run.get(event.run_id or "", ()), *self._of_many]
        if not listening:
            return
        data = rendered(event)
        for each in listening:
            if event.id <= each.cursor:
                continue
            if not each.selection.takes(event):
                each.cursor = event.id
                continue
            taken = each.give(event, data)
            over = taken and event.kind == _ENDED and each.selection.run_id is not None
            if not taken or over:
                with self._lock:
                    self._leave(each)
            if over:
                each.finish()


def shown(event: Happening) -> Document:
    """An event as JSON; what it is not about is left out."""
    found: dict[str, Any] = {
        "id": event.id,
        "kind": event.kind,
        "at": times.to_wire(event.at),
        "projectId": event.project_id,
        "pipelineId": event.pipeline_id,
        "runId": event.run_id,
        "nodeId": event.node_id,
        "serviceId": event.service_id,
        "executionId": event.execution_id,
    }
    return {key: value for key, value in found.items() if value is not None} | {"body": event.body}


def shown_all(events: Iterable[Happening]) -> list[Document]:
    """Events as JSON."""
    return [shown(event) for event in events]


def rendered(event: Happening) -> bytes:
    """An event of a stream of events: its number, by which a client that was cut off resumes, and its JSON."""
    return b"id: %d\ndata: %b\n\n" % (event.id, orjson.dumps(shown(event)))
