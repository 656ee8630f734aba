"""The platform: one object that holds everything the local cloud can do, one attribute a noun.

A surface under `api/` calls these verbs and nothing below them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs

from dtlpipe.errors import BadRequest, Unavailable
from mock_server.platform.actions import Actions
from mock_server.platform.apps import Apps
from mock_server.platform.assignments import Assignments
from mock_server.platform.attendance import Attendance
from mock_server.platform.bulk import Bulk
from mock_server.platform.commands import Commands
from mock_server.platform.datasets import Datasets
from mock_server.platform.dpks import Dpks
from mock_server.platform.environment import client_environment
from mock_server.platform.executions import Executions
from mock_server.platform.faults import Faults
from mock_server.platform.feed import Feed
from mock_server.platform.firing import Firing
from mock_server.platform.hands import Hands
from mock_server.platform.hub import Hub
from mock_server.platform.items import Items
from mock_server.platform.metrics import Metrics
from mock_server.platform.models import Models
from mock_server.platform.packages import Packages
from mock_server.platform.pipelines import Pipelines
from mock_server.platform.projects import Projects
from mock_server.platform.pruning import Pruning
from mock_server.platform.repeats import noting
from mock_server.platform.revisions import Revisions
from mock_server.platform.runs import Runs
from mock_server.platform.services import Services
from mock_server.platform.serving import Serving
from mock_server.platform.task_making import TaskMaking
from mock_server.platform.tasks import Tasks
from mock_server.platform.tokens import Tokens
from mock_server.platform.tracing import Tracing
from mock_server.platform.triggers import Triggers
from mock_server.platform.workers import Workers
from mock_server.store.base import Kind

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mock_server.config import Settings
    from mock_server.platform.intents import Submission
    from mock_server.store.base import Document, RunRow, Store, Tx

T = TypeVar("T")


class Scheduler(Protocol):
    """What the verbs need of the worker: work goes in, and is acknowledged after COMMIT."""

    def submit(self, submission: Submission) -> Future[dict[str, Any] | None]: ...

    def guarded(self, intent: Callable[[Tx], T]) -> Callable[[Tx], T]:
        """The intent of a change in which work may begin."""

    def begin(self, tx: Tx, submission: Submission) -> None:
        """Begins work within a change that is `guarded`. Raises BadRequest, with nothing done, for what cannot run."""

    def take_up(self, tx: Tx, run: RunRow) -> None:
        """Begins a run whose row is there and waits, in a change that is `guarded`. Raises BadRequest if it cannot."""

    def is_open(self, pipeline_id: str, run_id: str) -> bool:
        """Whether it is known without reading that this run of the pipeline is not over; from any thread."""

    def cancel_run(self, run_id: str, reason: str) -> Future[bool]: ...

    def pause_run(self, run_id: str, *, paused: bool) -> Future[bool]: ...

    def regulate(self, tx: Tx, pipeline: Mapping[str, Any]) -> None:
        """Takes over what a pipeline says of its runs, in a change that is `guarded`."""

    def service_changed(self, service_id: str) -> None: ...

    def cancel_execution(self, execution_id: str, reason: str) -> Future[bool]: ...

    def look_again(self, tx: Tx, execution_id: str, fence: int) -> None:
        """Has a node look again for what it waits for, after the change."""

    def count_attempt(self, execution_id: str) -> Future[int]: ...

    def forget(self, *, rows: bool) -> None:
        """What was read of definitions is read again; with `rows`, of work, too."""

    def rouse(self) -> None:
        """Work is to be expected: whoever sleeps until then wakes."""


@attrs.define
class Platform:
    """`scheduler` is set by the application once the worker stands on the same store.

    Attributes:
        schedules_changed: called, after COMMIT, when cron triggers may have changed.
    """

    store: Store
    settings: Settings
    hub: Hub = attrs.field(factory=Hub)
    attendance: Attendance = attrs.field(factory=Attendance)
    scheduler: Scheduler | None = None
    url: str = ""
    stopping: bool = False
    schedules_changed: Callable[[], None] = attrs.field(default=lambda: None, eq=False)
    pruning: Pruning = attrs.field(init=False)
    tokens: Tokens = attrs.field(init=False)
    projects: Projects = attrs.field(init=False)
    datasets: Datasets = attrs.field(init=False)
    items: Items = attrs.field(init=False)
    bulk: Bulk = attrs.field(init=False)
    pipelines: Pipelines = attrs.field(init=False)
    revisions: Revisions = attrs.field(init=False)
    packages: Packages = attrs.field(init=False)
    dpks: Dpks = attrs.field(init=False)
    apps: Apps = attrs.field(init=False)
    services: Services = attrs.field(init=False)
    triggers: Triggers = attrs.field(init=False)
    commands: Commands = attrs.field(init=False)
    runs: Runs = attrs.field(init=False)
    executions: Executions = attrs.field(init=False)
    firing: Firing = attrs.field(init=False)
    serving: Serving = attrs.field(init=False)
    feed: Feed = attrs.field(init=False)
    actions: Actions = attrs.field(init=False)
    metrics: Metrics = attrs.field(init=False)
    models: Models = attrs.field(init=False)
    tracing: Tracing = attrs.field(init=False)
    workers: Workers = attrs.field(init=False)
    faults: Faults = attrs.field(init=False, factory=Faults)
    tasks: Tasks = attrs.field(init=False)
    task_making: TaskMaking = attrs.field(init=False)
    assignments: Assignments = attrs.field(init=False)
    hands: Hands = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.store = noting(self.store)
        self.pruning = Pruning(self)
        self.tokens = Tokens(self.settings)
        self.projects = Projects(self)
        self.datasets = Datasets(self)
        self.items = Items(self)
        self.bulk = Bulk(self)
        self.pipelines = Pipelines(self)
        self.revisions = Revisions(self)
        self.packages = Packages(self)
        self.dpks = Dpks(self)
        self.apps = Apps(self)
        self.services = Services(self)
        self.triggers = Triggers(self)
        self.commands = Commands(self)
        self.runs = Runs(self)
        self.executions = Executions(self)
        self.firing = Firing(self)
        self.serving = Serving(self)
        self.feed = Feed(self.store)
        self.actions = Actions(self)
        self.metrics = Metrics(self)
        self.models = Models(self)
        self.tracing = Tracing(self.feed)
        self.workers = Workers(self)
        self.tasks = Tasks(self)
        self.task_making = TaskMaking(self)
        self.assignments = Assignments(self)
        self.hands = Hands(self)

    @property
    def api_url(self) -> str:
        """Where the Dataloop vocabulary is served; entities' `url` fields begin with it."""
        return f"{self.url}/api/v1"

    def forget(self, *, rows: bool = False) -> None:
        """What is kept in memory of documents, and with `rows` of work, is read again: it is not what it was."""
        self.store.forget()
        self.firing.forget()
        if self.scheduler is not None:
            self.scheduler.forget(rows=rows)
            if rows:
                self.store.write(self.scheduler.guarded(lambda _tx: None))  # which reads them

    def worker_environment(self) -> dict[str, str]:
        """Variables by which node code, through either SDK, finds this platform as the platform's own user."""
        settings = self.settings
        return client_environment(
            self.url, settings.data_dir, token=self.tokens.issue(kind="api-key"), jwt_secret=settings.jwt_secret
        )

    @property
    def work(self) -> Scheduler:
        """The worker. Raises Unavailable while there is none."""
        if self.scheduler is None:
            raise Unavailable("the platform is not ready to run anything", hint="try again in a moment")
        return self.scheduler

    def write(self, intent: Callable[[Tx], T]) -> T:
        """As the store's, for a change that triggers may listen to."""
        intent = self.firing.heard(intent)
        return self.store.write(intent if self.scheduler is None else self.scheduler.guarded(intent))

    def pipeline_changed(self, tx: Tx, pipeline: Mapping[str, Any]) -> None:
        """Has the worker, if there is one, go by what the pipeline says from now on; within its change."""
        if self.scheduler is not None:
            self.scheduler.regulate(tx, pipeline)

    def service_changed(self, tx: Tx, service_id: str) -> None:
        """As `pipeline_changed`, for calls of a service that are yet to come."""
        if self.scheduler is not None:
            tx.after_commit(partial(self.scheduler.service_changed, service_id))

    def submit(self, submission: Submission) -> dict[str, Any] | None:
        """Begins work and returns once it is on disk; gives the earlier answer to a request that is a repetition."""
        with self.tracing.accepting(submission.runs):
            earlier = self.work.submit(submission).result()
        if earlier is not None:
            self.tracing.drop([run.id for run in submission.runs], "it was a repetition")
        return earlier

    def batch_items(self, query: Mapping[str, Any], *, limit: int) -> list[Document]:
        """The items of a batch's query, which names its datasets: `{"filter", "context": {"datasets": [id, ...]}}`.

        Raises NotFound for a dataset that does not exist, BadRequest for a query without datasets or with more items
        than `limit`.
        """
        datasets = (query.get("context") or {}).get("datasets")
        if not isinstance(datasets, list) or not datasets:
            raise BadRequest(
                "a batch needs to know its datasets", hint="Filters(..., context={'datasets': [dataset.id]})"
            )
        for index, each in enumerate(datasets):
            if not isinstance(each, str):
                raise BadRequest(f"context.datasets.{index}: the id of a dataset is needed here, not {each!r:.80}")
            self.datasets.get(each)
        found: list[Document] = []
        for item in self.store.iterate(Kind.ITEM, query, where={"datasetId": datasets}):
            found.append(item)
            if len(found) > limit:
                raise BadRequest(f"the query has more than {limit} items", hint="make several smaller batches")
        return found
