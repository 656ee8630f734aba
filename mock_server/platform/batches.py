"""Batches of very many runs: begun in parts, each part in one transaction, by a thread beside the requests.

Law: no run of a batch is left out, and none is begun twice. How many are begun is noted with the command, in the
transaction that begins them; a platform that starts goes on where the last one was. The command is over when all are
begun, or when they cannot be: then it says why, and those that are begun go on.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from dtlpipe.errors import Conflict, PlatformException
from dtlpipe.model.enums import CommandStatus
from mock_server.platform.commands import PIPELINE_BATCH, is_over
from mock_server.platform.documents import now, require
from mock_server.platform.intents import Submission
from mock_server.platform.wanted import Wanted
from mock_server.store.base import Document, Kind, RunRow, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

log = logging.getLogger(__name__)

#: Runs of a batch that are begun by the request that asks for them, all in one transaction.
AT_ONCE = 1000
#: Runs of one part.
PART = 500
#: Seconds until a part that could not be written down is tried again.
_LATER = 1.0
#: The key of a command under which it is noted how its runs are to be begun.
_ORDER = "_order"


def ordered(command: Document, revision_id: str, node_id: str | None, wanted: Wanted) -> Document:
    """The command of a batch whose runs are still to be begun."""
    order = {"revisionId": revision_id, "nodeId": node_id, "wanted": attrs.asdict(wanted)}
    spec = {**command["spec"], "begun": 0}
    return {**command, "spec": spec, _ORDER: order, "status": CommandStatus.IN_PROGRESS.value, "progress": 0}


#: Makes the rows of runs: of a revision, a creator, inputs, a node, what is wanted, and a batch.
Rows = Callable[[Document, str, Sequence[Mapping[str, Any]], str | None, Wanted, str], tuple[RunRow, ...]]


class Batches:
    """Those of one platform that are still being begun."""

    def __init__(self, platform: Platform, rows: Rows, check: Callable[[str, Tx], None]) -> None:
        """`check` is asked in each transaction whether the pipeline still takes runs."""
        self._platform = platform
        self._rows, self._check = rows, check
        self._lock = threading.Lock()
        self._waiting: deque[str] = deque()
        self._thread: threading.Thread | None = None
        self._looked = True
        self._stop = threading.Event()

    def open(self) -> None:
        """Takes up what an earlier platform left."""
        self._looked = False
        self._wake()

    def close(self) -> None:
        """Leaves what is not begun yet to the next platform."""
        self._stop.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def go_on(self, command_id: str) -> None:
        """Has the runs of a command begun."""
        with self._lock:
            self._waiting.append(command_id)
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._work, name="dtlpipe-batches", daemon=True)
                self._thread.start()

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                if not self._looked:
                    self._look()
                with self._lock:
                    if not self._waiting:
                        self._thread = None
                        return
                    first = self._waiting[0]
                while not self._stop.is_set() and self._part(first):
                    pass
                with self._lock:
                    if not self._stop.is_set():
                        self._waiting.popleft()
            except Exception:  # of the store: nothing of the part is there
                log.exception("a part of a batch could not be begun; the next try is in %g s", _LATER)
                self._stop.wait(_LATER)

    def _look(self) -> None:
        asked = {"filter": {"type": PIPELINE_BATCH, "status": CommandStatus.IN_PROGRESS.value}}
        found = [each["id"] for each in self._platform.store.iterate(Kind.COMMAND, asked)]
        with self._lock:
            self._waiting.extend(each for each in found if each not in self._waiting)
        self._looked = True

    def _part(self, command_id: str) -> bool:
        """Begins the next runs; whether there may be more."""
        platform = self._platform
        command = platform.store.get(Kind.COMMAND, command_id, private=True)
        if command is None or is_over(command):
            return False
        spec, order = command["spec"], command[_ORDER]
        begun, inputs = spec["begun"], spec["inputs"]
        part = inputs[begun : begun + PART]
        try:
            revision = require(platform.store, Kind.REVISION, order["revisionId"])
            wanted = Wanted(**order["wanted"])
            rows = self._rows(revision, command["creator"], part, order["nodeId"], wanted, command_id)

            def note(tx: Tx) -> None:
                self._check(spec["pipelineId"], tx)
                current = require(tx, Kind.COMMAND, command_id, private=True)
                if is_over(current):
                    raise Conflict("it was aborted")
                done = begun + len(part)
                all_begun = done >= len(inputs)
                status = CommandStatus.SUCCESS if all_begun else CommandStatus.IN_PROGRESS
                progress = 100 if all_begun else round(100 * done / len(inputs), 1)
                said = {"spec": {**spec, "begun": done}, "status": status.value, "progress": progress}
                tx.put(Kind.COMMAND, {**current, **said, "updatedAt": now()})
                tx.after_commit(lambda: platform.hub.notify(command_id))

            platform.submit(Submission(runs=rows, check=note))
        except PlatformException as error:
            if error.status >= 500:
                raise
            self._give_up(command_id, error)
            return False
        return bool(begun + len(part) < len(inputs))

    def _give_up(self, command_id: str, error: PlatformException) -> None:
        log.warning("the runs of batch %s cannot be begun: %s", command_id, error)
        try:
            self._platform.commands.advance(command_id, status=CommandStatus.FAILED, error=error.message)
        except Conflict:
            return  # it was aborted meanwhile
