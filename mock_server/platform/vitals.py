"""How a worker is, in numbers: taken when somebody asks, so that the work itself pays nothing for it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Self

import attrs

from mock_server.platform import lifecycle


@attrs.frozen
class Vitals:
    """A moment of a worker.

    Attributes:
        rebuilt: memory stands for what is in the rows.
        executing: the executor takes jobs; True for one that cannot tell.
        runs: how many are open.
        executions: how many are open, by status.
        capacity: how many can run at the same time.
        processes: how many there are for node code; None if the executor has none of its own.
        refused: ends of executions that were told of with an old fence, or too late, and not recorded.
    """

    rebuilt: bool
    executing: bool
    runs: int
    executions: Counter[str]
    capacity: int
    processes: int | None
    refused: int

    @classmethod
    def of(cls, core: Any, executor: Any, *, stale: bool, refused: int, left: int = 0) -> Self:
        """Of a scheduler's core, and of an executor that may tell how it is (`alive`, `processes`); from any thread.

        `left` open runs are still to be taken up.
        """
        return cls(
            rebuilt=not stale,
            executing=bool(getattr(executor, "alive", True)),
            runs=len(core.runs) + left,
            executions=Counter(each.row.status for each in list(core.executions.values())),
            capacity=executor.capacity,
            processes=getattr(executor, "processes", None),
            refused=refused,
        )

    @property
    def waiting(self) -> int:
        """Executions that were not started yet."""
        return self.executions[lifecycle.CREATED]
