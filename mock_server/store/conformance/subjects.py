"""What the suites are made of: rows to write, a way to make batches, and where the store comes from."""
# ruff: noqa: S101 - these are tests

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mock_server.store import ids
from mock_server.store.base import ExecutionRow, Kind, LogLine, RunRow, Store, Tx

NOW = datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)


def a_run(**fields: Any) -> RunRow:
    """A run with every field that is not given filled in."""
    given: dict[str, Any] = {"id": ids.new_id(), "pipeline_id": "pipe", "project_id": "proj", "revision_id": "rev"}
    given |= {"status": "pending", "creator": "me", "created_at": NOW, "updated_at": NOW}
    return RunRow(**given | fields)


def an_execution(**fields: Any) -> ExecutionRow:
    """An execution with every field that is not given filled in."""
    given: dict[str, Any] = {"id": ids.new_id(), "function_name": "run", "status": "created", "creator": "me"}
    return ExecutionRow(**given | {"created_at": NOW, "updated_at": NOW} | fields)


def a_line(message: str, **fields: Any) -> LogLine:
    """A log line with every field that is not given filled in."""
    given: dict[str, Any] = {"execution_id": "e1", "run_id": "r1", "service_id": "s1", "at": NOW, "level": "INFO"}
    return LogLine(**given | {"message": message, "stream": "stdout"} | fields)


class Hold:
    """Keeps the writer busy, so that whatever is posted in the meantime becomes one batch."""

    def __init__(self, store: Store) -> None:
        self._entered, self._let_go = threading.Event(), threading.Event()
        self._future = store.post(self._intent)
        assert self._entered.wait(30)

    def _intent(self, _tx: Tx) -> None:
        self._entered.set()
        assert self._let_go.wait(30)

    def let_go(self) -> Future[None]:
        self._let_go.set()
        return self._future

    def release(self) -> None:
        self.let_go().result(30)


def putting(name: str) -> Callable[[Tx], None]:
    """An intent that puts a project."""
    return lambda tx: tx.put(Kind.PROJECT, {"id": name})


class Suite:
    """What all suites share: where the store comes from."""

    def open_store(self, place: Path, *, probe: Callable[[str], None] | None = None) -> Store:
        """To be given by the subclass.

        The store calls `probe` at "before commit" and "after commit"; what it raises is a failure of the storage there.
        """
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = self.open_store(tmp_path / "data")
        yield store
        store.close()
