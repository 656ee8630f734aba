"""A copy of a whole store on SQLite, taken while it is in use, and put in place of none.

Law: a copy is of one moment, and every blob that its rows name is in it. The database is copied in one read
transaction, which no writer waits for; then its blobs. If one of these was swept away meanwhile, so was its row, and
the database is copied again. What comes back is believed in nothing: names, sizes, hashes, structure and version are
looked at before the folder gets its name.

A copy is a tar: `manifest.json`, `store.sqlite3`, and `blobs/<2 digits>/<62 digits>` by their sha256.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any

import attrs

from dtlpipe.errors import ConfigurationError
from dtlpipe.model import times
from mock_server.store import shapes
from mock_server.store.folder import BLOBS, DATABASE, MARKER, DataFolder

MANIFEST = "manifest.json"
_FORMAT = 1
_BLOB = re.compile(r"blobs/([0-9a-f]{2})/([0-9a-f]{62})")
_TRIES = 5
_CHUNK = 1 << 20
_LARGEST_MANIFEST = 1 << 20


@attrs.frozen
class Manifest:
    """What a copy says of itself. Sizes are in bytes."""

    schema: str
    created_at: str
    database_size: int
    database_sha256: str
    blobs: int
    blobs_size: int

    @classmethod
    def read(cls, text: bytes) -> Manifest:
        """Raises ConfigurationError for what is none, or one of a newer format."""
        try:
            found: dict[str, Any] = json.loads(text)
            if found["format"] != _FORMAT:
                raise ConfigurationError(f"the copy has format {found['format']!r}; this dtlpipe knows {_FORMAT}")
            return cls(**{field.name: field_type(found[field.name]) for field, field_type in _FIELDS})
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"the copy's {MANIFEST} cannot be read: {error!r}") from error

    def text(self) -> bytes:
        return json.dumps({"format": _FORMAT, **attrs.asdict(self)}, indent=2).encode()


_FIELDS = [(field, {"str": str, "int": int}[str(field.type)]) for field in attrs.fields(Manifest)]


def back_up(data_dir: Path, target: Path) -> Manifest:
    """Copies the store in the folder, in use or not, into a new file (compressed, if its name ends in `gz`).

    Raises ConfigurationError if there is no store in the folder, or the file exists.
    """
    database = data_dir / DATABASE
    if not (data_dir / MARKER).is_file() or not database.is_file():
        raise ConfigurationError(
            f"{data_dir} holds no SQLite store",
            hint="of a store in PostgreSQL, pg_dump makes a copy; keep blobs/ with it",
        )
    if target.exists():
        raise ConfigurationError(f"{target} exists already", hint="choose another name for the copy")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".dtlpipe-backup-") as name:
        part = Path(name) / "copy"
        for tries_left in reversed(range(_TRIES)):
            copy = Path(name) / DATABASE
            _snapshot(database, copy)
            try:
                manifest = _pack(data_dir, copy, part, compressed=target.name.endswith("gz"))
            except FileNotFoundError as error:
                if tries_left == 0:
                    raise ConfigurationError(
                        f"a file that the store names is not there: {error.filename}",
                        hint="`dtlpipe platform doctor` tells which items have lost theirs",
                    ) from error
                copy.unlink()
                continue
            os.link(part, target)  # fails if somebody else has made it meanwhile; a rename would take its place
            _sync(target.parent)
            return manifest
    raise AssertionError("unreachable: the last try raises")


def _snapshot(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=30.0)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy, pages=-1)  # all at once: in steps, it would begin anew whenever somebody writes
        copy.execute("PRAGMA journal_mode=DELETE").fetchall()


def _pack(data_dir: Path, copy: Path, part: Path, *, compressed: bool) -> Manifest:
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as database:
        version = _version(database)
        names = sorted(_blobs_of(database))
    files = [_held_fast(data_dir / BLOBS / name[:2] / name[2:], part.parent / name) for name in names]
    manifest = Manifest(
        schema=version,
        created_at=times.to_wire(times.now()),
        database_size=copy.stat().st_size,
        database_sha256=_digest(copy),
        blobs=len(files),
        blobs_size=sum(file.stat().st_size for file in files),
    )
    with part.open("wb") as file, tarfile.open(fileobj=file, mode="w:gz" if compressed else "w") as tar:
        text = Path(copy.parent, MANIFEST)
        text.write_bytes(manifest.text())
        tar.add(text, MANIFEST, filter=_plain)
        tar.add(copy, DATABASE, filter=_plain)
        for blob in files:
            tar.add(blob, f"{BLOBS}/{blob.name[:2]}/{blob.name[2:]}", filter=_plain)
            if blob.parent == part.parent:
                blob.unlink()
    with part.open("rb") as written:
        os.fsync(written.fileno())
    return manifest


def _held_fast(blob: Path, link: Path) -> Path:
    """The blob under a name of ours, where that costs nothing: what is swept away from now on stays here."""
    with suppress(FileExistsError):  # of an earlier try
        try:
            os.link(blob, link)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            blob.stat()
            return blob
    return link


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of whose files these are here."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def restore(source: Path, data_dir: Path) -> Manifest:
    """Makes a folder of a copy. It is there as a whole, or not at all.

    Raises ConfigurationError if the folder exists and is not empty, or for a copy that is damaged, forged or newer.
    """
    data_dir = data_dir.expanduser().resolve()
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise ConfigurationError(f"{data_dir} exists already", hint="a copy is restored into a new folder")
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=data_dir.parent, prefix=f".{data_dir.name}-restoring-"))
    try:
        DataFolder.take(making).release()  # marks it as ours
        try:
            with tarfile.open(source, "r:*") as tar:
                manifest = _unpack(tar, making)
        except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
            raise ConfigurationError(f"{source} cannot be read as a copy of a store: {error}") from error
        _check(making, manifest)
        with suppress(FileNotFoundError):
            data_dir.rmdir()
        making.rename(data_dir)
        _sync(data_dir.parent)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return manifest


def _unpack(tar: tarfile.TarFile, folder: Path) -> Manifest:
    """Writes what may be in a copy, under names of our own; anything else in it refuses all of it."""
    manifest: Manifest | None = None
    for member in tar:
        stream = tar.extractfile(member) if member.isreg() else None
        if stream is None:
            raise ConfigurationError(f"the copy has {member.name!r}, which is no plain file")
        with stream:
            if member.name == MANIFEST and member.size <= _LARGEST_MANIFEST:
                manifest = Manifest.read(stream.read())
            elif member.name == DATABASE:
                _write(stream, folder / DATABASE)
            elif (found := _BLOB.fullmatch(member.name)) is not None:
                target = folder / BLOBS / found[1] / found[2]
                if _write(stream, target) != found[1] + found[2]:
                    raise ConfigurationError(f"the copy is damaged: {member.name} is not what its name says")
            else:
                raise ConfigurationError(f"the copy has {member.name!r}, which is no part of a store")
    if manifest is None:
        raise ConfigurationError(f"the copy has no {MANIFEST}")
    return manifest


def _write(stream: IO[bytes], target: Path) -> str:
    """The sha256 of what was written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    target.chmod(0o600)
    return digest.hexdigest()


