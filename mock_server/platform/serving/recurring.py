"""Jobs by the clock: a schedule of a deployment submits a job at each moment that its cron expression names, in UTC.

Law: one job for each moment, whatever is killed when: the moment is the job's idempotency key. Moments that passed
while no platform ran are made up for by one job.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from dtlpipe.errors import NotFound, UnprocessableEntity
from dtlpipe.model import times
from mock_server.platform.documents import now
from mock_server.platform.schedules import Schedule
from mock_server.platform.serving.jobs import Jobs, Order
from mock_server.store.base import Document, Kind, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

PREFIX: Final = "serving:schedule:"
MOST: Final = 100_000  # schedules that there can be


class Recurring:
    """The schedules. `look_at` is told of those that have a moment, and when."""

    def __init__(self, platform: Platform, jobs: Jobs, look_at: Callable[[str, datetime | None], None]) -> None:
        self._platform, self._jobs, self._look_at = platform, jobs, look_at

    def create(
        self, name: str, cron: str, params: Mapping[str, Any], *, creator: str, order: Mapping[str, Any]
    ) -> Document:
        """Submit a job of that deployment at each moment; `order` is what Order takes, as JSON.

        Raises NotFound, UnprocessableEntity for an expression that is none.
        """
        self._platform.serving.deployments.find(name)
        try:
            moment = Schedule.read({"cron": cron}).next(times.now())
        except ValueError as error:
            raise UnprocessableEntity(f"cron: {error}") from None
        at = now()
        id = f"{PREFIX}{new_id()}"
        document = {
            "id": id,
            "name": name,
            "cron": cron,
            "params": dict(params),
            "order": dict(order),
            "creator": creator,
            "nextAt": times.to_wire(moment) if moment is not None else None,
            "lastJob": None,
            "createdAt": at,
            "updatedAt": at,
        }
        self._platform.store.write(lambda tx: tx.insert(Kind.SETTING, document))
        self._look_at(id, moment)
        return _shown(document)

    def get(self, name: str, id: str) -> Document:
        """One. Raises NotFound."""
        return _shown(self._find(name, id))

    def delete(self, name: str, id: str) -> None:
        """Submit no more jobs; those that there are stay. Raises NotFound."""
        found = self._find(name, id)
        self._platform.store.write(lambda tx: tx.delete(Kind.SETTING, found["id"]))

    def _find(self, name: str, id: str) -> Document:
        found = self._platform.store.get(Kind.SETTING, PREFIX + id)
        if found is None or found["name"] != name:
            raise NotFound(f"Pipeline '{name}' has no schedule '{id}'")
        return found

    def _all(self) -> Iterator[Document]:
        yield from self._platform.store.with_prefix(Kind.SETTING, PREFIX, MOST)

    def list(self, name: str) -> list[Document]:
        """Those of a deployment. Raises NotFound."""
        self._platform.serving.deployments.find(name)
        return [_shown(each) for each in self._all() if each["name"] == name]

    def begin(self) -> None:
        """Have all of them looked at."""
        for each in self._all():
            self._look_at(each["id"], None)

    def do(self, id: str) -> datetime | None:
        """Submit the job of the moment that has come; the next moment."""
        found = self._platform.store.get(Kind.SETTING, id)
        if found is None or found["nextAt"] is None:
            return None
        moment, at = times.from_wire(found["nextAt"]), times.now()
        if moment > at:
            return moment
        job: Document | None = None
        with contextlib.suppress(NotFound):  # it was undeployed: there is nothing to do until it is deployed again
            job, _ = self._jobs.submit(
                found["name"],
                found["params"],
                creator=found["creator"],
                order=Order(**found["order"]),
                idempotency_key=f"{id}:{found['nextAt']}",
            )
        coming = Schedule.read({"cron": found["cron"]}).next(at)

        def move_on(tx: Tx) -> None:
            current = tx.get(Kind.SETTING, id)
            if current is not None and current["nextAt"] == found["nextAt"]:
                current["nextAt"] = times.to_wire(coming) if coming is not None else None
                current["lastJob"] = job["id"] if job is not None else current["lastJob"]
                current["updatedAt"] = now()
                tx.put(Kind.SETTING, current)

        self._platform.store.write(move_on)
        return coming


def _shown(document: Document) -> Document:
    return {
        "id": document["id"].removeprefix(PREFIX),
        "pipeline": document["name"],
        "cron": document["cron"],
        "params": document["params"],
        "next_at": document["nextAt"],
        "last_job": document["lastJob"],
        "created_at": document["createdAt"],
    }
