"""Frames, whatever pieces they come in, and the board."""

from __future__ import annotations

import json
import os
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.runtime.protocol import PREFIX, Board, Channel, Decoder, ProtocolError, encode

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
frames = st.lists(st.tuples(st.dictionaries(st.text(), json_values, max_size=4), st.binary(max_size=50)), max_size=6)


@given(frames, st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_frames_survive_any_cutting(sent, cuts):
    stream = b"".join(encode(header, blob) for header, blob in sent)
    decoder, received, turn = Decoder(), [], 0
    while stream:
        size = cuts[turn % len(cuts)]
        received += decoder.feed(stream[:size])
        stream, turn = stream[size:], turn + 1

    assert received == sent


def test_a_frame_over_the_limit_is_refused_before_its_body_is_read():
    with pytest.raises(ProtocolError, match="over the limit"):
        Decoder(header_limit=100).feed(PREFIX.pack(101, 0))
    with pytest.raises(ProtocolError, match="over the limit"):
        Decoder(blob_limit=100).feed(PREFIX.pack(2, 101))


@pytest.mark.parametrize("text", [b"[]", b"no json", b"\xff\xfe", b"3"])
def test_a_header_that_is_no_json_object_is_refused(text):
    with pytest.raises(ProtocolError, match="header"):
        Decoder().feed(PREFIX.pack(len(text), 0) + text)


def test_nan_is_no_json():
    with pytest.raises(ValueError, match="JSON"):
        encode({"x": float("nan")})


def test_a_channel_hands_over_frames_in_order_and_none_at_the_end():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender, receiver = Channel(ours), Channel(theirs)
        sender.send({"n": 1}, b"blob")
        sender.send({"n": 2})
        ours.shutdown(socket.SHUT_WR)

        assert [receiver.receive(), receiver.receive(), receiver.receive()] == [
            ({"n": 1}, b"blob"),
            ({"n": 2}, b""),
            None,
        ]


def test_frames_of_many_threads_are_not_mixed():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender, receiver = Channel(ours), Channel(theirs)

        def speak(who):
            for number in range(50):
                sender.send({"who": who, "n": number, "pad": "x" * 5000})

        threads = [threading.Thread(target=speak, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        heard = [receiver.receive()[0] for _number in range(200)]
        for thread in threads:
            thread.join()

    for who in range(4):
        assert [frame["n"] for frame in heard if frame["who"] == who] == list(range(50))


def test_the_board_is_seen_through_another_mapping_of_its_descriptor():
    board = Board.create(3)
    other = Board.attach(os.dup(board.fd), 3)

    assert board.read(2) == (0, 0)
    other.write(2, 2**40, 17)

    assert board.read(2) == (2**40, 17)
    assert board.read(1) == (0, 0)
    board.close()
    other.close()


def test_headers_are_compact_json():
    assert json.loads(encode({"a": [1, 2]})[PREFIX.size :]) == {"a": [1, 2]}
    assert b" " not in encode({"a": [1, 2]})[PREFIX.size :]
