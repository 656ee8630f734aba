import errno
import io
import os
import time
from hashlib import sha256

import pytest

from dtlpipe.errors import BadRequest, InsufficientStorage, NotFound, PayloadTooLarge
from mock_server.store.blobs import BlobStore


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(tmp_path / "blobs")


def files(blobs):
    return sorted(path.relative_to(blobs._root) for path in blobs._root.rglob("*") if path.is_file())


def test_bytes_and_streams_are_kept_under_their_hash(blobs):
    data = os.urandom(3_000_000)
    digest, size = blobs.put(io.BytesIO(data))
    assert (digest, size) == (sha256(data).hexdigest(), 3_000_000)
    assert blobs.put(data) == (digest, size)
    with blobs.open(digest) as file:
        assert file.read() == data
    assert digest in blobs
    assert list(blobs) == [digest]
    assert blobs.path(digest).read_bytes() == data
    assert len(files(blobs)) == 1


def test_no_bytes_are_a_blob_too(blobs):
    digest, size = blobs.put(b"")
    assert size == 0
    with blobs.open(digest) as file:
        assert file.read() == b""


def test_bytes_over_the_limit_leave_nothing_behind(blobs):
    with pytest.raises(PayloadTooLarge, match="10 bytes"):
        blobs.put(io.BytesIO(b"x" * 11), limit=10)
    assert files(blobs) == []
    assert blobs.put(b"x" * 10, limit=10)[1] == 10


def test_a_stream_that_breaks_leaves_nothing_behind(blobs):
    class Broken:
        def __init__(self):
            self.parts = [b"some", b"more"]

        def read(self, size=-1):
            if self.parts:
                return self.parts.pop()
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        blobs.put(Broken())
    assert files(blobs) == []


def test_a_full_disk_is_said_and_leaves_nothing_behind(blobs, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InsufficientStorage, match="No space left"):
        blobs.put(b"data")
    assert files(blobs) == []


@pytest.mark.parametrize(
    "name", ["", "..", "../" * 20, "a" * 63, "A" * 64, "a" * 64 + "\n", "/etc/passwd", "a" * 62 + "/."]
)
def test_only_hashes_are_names(blobs, name):
    for use in (blobs.path, blobs.open, blobs.__contains__):
        with pytest.raises(BadRequest, match="sha256"):
            use(name)


def test_a_blob_that_is_not_there_is_not_found(blobs):
    with pytest.raises(NotFound):
        blobs.open("a" * 64)


def test_what_a_crash_left_is_removed_at_open(blobs, tmp_path):
    kept, _ = blobs.put(b"kept")
    (tmp_path / "blobs" / "tmp" / "half").write_bytes(b"half an upload")
    again = BlobStore(tmp_path / "blobs")
    assert [path.name for path in files(again)] == [kept[2:]]


def test_a_sweep_deletes_what_is_not_kept_but_spares_what_is_new(blobs):
    kept, old, new, again = (blobs.put(text)[0] for text in (b"kept", b"old", b"new", b"again"))
    long_ago = time.time() - 7200
    for digest in (kept, old, again):
        os.utime(blobs.path(digest), (long_ago, long_ago))
    blobs.put(b"again")
    assert blobs.sweep({kept}) == 1
    assert set(blobs) == {kept, new, again}
    assert old not in blobs
    assert blobs.sweep({kept}, older_than=-1) == 2
    assert set(blobs) == {kept}
