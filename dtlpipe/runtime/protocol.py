"""The wire between the platform, the zygote and the workers.

Law: the standard library only, and nothing here ever unpickles. A frame is a JSON object and an optional binary blob
behind two lengths; a reader refuses lengths over its limit before it has read the bodies. Beside the frames, the
platform and its workers share one page of memory, the `Board`: a worker writes there which job it took up, so that the
platform can tell "died idle" from "died in the job" without a message for each start.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

PREFIX: Final = struct.Struct("!II")
HEADER_LIMIT: Final = 256 * 1024 * 1024
"""Bytes of JSON in one frame: job frames carry code and inputs."""
BLOB_LIMIT: Final = 256 * 1024 * 1024
"""Bytes of blob in one frame: results travel as blobs of JSON text."""
CHUNK: Final = 64 * 1024
"""Bytes asked of a socket or pipe in one read: what the allocator still has at hand, and need not map for each read."""

FOLDER: Final = Path(__file__).resolve().parent
"""Where the code that runs in workers lives."""

Frame = tuple[dict[str, Any], bytes]
_SPARSE: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_PLAIN: Final = json.JSONDecoder()
_scan: Final[Callable[[str, int], tuple[Any, int]]] = _PLAIN.scan_once  # type: ignore[attr-defined]  # as old as json
_PREFIX: Final = PREFIX.size


class ProtocolError(Exception):
    """The peer sent something that is no frame: a length over the limit, or a header that is no JSON object."""


def encode(header: dict[str, Any], blob: bytes = b"") -> bytes:
    """One frame as bytes.

    Raises:
        ProtocolError: header or blob is over its limit.
        TypeError, ValueError: the header is not JSON (NaN counts as not JSON).
    """
    text = _to_text(header).encode()
    if len(text) > HEADER_LIMIT or len(blob) > BLOB_LIMIT:
        raise ProtocolError(f"A frame of {len(text)} + {len(blob)} bytes is over the limit of {HEADER_LIMIT}.")
    return b"".join((PREFIX.pack(len(text), len(blob)), text, blob))


def _writer() -> Callable[[Any], str]:
    """JSONEncoder.encode, but for what it makes anew with each call; where that is not to be had, itself."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _SPARSE.encode
    whole = json.encoder.encode_basestring_ascii
    pieces = make(None, _SPARSE.default, whole, None, ":", ",", False, False, False)

    def write(value: Any) -> str:
        try:
            return "".join(pieces(value, 0))
        except RecursionError:
            raise ValueError("it refers to itself, or is too deep") from None

    return write


_to_text: Final = _writer()


def from_text(text: str) -> Any:
    """The value of JSON text. Raises ValueError for what is none."""
    value, end = None, -1
    with suppress(StopIteration):
        value, end = _scan(text, 0)
    return value if end == len(text) else _PLAIN.decode(text)  # which knows blanks around it, and what is wrong


