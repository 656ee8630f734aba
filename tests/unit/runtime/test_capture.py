"""Lines, in the worker and on the platform."""

from __future__ import annotations

import io
import logging
import os
import socket

import pytest

from dtlpipe.runtime.capture import LINE_LIMIT, Capture
from dtlpipe.runtime.protocol import Channel
from mock_server.executors.output import Output


class Heard(Channel):
    def __init__(self):
        self.ends = socket.socketpair()
        super().__init__(self.ends[0])
        self.frames = []

    def send(self, header, blob=b""):
        self.frames.append(header)

    @property
    def lines(self):
        return [record["message"] for frame in self.frames if frame["kind"] == "log" for record in frame["records"]]


@pytest.fixture
def channel():
    heard = Heard()
    yield heard
    for end in heard.ends:
        end.close()


@pytest.fixture
def capture(channel):
    made = Capture(channel)
    made.job, made.left = 1, 10**6
    return made


def test_a_line_is_one_record_however_it_is_written(capture, channel):
    print("a", "b", file=capture.stdout)
    capture.stdout.write("c")
    capture.stdout.write("d\ne\n\nf")
    capture.stdout.finish()

    assert channel.lines == ["a b", "cd", "e", "", "f"]


def test_a_flushed_half_line_is_told_once_until_it_changes(capture, channel):
    capture.stdout.write("half")
    capture.stdout.flush()
    capture.stdout.flush()

    assert [frame["record"]["message"] for frame in channel.frames] == ["half"]


def test_an_endless_line_is_cut(capture, channel):
    capture.stdout.write("x" * (3 * LINE_LIMIT + 5))
    capture.stdout.finish()

    assert [len(line) for line in channel.lines] == [LINE_LIMIT] * 3 + [5]


def test_only_text_may_be_written(capture):
    with pytest.raises(TypeError, match="must be str, not bytes"):
        capture.stdout.write(b"bytes")


def test_the_streams_are_what_libraries_expect_of_streams(capture):
    stream = capture.stdout

    assert isinstance(stream, io.TextIOBase)
    assert (stream.fileno(), stream.encoding, stream.name, stream.isatty(), stream.writable()) == (
        1,
        "utf-8",
        "<stdout>",
        False,
        True,
    )
    assert stream.buffer.fileno() == 1


def test_a_logged_exception_is_one_record(capture, channel):
    logger = logging.getLogger("tests.capture")
    logger.addHandler(capture.handler)
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("it failed")
    finally:
        logger.removeHandler(capture.handler)

    (line,) = channel.lines
    assert line.startswith("it failed\nTraceback")
    assert line.endswith("ValueError: why")


def test_after_its_volume_an_execution_is_silent(capture, channel):
    capture.left = 10
    for _number in range(5):
        print("12345678", file=capture.stdout)

    assert channel.lines == ["12345678", "12345678"]
    assert [frame["capped"] for frame in channel.frames] == [False, True]


def test_native_output_is_put_together_from_any_pieces():
    output = Output(10**6)
    for piece in (b"fir", b"st\nsec", b"ond\n", "dritte ä".encode()[:-1], "ä".encode()[1:]):
        output.add_native("stdout", piece)
    output.finish()

    assert [record["message"] for record in output.take()] == ["first", "second", "dritte ä"]
    assert output.take() == []


def test_records_that_are_none_are_passed_over():
    output = Output(10**6)
    good = {"timestamp": "2024-01-01T00:00:00.000Z", "level": "INFO", "message": "good", "stream": "stdout"}
    output.add([None, 5, {}, good | {"stream": "other"}, good | {"message": 5}, good])
    output.add("nothing")
    output.pend(None)

    assert output.take() == [good]


def test_a_time_that_is_none_is_replaced():
    output = Output(10**6)
    output.add([{"timestamp": "'; drop table", "level": "INFO", "message": "x", "stream": "log"}])

    (record,) = output.take()
    assert "drop" not in record["timestamp"]


def test_a_pending_line_counts_unless_its_end_came():
    output = Output(10**6)
    line = {"timestamp": "2024-01-01T00:00:00.000Z", "level": "INFO", "message": "half", "stream": "stdout"}
    output.pend(line)
    output.add([line | {"message": "half and half"}])
    output.pend(line | {"stream": "stderr"})
    output.finish()

    assert [record["message"] for record in output.take()] == ["half and half", "half"]


def test_a_detached_capture_writes_to_the_descriptor(capture, channel, capfd):
    capture.detach()
    print("from a child", file=capture.stdout)

    assert capfd.readouterr().out == "from a child\n"
    assert os.fstat(1)
