"""The states of work, and the only moves between them.

Theory: work is *open* until it reaches one of the final states. An execution ends once; a run that has ended can be
asked to run again, and is open anew. A run is open while any of its executions is, or could still begin. An execution
waits (`created`), runs (`in-progress`), may wait again (a retry, or a platform that was stopped), and ends.

    run        pending ─────> in-progress ─────> success | failed | terminated
                      ^           └──────── rerun <────────┘
                      └── if its pipeline has no room ──┘
    execution  created <────> in-progress ─────> success | failed | terminated
                  └──────────────────────────────────────> terminated

`MOVES` is that picture as a table, without the way back, which `may_rerun` opens for runs alone.
"""

from __future__ import annotations

from dtlpipe.model.enums import ExecutionStatus as S

PENDING, CREATED, RUNNING, RERUN = S.PENDING.value, S.CREATED.value, S.IN_PROGRESS.value, S.RERUN.value
SUCCESS, FAILED, TERMINATED = S.SUCCESS.value, S.FAILED.value, S.TERMINATED.value

OPEN = frozenset({PENDING, CREATED, RUNNING, RERUN})
FINAL = frozenset(each.value for each in S if each.is_terminal)

MOVES: dict[str, frozenset[str]] = {
    PENDING: frozenset({RUNNING, SUCCESS, FAILED, TERMINATED}),
    CREATED: frozenset({RUNNING, FAILED, TERMINATED}),
    RUNNING: frozenset({CREATED, SUCCESS, FAILED, TERMINATED}),
    RERUN: frozenset({PENDING, RUNNING, SUCCESS, FAILED, TERMINATED}),
}

#: A node's state in a run, as the wire names it, from the states of its executions: the first that applies.
_NODE_STATES = (
    (FAILED, FAILED),
    (TERMINATED, FAILED),
    (RUNNING, RUNNING),
    (CREATED, S.QUEUE.value),
    (SUCCESS, SUCCESS),
)

#: Words that clients report progress with, as ours.
REPORTED = {
    "inProgress": RUNNING,
    "in-progress": RUNNING,
    "completed": SUCCESS,
    "success": SUCCESS,
    "failed": FAILED,
}


def is_final(status: str) -> bool:
    """Whether work in this state is over."""
    return status in FINAL


def may_move(before: str, after: str) -> bool:
    """Whether the table has this move."""
    return after in MOVES.get(before, frozenset())


def may_rerun(status: str) -> bool:
    """Whether a run in this state can be asked to run again."""
    return status in FINAL


def node_status(executions: list[str]) -> str:
    """The state of a node in a run, of the states of its executions; `pending` if the run did not reach it."""
    present = set(executions)
    return next((state for status, state in _NODE_STATES if status in present), PENDING)
