"""Durable executions: what their processes say of them, and how those that wait are resumed.

Law: only the process that does an execution now is heard; one that was given up is refused, whatever it says. What it
says is committed before it is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from dtlpipe.errors import BadRequest, Conflict, NotFound
from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.platform.serving.following import Following
from mock_server.platform.serving.jobs import Jobs
from mock_server.store.base import Document, ExecutionRow

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

RETRIES: Final = 2
"""How often an execution may ask to be run again."""
DEATHS: Final = 2
"""How often the process of an execution may die, beside those that end with their platform."""
PROGRESS: Final = 100
"""Reports of progress that are kept, the latest."""
LARGEST: Final = 1_000_000
"""Bytes of a state as JSON."""
_FIRST, _LONGEST = 1.0, 60.0


class Executions:
    """The verbs of durable executions that jobs do not have."""

    def __init__(self, platform: Platform, jobs: Jobs, following: Following) -> None:
        self._platform, self._jobs, self._following = platform, jobs, following

    def say(self, name: str, id: str, verb: str, said: Mapping[str, Any]) -> Document:
        """What the execution's process says, and what it is answered. Raises NotFound, BadRequest, Conflict."""
        verbs = {
            "begin": self._begin,
            "checkpoint": self._checkpoint,
            "progress": self._progress,
            "look": self._look,
            "retry": self._retry,
            "suspend": self._suspend,
            "chunks": self._chunks,
        }
        if verb not in verbs:
            raise NotFound(f"there is nothing that is called {verb!r} to be said of an execution")
        self._jobs.get(name, id)
        current = self._current(id)
        if verb != "begin" and said.get("fence") != current.fence:
            raise Conflict(f"execution {id!r} is done by another process now")
        try:
            return verbs[verb](id, current, said)
        except (KeyError, TypeError, ValueError) as error:
            raise BadRequest(f"{verb}: {type(error).__name__}: {error}") from None

    def resume(self, name: str, id: str, given: Any) -> Document:
        """Have an execution that waits go on with this. Raises NotFound, Conflict for one that does not wait."""
        self._jobs.get(name, id)

        def go_on(note: Document) -> bool:
            durable = note.get("durable") or {}
            if not durable.get("waiting"):
                return False
            durable |= {"waiting": None, "resume": given}
            note["continueAt"] = times.to_wire(times.now())
            return True

        if self._jobs.get(name, id)["status"] != "waiting" or not self._jobs.notes.change(id, go_on):
            raise Conflict(f"execution {id!r} does not wait to be resumed")
        self._platform.serving.errands.look_at(id)
        return self._jobs.get(name, id)

    def _current(self, id: str) -> ExecutionRow:
        executions = self._platform.store.executions_of([id])[id]
        if not executions or executions[-1].status != lifecycle.RUNNING:
            raise Conflict(f"execution {id!r} is not running")
        return executions[-1]

    def _durable(self, id: str) -> Document:
        note = self._jobs.notes.get(id)
        if note is None or "durable" not in note:
            raise NotFound(f"{id!r} is no durable execution")
        found: Document = note["durable"]
        return found

    def _begin(self, id: str, current: ExecutionRow, said: Mapping[str, Any]) -> Document:
        durable = self._durable(id)
        row = self._platform.store.get_run(id)
        lost = self._jobs.notes.change(id, lambda note: _begins(note["durable"], current.attempt))
        if durable.get("waiting"):  # it was killed between saying so and ending
            self._platform.work.pause_run(id, paused=True).result()
        return {
            "fence": current.fence,
            "lost": lost,
            "attempt": current.attempt,
            "owner_id": row.creator if row is not None else None,
            "state": durable["state"],
            "adapter": durable.get("adapter"),
            "resume_input": durable.get("resume"),
            "waiting": durable.get("waiting"),
        }

    def _checkpoint(self, id: str, current: ExecutionRow, said: Mapping[str, Any]) -> Document:
        state = _state(said)
        self._jobs.notes.change(id, lambda note: note["durable"].update(state))
        return {}

    def _progress(self, id: str, current: ExecutionRow, said: Mapping[str, Any]) -> Document:
        at = times.to_wire(times.now())

        def add(note: Document) -> None:
            durable = note["durable"]
            durable["sequence"] += 1
            report = {"sequence": durable["sequence"], "kind": str(said["kind"]), "message": str(said["message"])}
            report |= {"timestamp": at, "metadata": dict(said.get("metadata") or {})}
            durable["progress"] = [*durable["progress"], report][-PROGRESS:]

        self._jobs.notes.change(id, add)
        return {}

    def _look(self, id: str, current: ExecutionRow, said: Mapping[str, Any]) -> Document:
        note = self._jobs.notes.get(id) or {}
        cancelled = bool(note.get("cancelRequestedAt"))
        if cancelled:
            self._platform.work.cancel_run(id, "canceled").result()
        return {"cancelled": cancelled}

    def _retry(self, id: str, current: ExecutionRow, said: Mapping[str, Any]) -> Document:
        delay = said.get("delay")

        def count(note: Document) -> bool:
            durable = note["durable"]
            tries = durable.get("retries", 0)
            if tries >= RETRIES:
                return False
            durable |= {"retries": tries + 1, "parted": True}
            seconds = min(_LONGEST, _FIRST * 2.0**tries) if delay is None else float(delay)
            note["continueAt"] = times.to_wire(times.now() + timedelta(seconds=seconds))
            return True

        again = self._jobs.notes.park(id, count)
        if again:
            self._platform.serving.errands.look_at(id)
        return {"again": again}

    def _suspend(self, id: str, current: ExecutionRow, said: Mapping[str, Any]) -> Document:
        wait = {"kind": "input", "message": None, **dict(said["wait"])}
        state = _state(said, waiting=wait, resume=None, parted=True)

        def keep(note: Document) -> bool:
            note["durable"] |= state
            return True

        self._jobs.notes.park(id, keep)
        self._platform.serving.errands.look_at(id)  # it may have been resumed already
        return {}

    def _chunks(self, id: str, current: ExecutionRow, said: Mapping[str, Any]) -> Document:
        self._following.add_chunks(id, int(said["attempt"]), list(said["chunks"]))
        return {}


def _begins(durable: Document, attempt: int) -> bool:
    """Note that an attempt begins; whether too many before it ended without a word."""
    if durable.get("attempt") not in (None, attempt) and not durable.get("parted"):
        durable["deaths"] = durable.get("deaths", 0) + 1
    durable |= {"attempt": attempt, "parted": False}
    return bool(durable.get("deaths", 0) > DEATHS)


def _state(said: Mapping[str, Any], **more: Any) -> Document:
    """The state that the process gives, with more beside it. Raises BadRequest if it is too large."""
    state = {"state": dict(said["state"]), "adapter": said.get("adapter"), **more}
    size = len(orjson.dumps(state))
    if size > LARGEST:
        raise BadRequest(f"the state of an execution has at most {LARGEST} bytes as JSON, this one has {size}")
    return state
