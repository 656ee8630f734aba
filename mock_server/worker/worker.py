"""Where the core meets the world: events come from requests and executors, effects go to the store and back out.

Law: the core is touched on the store's writer thread only, inside an intent, so that state in memory and rows on disk
change together. If an intent is undone for whatever reason, memory is *stale*: the next intent first rebuilds it from
rows. What the outside hears of (jobs, wake-ups, answers) leaves after COMMIT.

Longer than 400 lines because what happens on the writer's thread is to be seen together.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dtlpipe.errors import DtlpipeError, NotFound
from dtlpipe.model import times
from mock_server.executors import base as jobs
from mock_server.executors.inline import InlineExecutor
from mock_server.platform import views
from mock_server.platform.intents import earlier_answer
from mock_server.platform.vitals import Vitals
from mock_server.runners import own
from mock_server.runners.code import Setting
from mock_server.runners.registry import Runners, is_inline
from mock_server.store.base import Kind, StoreError, Tx
from mock_server.store.crashes import armed
from mock_server.store.ids import new_id
from mock_server.worker import buckets, core, messages
from mock_server.worker.blueprints import Blueprints
from mock_server.worker.catching_up import CatchingUp
from mock_server.worker.executing import executor_of
from mock_server.worker.giving_up import refusal
from mock_server.worker.hearing import Hearing
from mock_server.worker.reruns import Reruns
from mock_server.worker.rules import Rules
from mock_server.worker.sayings import Sayings
from mock_server.worker.standing_down import StandingDown
from mock_server.worker.ticker import SystemClock, Ticker
from mock_server.worker.timing import Bell, Jumps, moment

if TYPE_CHECKING:
    from mock_server.executors.base import Executor
    from mock_server.platform.intents import Submission
    from mock_server.platform.platform import Platform
    from mock_server.worker.ticker import Clock

T = TypeVar("T")
log = logging.getLogger(__name__)

#: Executions handed out beyond the executor's places, so that no worker waits for a commit to get its next job.
AHEAD = 4
#: Seconds until lost memory is rebuilt, if no request does it before.
RECOVERY = 0.5
#: Effects that the outside hears of.
_TOLD = frozenset({messages.Dispatch, messages.Hold, messages.Withdraw, messages.WakeAt, messages.Notify})


class Worker:
    """One for a store. `start` takes up whatever an earlier platform left open; `close` leaves it for the next."""

    def __init__(self, platform: Platform, executor: Executor | None = None, clock: Clock | None = None) -> None:
        settings = platform.settings
        self._platform = platform
        self._store = platform.store
        self._executor = executor or executor_of(platform, self)
        self._inline = InlineExecutor(self.receive, lambda job: own.run(job, platform.hands))
        self._runners = Runners(
            Setting(
                self._store,
                show_item=lambda document: views.item(document, platform.url),
                timeout=settings.node_timeout,
                memory_limit=settings.node_memory_limit,
            )
        )
        clock = clock or SystemClock()
        self._ticker = Ticker(platform, clock)
        self._bell = Bell(clock, self._ring)
        self._jumps = Jumps()
        self._rules = Rules()
        self._core = self._new_core()
        self._blueprints = Blueprints(self._store)
        self.blueprint = self._blueprints.get
        self._hearing = Hearing(
            lambda: self._core,
            self._step,
            self._post,
            self._runners.document,
            Sayings(lambda: self._core, platform.hub.notify, platform.actions.witness),
            platform.actions.witness,
        )
        self._reruns = Reruns(lambda: self._core, self._step, self._post, self.blueprint, platform.hub.notify)
        self.take_up = self._reruns.take_up
        self._catching_up = CatchingUp(
            lambda: self._core, self._take_up, self._step, self._post, self.blueprint, self._rules
        )
        self._standing_down = StandingDown(self._withdraw)
        self._stale = True
        self._touched = False
        self._closing = False
        self._recovery: threading.Timer | None = None
        self._probe = armed()

    def _new_core(self) -> core.Core:
        return core.Core(new_id, self._places(), random.random)

    def _places(self) -> int:
        """How many executions may be handed out at a time: more, where the executor does better with more."""
        return self._executor.capacity + AHEAD + int(getattr(self._executor, "appetite", 0))

    # --- what the platform asks ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns when what was left open is known, and the most urgent of it is scheduled again."""
        self._store.on_rollback(self._lost)
        self._store.on_deposed(self._stand_down)
        self._executor.start()
        self._inline.start()
        self._store.write(self.guarded(lambda _tx: None))
        self._ticker.start()

    def close(self, grace: float = 0.0) -> None:
        """Gives running node code `grace` seconds; what is still open then stays open in the store."""
        self._ticker.close()
        self._bell.close()
        self._executor.close(grace)
        self._inline.close(grace)
        self._closing = True

    @property
    def open_runs(self) -> int:
        return len(self._core.runs) + self._catching_up.runs_left

    def is_open(self, pipeline_id: str, run_id: str) -> bool:
        """Whether it is known here that this run of the pipeline is not over."""
        run = self._core.runs.get(run_id)
        return run is not None and run.row.pipeline_id == pipeline_id and not self._stale

    def vitals(self) -> Vitals:
        """How it is, from any thread."""
        left = self._catching_up.runs_left
        return Vitals.of(self._core, self._executor, stale=self._stale, refused=self._hearing.refused, left=left)

    def submit(self, submission: Submission) -> Future[dict[str, Any] | None]:
        """Begins work, in one transaction. The future gives None, or the answer to an earlier request of the same key.

        Raises BadRequest at once for a revision that cannot run; the future raises Conflict for a key used otherwise.
        """
        for row in submission.runs:
            self.blueprint(row.revision_id)

        def intent(tx: Tx) -> dict[str, Any] | None:
            earlier = earlier_answer(tx, submission.idempotency)
            if earlier is None:
                self.begin(tx, submission)
            return earlier

        return self._store.post(self.guarded(intent))

    def begin(self, tx: Tx, submission: Submission) -> None:
        """Begins work in a change that is `guarded`; its idempotency is not asked.

        Raises BadRequest for a revision that cannot run, and what its check raises, with nothing begun.
        """
        runs = tuple((row, self.blueprint(row.revision_id, tx)) for row in submission.runs)
        if submission.check is not None:
            submission.check(tx)
        if submission.command is not None:
            tx.insert(Kind.COMMAND, submission.command)
        at = moment()
        for id in {row.pipeline_id for row in submission.runs}:
            self._regulate(tx, id, at)
        for row in submission.runs:
            self._rules.hold_for(tx, row)
        self._step(tx, messages.Begin(at, runs, submission.calls, self._rules.of_calls(tx, submission.calls)))
        if submission.command is not None and submission.reruns:
            self._reruns.accept(tx, submission.command["id"], submission.reruns)

    def cancel_run(self, run_id: str, reason: str) -> Future[bool]:
        """The future says whether the run was open."""

        def intent(tx: Tx) -> bool:
            self._catching_up.bring(tx, run_id)
            found = run_id in self._core.runs or run_id in self._core.again
            self._step(tx, messages.Cancel(times.now(), reason, run_id=run_id))
            return found

        return self._store.post(self.guarded(intent))

    def pause_run(self, run_id: str, *, paused: bool) -> Future[bool]:
        """Pauses a run, or has it go on. The future says whether the run was open."""

        def intent(tx: Tx) -> bool:
            at = times.now()
            self._catching_up.bring(tx, run_id)
            found = run_id in self._core.runs or run_id in self._core.again
            self._step(tx, messages.Pause(at, run_id) if paused else messages.Continue(at, run_id))
            return found

        return self._store.post(self.guarded(intent))

    def regulate(self, tx: Tx, pipeline: Mapping[str, Any]) -> None:
        """Takes over what a pipeline says of its runs, in a change that is `guarded`."""
        self._touched = True
        self._rules.changed(pipeline)
        self._regulate(tx, pipeline["id"], times.now())

    def _regulate(self, tx: Tx, pipeline_id: str, at: datetime) -> None:
        most = self._rules.of_pipeline(tx, pipeline_id).most
        if most != self._core.lanes.limits.get(pipeline_id):
            self._step(tx, messages.Regulate(at, pipeline_id, most))

    def service_changed(self, service_id: str) -> None:
        """Called on the writer's thread, after a change of the service; its terms hold for calls from then on."""
        self._rules.service_changed(service_id)

    def cancel_execution(self, execution_id: str, reason: str) -> Future[bool]:
        """The future says whether the execution was open."""

        def intent(tx: Tx) -> bool:
            self._catching_up.bring_execution(tx, execution_id)
            found = execution_id in self._core.executions
            self._step(tx, messages.Cancel(times.now(), reason, execution_id=execution_id))
            return found

        return self._store.post(self.guarded(intent))

    def look_again(self, tx: Tx, execution_id: str, fence: int) -> None:
        """What a node waits for may be there, once the change that says so is on disk."""
        tx.after_commit(partial(self._dispatch, execution_id, fence))

    def count_attempt(self, execution_id: str) -> Future[int]:
        """The future says how many attempts there are now; what counts towards `maxAttempts` is counted too."""

        def intent(tx: Tx) -> int:
            execution = self._core.executions.get(execution_id)
            row = execution.row if execution is not None else tx.get_execution(execution_id)
            if row is None:
                raise NotFound(f"there is no execution {execution_id!r}")
            self._touched = True
            row.attempt += 1
            tx.update_execution(execution_id, attempt=row.attempt, updated_at=times.now())
            return row.attempt

        return self._store.post(self.guarded(intent))

    def change(self, intent: Callable[[Tx, core.Core], T]) -> Future[T]:
        """A change of executions, in the core's memory and in their rows."""

        def on_core(tx: Tx) -> T:
            self._touched = True
            return intent(tx, self._core)

        return self._store.post(self.guarded(on_core))

    def forget(self, *, rows: bool) -> None:
        """What was read of definitions is read again; with `rows`, of work, too: they are others than they were."""
        self._rules.forget()
        self._blueprints.forget()
        self._stale = self._stale or rows

    def rouse(self) -> None:
        """Work is to be expected."""
        rouse = getattr(self._executor, "rouse", None)
        if rouse is not None:
            rouse()

    def refill(self) -> None:
        """The executor has another capacity: what waits may begin."""
        self._post(lambda tx: self._step(tx, messages.Wake(times.now())))

    # --- memory and rows ----------------------------------------------------------------------------------------------

    def guarded(self, intent: Callable[[Tx], T]) -> Callable[[Tx], T]:
        """The intent, which may begin work, on fresh memory; what undoes it once the core changed makes that stale."""

        def guarded(tx: Tx) -> T:
            if self._stale:
                self._rebuild(tx)
            self._touched = False
            self._core.places = self._places()
            try:
                return intent(tx)
            except BaseException:
                if self._touched:
                    self._lost()
                raise

        return guarded

    def _lost(self) -> None:
        """Memory has run ahead of what is durable. The next intent rebuilds it; if none comes, one of ours does.

        Not at once: when the disk is full, the attempt would fail as fast as it could be repeated.
        """
        self._stale = True
        self._platform.attendance.lose()
        if not self._closing and self._recovery is None:
            self._recovery = threading.Timer(RECOVERY, self._recover)
            self._recovery.daemon = True
            self._recovery.start()

    def _stand_down(self) -> None:
        """Another platform leads: what runs here is that one's now."""
        self._lost()
        self._standing_down.end(self._core.executions)

    def _recover(self) -> None:
        self._recovery = None  # so that the failure of this attempt makes another
        self._post(lambda _tx: None)

    def _rebuild(self, tx: Tx) -> None:
        """Memory from rows, at first as much of it as others depend on."""
        self._core = self._new_core()
        self._rules.forget()
        self._jumps.forgotten()
        now = times.now()
        self._take_up(tx, messages.Refill(now, buckets.kept(tx)))
        self._catching_up.begin(tx, now)
        self._reruns.restore(tx)
        self._stale = False

    def _take_up(self, tx: Tx, event: messages.Event) -> None:
        """Tells the core what is in the rows, of which the clock may have been set since they were written."""
        self._touched = True
        self._apply(tx, self._core.step(event), event.at)

    def _step(self, tx: Tx, event: messages.Event) -> None:
        self._touched = True
        jump = self._jumps.look()
        if jump is not None:
            self._catching_up.finish(tx)
            at = times.now()
            self._apply(tx, self._core.step(messages.Shift(at, jump)), at)
            tx.after_commit(self._jumps.noted)
        self._apply(tx, self._core.step(event), event.at)

    def _ring(self, _now: datetime) -> None:
        self._post(lambda tx: self._step(tx, messages.Wake(times.now())))

    def _apply(self, tx: Tx, effects: Sequence[messages.Effect], at: datetime) -> None:
        """Writes down what is to be; what the outside hears of, it hears after COMMIT, in one go."""
        told: list[messages.Effect] = []
        for effect in effects:
            kind = type(effect)
            if kind is messages.Record:
                self._record(tx, cast("messages.Record", effect), at)
            elif kind in _TOLD:
                told.append(effect)
            else:
                self._write(tx, effect)
        if told:
            tx.after_commit(partial(self._tell, told))

    def _record(self, tx: Tx, effect: messages.Record, at: datetime) -> None:
        run_id, execution_id, kind, body = effect.run_id, effect.execution_id, effect.kind, effect.body
        number = tx.append_event(run_id, execution_id, kind, body, at)
        if effect.closes and execution_id is not None:
            tx.set_execution(execution_id, seq=number)
        self._platform.actions.witness.recorded(tx, run_id, execution_id, kind, body)

    def _write(self, tx: Tx, effect: messages.Effect) -> None:
        match effect:
            case messages.UpdateExecution(id, columns):
                tx.set_execution(id, **columns)
            case messages.InsertExecution(row):
                tx.add_execution(row)
                self._platform.attendance.added(row)
            case messages.InsertRun(row):
                tx.insert_runs([row])
                self._platform.attendance.begun(row)
            case messages.UpdateRun(id, columns):
                tx.set_run(id, **columns)
            case messages.Keep(key, tokens, at):
                buckets.keep(tx, key, tokens, at)

    def _tell(self, effects: Sequence[messages.Effect]) -> None:
        """After COMMIT: first who is to work, then who waits. What one of them raises keeps no other from hearing."""
        keys = []
        for effect in effects:
            if type(effect) is messages.Notify:
                keys.append(effect.key)
                continue
            try:
                self._do(effect)
            except Exception:
                log.exception("%r was committed, and could not be done", effect)
        ended, notify = self._platform.attendance.ended, self._platform.hub.notify
        for key in keys:
            ended(key)
            notify(key)

    def _do(self, effect: messages.Effect) -> None:
        match effect:
            case messages.Dispatch(execution_id, fence):
                self._dispatch(execution_id, fence)
            case messages.Hold(execution_id, fence, holder):
                self._platform.workers.hold(execution_id, fence, holder)
            case messages.Withdraw(execution_id, fence):
                self._withdraw(execution_id, fence)
            case messages.WakeAt(at):
                self._bell.set(at)

    def _withdraw(self, execution_id: str, fence: int) -> None:
        self._executor.cancel(execution_id, fence)
        self._inline.cancel(execution_id, fence)

    # --- jobs out, reports in -----------------------------------------------------------------------------------------

    def _dispatch(self, execution_id: str, fence: int) -> None:
        execution = self._core.executions.get(execution_id)
        if execution is None or execution.row.fence != fence or self._stale:
            return
        try:
            job = self._runners.prepare(execution.row, execution.spec)
            job = self._platform.tracing.began(job, None if execution.run is None else execution.run.row)
            inline = is_inline(execution.spec, job)
            if self._probe is not None:
                self._probe("before hand-out")
            (self._inline if inline else self._executor).submit(job)
            if self._probe is not None:
                self._probe("after hand-out")
        except jobs.ExecutorClosed:
            return  # the platform is stopping: the row stays open, and its next start runs it
        except Exception as error:
            if not isinstance(error, DtlpipeError):  # a service that is gone is the user's news; anything else is ours
                log.exception("execution %s cannot be started", execution_id)
            self.receive([jobs.Failed(execution_id, fence, refusal(error))])

    def receive(self, reports: Sequence[jobs.Report]) -> None:
        """Takes what executors report, on their threads."""
        self._standing_down.heard(reports)
        self._hearing.receive(reports)

    def _post(self, intent: Callable[[Tx], None], otherwise: Callable[[BaseException], None] | None = None) -> None:
        def failed(error: BaseException) -> None:
            if self._closing:
                return
            log.error("the worker lost a step and recovers from the store: %s", error, exc_info=error)
            if isinstance(error, StoreError):  # the storage never took the step: what it told of must be done again
                self._lost()
            if otherwise is not None:
                otherwise(error)

        if not self._closing:
            self._store.tell(self.guarded(intent), failed)
