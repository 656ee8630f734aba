"""Verbs: one definition, two colours, and nothing odd about them for `help()`, tracebacks and inspection."""

from __future__ import annotations

import asyncio
import gc
import inspect
import pydoc
import threading
import time
import traceback
import weakref

import pytest

from dtlpipe.errors import NotFound
from dtlpipe.sansio.effects import Blocking, Emit, Flow, Gather, Now, Op, Request, Sleep
from dtlpipe.sansio.operation import Bound, Colour, fetched, operation, streaming
from dtlpipe.transports.async_driver import AsyncSession
from dtlpipe.transports.driver import SyncSession
from tests.unit.sdk.hand import exchange, reply


class Things(Bound[Colour]):
    """Things."""

    @operation
    def get(self, name: str, *, loud: bool = False) -> Op[str]:
        """Gets one.

        Raises:
            NotFound: it is not there.
        """
        response = yield Request("GET", f"/things/{name}")
        text = response.json()["name"]
        return text.upper() if loud else text

    @operation
    def both(self, first: str, second: str) -> Op[list[str]]:
        """Gets two."""
        one = yield from self.get.op(self, first)
        two = yield from self.get.op(self, second, loud=True)
        return [one, two]

    @operation
    def settled(self, names: list[str], limit: int = 3) -> Op[list]:
        """Gets many."""
        return (yield Gather((self.get.op(self, name) for name in names), limit=limit))

    @operation
    def threads(self) -> Op[tuple]:
        """Where work is done, and when."""
        before = yield Now()
        yield Sleep(0)
        where = yield Blocking(threading.get_ident)
        after = yield Now()
        return where, after >= before

    @streaming
    def letters(self, name: str) -> Flow[str]:
        """The letters of one."""
        text = yield from self.get.op(self, name)
        for letter in text:
            yield Emit(letter)

    @fetched
    def first(self) -> Op[str]:
        """The first one."""
        return (yield from self.get.op(self, "a"))


class Carrier:
    """Answers GET /things/x with its name; unknown are those that start with `no`."""

    def __init__(self) -> None:
        self.together = self.most = 0
        self._lock = threading.Lock()

    def send(self, request):
        with self._lock:
            self.together += 1
            self.most = max(self.most, self.together)
        name = request.url.rpartition("/")[2]
        try:
            return reply({"message": "there is none"}, 404) if name.startswith("no") else reply({"name": name})
        finally:
            with self._lock:
                self.together -= 1

    def close(self):
        pass


class AsyncCarrier(Carrier):
    async def send(self, request):
        self.together += 1
        self.most = max(self.most, self.together)
        await asyncio.sleep(0)
        self.together -= 1
        return Carrier.send(self, request)

    async def aclose(self):
        pass


@pytest.fixture
def sync_things():
    return Things(session=SyncSession(exchange(), Carrier(), Carrier()))


@pytest.fixture
def async_things():
    return Things(session=AsyncSession(exchange(), AsyncCarrier(), Carrier()))


def test_a_sync_verb_returns_its_result(sync_things):
    assert sync_things.get("a") == "a"
    assert sync_things.both("a", "b") == ["a", "B"]
    assert list(sync_things.letters("abc")) == ["a", "b", "c"]
    assert sync_things.first == "a"


async def test_an_async_verb_returns_an_awaitable_of_the_same(async_things):
    assert await async_things.get("a") == "a"
    assert await async_things.both("a", "b") == ["a", "B"]
    assert [each async for each in async_things.letters("abc")] == ["a", "b", "c"]
    assert await async_things.first == "a"


def test_help_shows_the_verb_as_a_method_with_its_own_signature_and_text():
    shown = pydoc.plain(pydoc.render_doc(Things))
    assert "get(self, name: 'str', *, loud: 'bool' = False) -> 'str'" in shown
    assert "Gets one." in shown
    assert "letters(self, name: 'str') -> 'Iterator[str]'" in shown
    assert "The first one." in shown


def test_a_verb_on_a_handle_is_a_bound_method(sync_things):
    assert inspect.ismethod(sync_things.get)
    assert str(inspect.signature(sync_things.get)) == "(name: 'str', *, loud: 'bool' = False) -> 'str'"
    assert sync_things.get.__name__ == "get"
    assert Things.get.__qualname__ == "Things.get"


def test_wrong_arguments_are_refused_at_the_call(sync_things):
    with pytest.raises(TypeError, match="unexpected keyword argument 'quiet'"):
        sync_things.get("a", quiet=True)


def test_a_traceback_shows_the_caller_and_the_operation(sync_things):
    def the_caller():
        sync_things.both("a", "nothing")

    with pytest.raises(NotFound) as caught:
        the_caller()
    names = [entry.name for entry in traceback.extract_tb(caught.value.__traceback__)]
    assert names.index("the_caller") < names.index("both") < names.index("get")


