"""The one writer: an owned thread, the only write connection, and group commit.

    queue ──> BEGIN ──> intent  (for each that has arrived) ──> what is pending ──> COMMIT ──> callbacks ──> futures

There is no timer: a batch is whatever arrived while the last one was committed, so a lone change never waits, and a
thousand share one fsync. An intent that raises undoes itself alone. If the storage fails, in a statement or at COMMIT,
the batch is lost as a whole: it is rolled back, the rollback listeners run (memory that ran ahead must be rebuilt from
what is durable), and every future of the batch gets the refusal. It then makes no difference whether the COMMIT had
reached the disk before it failed, and nothing is ever applied a second time. A connection that was lost is made again
by the next batch, and memory is rebuilt then, too. Where somebody else can take the database, a writer without
work looks now and then whether that has happened, and who does the work is told at once.

What intents do to rows of work is written together at the end of the batch (see `pending`). Should the database refuse
what cannot be refused, nobody knows whose it was, and the batch is lost; the intents of the next minute are then
written one by one, so that whoever does it again loses nobody else's change.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread, get_ident
from time import monotonic, perf_counter
from typing import Any

import attrs

from mock_server.store.base import Deposed, StoreError, T, Tx
from mock_server.store.dialect import Db, Dialect
from mock_server.store.pending import Pending, Unwritten
from mock_server.store.statements import Statements
from mock_server.store.tx import SqlTx

logger = logging.getLogger(__name__)

_MAX_BATCH = 2000  # intents in a transaction: the first of them should not wait for ever
_CARE = 60.0  # seconds for which intents are written one by one, after the database refused what could not be refused
Probe = Callable[[str], None]


@attrs.define(eq=False)
class _Job:
    """An intent, and who is told what it came to: a future, or only of a failure."""

    intent: Callable[[Tx], Any]
    future: Future[Any] | None
    failed: Callable[[BaseException], None] | None = None
    result: Any = None
    error: BaseException | None = None

    def begins(self) -> bool:
        """Whether it is still wanted."""
        return self.future is None or self.future.set_running_or_notify_cancel()

    def tell(self) -> None:
        """What it has come to, which is withheld until the batch is durable."""
        if self.future is None:
            if self.failed is not None and self.error is not None:
                self.failed(self.error)
        elif self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Writer:
    """Runs intents.

    Args:
        db: the connection, which is the writer's from now on; `connect` gives another one if it is lost.
        probe: called with the name of each point where a crash is worth trying: a seam for tests.
    """

    def __init__(
        self,
        db: Db,
        connect: Callable[[], Db],
        dialect: Dialect,
        transaction: Callable[[Db, Pending], SqlTx],
        statements: Statements,
        probe: Probe | None = None,
    ) -> None:
        self._db: Db | None = db
        self._connect = connect
        self._dialect = dialect
        self._transaction = transaction
        self._statements = statements
        self._careful_until = 0.0
        self._probe = probe
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._gate = Lock()
        self._closed = False
        self._listeners: list[Callable[[], None]] = []
        self._observers: list[Callable[[int, float], None]] = []
        self._mourners: list[Callable[[], None]] = []
        self._deposed = False
        self.commits = 0
        self._thread = Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    def post(self, intent: Callable[[Tx], T]) -> Future[T]:
        """Raises StoreError if the store is closed."""
        future: Future[T] = Future()
        self._put(_Job(intent, future))
        return future

    def tell(self, intent: Callable[[Tx], None], failed: Callable[[BaseException], None]) -> None:
        """As `post`, for who need not wait: `failed` is called, on the writer's thread, if the change was not made."""
        self._put(_Job(intent, None, failed))

    def _put(self, job: _Job) -> None:
        with self._gate:
            if self._closed:
                raise StoreError("the store is closed")
            self._queue.put(job)

    def write(self, intent: Callable[[Tx], T], timeout: float) -> T:
        """Raises StoreError if there is no result in time."""
        if get_ident() == self._thread.ident:
            raise RuntimeError("the writer cannot wait for itself: use the tx that you were given, or post()")
        future = self.post(intent)
        try:
            return future.result(timeout)
        except TimeoutError as error:
            if future.done():  # the intent's own error
                raise
            kept = "was withdrawn" if future.cancel() else "may still be made"
            raise StoreError(
                f"the store did not answer within {timeout:g} s; the change {kept}", retry_after=1.0
            ) from error

    def on_rollback(self, fn: Callable[[], None]) -> None:
        """Call `fn` whenever a batch was lost."""
        self._listeners.append(fn)

    def on_deposed(self, fn: Callable[[], None]) -> None:
        """Call `fn` whenever it is found that another platform has the database."""
        self._mourners.append(fn)

    def on_commit(self, fn: Callable[[int, float], None]) -> None:
        """Call `fn(changes, seconds)` after each COMMIT and its callbacks: how many it had, how long it took."""
        self._observers.append(fn)

    @property
    def queued(self) -> int:
        """Changes that wait for their batch."""
        return self._queue.qsize()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        """Run what was posted, then end. May be called twice."""
        with self._gate:
            first, self._closed = not self._closed, True
            if first:
                self._queue.put(None)
        self._thread.join()

    def _loop(self) -> None:
        open_ = True
        while open_:
            batch = [self._next()]
            batch += [self._queue.get_nowait() for _ in range(min(self._queue.qsize(), _MAX_BATCH))]
            open_ = batch[-1] is not None  # nothing is put after the end
            jobs = [job for job in batch if job is not None and job.begins()]
            if jobs:
                self._run(jobs)
        self._disconnect()

    def _next(self) -> _Job | None:
        """What is put next; meanwhile, it is seen whether the database is still this platform's."""
        while True:
            try:
                return self._queue.get(timeout=self._dialect.watch)
            except Empty:
                self._look()

    def _look(self) -> None:
        try:
            if self._db is not None and not self._dialect.holds(self._db):
                self._disconnect()
            self._connected()
        except Exception as error:  # noqa: BLE001 - the next change meets it, and is refused with it
            logger.debug("the database is not this platform's at the moment: %s", error)

    def _run(self, jobs: list[_Job]) -> None:
        applied = False
        try:
            db = self._connected()
            db.control(self._dialect.begin_write)
            applied = True
            callbacks: list[Callable[[], None]] = []
            pending, apart = Pending(), monotonic() < self._careful_until
            for job in jobs:
                self._apply(db, job, callbacks, pending, apart=apart)
            pending.write(db, self._statements)
            if self._probe is not None:
                self._probe("before commit")
            began = perf_counter()
            db.commit()
            seconds = perf_counter() - began
            if self._probe is not None:
                self._probe("after commit")
        except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            if not isinstance(error, StoreError) and self._dialect.failure(error) is None:
                self._careful_until = monotonic() + _CARE
            self._lose(jobs, error, applied=applied)
            return
        self.commits += 1
        for callback in callbacks:
            try:
                callback()
            except BaseException:
                logger.exception(_RAISED, "after_commit")
        for job in jobs:
            _call(job.tell, "future's")
        for observe in self._observers:
            _call(partial(observe, len(jobs), seconds), "on_commit")

    def _apply(self, db: Db, job: _Job, callbacks: list[Callable[[], None]], pending: Pending, *, apart: bool) -> None:
        """Run the intent. Raises only if the storage failed."""
        tx = self._transaction(db, pending)
        try:
            job.result = job.intent(tx)
            tx.keep(apart=apart)
        except BaseException as error:
            if isinstance(error, Unwritten):
                raise (error.__cause__ or error) from None
            if self._dialect.failure(error) is not None:
                raise
            tx.undo()
            job.error = error
        else:
            callbacks += tx.callbacks
        finally:
            tx.end()

    def _connected(self) -> Db:
        """The connection; a new one if the last one is of no use any more. Raises StoreError."""
        if self._db is not None and not self._dialect.is_usable(self._db):
            self._disconnect()
        if self._db is None:
            try:
                self._db = self._connect()
            except Deposed as error:
                self._depose(error)
                raise
            self._deposed = False
            # Others may have written in the meantime: whatever is remembered must be read again.
            for listener in self._listeners:
                _call(listener, "on_rollback")
        return self._db

    def _depose(self, error: Deposed) -> None:
        if self._deposed:
            return
        self._deposed = True
        logger.error("this platform leads no more: %s", error.message)
        for mourner in self._mourners:
            _call(mourner, "on_deposed")
        self._dialect.stand_down()

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            try:
                db.close()
            except Exception:
                logger.debug("a lost connection could not be closed", exc_info=True)

    def _lose(self, jobs: list[_Job], error: BaseException, *, applied: bool) -> None:
        if isinstance(error, StoreError):
            failure = error
        else:
            failure = self._dialect.failure(error) or StoreError(f"a change could not be made durable: {error}")
            failure.__cause__ = error
        logger.error("a batch of %d changes was lost: %s", len(jobs), failure)
        try:
            if self._db is not None:
                self._db.drop()
                if self._dialect.in_transaction(self._db.raw):
                    self._db.raw.execute("ROLLBACK")
        except Exception:
            logger.exception("the lost batch could not be rolled back")
        if self._db is not None and not self._dialect.is_usable(self._db):
            self._disconnect()
        if applied:
            for listener in self._listeners:
                _call(listener, "on_rollback")
        for job in jobs:
            job.error = failure
            _call(job.tell, "future's")


_RAISED = "an %s callback raised; the change itself is not affected"


def _call(fn: Callable[[], None], what: str) -> None:
    """Whatever it raises, the writer lives on: others wait for it."""
    try:
        fn()
    except BaseException:
        logger.exception(_RAISED, what)
