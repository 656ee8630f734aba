"""What a store is: documents, rows of work, one writer, many readers.

The law: every change is an *intent*, a function `intent(tx) -> result` that runs on the one writer thread. A future is
resolved, and an `after_commit` callback is called, only after the COMMIT that made the change durable. Whatever raises
in an intent undoes that intent alone. Readers see committed data only, and never wait for the writer.

Documents are wire JSON (camelCase keys) as the API shows them. Keys that begin with `_` are private: they are kept
beside the body, and given back only to those who ask (`private=True`).
Runs and executions, the rows that the worker changes at every step, are attrs classes with columns of their own.

Longer than 400 lines because rows, reads, changes and the store are one contract.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs

from dtlpipe.errors import InsufficientStorage, Unavailable

if TYPE_CHECKING:
    from mock_server.store.blobs import BlobStore
    from mock_server.store.inspection import Inspection

T = TypeVar("T")
Document = dict[str, Any]
#: A query body: {"filter", "page", "pageSize", "sort", "join", "context"}, all optional.
Query = Mapping[str, Any]
#: Equality on promoted wire keys: {"projectId": "p1", "status": ["pending", "queue"]}; a list means any of, None null.
Where = Mapping[str, Any]

MAX_PAGE_SIZE = 1000

#: The setting in which the platform that leads says where it is: {"id", "url", "exposed"}.
LEADER = "platform:leader"


class StoreError(Unavailable):
    """The store could not take a change, or did not answer; a refused batch leaves nothing. `__cause__` says why."""


class StoreFull(InsufficientStorage, StoreError):
    """There is no room left for the change; it was undone as a whole."""


class Deposed(StoreError):
    """Another platform has the database, and writes."""


class Kind(StrEnum):
    """Kinds of documents, one table each."""

    PROJECT = "project"
    DATASET = "dataset"
    ITEM = "item"
    ANNOTATION = "annotation"
    RECIPE = "recipe"
    ONTOLOGY = "ontology"
    PIPELINE = "pipeline"
    REVISION = "revision"
    PACKAGE = "package"
    SERVICE = "service"
    COMMAND = "command"
    TRIGGER = "trigger"
    USER = "user"
    SETTING = "setting"
    DEPLOYMENT = "deployment"
    FILE = "file"
    RESPONSE = "response"
    WORKER = "worker"
    ACTION = "action"
    CHECKPOINT = "checkpoint"


@attrs.define(kw_only=True)
class RunRow:
    """One pass through a pipeline. Times are aware; the store keeps milliseconds.

    Attributes:
        surface: the vocabulary that the run was begun in, if it is not Dataloop's.
        extra: what that vocabulary keeps with a run, as JSON.
        priority: of what waits, the run with the highest goes first.
        paused: nothing of the run is started while this is set.
    """

    id: str
    pipeline_id: str
    project_id: str
    revision_id: str
    status: str
    creator: str
    created_at: datetime
    updated_at: datetime
    batch_id: str | None = None
    start_node: str | None = None
    test_mode: bool = False
    inputs: dict[str, Any] = attrs.field(factory=dict)
    error: dict[str, Any] | None = None
    transition_errors: list[dict[str, Any]] | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    surface: str | None = None
    extra: dict[str, Any] | None = None
    priority: int = 0
    paused: bool = False


@attrs.define(kw_only=True)
class ExecutionRow:
    """One visit of a node (`run_id`, `node_id` set), or one call of a service.

    Attributes:
        visit: how often the run has been at this node before.
        attempt: 1 for the first try.
        fence: grows with every claim; a change that carries an old one is refused.
        closed: numbers of the graph's edges that this completion did not take.
        seq: id of the event of its completion, which is the order of replay.
        log: [{"timestamp", "status", "message", ...}], oldest first.
        available_at: not to be started before.
        deadline_at: to be ended by then, whatever it does.
        priority: of what waits, the highest goes first.
        worker, lease_until: who holds it, and until when, if that is not the platform's own machine.
    """

    id: str
    function_name: str
    status: str
    creator: str
    created_at: datetime
    updated_at: datetime
    run_id: str | None = None
    node_id: str | None = None
    visit: int = 0
    pipeline_id: str | None = None
    project_id: str | None = None
    service_id: str | None = None
    service_name: str | None = None
    attempt: int = 1
    max_attempts: int = 1
    fence: int = 0
    worker: str | None = None
    lease_until: datetime | None = None
    input: dict[str, Any] = attrs.field(factory=dict)
    output: Any = None
    closed: list[int] | None = None
    error: dict[str, Any] | None = None
    percent: float | None = None
    message: str | None = None
    batch_id: str | None = None
    to_terminate: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    seq: int | None = None
    log: list[dict[str, Any]] = attrs.field(factory=list)
    available_at: datetime | None = None
    deadline_at: datetime | None = None
    priority: int = 0


@attrs.frozen
class LeftOpen:
    """A run, or a call (without a pipeline), that is not over; `at_once`: others depend on it, or it on others."""

    id: str
    pipeline_id: str | None
    priority: int
    at_once: bool


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened. `id` grows with time and is never used twice."""

    id: int
    run_id: str | None
    execution_id: str | None
    kind: str
    at: datetime
    body: dict[str, Any]


