"""Downloading: every byte once, resumed where it broke, and never outside the folder that the user chose."""

from __future__ import annotations

import io

import pytest

from dtlpipe.errors import ConnectionFailed, NotAnItemPath, SDKError
from dtlpipe.resources.downloading import RESUMES, target_of
from dtlpipe.resources.items import Item
from dtlpipe.sansio.effects import Blocking, Download, Emit, StreamBroken
from tests.unit.sdk.hand import Hand


class Source:
    """A stream that gives some bytes and then breaks, or ends."""

    status = 200

    def __init__(self, data: bytes, start: int = 0, *, promised: int | None = None, breaks: bool = False) -> None:
        self.data = io.BytesIO(data)
        self.start = start
        self.length = len(data) if promised is None else promised
        self.breaks = breaks
        self.closed = False

    def read(self, size: int) -> bytes:
        data = self.data.read(size)
        if not data and self.breaks:
            raise StreamBroken("reset")
        return data

    def close(self) -> None:
        self.closed = True


def item(session, size: int | None = 10, filename: str = "/a/b.bin", **data) -> Item:
    system = {} if size is None else {"size": size}
    wire = {"id": "i", "filename": filename, "name": filename.rpartition("/")[2], "metadata": {"system": system}}
    return Item.from_wire(wire | data, session=session)


def perform(generator, *streams: Source):
    """Runs a download against streams, one a time it is opened; what it emitted or returned, and where it began."""
    waiting, starts, emitted = list(streams), [], []
    hand = Hand(generator)
    while not hand.done:
        step = hand.step
        if isinstance(step, Download):
            starts.append(step.start)
            hand.answer(waiting.pop(0))
        elif isinstance(step, Emit):
            emitted.append(step.value)
            hand.answer()
        else:
            assert isinstance(step, Blocking)
            try:
                value = step.function(*step.args)
            except Exception as error:
                hand.fail(error)
            else:
                hand.answer(value)
    assert all(stream.closed for stream in streams if stream not in waiting)
    return hand.result, emitted, starts


def test_bytes_come_in_chunks(unconnected):
    _, chunks, starts = perform(Item.stream_bytes.op(item(unconnected), chunk_size=4), Source(b"0123456789"))
    assert chunks == [b"0123", b"4567", b"89"]
    assert starts == [0]


def test_a_broken_download_is_resumed_where_it_broke(unconnected):
    _, chunks, starts = perform(
        Item.stream_bytes.op(item(unconnected), 4),
        Source(b"01234", breaks=True),
        Source(b"567", 5, promised=5, breaks=True),
        Source(b"89", 8),
    )
    assert b"".join(chunks) == b"0123456789"
    assert starts == [0, 5, 8]


def test_an_early_end_is_a_break_too(unconnected):
    _, chunks, starts = perform(
        Item.stream_bytes.op(item(unconnected), 4), Source(b"012", promised=10), Source(b"3456789", 3)
    )
    assert b"".join(chunks) == b"0123456789"
    assert starts == [0, 3]


def test_a_platform_that_starts_over_is_not_believed_twice(unconnected):
    _, chunks, _ = perform(
        Item.stream_bytes.op(item(unconnected), 3), Source(b"01234", breaks=True), Source(b"0123456789", 0)
    )
    assert b"".join(chunks) == b"0123456789"


def test_breaking_again_and_again_ends_it(unconnected):
    streams = [Source(b"", breaks=True, promised=10) for _ in range(RESUMES + 1)]
    with pytest.raises(ConnectionFailed, match="broke off at byte 0: reset"):
        perform(Item.stream_bytes.op(item(unconnected), 4), *streams)
    assert all(stream.closed for stream in streams)


@pytest.mark.parametrize("data", [b"012345678", b"01234567890"])
def test_a_wrong_number_of_bytes_is_an_error(unconnected, data):
    with pytest.raises(SDKError, match="has 10 bytes, but"):
        perform(Item.stream_bytes.op(item(unconnected), 4), Source(data))


def test_an_empty_item_is_not_asked_for(unconnected):
    _, chunks, starts = perform(Item.stream_bytes.op(item(unconnected, size=0), 4))
    assert (chunks, starts) == ([], [])


def test_an_item_of_unknown_size_is_what_comes(unconnected):
    _, chunks, _ = perform(Item.stream_bytes.op(item(unconnected, size=None), 4), Source(b"012345678901"))
    assert len(b"".join(chunks)) == 12


def test_bytes_may_stay_in_memory(unconnected):
    buffer, _, _ = perform(Item.download.op(item(unconnected), save_locally=False), Source(b"0123456789"))
    assert buffer.read() == b"0123456789"
    assert buffer.name == "b.bin"


def test_a_folder_gets_the_item_s_own_path(unconnected, tmp_path):
    path, _, _ = perform(Item.download.op(item(unconnected), tmp_path), Source(b"0123456789"))
    assert path == str(tmp_path / "items" / "a" / "b.bin")
    assert (tmp_path / "items" / "a" / "b.bin").read_bytes() == b"0123456789"
    path, _, _ = perform(Item.download.op(item(unconnected), tmp_path, to_items_folder=False), Source(b"0123456789"))
    assert path == str(tmp_path / "a" / "b.bin")


def test_a_path_with_the_item_s_ending_is_the_file(unconnected, tmp_path):
    path, _, _ = perform(Item.download.op(item(unconnected), tmp_path / "new.bin"), Source(b"0123456789"))
    assert path == str(tmp_path / "new.bin")
    path, _, _ = perform(Item.download.op(item(unconnected), tmp_path / "v1.0"), Source(b"0123456789"))
    assert path == str(tmp_path / "v1.0" / "items" / "a" / "b.bin")


def test_a_file_that_is_there_is_kept_unless_it_shall_not_be(unconnected, tmp_path):
    target = tmp_path / "x.bin"
    target.write_bytes(b"mine")
    perform(Item.download.op(item(unconnected), target))
    assert target.read_bytes() == b"mine"
    perform(Item.download.op(item(unconnected), target, overwrite=True), Source(b"0123456789"))
    assert target.read_bytes() == b"0123456789"


def test_a_download_that_fails_leaves_no_file_and_no_half_one(unconnected, tmp_path):
    target = tmp_path / "x.bin"
    target.write_bytes(b"old")
    with pytest.raises(SDKError):
        perform(Item.download.op(item(unconnected), target, overwrite=True), Source(b"012"))
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_without_a_path_it_goes_below_the_home(unconnected, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    it = item(unconnected, datasetId="d1")
    path, _, _ = perform(Item.download.op(it), Source(b"0123456789"))
    assert path == str(tmp_path / ".dtlpipe" / "datasets" / "d1" / "items" / "a" / "b.bin")


@pytest.mark.parametrize("filename", ["/../../etc/passwd", "/a/../../b", "/a\\..\\b", "/a\0b", "/"])
def test_what_the_platform_calls_a_file_never_leads_out_of_the_folder(unconnected, tmp_path, filename):
    with pytest.raises(NotAnItemPath):
        target_of(item(unconnected, filename=filename), tmp_path, to_items_folder=True)


def test_a_link_in_the_folder_leads_nowhere_else(unconnected, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").symlink_to(tmp_path)
    with pytest.raises(NotAnItemPath, match="a link"):
        target_of(item(unconnected), tmp_path / "folder", to_items_folder=False)


def test_a_folder_is_not_downloaded(unconnected, tmp_path):
    with pytest.raises(NotAnItemPath, match="is a folder"):
        target_of(item(unconnected, type="dir"), tmp_path, to_items_folder=True)
