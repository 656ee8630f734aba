"""Runs whose end is waited for from their beginning: who waits is given the rows, and need not read them.

Law: what is given is the run as the COMMIT of its end left it, and only to requests that were there at that moment. So
nothing has to be kept for those who come later, or taken back when something changes after the end.
"""

from __future__ import annotations

from weakref import WeakValueDictionary

import attrs

from mock_server.platform import lifecycle
from mock_server.store.base import ExecutionRow, RunRow

#: Executions of a run beyond which they are read instead.
MOST = 256


@attrs.define(eq=False)
class Attended:
    """What is known of such a run. `over` is set after the COMMIT of its end, unless rows were lost sight of."""

    row: RunRow | None = None
    executions: list[ExecutionRow] = attrs.field(factory=list)
    whole: bool = True
    over: bool = False


class Attendance:
    """Who waits for what. `attend` is called by requests, all else on the writer's thread."""

    def __init__(self) -> None:
        self._attended: WeakValueDictionary[str, Attended] = WeakValueDictionary()

    def attend(self, run_id: str) -> Attended:
        """Called before the run begins: its end is waited for as long as what is returned is kept."""
        found = self._attended[run_id] = Attended()
        return found

    def begun(self, row: RunRow) -> None:
        """The run has a row."""
        found = self._attended.get(row.id)
        if found is not None:
            found.row = row

    def added(self, row: ExecutionRow) -> None:
        """The run has an execution."""
        found = self._attended.get(row.run_id or "")
        if found is not None:
            if len(found.executions) < MOST:
                found.executions.append(row)
            else:
                found.whole = False

    def ended(self, run_id: str) -> None:
        """The run is over, and on disk."""
        found = self._attended.get(run_id)
        if found is not None and found.row is not None:
            found.over = found.whole and lifecycle.is_final(found.row.status)

    def lose(self) -> None:
        """What was told may not have been: it is not told again."""
        for each in list(self._attended.values()):
            each.whole = False
