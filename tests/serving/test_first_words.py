"""What a stream has to say at once goes out with its header, by whoever has it, before any other thread is woken."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

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
