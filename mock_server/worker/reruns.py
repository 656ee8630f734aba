"""Runs that begin again, a few at a time: the order is on disk before the first of them does.

Law: one transaction notes all runs of an order (their status is `rerun`) with its command, and the list of them; then,
chunk by chunk, a transaction each, they begin, and the command tells how far that is. A run that is not noted any more
is passed over. So a platform that is killed in between goes on with those that are left, and none begins twice.

All of this happens on the store's writer thread.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs

from dtlpipe.errors import NotFound
from dtlpipe.model import times
from dtlpipe.model.enums import CommandStatus
from mock_server.platform import lifecycle, passes
from mock_server.platform.commands import is_over
from mock_server.runners.blueprint import Blueprint
from mock_server.store.base import Document, ExecutionRow, Kind, RunRow, StoreError, Tx
from mock_server.worker import messages
from mock_server.worker.core import Core
from mock_server.worker.giving_up import give_up

log = logging.getLogger(__name__)

#: Runs that begin again in one transaction; others wait for the writer no longer than that.
CHUNK = 50


@attrs.define(eq=False)
class Reruns:
    """What is to begin again. It reaches the worker by functions alone.

    Attributes:
        core: the core as it is now.
        step: gives the core an event, and applies what follows.
        post: has an intent done as the next but one, on fresh memory.
        blueprint: compiles a revision.
        notify: wakes who waits for an id; called after COMMIT.
    """

    core: Callable[[], Core]
    step: Callable[[Tx, messages.Event], None]
    post: Callable[[Callable[[Tx], None]], None]
    blueprint: Callable[[str, Tx], Blueprint]
    notify: Callable[[str], None]
    _left: dict[str, deque[str]] = attrs.field(factory=dict, init=False)
    _posted: bool = attrs.field(default=False, init=False)

    def accept(self, tx: Tx, command_id: str, run_ids: tuple[str, ...]) -> None:
        """Notes runs that are to begin again. Raises NotFound, or Conflict for a run that is not over."""
        rows = []
        for id in run_ids:
            row = tx.get_run(id)
            if row is None:
                raise NotFound(f"there is no execution {id!r}")
            passes.refuse_open(row)
            rows.append(row)
        at = times.now()
        wire = times.to_wire(at)
        note = {"id": _key(command_id), "runs": list(run_ids), "createdAt": wire, "updatedAt": wire}
        tx.insert(Kind.SETTING, note)
        self.step(tx, messages.Rerun(at, tuple(rows)))
        self._left[command_id] = deque(run_ids)
        tx.after_commit(self._pump)

    def take_up(self, tx: Tx, run: RunRow) -> None:
        """Begins a run whose row is there and waits, in a change that is `guarded`. Raises BadRequest if it cannot."""
        blueprint, at = self.blueprint(run.revision_id, tx), times.now()
        run.status = lifecycle.RERUN
        self.step(tx, messages.Rerun(at, (run,)))
        self.step(tx, messages.BeginAgain(at, run.id, blueprint))

    def restore(self, tx: Tx) -> None:
        """Takes up what is left of orders that were under way; their runs are known to the core again."""
        self._left, self._posted = {}, False
        for note in tx.with_prefix(Kind.SETTING, _key(""), 1000):
            command_id = note["id"].removeprefix(_key(""))
            self._left[command_id] = deque(each for each in note["runs"] if each in self.core().again)
        tx.after_commit(self._pump)

    def _pump(self) -> None:
        if self._left and not self._posted:
            self._posted = True
            self.post(self._go_on)

    def _go_on(self, tx: Tx) -> None:
        self._posted = False
        command_id = next(iter(self._left), None)
        if command_id is None:
            return
        left = self._left[command_id]
        at = times.now()
        command = tx.get(Kind.COMMAND, command_id)
        if command is None or is_over(command):
            self.step(tx, messages.CallOff(at, tuple(left)))
            left.clear()
        else:
            self._begin_some(tx, command, left)
        if not left:
            tx.delete(Kind.SETTING, _key(command_id))
            del self._left[command_id]
        tx.after_commit(self._pump)

    def _begin_some(self, tx: Tx, command: Document, left: deque[str]) -> None:
        chunk = [left.popleft() for _ in range(min(CHUNK, len(left)))]
        for id, rows in tx.executions_of(chunk).items():
            try:
                self._begin(tx, command, id, rows)
            except StoreError:
                raise
            except Exception as error:  # one run that cannot begin must not keep the others from it
                log.exception("run %s cannot begin again", id)
                self.core().forget(id)
                now = [row.id for row in tx.executions_of([id])[id] if not lifecycle.is_final(row.status)]
                give_up(tx, id, now, error)
                tx.after_commit(partial(self.notify, id))
        done = command["spec"]["cycles"] - len(left)
        changes: dict[str, Any] = {"spec": {**command["spec"], "begun": done}, "updatedAt": times.to_wire(times.now())}
        if left:
            changes["progress"] = 100 * done // command["spec"]["cycles"]
        else:
            changes |= {"progress": 100, "status": CommandStatus.SUCCESS.value}
        tx.put(Kind.COMMAND, {**command, **changes})
        tx.after_commit(partial(self.notify, command["id"]))

    def _begin(self, tx: Tx, command: Mapping[str, Any], run_id: str, rows: list[ExecutionRow]) -> None:
        run = self.core().again.get(run_id)
        if run is None:
            return  # it was terminated in the meantime
        at = times.now()
        blueprint = self.blueprint(run.revision_id, tx)
        order = passes.Order.of(command["spec"]["cycleOptions"])
        known = tx.get(Kind.SETTING, passes.key(run_id))
        counting = passes.not_replaced(rows, known)
        kept = passes.kept(counting, blueprint.plan, order)
        replaced = {row.id for row in counting} - {row.id for row in kept}
        note = passes.with_pass(known, run_id, order, command, times.to_wire(at), sorted(replaced))
        tx.put(Kind.SETTING, note)
        self.step(tx, messages.BeginAgain(at, run_id, blueprint, tuple(kept)))


def _key(command_id: str) -> str:
    """The id of the note of an order's runs, kept while the order is under way: a command shows only their number."""
    return f"rerun:{command_id}"
