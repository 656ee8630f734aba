"""The data folder: whose it is, who holds it, and how it is emptied.

The law: a folder belongs to a platform if it holds the marker, and to one live process at a time, by a lock that dies
with the process. Only files that a store has made are ever deleted.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import weakref
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from dtlpipe.errors import ConfigurationError

MARKER = "dtlpipe-platform.json"
LOCK = "dtlpipe-platform.lock"
DATABASE = "store.sqlite3"
BLOBS = "blobs"
_DATABASE_FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal")

_held: weakref.WeakSet[DataFolder] = weakref.WeakSet()


class DataFolder:
    """A folder that this process holds until `release`."""

    def __init__(self, root: Path, *, shared: bool = False) -> None:
        self.root = root
        self._descriptor: int | None = _lock(root, shared=shared)
        _held.add(self)

    @classmethod
    def take(cls, data_dir: str | Path, *, shared: bool = False) -> DataFolder:
        """Make the folder if need be, and hold it. Raises ConfigurationError if it is not ours to take.

        `shared`: for a platform whose database is elsewhere. It holds files alone, and other platforms on the same
        database may have it, too.
        """
        root = Path(data_dir).expanduser().resolve()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{root} cannot hold a platform's data: {error.strerror}") from error
        if not (root / MARKER).exists():
            for name in (BLOBS, *_DATABASE_FILES):
                if (root / name).exists():
                    raise ConfigurationError(
                        f"{root} already has a {name!r} that is not a platform's",
                        hint="choose an empty folder for the platform's data",
                    )
        folder = cls(root, shared=shared)
        try:
            folder._check(shared=shared)
        except BaseException:
            folder.release()
            raise
        if not folder.marker.exists():
            folder.mark()
        return folder

    def _check(self, *, shared: bool) -> None:
        if shared and self.database.exists():
            raise ConfigurationError(
                f"{self.root} holds the data of a platform on SQLite",
                hint="give another folder for this database's files",
            )
        if not shared and self.name is not None:
            raise ConfigurationError(
                f"{self.root} holds the files of a platform on another database",
                hint="name that database (--store, or DTLPIPE_STORE), or choose another data folder",
            )

    @property
    def marker(self) -> Path:
        return self.root / MARKER

    def mark(self, **more: str) -> None:
        """Write down that the folder is ours; whole or not at all."""
        temporary = self.root / f"{MARKER}.{os.getpid()}"
        marker = {"format": 1, "what": "data of a dtlpipe platform", **more}
        temporary.write_text(json.dumps(marker) + "\n", encoding="utf-8")
        temporary.rename(self.marker)

    @property
    def name(self) -> str | None:
        """What a database that is elsewhere knows the folder by; None if there is none."""
        try:
            found = json.loads(self.marker.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return found.get("name") if isinstance(found, dict) else None

    def adopt(self) -> str:
        """The name of a folder for a database that has none. Raises ConfigurationError if it has another's files."""
        name = self.name
        if name is not None and any(each.is_dir() and len(each.name) == 2 for each in self.blobs.iterdir()):
            raise ConfigurationError(
                f"{self.root} has files of another database", hint="choose an empty folder for this one's (--data)"
            )
        if name is None:
            name = uuid4().hex
            self.mark(name=name)
        return name

    @property
    def database(self) -> Path:
        return self.root / DATABASE

    @property
    def blobs(self) -> Path:
        return self.root / BLOBS

    def release(self) -> None:
        """Let the next platform have the folder. May be called twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def reset(data_dir: str | Path) -> None:
    """Delete what a store has made in the folder, and the folder itself if nothing else is in it."""
    root = Path(data_dir).expanduser().resolve()
    if not (root / MARKER).is_file():
        raise ConfigurationError(
            f"{root} holds no platform's data (there is no {MARKER} in it), so nothing was deleted",
            hint="check the path",
        )
    folder = DataFolder(root)
    try:
        blobs = root / BLOBS
        if blobs.is_symlink():
            blobs.unlink()
        elif blobs.exists():
            shutil.rmtree(blobs)
        for name in (*_DATABASE_FILES, MARKER, LOCK):  # the marker late: a reset that was cut short can be done again
            with suppress(FileNotFoundError):
                (root / name).unlink()
        with suppress(OSError):  # somebody else's files are in it
            root.rmdir()
    finally:
        folder.release()


def _lock(root: Path, *, shared: bool = False) -> int:
    """The descriptor that holds the lock."""
    path = root / LOCK
    while True:
        descriptor = _try_lock(root, path, shared=shared)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # the file was deleted by a reset between our opening and locking it


def _try_lock(root: Path, path: Path, *, shared: bool) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{root} cannot hold a platform's data: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise ConfigurationError(
            f"{root} is in use by another platform (process {holder})",
            hint="stop that platform, or choose another data folder",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _let_go_in_child() -> None:
    """A forked child shares the lock: it would hold the folder when its parent is dead."""
    for folder in list(_held):
        folder.release()


os.register_at_fork(after_in_child=_let_go_in_child)
