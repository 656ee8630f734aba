"""The ledger of triggers: what each has begun, and what it is still to begin. Written by the transaction that does it.

Law: an entry is there if and only if what it speaks of is. Four sorts, told apart by their ids:

- `once:<trigger>:<resource>`: the trigger, which fires once for a resource, has fired for this one;
- `fired:<run or execution>`: which trigger began it;
- `held:<pipeline>:<number>`: a firing that waits for the pipeline to be installed;
- `triggers:<project>`: a mark that is another one after each change of a trigger of the project.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mock_server.platform.documents import now
from mock_server.store.base import Document, Kind, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.store.base import ExecutionRow, RunRow, Store

#: Who creates what triggers begin: runs of pipelines, calls of services.
PIPELINE_BOT = "pipelines@dataloop.ai"
SERVICE_BOT = "piper@dataloop.ai"
BOTS = (PIPELINE_BOT, SERVICE_BOT)

_ALL = 1000


def has_fired(tx: Tx, trigger_id: str, resource_id: str) -> bool:
    """Whether a trigger that fires once has fired for the resource."""
    return tx.get(Kind.SETTING, f"once:{trigger_id}:{resource_id}") is not None


def note_once(tx: Tx, trigger_id: str, resource_id: str) -> None:
    """From now on it has."""
    _put(tx, f"once:{trigger_id}:{resource_id}")


def note_begun(tx: Tx, trigger_id: str, begun_id: str) -> None:
    """The run or execution was begun by the trigger."""
    _put(tx, f"fired:{begun_id}", triggerId=trigger_id)


def hold(tx: Tx, pipeline_id: str, firing: Document, *, key: str | None = None) -> None:
    """Keeps a firing until the pipeline is installed; of one `key`, the latest alone."""
    _put(tx, f"held:{pipeline_id}:{key or new_id()}", **firing)


def take_held(tx: Tx, pipeline_id: str) -> list[Document]:
    """What waits for the pipeline, the oldest first; it waits no more."""
    found = sorted(_with(tx, f"held:{pipeline_id}:"), key=lambda each: (each["createdAt"], each["id"]))
    for each in found:
        tx.delete(Kind.SETTING, each["id"])
    return found


def mark_changed(tx: Tx, project_id: str | None) -> None:
    """A trigger of the project is about to be another one."""
    _put(tx, f"triggers:{project_id}", mark=new_id())


def mark_of(tx: Tx, project_id: str) -> str | None:
    """Whoever remembers the project's triggers under this mark knows them; a change that is undone undoes its mark."""
    found = tx.get(Kind.SETTING, f"triggers:{project_id}")
    return found["mark"] if found is not None else None


def forget_trigger(tx: Tx, trigger_id: str) -> None:
    """Drops what only the trigger itself would ask for. What it began keeps its name."""
    for each in _with(tx, f"once:{trigger_id}:"):
        tx.delete(Kind.SETTING, each["id"])


def triggers_of(store: Store, rows: Iterable[RunRow | ExecutionRow]) -> dict[str, str]:
    """The trigger's id for each row that one began, itself or the run that it is a part of, by the row's id."""
    keys = {row.id: f"fired:{getattr(row, 'run_id', None) or row.id}" for row in rows if row.creator in BOTS}
    found = store.get_many(Kind.SETTING, {*keys.values()}) if keys else {}
    return {id: str(found[key]["triggerId"]) for id, key in keys.items() if key in found}


def _put(tx: Tx, id: str, **more: Any) -> None:
    at = now()
    tx.put(Kind.SETTING, {**more, "id": id, "createdAt": at, "updatedAt": at})


def _with(tx: Tx, prefix: str) -> Iterator[Document]:
    after = prefix
    while True:
        wanted = {"$and": [{"id": f"{prefix}**"}, {"id": {"$gt": after}}]}
        found = tx.find(Kind.SETTING, {"filter": wanted, "pageSize": _ALL}).items  # by ascending id
        yield from found
        if len(found) < _ALL:
            return
        after = found[-1]["id"]
