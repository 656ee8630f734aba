"""Workers on other machines: those who come, and what they are given, say and give back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


class Places(Protocol):
    """What the verbs need of the executor that gives work to other machines."""

    def hold(self, execution_id: str, fence: int, worker_id: str) -> None: ...


class Workers:
    """`places` is set by the scheduler, where there are any."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.places: Places | None = None

    def hold(self, execution_id: str, fence: int, worker_id: str) -> None:
        """That worker was given the execution by an earlier platform, and may still run it."""
        if self.places is not None:
            self.places.hold(execution_id, fence, worker_id)