def _check(folder: Path, manifest: Manifest) -> None:
    database = folder / DATABASE
    if not database.is_file() or _digest(database) != manifest.database_sha256:
        raise ConfigurationError(f"the copy is damaged: {DATABASE} is not the one that was copied")
    with closing(sqlite3.connect(database)) as connection:
        wrong = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        if wrong != ["ok"]:
            raise ConfigurationError(f"the copy is damaged: {'; '.join(wrong[:3])}")
        version = _version(connection)
        lost = [name for name in _blobs_of(connection) if not (folder / BLOBS / name[:2] / name[2:]).is_file()]
    if version not in shapes.REVISIONS:
        raise ConfigurationError(
            f"the copy was made by a newer dtlpipe (its schema is {version!r}, this one knows {shapes.HEAD!r})",
            hint="install that dtlpipe or a later one",
        )
    if lost:
        raise ConfigurationError(f"the copy is damaged: {len(lost)} files that its rows name are not in it")


def _version(database: sqlite3.Connection) -> str:
    try:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except (sqlite3.DatabaseError, TypeError) as error:
        raise ConfigurationError("this is not the database of a store") from error


def _blobs_of(database: sqlite3.Connection) -> Iterator[str]:
    """The names of blobs in all tables that have such a column, whichever version made them."""
    tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        quoted = '"' + table.replace('"', '""') + '"'
        if any(row[1] == "blob" for row in database.execute(f"PRAGMA table_info({quoted})")):
            for (name,) in database.execute(f"SELECT DISTINCT blob FROM {quoted} WHERE blob IS NOT NULL"):  # noqa: S608
                if not re.fullmatch("[0-9a-f]{64}", str(name)):
                    raise ConfigurationError(f"a row of {table} names the blob {name!r:.80}, which is no sha256")
                yield name


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
