"""The sync driver: operations performed in the calling thread, several at once in threads.

It drives `Exchange.converse`, as `async_driver` does; all that either knows is how to do each step in its colour.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from dtlpipe.config import Settings
from dtlpipe.sansio.effects import Blocking, Emit, Flow, Gather, HangUp, Hear, Join, Now, Op, Response, Sleep, Told
from dtlpipe.sansio.exchange import Exchange
from dtlpipe.sansio.operation import Session, Sync
from dtlpipe.sansio.wire import BulkTransport, Transport, WireDownload, WireListen, WireRequest, WireUpload

if TYPE_CHECKING:
    from dtlpipe.transports.ends import Ends

T = TypeVar("T")


def exchange_for(settings: Settings) -> Exchange:
    """An exchange with the real clock, real chance and real keys."""
    return Exchange(
        settings, clock=time.time, chance=lambda: os.urandom(1)[0] / 255, new_key=lambda: os.urandom(16).hex()
    )


class SyncSession(Session[Sync]):
    """Performs operations in the calling thread. Any number of threads may use it."""

    is_sync = True

    def __init__(self, exchange: Exchange, transport: Transport, bulk: BulkTransport) -> None:
        self.exchange = exchange
        self.settings = exchange.settings
        self._transport = transport
        self._bulk = bulk
        self._made_ends: Ends | None = None
        self._making = threading.Lock()

    def run(self, op: Op[T]) -> T:
        conversation = self.exchange.converse(op)
        answer: Any = None
        failure: Exception | None = None
        seats: list[Any] = []
        try:
            while True:
                try:
                    step = conversation.send(answer) if failure is None else conversation.throw(failure)
                except StopIteration as done:
                    result: T = done.value
                    return result
                answer = failure = None
                try:
                    answer = self._perform(step)
                    if isinstance(step, Join):
                        seats.append(answer)
                except Exception as error:  # noqa: BLE001 - thrown into the conversation, which decides
                    failure = error
        finally:
            failure = None  # its traceback holds this frame, a circle
            conversation.close()
            for each in seats:
                self._ends.leave(each)

    def stream(self, flow: Flow[T]) -> Iterator[T]:
        conversation = self.exchange.converse(flow)
        answer: Any = None
        failure: Exception | None = None
        heard: list[Any] = []
        seats: list[Any] = []
        try:
            while True:
                try:
                    step = conversation.send(answer) if failure is None else conversation.throw(failure)
                except StopIteration:
                    return
                answer = failure = None
                if isinstance(step, Emit):
                    yield step.value
                    continue
                try:
                    answer = self._perform(step)
                    if isinstance(step, WireListen) and not isinstance(answer, Response):
                        heard.append(answer)
                    elif isinstance(step, Join):
                        seats.append(answer)
                except Exception as error:  # noqa: BLE001 - thrown into the conversation, which decides
                    failure = error
        finally:
            failure = None  # its traceback holds this frame, a circle
            conversation.close()
            for each in heard:
                each.close()
            for each in seats:
                self._ends.leave(each)

    def listed(self, pages: Any) -> Any:
        self.run(pages.fetch())
        return pages

    def close(self) -> None:
        """Closes the connections; the next call opens new ones."""
        self._transport.close()
        self._bulk.close()

    @property
    def _ends(self) -> Ends:
        with self._making:
            if self._made_ends is None:
                from dtlpipe.transports.ends import Ends

                self._made_ends = Ends(self)
            return self._made_ends

    def _perform(self, step: Any) -> Any:  # noqa: PLR0911 - one return for each kind of step
        if isinstance(step, WireRequest):
            return self._transport.send(step)
        if isinstance(step, Now):
            return time.monotonic()
        if isinstance(step, Sleep):
            return time.sleep(step.seconds)
        if isinstance(step, Blocking):
            return step.function(*step.args)
        if isinstance(step, WireUpload):
            return self._bulk.upload(step)
        if isinstance(step, WireDownload):
            return self._bulk.open(step)
        if isinstance(step, WireListen):
            return self._transport.listen(step)
        if isinstance(step, Hear):
            return step.stream.read()
        if isinstance(step, HangUp):
            return step.stream.close()
        if isinstance(step, Gather):
            return self._gather(step)
        if isinstance(step, Join | Told):
            return self._ends.perform(step)
        raise TypeError(f"an operation asked for {type(step).__name__}, which is no effect")

    def _gather(self, gather: Gather[Any]) -> list[Any]:
        """Threads that each take the next operation, until there is none or the caller is interrupted."""
        results: list[Any] = []
        waiting = enumerate(gather.operations)
        taking = threading.Lock()
        done = threading.Event()
        broken: list[Exception] = []

        def work() -> None:
            while not done.is_set():
                with taking:
                    try:
                        place, op = next(waiting)
                    except StopIteration:
                        done.set()
                        return
                    except Exception as error:  # noqa: BLE001 - the iterable's own failure is the caller's
                        done.set()
                        broken.append(error)
                        return
                    results.append(None)
                try:
                    results[place] = self.run(op)
                except Exception as error:  # noqa: BLE001 - an operation's failure is its result here
                    results[place] = error

        threads: list[threading.Thread] = []
        try:
            while len(threads) < gather.limit and not done.is_set():
                threads.append(threading.Thread(target=work, name="dtlpipe-gather", daemon=True))
                threads[-1].start()
            for thread in threads:
                thread.join()
        finally:
            done.set()
        if broken:
            raise broken[0]
        return results
