"""Workers on other machines: those who come, and what they are given, say and give back.

Law: whoever comes speaks this platform's protocol, or is told which one that is. Nothing that they say is answered
before it is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from dtlpipe.errors import Conflict, NotFound, Unavailable
from mock_server.executors.base import Code, ExecutorClosed, Report
from mock_server.executors.remote_leases import Claimed, Enrolment, NotRecorded, Ref, UnknownWorker

if TYPE_CHECKING:
    from mock_server.executors.remote import RemoteExecutor
    from mock_server.platform.platform import Platform

T = TypeVar("T")


class Workers:
    """`places` is set by the scheduler: the executor that gives work to other machines."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.places: RemoteExecutor | None = None

    def hold(self, execution_id: str, fence: int, worker_id: str) -> None:
        """That worker was given the execution by an earlier platform, and may still run it."""
        if self.places is not None:
            self.places.hold(execution_id, fence, worker_id)

    @property
    def lease(self) -> float:
        """Seconds that a lease runs."""
        return self._there.lease

    def node_token(self) -> str | None:
        """What node code on another machine shows to the platform; None where nobody is asked for anything."""
        platform = self._platform
        return platform.tokens.issue(kind="api-key") if platform.settings.exposed else None

    @staticmethod
    def must_speak(ours: int, protocol: int, version: str) -> None:
        """Raises Conflict for a worker of another protocol than `ours`; `version` is that of its dtlpipe."""
        if protocol != ours:
            raise Conflict(
                f"this worker speaks version {protocol} of the workers' protocol (dtlpipe {version}), "
                f"this platform version {ours}",
                hint="install the same dtlpipe on both",
            )

    def register(self, enrolment: Enrolment, held: Sequence[Ref]) -> Claimed:
        """Takes a worker in, with what it holds already."""
        return self._asked(lambda: self._there.register(enrolment, held))

    def claim(self, worker_id: str, number: int, limit: int, held: Sequence[Ref], wait: float) -> Claimed:
        """Jobs and news for a worker, as soon as there are any or after `wait` seconds.

        Raises NotFound for a worker that must register first.
        """
        looks = count()
        return self._asked(
            lambda: self._platform.hub.wait(
                f"worker:{worker_id}",
                lambda: self._there.claim(worker_id, number, limit, held, waited=next(looks) > 0),
                bool,
                min(wait, self._platform.settings.max_wait),
            )
        )

    def report(self, worker_id: str, number: int, reports: Sequence[Report]) -> tuple[Ref, ...]:
        """What a worker tells; returns what it does not hold any more. Raises NotFound as `claim`."""
        return self._asked(lambda: self._there.report(worker_id, number, reports))

    def renew(self, worker_id: str, held: Sequence[Ref], *, draining: bool) -> Claimed:
        """A sign of life. Raises NotFound as `claim`."""
        return self._asked(lambda: self._there.renew(worker_id, held, draining=draining))

    def leave(self, worker_id: str) -> None:
        """A worker goes, and gives back what it has."""
        self._asked(lambda: self._there.leave(worker_id))

    def code(self, hash: str) -> Code:
        """Raises NotFound for code that no job needs."""
        found = self._there.code(hash)
        if found is None:
            raise NotFound(f"no job that is open has the code {hash!r}")
        return found

    def list(self) -> list[dict[str, Any]]:
        """Who is there."""
        return [
            {
                "id": each.enrolment.id,
                "name": each.enrolment.name,
                "labels": sorted(each.enrolment.labels),
                "slots": each.enrolment.slots,
                "python": each.enrolment.python,
                "running": each.running,
                "status": "draining" if each.draining else "active",
                "silentFor": round(each.silent, 3),
            }
            for each in self._there.present()
        ]

    @property
    def waiting(self) -> int:
        """Jobs that wait for a remote worker."""
        return self.places.waiting if self.places is not None else 0

    @property
    def refused(self) -> int:
        """Ends of executions that workers told of after their leases were over."""
        return self.places.refused if self.places is not None else 0

    @property
    def _there(self) -> RemoteExecutor:
        if self.places is None:
            raise Unavailable("the platform is not ready for workers", hint="try again in a moment", retry_after=1.0)
        return self.places

    @staticmethod
    def _asked(ask: Callable[[], T]) -> T:
        try:
            return ask()
        except UnknownWorker as error:
            raise NotFound(f"there is no worker {error.args[0]!r} here", hint="register first") from None
        except (ExecutorClosed, NotRecorded) as error:
            raise Unavailable(str(error), retry_after=1.0) from None
