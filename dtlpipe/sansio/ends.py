"""The ends of many things, waited for together: one stream that tells of ends, and one query for all that ended.

Theory: whoever waits takes a *seat*, for some ids. All seats of a client share a *board*. Once the stream is live,
the board has all ids looked at, so that nothing is missed that happened before it was; from then on those that it tells
of. After each break of the stream it is the same again, so that nothing depends on what a stream has kept. A seat is
given what was found to be over; a seat whose stream cannot be had, or is lost for good, is told so, and whoever has it
waits by other means.

Pure: sessions have the threads or tasks (`transports/ends`, `transports/async_ends`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol

import attrs

from dtlpipe.errors import ConnectionFailed, Unavailable
from dtlpipe.model.enums import ExecutionStatus
from dtlpipe.sansio.effects import Emit, Flow, HangUp, Hear, Listen, Now, Op, Request, Response, Sleep, TransportError
from dtlpipe.sansio.server_events import EventReader
from dtlpipe.sansio.waiting import patient

#: What can be waited for so.
What = Literal["run", "call"]

PATH = "/platform/events?ends=1"
#: Ids looked at in one query.
MANY = 500
#: Attempts to have the stream, one after another, before it is given up.
ATTEMPTS = 6
#: Seconds that the stream may be silent: a platform says every 15 s that it is there.
SILENCE = 40.0
#: Seconds after which a connection that broke counts as one that had worked.
STEADY = 10.0
#: Seconds within which a stream has to be live for those who want to wait by it.
SOON = 5.0
#: Seconds for which a platform is not asked for a stream again, after one that could not be had.
LATER = 30.0

_OVER = frozenset(each.value for each in ExecutionStatus if each.is_terminal)
_KINDS: dict[str, tuple[What, str]] = {"run.ended": ("run", "runId"), "execution.ended": ("call", "executionId")}


class Event(Protocol):
    """What wakes who has a seat."""

    def set(self) -> None: ...

    def clear(self) -> None: ...


@attrs.define(eq=False)
class Seat:
    """One who waits.

    `live`: by the stream, which may be `lost`. `over`: what is over, by id; None stands for what no stream tells of, as
    it is not there or is a node's part in a run: it has to be asked for.
    """

    what: What
    ids: frozenset[str]
    woken: Any
    live: bool = False
    lost: bool = False
    over: dict[str, Any] = attrs.field(factory=dict)

    def news(self) -> dict[str, Any] | None:
        """What is over since it was asked last; None if there will be no news any more."""
        self.woken.clear()
        found, self.over = self.over, {}
        return None if self.lost and not found else found


@attrs.define(eq=False)
class Board:
    """Who waits for what. Called by one at a time."""

    _seats: dict[What, defaultdict[str, set[Seat]]] = attrs.field(
        factory=lambda: {"run": defaultdict(set), "call": defaultdict(set)}
    )
    _asked: dict[What, dict[str, None]] = attrs.field(factory=lambda: {"run": {}, "call": {}})

    def __len__(self) -> int:
        return len(self._seats["run"]) + len(self._seats["call"])

    def join(self, seat: Seat) -> None:
        for id in seat.ids:
            self._seats[seat.what][id].add(seat)
            self._asked[seat.what][id] = None

    def leave(self, seat: Seat) -> None:
        seats = self._seats[seat.what]
        for id in seat.ids:
            if id in seats:
                seats[id].discard(seat)
                if not seats[id]:
                    del seats[id]
                    self._asked[seat.what].pop(id, None)

    def hear(self, kind: str, event: Mapping[str, Any]) -> bool:
        """Takes in what the stream told; whether anybody waits for that."""
        what, key = _KINDS.get(kind, ("run", ""))
        id = str(event.get(key))
        if id not in self._seats[what]:
            return False
        self._asked[what][id] = None
        return True

    def look_again(self) -> None:
        """Nobody knows what happened meanwhile: all are to be looked at."""
        for what, seats in self._seats.items():
            self._asked[what].update(dict.fromkeys(seats))

    @property
    def asked(self) -> bool:
        """Whether there is something to look at."""
        return any(self._asked.values())

    def take(self) -> tuple[What, list[str]] | None:
        """What is to be looked at next."""
        for what, asked in self._asked.items():
            if asked:
                ids = list(asked)[:MANY]
                for each in ids:
                    del asked[each]
                return what, ids
        return None

    def found(self, what: What, ids: Iterable[str], documents: Mapping[str, Any]) -> None:
        """Gives each seat what is over of what was looked at, and what cannot be waited for so."""
        seats = self._seats[what]
        for id in ids:
            document = documents.get(id)
            over = document is not None and status_of(document) in _OVER
            if over or document is None or (document.get("pipeline") or {}).get("executionId"):
                for each in seats.get(id, ()):
                    each.over[id] = document if over else None
                    each.woken.set()

    def lose(self) -> None:
        """There is no stream any more."""
        for seats in self._seats.values():
            for each in {seat for several in seats.values() for seat in several}:
                each.lost = True
                each.woken.set()


def status_of(document: Mapping[str, Any]) -> Any:
    """The state of a run, or of a call."""
    return (document.get("latestStatus") or {}).get("status") or document.get("status")


def pause(waiting: int) -> float:
    """Seconds in which what ends is gathered before it is looked at: more, the more there are to come."""
    return min(waiting / 10_000, 0.05)


def look(what: What, ids: list[str]) -> Op[dict[str, Any]]:
    """The operation that reads what is there of some ids, by id."""
    path, resource = ("/pipelines/query", "pipelineState") if what == "run" else ("/query/faas", "executions")
    body = {"filter": {"$and": [{"id": {"$in": ids}}]}, "page": 0, "pageSize": len(ids), "resource": resource}
    response: Response = yield from patient(Request("POST", path, json=body, idempotent=True))
    return {str(each["id"]): each for each in response.json()["items"]}


def told(opened: Callable[[Any], bool]) -> Flow[tuple[str, dict[str, Any]] | None]:
    """The streaming operation that emits the kind and the data of each end; None whenever the stream is live (again).

    `opened` is given each stream that was opened, and says whether it is wanted still. Raises what the platform says
    to one who may not listen, and ConnectionFailed if the stream breaks again and again.
    """
    headers = {"accept": "text/event-stream", "cache-control": "no-store"}
    failures = 0
    while True:
        began: float = yield Now()
        stream = None
        try:
            stream = yield Listen(PATH, headers=headers, timeout=SILENCE)
            if not opened(stream):
                yield HangUp(stream)
                return
            reader, live = EventReader(), False
            while chunk := (yield Hear(stream)):
                if not live:  # a stream that says nothing at first may be one that somebody keeps to himself
                    live = True
                    yield Emit(None)
                for each in reader.feed(chunk):
                    failures = 0
                    data = json.loads(each.data)
                    yield Emit((str(data.get("kind")), data))
            yield HangUp(stream)
            failure: Exception = ConnectionFailed("the platform ended the stream of ends")
        except (TransportError, ConnectionFailed, Unavailable) as error:
            failure = error
            if stream is not None:
                yield HangUp(stream)
        now: float = yield Now()
        failures = 0 if now - began >= STEADY else failures + 1
        if failures >= ATTEMPTS:
            raise ConnectionFailed("the stream of ends broke and cannot be taken up") from failure
        if not opened(None):
            return
        yield Sleep(min(0.05 * 2.0**failures, 2.0))
