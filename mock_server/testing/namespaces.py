"""A namespace for a test, on a platform that many tests share: what a test makes is its own, and goes with it.

Law: what was there when a namespace began stays as long as it, and so does what a fixture of a wider scope makes
meanwhile, for as long as that; all else is gone when it ends. Runs that are still open are ended first.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mock_server.store.clearing import Rows, clear, rows_of

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.worker import Worker

_PATIENCE = 30.0  # seconds


class Namespaces:
    """Those of one platform. One that begins within another ends before it."""

    def __init__(self, platform: Platform, worker: Worker) -> None:
        self._platform = platform
        self._worker = worker
        self._kept: list[Rows] = []
        self._left: tuple[int, Rows] | None = None
        self._made: dict[object, Rows] = {}

    def begin(self) -> None:
        """From now on what is made belongs to a new namespace."""
        store = self._platform.store
        if self._left is not None and self._left[0] == store.commits:
            self._kept.append(self._left[1])  # nobody has made anything since the last one ended
        else:
            self._kept.append(store.write(rows_of))

    @contextmanager
    def kept(self, maker: object) -> Iterator[None]:
        """What is made within it, by the maker, outlives the namespaces that there are, until it is `released`."""
        if not self._kept:
            yield
            return
        before = self._platform.store.write(rows_of)
        try:
            yield
        finally:
            after = self._platform.store.write(rows_of)
            self._kept = [each.with_news(before, after) for each in self._kept]
            self._made[maker] = before.missing(after)

    def released(self, maker: object) -> None:
        """What the maker made belongs to the namespace of the moment, and goes with it."""
        made = self._made.pop(maker, None)
        if made is not None:
            self._kept = [each.without(made) for each in self._kept]

    def end(self) -> int:
        """Ends what runs and deletes what was made in the latest. Returns how many rows there were."""
        if not self._kept:
            return 0
        kept = self._kept.pop()
        if self._worker.open_runs or self._worker.vitals().executions:
            self._stop(kept.missing(self._platform.store.write(rows_of)))
        gone = self._platform.store.write(self._worker.guarded(lambda tx: clear(tx, kept)))
        self._left = self._platform.store.commits, kept
        self._platform.forget()  # seeded ids may come again, and name something else
        return gone

    def _stop(self, news: Rows) -> None:
        """Ends what is open of these rows, and waits until it has ended."""
        store, reason = self._platform.store, "the test is over"
        ended: list[Future[bool]] = []
        ended += [self._worker.cancel_run(row.id, reason) for row in store.open_runs() if row.id in news["run"]]
        ended += [
            self._worker.cancel_execution(row.id, reason)
            for row in store.open_executions()
            if row.run_id is None and row.id in news["execution"]
        ]
        for each in ended:
            each.result(_PATIENCE)