class Decoder:
    """Turns bytes, in whatever pieces they arrive, into frames."""

    __slots__ = ("_blob_limit", "_buffer", "_header_limit")

    def __init__(self, header_limit: int = HEADER_LIMIT, blob_limit: int = BLOB_LIMIT) -> None:
        self._buffer = bytearray()
        self._header_limit = header_limit
        self._blob_limit = blob_limit

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, oldest first.

        Raises:
            ProtocolError: the stream cannot be followed any further.
        """
        kept = self._buffer
        buffer: bytes | bytearray = data
        if kept:
            kept += data
            buffer = kept
        frames: list[Frame] = []
        offset = 0
        while len(buffer) - offset >= _PREFIX:
            header_size, blob_size = PREFIX.unpack_from(buffer, offset)
            if header_size > self._header_limit or blob_size > self._blob_limit:
                raise ProtocolError(f"A frame announces {header_size} + {blob_size} bytes; that is over the limit.")
            start = offset + _PREFIX
            end = start + header_size + blob_size
            if len(buffer) < end:
                break
            try:
                header = from_text(buffer[start : start + header_size].decode())
            except ValueError as error:
                raise ProtocolError(f"A frame's header is no JSON: {error}.") from error
            if not isinstance(header, dict):
                raise ProtocolError("A frame's header is no JSON object.")
            frames.append((header, bytes(buffer[start + header_size : end])))
            offset = end
        if kept:
            del kept[:offset]
        else:
            kept += data[offset:]
        return frames


class Channel:
    """Blocking frames over a socket: what a worker speaks. Any thread may send, one thread receives."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.sending = threading.Lock()
        self._decoder = Decoder()
        self._ready: list[Frame] = []

    def send(self, header: dict[str, Any], blob: bytes = b"") -> None:
        """Send one frame; raises OSError when the platform is gone."""
        data = encode(header, blob)
        with self.sending:
            self.socket.sendall(data)

    def receive(self) -> Frame | None:
        """The next frame, or None once the peer has closed."""
        while not self._ready:
            data = self.socket.recv(CHUNK)
            if not data:
                return None
            self._ready.extend(self._decoder.feed(data))
        return self._ready.pop(0)


class Board:
    """Shared memory: per worker slot, the number of the job it took up last and the memory it held at that moment.

    Beside them stands up to which number jobs were taken back that it had not taken up. The first two are written by
    the worker alone, the third by the platform alone, so no lock is needed; an aligned 8-byte store is not torn on the
    machines that we run on. Each side writes its own word before it reads the other's.
    """

    SLOT: Final = struct.Struct("=QQQ")
    _TAKEN: Final = struct.Struct("=QQ")
    _BACK: Final = struct.Struct("=Q")

    def __init__(self, fd: int, slots: int) -> None:
        self.fd = fd
        self.slots = slots
        self._memory = mmap.mmap(fd, max(slots * self.SLOT.size, mmap.PAGESIZE))
        self._fence = threading.Lock()

    @classmethod
    def create(cls, slots: int) -> Board:
        """A fresh board of zeros in anonymous memory (in an unlinked file where the system has no memfd)."""
        if hasattr(os, "memfd_create"):
            fd = os.memfd_create("dtlpipe-board", os.MFD_CLOEXEC)
        else:
            with tempfile.TemporaryFile() as file:
                fd = os.dup(file.fileno())
        os.ftruncate(fd, max(slots * cls.SLOT.size, mmap.PAGESIZE))
        return cls(fd, slots)

    @classmethod
    def attach(cls, fd: int, slots: int) -> Board:
        """The board behind a descriptor that came from its maker; the mapping stays, the descriptor is closed."""
        board = cls(fd, slots)
        os.close(fd)
        board.fd = -1
        return board

    def write(self, slot: int, number: int, anonymous: int) -> bool:
        """Note in `slot` that job `number` was taken up while `anonymous` bytes of memory were resident.

        False if it was taken back, and so must not be begun.
        """
        place = slot * self.SLOT.size
        self._TAKEN.pack_into(self._memory, place, number, anonymous)
        with self._fence:  # what was written is there before what follows is read
            pass
        back: int = self._BACK.unpack_from(self._memory, place + self._TAKEN.size)[0]
        return number > back

    def withdraw(self, slot: int, number: int) -> int:
        """Take back the jobs up to `number`; the last that was taken up all the same."""
        place = slot * self.SLOT.size
        self._BACK.pack_into(self._memory, place + self._TAKEN.size, number)
        with self._fence:
            pass
        taken: int = self._TAKEN.unpack_from(self._memory, place)[0]
        return taken

    def read(self, slot: int) -> tuple[int, int]:
        """The job number and the bytes in use that `slot` holds; zeros before its first job."""
        number, anonymous = self._TAKEN.unpack_from(self._memory, slot * self.SLOT.size)
        return number, anonymous

    def close(self) -> None:
        """Give back the page and its descriptor."""
        self._memory.close()
        if self.fd >= 0:
            os.close(self.fd)