async def test_an_async_traceback_shows_the_operation_too(async_things):
    with pytest.raises(NotFound) as caught:
        await async_things.both("a", "nothing")
    names = [entry.name for entry in traceback.extract_tb(caught.value.__traceback__)]
    assert names.index("both") < names.index("get")


def test_many_at_once_come_back_in_order_with_their_errors(sync_things):
    names = [f"{'no' if n % 7 == 0 else 'x'}{n}" for n in range(50)]
    results = sync_things.settled(names)
    assert [isinstance(each, NotFound) for each in results] == [name.startswith("no") for name in names]
    assert [each for each in results if isinstance(each, str)] == [name for name in names if name.startswith("x")]


async def test_many_at_once_come_back_in_order_on_a_loop_too(async_things):
    names = [f"{'no' if n % 7 == 0 else 'x'}{n}" for n in range(50)]
    results = await async_things.settled(names, limit=4)
    assert [each for each in results if isinstance(each, str)] == [name for name in names if name.startswith("x")]
    assert 1 < async_things._session._transport.most <= 4


def test_no_more_than_the_limit_are_in_flight():
    gate, inside, most = threading.Barrier(3), [], []
    lock = threading.Lock()

    class Slow(Carrier):
        def send(self, request):
            with lock:
                inside.append(1)
                most.append(len(inside))
            gate.wait(5)  # passes only if three are here together
            with lock:
                inside.pop()
            return super().send(request)

    things = Things(session=SyncSession(exchange(), Slow(), Slow()))
    assert len(things.settled([f"x{n}" for n in range(9)], limit=3)) == 9
    assert max(most) == 3


def test_a_failing_source_of_operations_is_the_caller_s_error(sync_things):
    class Boom(Things):
        @operation
        def many(self) -> Op[list]:
            """Fails while it lists."""

            def source():
                yield self.get.op(self, "a")
                raise ZeroDivisionError

            return (yield Gather(source()))

    with pytest.raises(ZeroDivisionError):
        Boom(session=sync_things._session).many()


async def test_a_failing_source_of_operations_is_the_async_caller_s_error_too(async_things):
    class Boom(Things):
        @operation
        def many(self) -> Op[list]:
            """Fails while it lists."""

            def source():
                yield self.get.op(self, "a")
                raise ZeroDivisionError

            return (yield Gather(source()))

    with pytest.raises(ZeroDivisionError):
        await Boom(session=async_things._session).many()


def test_what_blocks_runs_here_on_a_sync_handle(sync_things):
    assert sync_things.threads() == (threading.get_ident(), True)


async def test_what_blocks_runs_beside_the_event_loop(async_things):
    where, forward = await async_things.threads()
    assert where != threading.get_ident()
    assert forward


def test_an_abandoned_stream_closes_its_operation():
    ended = []

    class Open(Things):
        @streaming
        def forever(self) -> Flow[int]:
            """Never ends by itself."""
            try:
                while True:
                    yield Emit(1)
            finally:
                ended.append(True)

    stream = Open(session=SyncSession(exchange(), Carrier(), Carrier())).forever()
    next(stream)
    stream.close()
    assert ended == [True]


async def test_a_cancelled_call_closes_its_operation():
    ended, begun = [], asyncio.Event()

    class Stuck(AsyncCarrier):
        async def send(self, request):
            begun.set()
            await asyncio.Event().wait()

    class Open(Things):
        @operation
        def forever(self) -> Op[None]:
            """Never ends by itself."""
            try:
                yield Request("GET", "/x")
            finally:
                ended.append(True)

    task = asyncio.create_task(Open(session=AsyncSession(exchange(), Stuck(), Carrier())).forever())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


def test_an_error_that_was_handled_is_gone_without_the_collector(sync_things):
    """A traceback that holds itself would keep each answer's bytes until the collector comes by."""
    gc.disable()
    try:
        try:
            sync_things.both("a", "nothing")
        except NotFound as error:
            known = weakref.ref(error)
        assert known() is None
    finally:
        gc.enable()


def test_what_is_no_effect_is_the_operation_s_type_error(sync_things):
    class Odd(Things):
        @operation
        def odd(self) -> Op[None]:
            """Asks for nonsense."""
            yield "nonsense"

    with pytest.raises(TypeError, match="asked for str"):
        Odd(session=sync_things._session).odd()


def test_a_sleep_really_pauses(sync_things):
    class Sleepy(Things):
        @operation
        def nap(self) -> Op[None]:
            """Naps."""
            yield Sleep(0.01)

    before = time.monotonic()
    Sleepy(session=sync_things._session).nap()
    assert time.monotonic() - before >= 0.01
