"""What is noted of a job beside its run: when it goes on, whom to call back, how long it is kept, its durable state.

Law: a note belongs to its run and goes with it. It is changed in transactions of its own, each of which begins with
what is there, so that nothing that somebody else noted is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mock_server.platform.documents import now
from mock_server.store.base import Document, Kind, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


#: This life of the platform: what an earlier one was in the middle of, it is not any more.
LIFE = new_id()


def key(job_id: str) -> str:
    """The id of a job's note."""
    return f"job:{job_id}"


def new(job_id: str, name: str, content: Document) -> Document:
    """A note. `pending` says that there may be something to do for it at some time."""
    at = now()
    base = {"id": key(job_id), "runId": job_id, "name": name, "pending": True, "createdAt": at, "updatedAt": at}
    return base | content


class Notes:
    """All notes of the store."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def get(self, job_id: str) -> Document | None:
        """A job's; with what nobody is shown."""
        return self._platform.store.get(Kind.CHECKPOINT, key(job_id), True)

    def change(self, job_id: str, how: Callable[[Document], Any]) -> Any:
        """Change a note in place, as `how` does; what that returns, or None if there is no note."""

        def intent(tx: Tx) -> Any:
            note = tx.get(Kind.CHECKPOINT, key(job_id), private=True)
            if note is None:
                return None
            answer = how(note)
            note["updatedAt"] = now()
            tx.put(Kind.CHECKPOINT, note)
            tx.after_commit(lambda: self._platform.hub.notify(job_id))
            return answer

        return self._platform.store.write(intent)

    def park(self, job_id: str, how: Callable[[Document], bool]) -> bool:
        """Change a note and, if `how` says so, pause its run. Nobody has it go on before it is paused."""

        def begin(note: Document) -> bool:
            if not how(note):
                return False
            note["parking"] = LIFE
            return True

        def done(note: Document) -> None:
            note.pop("parking", None)

        if not self.change(job_id, begin):
            return False
        try:
            self._platform.work.pause_run(job_id, paused=True).result()
        finally:
            self.change(job_id, done)
        return True

    def pending(self) -> Iterator[Document]:
        """Those for which there may be something to do."""
        yield from self._platform.store.iterate(Kind.CHECKPOINT, {"filter": {"pending": True}}, private=True)

    def keeping(self) -> Iterator[Document]:
        """Those that say how many of their kind are kept."""
        yield from self._platform.store.iterate(
            Kind.CHECKPOINT, {"filter": {"keepLast": {"$exists": True}}}, private=True
        )