@attrs.frozen(kw_only=True)
class Happening(Event):
    """An event with what it is about: the run's pipeline, or the service that was called; the node that was visited."""

    project_id: str | None = None
    pipeline_id: str | None = None
    node_id: str | None = None
    service_id: str | None = None


@attrs.frozen(kw_only=True)
class LogLine:
    """One line that code wrote. `stream` is where: stdout, stderr, logger or system. The store gives the `id`."""

    execution_id: str | None
    run_id: str | None
    service_id: str | None
    at: datetime
    level: str
    message: str
    stream: str
    id: int | None = None


@attrs.frozen
class Page:
    """One page of documents. `total` counts all matches; `offset` is how many of them come before this page."""

    items: list[Document]
    total: int
    page: int
    page_size: int
    offset: int = attrs.Factory(lambda self: self.page * self.page_size, takes_self=True)

    @property
    def has_next(self) -> bool:
        return self.offset + len(self.items) < self.total

    @property
    def pages(self) -> int:
        return -(-self.total // self.page_size)


class Reads(Protocol):
    """What can be read, both from committed data (Store) and in the middle of a change (Tx)."""

    def get(self, kind: Kind, id: str, private: bool = False) -> Document | None:  # noqa: FBT001, FBT002
        """A pipeline's revision may be shared by all who get it: it never changes, and nobody may change it."""

    def field(self, kind: Kind, id: str, key: str) -> Any:
        """One promoted key's value, without reading the document; None if there is no such document, or no value."""

    def find(self, kind: Kind, query: Query = ..., *, where: Where | None = None) -> Page:
        """The page of matches. Raises BadRequest for a query that is none."""

    def with_prefix(
        self, kind: Kind, prefix: str, most: int, *, changed_before: datetime | None = None
    ) -> list[Document]:
        """The first documents, by id, whose ids begin so; cheaper than `find`."""

    def with_key(self, kind: Kind, key: str, values: Iterable[str]) -> list[Document]:
        """The documents that have one of the values at a promoted key; cheaper than `find`."""

    def get_run(self, id: str) -> RunRow | None: ...

    def get_execution(self, id: str) -> ExecutionRow | None: ...

    def executions_of(self, run_ids: Sequence[str]) -> dict[str, list[ExecutionRow]]:
        """For each run its executions, oldest first; a run without any has an empty list."""

    def open_runs(self, surface: str | None = None) -> list[RunRow]:
        """Runs that are not over, oldest first; of one vocabulary alone, if it is named."""

    def open_executions(self) -> list[ExecutionRow]:
        """Executions that are not over, oldest first."""


class Tx(Reads, Protocol):
    """The change in the making; lives on the writer thread, within one intent."""

    def open_calls(self) -> list[ExecutionRow]:
        """Of the executions that are not over, those that are no part of a run, oldest first."""

    def left_open(self) -> list[LeftOpen]:
        """What is not over: runs, oldest first, then calls; of each only what says when to look at it."""

    def runs_by_id(self, ids: Sequence[str]) -> dict[str, RunRow]: ...

    def executions_by_id(self, ids: Sequence[str]) -> dict[str, ExecutionRow]: ...

    def put(self, kind: Kind, doc: Document) -> None:
        """Insert or replace, by `doc["id"]`. Raises Conflict if a unique key belongs to another document.

        Private keys (`_...`) are merged: those absent from `doc` are kept, those that are None are dropped. So a
        document that was read without them can be put back.
        """

    def insert(self, kind: Kind, doc: Document) -> None:
        """Raises Conflict if the id, or a unique key, exists."""

    def delete(self, kind: Kind, id: str) -> bool: ...

    def insert_runs(self, rows: Iterable[RunRow]) -> None:
        """Raises Conflict if an id exists, here or at the end of the intent."""

    def update_run(self, id: str, **columns: Any) -> bool:
        """Set the named RunRow fields, and nothing else (not even `updated_at`). False if there is no such run."""

    def set_run(self, id: str, **columns: Any) -> None:
        """As `update_run`, for a row that is known to be there: a distant database is then not waited for."""

    def insert_executions(self, rows: Iterable[ExecutionRow]) -> None:
        """Raises Conflict if an id exists, here or at the end of the intent."""

    def add_execution(self, row: ExecutionRow) -> None:
        """As `insert_executions`, for a row whose id was just made: it is written with the batch."""

    def set_execution(self, id: str, **columns: Any) -> None:
        """As `update_execution` without conditions, for a row that is known to be there."""

    def update_execution(
        self,
        id: str,
        *,
        fence: int | None = None,
        expect: Collection[str] | None = None,
        new_fence: int | None = None,
        **columns: Any,
    ) -> bool:
        """Set the named ExecutionRow fields, if the row has this fence and one of the expected statuses.

        False, and nothing is changed, if there is no such row. `fence` is the condition; to set it as well, pass
        `new_fence=`.
        """

    def append_event(
        self, run_id: str | None, execution_id: str | None, kind: str, body: dict[str, Any], at: datetime | None = None
    ) -> int:
        """The id of the new event."""

    def delete_run(self, id: str) -> bool:
        """The run, with its executions, events and log lines. False if there is no such run."""

    def append_logs(self, lines: Iterable[LogLine]) -> list[int]:
        """The ids of the new lines."""

    def after_commit(self, fn: Callable[[], None]) -> None:
        """Call `fn` on the writer thread once the change is durable, before its future is resolved."""


class Standby(Protocol):
    """Who waits until it is its turn to write."""

    over: bool
    """It waits no more."""

    def told(self, leader: Document | None) -> None:
        """Called at every look: where the platform is that writes, as that has written it down (see LEADER)."""


class Store(Reads, Protocol):
    """Where the platform's state lives."""

    @property
    def blobs(self) -> BlobStore: ...

    @property
    def inspection(self) -> Inspection:
        """What is asked by those who watch it, beside the work."""

    @property
    def commits(self) -> int:
        """Transactions committed since the store was opened."""

    def write(self, intent: Callable[[Tx], T], timeout: float = 60.0) -> T:
        """Run the intent and return its result after its COMMIT, or raise what it raised.

        Raises StoreError if the commit failed, or if it did not come within `timeout` seconds (StoreFull if for want
        of room).
        """

    def post(self, intent: Callable[[Tx], T]) -> Future[T]:
        """As `write`, without waiting. The future's callbacks run on the writer thread: keep them short."""

    def tell(self, intent: Callable[[Tx], None], failed: Callable[[BaseException], None]) -> None:
        """As `post`, for who need not wait: `failed` is called, on the writer's thread, if the change was not made."""

    def get_many(self, kind: Kind, ids: Iterable[str]) -> dict[str, Document]: ...

    def iterate(
        self,
        kind: Kind,
        query: Query = ...,
        *,
        where: Where | None = None,
        private: bool = False,
    ) -> Iterator[Document]:
        """All matches by ascending id, whatever their number, in constant memory; `page` and `sort` are ignored."""

    def count(self, kind: Kind, where: Where | None = None) -> int: ...

    def find_runs(self, query: Query = ..., *, where: Where | None = None) -> tuple[list[RunRow], int]:
        """A page of runs, newest first unless `sort` says otherwise, and the number of all matches."""

    def find_executions(self, query: Query = ..., *, where: Where | None = None) -> tuple[list[ExecutionRow], int]: ...

    def run_counts(
        self, pipeline_id: str | None = None, batch_id: str | None = None, since: datetime | None = None
    ) -> dict[str, int]:
        """Number of runs by status, of those created at `since` or later."""

    def node_counts(self, pipeline_id: str, since: datetime | None = None) -> dict[str, dict[str, int]]:
        """Number of executions by node id and status, of those created at `since` or later."""

    def logs(
        self,
        *,
        execution_ids: Sequence[str] | None = None,
        run_id: str | None = None,
        service_id: str | None = None,
        after_id: int = 0,
        limit: int = 1000,
        level: str | None = None,
        text: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        function_name: str | None = None,
    ) -> list[LogLine]:
        """Lines in the order written, with ids above `after_id`.

        `level` is the least severity wanted; `text` must occur in the message, in either case; `function_name` is that
        of the execution that wrote it.
        """

    def events(self, run_id: str | None = None, after_id: int = 0, limit: int = 1000) -> list[Event]:
        """Events in order, of one run or of all, with ids above `after_id`."""

    def forget(self) -> None:
        """What was read is read again, as somebody has changed it beside all intents."""

    def version(self, kind: Kind) -> int:
        """Another number after each change of documents of the kind, before anybody hears that it is committed.

        What was worked out of documents that were read later than the number holds for as long as that stays.
        """

    def on_rollback(self, fn: Callable[[], None]) -> None:
        """Call `fn` on the writer thread whenever a batch that had been applied was lost: memory must be rebuilt."""

    def on_deposed(self, fn: Callable[[], None]) -> None:
        """Call `fn` on the writer thread whenever it is found that another platform has the database.

        That one begins no work before `fn` has returned, for a while at least.
        """

    def on_commit(self, fn: Callable[[int, float], None]) -> None:
        """Call `fn(changes, seconds)` on the writer thread after each COMMIT: how many changes, how long it took."""

    @property
    def queued(self) -> int:
        """Changes that wait to be made."""

    @property
    def alive(self) -> bool:
        """Whether changes are still made: the writer's thread lives, and the store is open."""

    def close(self) -> None:
        """Finish what was posted, then let go of files and locks. Further changes raise StoreError."""
