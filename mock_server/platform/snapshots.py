"""Snapshots: all that a platform has, kept under a name, taken up again, and compared. All of it while it runs.

Law: a snapshot is of one moment and never changes; to save under a name again makes its next version (`name@2`). What
is loaded takes the place of everything there is, in one change; runs that were open are ended first.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from dtlpipe.errors import BadRequest, NotFound
from mock_server.platform.differences import Difference, State, differences, state_of

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.store.base import Store

FOLDER = "snapshots"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FILE = re.compile(rf"({_NAME.pattern})@([1-9][0-9]*)\.tar\.gz")
_PATIENCE = 60.0  # seconds


@attrs.frozen(order=True)
class Snapshot:
    """One of them. `size` is in bytes."""

    name: str
    version: int
    path: Path
    size: int

    @property
    def id(self) -> str:
        """As it is asked for: `name@version`."""
        return f"{self.name}@{self.version}"

    def to_wire(self) -> dict[str, Any]:
        """As JSON."""
        return {"id": self.id, "name": self.name, "version": self.version, "size": self.size, "path": str(self.path)}


def list_in(data_dir: Path) -> list[Snapshot]:
    """Those of a platform's folder, by name and version."""
    found = []
    for path in (data_dir / FOLDER).glob("*.tar.gz"):
        match = _FILE.fullmatch(path.name)
        if match is not None:
            found.append(Snapshot(match[1], int(match[2]), path, path.stat().st_size))
    return sorted(found)


def find(data_dir: Path, wanted: str) -> Snapshot:
    """The one of that id, or the latest of that name. Raises NotFound."""
    name, _, version = wanted.partition("@")
    found = [each for each in list_in(data_dir) if each.name == name and version in ("", str(each.version))]
    if not found:
        raise NotFound(f"there is no snapshot {wanted!r}", hint="`dtlpipe snapshot list` shows those there are")
    return found[-1]


def save(data_dir: Path, name: str) -> Snapshot:
    """Keeps all that there is, whether the platform runs or not. Raises BadRequest for a name that is none."""
    from mock_server.store.sqlite_copies import back_up

    if not _NAME.fullmatch(name):
        raise BadRequest(f"{name!r} is no name for a snapshot", hint="letters, digits, and . _ - within")
    version = max((each.version for each in list_in(data_dir) if each.name == name), default=0) + 1
    path = data_dir / FOLDER / f"{name}@{version}.tar.gz"
    back_up(data_dir, path)
    return Snapshot(name, version, path, path.stat().st_size)


def state(copy: Path) -> State:
    """What is in a copy. Raises ConfigurationError for a file that is none."""
    from mock_server.store.replacing import contents

    return state_of(contents(copy))


def state_now(data_dir: Path) -> State:
    """What there is at the moment."""
    from mock_server.store.sqlite_copies import back_up

    with tempfile.TemporaryDirectory(prefix="dtlpipe-snapshot-") as name:
        path = Path(name) / "now.tar"
        back_up(data_dir, path)
        return state(path)


def load_into(store: Store, data_dir: Path, copy: Path) -> None:
    """Replaces what a store has by what is in the copy."""
    from mock_server.store.replacing import replace_all

    replace_all(store, copy, data_dir)


class Snapshots:
    """Those of a platform that runs."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @property
    def _folder(self) -> Path:
        return self._platform.settings.data_dir

    def list(self) -> list[Snapshot]:
        """By name and version."""
        return list_in(self._folder)

    def save(self, name: str) -> Snapshot:
        """Keeps all that there is under the name."""
        return save(self._folder, name)

    def load(self, snapshot: str | Path) -> None:
        """Everything is as it was when the snapshot was saved; a path is one of a file, a text a name or an id.

        Raises NotFound; ConfigurationError for a file that is damaged, forged or newer.
        """
        path = snapshot if isinstance(snapshot, Path) else find(self._folder, snapshot).path
        work = self._platform.work
        ending = [work.cancel_run(row.id, "a snapshot is loaded") for row in self._platform.store.open_runs()]
        ending += [
            work.cancel_execution(row.id, "a snapshot is loaded")
            for row in self._platform.store.open_executions()
            if row.run_id is None
        ]
        for each in ending:
            each.result(_PATIENCE)
        load_into(self._platform.store, self._folder, path)
        self._platform.forget(rows=True)
        self._platform.schedules_changed()
        self._platform.serving.deployments.read_again()

    def diff(self, before: str | Path, after: str | Path | None = None) -> Sequence[Difference]:
        """What is different in the second, or by now."""

        def read(which: str | Path) -> State:
            return state(which if isinstance(which, Path) else find(self._folder, which).path)

        return differences(read(before), state_now(self._folder) if after is None else read(after))
