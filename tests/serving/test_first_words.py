"""What a stream has to say at once goes out with its header, by whoever has it, before any other thread is woken."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from dtlpipe.hosting.watched import Watched
from dtlpipe.runtime.protocol import Frame
from mock_server.executors.hosts import joined
from mock_server.streams import Sink, Streams


class Words:
    """A source of two words, the second of which comes when it is told to say it."""

    keep_alive = b""

    def __init__(self) -> None:
        self.sink: Sink | None = None
        self.gone = threading.Event()

    def attach(self, sink: Sink) -> None:
        self.sink = sink
        sink.send(b"one ")

    def drained(self) -> None:
        pass

    def detach(self) -> None:
        self.gone.set()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(30)
    with ours, theirs:
        yield ours, theirs


def test_the_first_word_goes_out_with_the_header_and_needs_no_other_thread(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    streams, source = Streams(), Words()
    held = streams.hold(ends[0], source, b"header ")
    held.begin()
    assert ends[1].recv(100) == b"header one "
    assert len(streams) == 0
    assert source.sink is not None
    assert source.sink.send(b"two")
    assert ends[1].recv(100) == b"two"
    streams.keep(held)
    source.sink.finish()
    assert ends[1].recv(100) == b""
    assert source.gone.wait(30)
    streams.close()


def test_a_stream_that_was_over_before_it_was_handed_over_is_ended_then(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    streams, source = Streams(), Words()
    held = streams.hold(ends[0], source, b"")
    held.begin()
    assert source.sink is not None
    source.sink.finish()
    assert not source.sink.send(b"more")
    assert not source.gone.is_set()
    streams.keep(held)
    assert source.gone.wait(30)
    assert ends[1].recv(100) == b"one "
    assert ends[1].recv(100) == b""
    streams.close()


def test_who_hung_up_before_a_stream_was_handed_over_is_noticed_then(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    streams, source = Streams(), Words()
    held = streams.hold(ends[0], source, b"")
    held.begin()
    ends[1].close()
    streams.keep(held)
    assert source.gone.wait(30)
    streams.close()


def test_what_is_there_at_once_is_had_without_a_word_and_what_is_not_is_told_once_and_had_all_the_same() -> None:
    told: list[str] = []

    async def after(turns: int) -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        return "here"

    async def failing() -> str:
        await asyncio.sleep(0)
        raise ValueError("not here")

    async def seen() -> None:
        assert await Watched(after(0), lambda: told.append("waits")) == "here"
        assert told == []
        assert await Watched(after(2), lambda: told.append("waits")) == "here"
        assert told == ["waits"]
        with pytest.raises(ValueError, match="not here"):
            await Watched(failing(), lambda: told.append("failing"))
        stuck = asyncio.ensure_future(Watched(asyncio.Event().wait(), lambda: told.append("stuck")))
        await asyncio.sleep(0)
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck
        assert told == ["waits", "failing", "stuck"]

    asyncio.run(seen())


def test_pieces_of_one_stream_that_came_together_are_one_piece() -> None:
    def piece(number: int, data: bytes) -> Frame:
        return ({"kind": "chunk", "id": number}, data)

    came = [piece(1, b"a"), piece(1, b"b"), piece(2, b"c"), piece(1, b"d"), ({"kind": "end", "id": 1}, b"")]
    assert joined(came) == [piece(1, b"ab"), piece(2, b"c"), piece(1, b"d"), ({"kind": "end", "id": 1}, b"")]
    assert joined(came[:2]) == [piece(1, b"ab")]
