"""What a worker does when another platform has its database: it ends the code that runs here, before that one's begins.

Law: it never waits for longer than `PATIENCE`. What does not end by then, or is out with people and other machines, the
fences see to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from mock_server.executors.base import Failed, Returned, Succeeded
from mock_server.platform import lifecycle
from mock_server.runners.registry import is_inline

if TYPE_CHECKING:
    from mock_server.executors.base import Report
    from mock_server.worker.opened import OpenExecution

_ENDS = (Succeeded, Failed, Returned)
#: Seconds until it is not waited for any more that code ends.
PATIENCE: Final = 5.0


class StandingDown:
    """The end of all that runs. `cancel` ends an execution, of that fence."""

    def __init__(self, cancel: Callable[[str, int], None]) -> None:
        self._cancel = cancel
        self._lock = threading.Lock()
        self._left: set[tuple[str, int]] = set()
        self._quiet = threading.Event()

    def end(self, executions: Mapping[str, OpenExecution]) -> None:
        """Returns when what runs has ended, or has had its time."""
        running = {
            (id, each.row.fence): is_inline(each.spec)
            for id, each in executions.items()
            if each.row.status == lifecycle.RUNNING
        }
        with self._lock:
            self._left = {each for each, inline in running.items() if not inline}
            self._quiet.clear()
            waits = bool(self._left)
        for id, fence in running:
            self._cancel(id, fence)
        if waits:
            self._quiet.wait(PATIENCE)

    def heard(self, reports: Iterable[Report]) -> None:
        """Told of each report, by executors' threads."""
        if not self._left:
            return
        with self._lock:
            self._left.difference_update((each.execution_id, each.fence) for each in reports if isinstance(each, _ENDS))
            if not self._left:
                self._quiet.set()
